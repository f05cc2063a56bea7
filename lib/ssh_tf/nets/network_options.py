"""What a backbone takes and what it returns."""

from typing import NamedTuple

from ssh_tf.utils.types import Tensor


class NetworkOptions(NamedTuple):
    """Which network, and the numbers that shape it. A backbone reads those that concern it."""

    backbone: str
    """A key of `BACKBONES`."""
    weight_decay: float = 1e-4
    mobile_weight_decay: float = 4e-5
    bias_decay: bool = False
    fixed_blocks: int = 1
    """ResNet: blocks frozen after the root."""
    fixed_layers: int = 3
    """MobileNetV1: layers frozen from the input on."""
    train_affine: bool = False
    """MobileNetV1: train gamma and beta of the layers that are not frozen; the stored statistics stay."""
    depth_multiplier: float = 1.0
    """MobileNets: all channel counts are scaled by it."""
    min_depth: int = 16
    """MobileNetV2: fewest channels of a layer."""
    train_bn: bool = False
    """MobileNetV2: normalise with the batch's statistics and update the moving ones."""


class EndPoints(NamedTuple):
    """Feature maps (N, h, w, C) that the branches read: `low` at stride 8, `high` at 16, `deep` for M3."""

    low: Tensor
    high: Tensor
    deep: Tensor

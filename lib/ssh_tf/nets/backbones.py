"""The table of backbones. A new network is a new row."""

from collections.abc import Callable
from typing import NamedTuple

from ssh_tf.nets.darknet53 import darknet53
from ssh_tf.nets.mobilenet_v1 import mobilenet_v1
from ssh_tf.nets.mobilenet_v2 import mobilenet_v2
from ssh_tf.nets.network_options import EndPoints, NetworkOptions
from ssh_tf.nets.resnet_v1 import resnet_v1
from ssh_tf.nets.vgg16 import vgg16
from ssh_tf.utils.types import Tensor


class Backbone(NamedTuple):
    """A backbone and what the rest has to know about it."""

    scope: str
    build: Callable[[Tensor, NetworkOptions], EndPoints]
    pool_deep: bool
    """M3 reads `deep` through a 2×2 max-pool of stride 2; without it `deep` is at stride 32 already."""
    first_layer: str
    """Weights that see the image; ImageNet checkpoints hold them for RGB input."""
    input_scale: float
    """ImageNet training divided its input by this; the first layer is divided by it instead."""


def _resnet(layers: int) -> Backbone:
    def build(images: Tensor, options: NetworkOptions) -> EndPoints:
        return resnet_v1(images, layers, options)

    return Backbone(f"resnet_v1_{layers}", build, True, "conv1/weights", 1.0)


BACKBONES: dict[str, Backbone] = {
    "vgg16": Backbone("vgg_16", vgg16, True, "conv1/conv1_1/weights", 1.0),
    "res50": _resnet(50),
    "res101": _resnet(101),
    "res152": _resnet(152),
    "mobile": Backbone("MobilenetV1", mobilenet_v1, True, "Conv2d_0/weights", 127.5),
    "mobile_v2": Backbone("MobilenetV2", mobilenet_v2, False, "Conv/weights", 127.5),
    "darknet53": Backbone("Darknet53", darknet53, False, "conv_0/weights", 255.0),
}

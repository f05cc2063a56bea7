"""MobileNetV1 (Howard et al., 2017) in slim's variable names, with its last two layers at stride 1."""

from ssh_tf.nets.layers import BatchNorm, Style, convolution
from ssh_tf.nets.network_options import EndPoints, NetworkOptions
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor

_FIRST = (32, 2)
_SEPARABLE = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 1),
    (1024, 1),
)
"""(channels, stride) of the depthwise separable layers 1 … 13."""


def mobilenet_v1(images: Tensor, options: NetworkOptions) -> EndPoints:
    """Conv2d_5_pointwise at stride 8, Conv2d_13_pointwise at stride 16; `fixed_layers` layers are frozen.

    So is all BN, but for gamma and beta of the other layers with `train_affine`.
    """
    norm = BatchNorm(epsilon=0.001)
    style = Style(
        activation=tf.nn.relu6,
        initializer=tf.truncated_normal_initializer(stddev=0.09),
        weight_decay=options.mobile_weight_decay,
        norm=norm,
        explicit_padding=True,
    )

    def layer_style(layer: int) -> Style:
        trained = layer >= options.fixed_layers
        return style._replace(trainable=trained, norm=norm._replace(trainable=trained and options.train_affine))

    def depth(channels: int) -> int:
        return max(int(channels * options.depth_multiplier), 8)

    features = convolution(images, depth(_FIRST[0]), 3, "Conv2d_0", layer_style(0), stride=_FIRST[1])
    ends = {}
    for layer, (channels, stride) in enumerate(_SEPARABLE, 1):
        features = convolution(features, None, 3, f"Conv2d_{layer}_depthwise", layer_style(layer), stride=stride)
        features = convolution(features, depth(channels), 1, f"Conv2d_{layer}_pointwise", layer_style(layer))
        ends[layer] = features
    return EndPoints(low=ends[5], high=ends[13], deep=ends[13])

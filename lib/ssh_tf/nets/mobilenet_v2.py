"""MobileNetV2 (Sandler et al., 2018) in slim's variable names: 17 inverted residuals between two convolutions."""

from ssh_tf.nets.layers import BatchNorm, Style, convolution
from ssh_tf.nets.network_options import EndPoints, NetworkOptions
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor

_FIRST = (32, 2)
_LAST = 1280
_GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""(expansion, channels, blocks, stride of the first block), table 2 of the paper."""


def _divisible(channels: float, divisor: int = 8, minimum: int = 8) -> int:
    """Round to the nearest multiple of `divisor`, but never down by more than a tenth."""
    rounded = max(minimum, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def mobilenet_v2(images: Tensor, options: NetworkOptions) -> EndPoints:
    """layer_5 at stride 8, layer_14 at stride 16, layer_19 at stride 32. Nothing is frozen but BN's statistics."""
    style = Style(
        activation=tf.nn.relu6,
        initializer=tf.truncated_normal_initializer(stddev=0.09),
        weight_decay=options.mobile_weight_decay,
        norm=BatchNorm(epsilon=0.001, decay=0.9997, trainable=True, batch_statistics=options.train_bn),
    )

    def depth(channels: int) -> int:
        return _divisible(channels * options.depth_multiplier, minimum=options.min_depth)

    features = convolution(images, depth(_FIRST[0]), 3, "Conv", style, stride=_FIRST[1])
    ends = [features]
    for expansion, channels, blocks, first_stride in _GROUPS:
        for block in range(blocks):
            scope = "expanded_conv" if len(ends) == 1 else f"expanded_conv_{len(ends) - 1}"
            stride = first_stride if block == 0 else 1
            features = _inverted_residual(features, depth(channels), expansion, stride, scope, style)
            ends.append(features)
    # The published network widens its last layer with the multiplier but never narrows it.
    ends.append(convolution(features, max(depth(_LAST), _LAST), 1, "Conv_1", style))
    return EndPoints(low=ends[4], high=ends[13], deep=ends[18])


def _inverted_residual(
    features: Tensor, channels: int, expansion: int, stride: int, scope: str, style: Style
) -> Tensor:
    depth_in = features.shape.as_list()[3]
    inner = features
    with tf.variable_scope(scope):
        if expansion > 1:
            inner = convolution(inner, _divisible(depth_in * expansion), 1, "expand", style)
        inner = convolution(inner, None, 3, "depthwise", style, stride=stride)
        inner = convolution(inner, channels, 1, "project", style._replace(activation=None))
    return inner + features if stride == 1 and depth_in == channels else inner

"""ResNet v1 of 50, 101 and 152 layers (He et al., 2016) in slim's variable names, with SSH's strides.

A block's stride stands on its last unit, as in slim. Blocks 2 and 4 keep theirs at 1 for all three depths, so that
block2 ends at stride 8 and block4 at stride 16.
"""

from ssh_tf.nets.layers import BatchNorm, Style, convolution, max_pool
from ssh_tf.nets.network_options import EndPoints, NetworkOptions
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor

_UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_DEPTHS = (64, 128, 256, 512)
_STRIDES = (2, 1, 2, 1)


def resnet_v1(images: Tensor, layers: int, options: NetworkOptions) -> EndPoints:
    """block2 at stride 8 and block4 at stride 16. The root, the first `fixed_blocks` blocks and all BN are frozen."""
    style = Style(
        activation=tf.nn.relu,
        initializer=tf.variance_scaling_initializer(2.0),
        weight_decay=options.weight_decay,
        norm=BatchNorm(epsilon=1e-5),
        explicit_padding=True,
    )
    features = convolution(images, 64, 7, "conv1", style._replace(trainable=False), stride=2)
    features = max_pool(tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 2, "VALID")
    ends = []
    for block, (units, depth, stride) in enumerate(zip(_UNITS[layers], _DEPTHS, _STRIDES, strict=True), 1):
        block_style = style._replace(trainable=block > options.fixed_blocks)
        with tf.variable_scope(f"block{block}"):
            for unit in range(1, units + 1):
                with tf.variable_scope(f"unit_{unit}"):
                    features = _bottleneck(features, depth, stride if unit == units else 1, block_style)
        ends.append(features)
    return EndPoints(low=ends[1], high=ends[3], deep=ends[3])


def _bottleneck(features: Tensor, depth: int, stride: int, style: Style) -> Tensor:
    linear = style._replace(activation=None)
    with tf.variable_scope("bottleneck_v1"):
        if features.shape.as_list()[3] != 4 * depth:
            shortcut = convolution(features, 4 * depth, 1, "shortcut", linear, stride=stride)
        elif stride > 1:
            shortcut = max_pool(features, 1, stride, "VALID")
        else:
            shortcut = features
        residual = convolution(features, depth, 1, "conv1", style)
        residual = convolution(residual, depth, 3, "conv2", style, stride=stride)
        residual = convolution(residual, 4 * depth, 1, "conv3", linear)
        return tf.nn.relu(shortcut + residual)

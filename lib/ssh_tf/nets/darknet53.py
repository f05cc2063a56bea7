"""Darknet-53 (Redmon and Farhadi, YOLOv3, 2018): 52 convolutions in five groups of residual pairs."""

from ssh_tf.nets.layers import BatchNorm, Style, convolution
from ssh_tf.nets.network_options import EndPoints, NetworkOptions
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor

_GROUPS = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))
"""(channels, residual pairs) after each stride-2 convolution."""


def _leaky_relu(features: Tensor) -> Tensor:
    return tf.nn.leaky_relu(features, alpha=0.1)


def darknet53(images: Tensor, options: NetworkOptions) -> EndPoints:
    """res10 at stride 8, res18 at stride 16, res22 at stride 32: the last residuals of groups 3, 4 and 5."""
    style = Style(
        activation=_leaky_relu,
        initializer=tf.variance_scaling_initializer(2.0),
        weight_decay=options.weight_decay,
        norm=BatchNorm(epsilon=1e-5),
    )
    features = convolution(images, 32, 3, "conv_0", style)
    layer = 1
    ends = []
    for channels, residuals in _GROUPS:
        features = convolution(features, channels, 3, f"conv_{layer}", style, stride=2)
        layer += 1
        for _ in range(residuals):
            inner = convolution(features, channels // 2, 1, f"conv_{layer}", style)
            features = features + convolution(inner, channels, 3, f"conv_{layer + 1}", style)
            layer += 2
        ends.append(features)
    return EndPoints(low=ends[2], high=ends[3], deep=ends[4])

"""The headless part of SSH: context modules, detection modules and the 1×1 outputs of a branch (paper, section 3.2).

Letters: `N` images, `h, w` map of a branch, `A` anchors per cell, `C` channels.
"""

from typing import NamedTuple

from ssh_tf.nets.layers import Style, convolution
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor


class Heads(NamedTuple):
    """Raw outputs of a branch: `scores` (N, h, w, 2A), A background then A face; `deltas` (N, h, w, 4A)."""

    scores: Tensor
    deltas: Tensor


def module_style(weight_decay: float, bias_decay: bool) -> Style:
    """3×3 and 1×1 convolutions with biases and ReLU, SAME padding, normal(0, 0.01)."""
    return Style(tf.nn.relu, tf.random_normal_initializer(stddev=0.01), weight_decay, bias_decay)


def context_module(features: Tensor, channels: int, style: Style) -> Tensor:
    """Two and three 3×3 convolutions in parallel: a 5×5 and a 7×7 window. (N, h, w, C) → (N, h, w, channels)."""
    half = channels // 2
    style = style._replace(initializer=tf.truncated_normal_initializer(stddev=0.01))
    with tf.variable_scope("context_module"):
        shared = convolution(features, half, 3, "conv1", style)
        five = convolution(shared, half, 3, "conv2", style)
        seven = convolution(convolution(shared, half, 3, "conv3", style), half, 3, "conv4", style)
    return tf.concat([five, seven], 3)


def detection_module(features: Tensor, channels: int, scope: str, style: Style) -> Tensor:
    """A 3×3 convolution beside a context module (paper, figure 3). (N, h, w, C) → (N, h, w, 2·channels)."""
    with tf.variable_scope(scope):
        plain = convolution(features, channels, 3, "conv1", style)
        return tf.concat([plain, context_module(features, channels, style)], 3)


def reduce_and_merge(low: Tensor, high: Tensor, channels: int, scope: str, style: Style) -> Tensor:
    """Features of branch M1 (paper, figure 4): both maps to `channels`, the deep one enlarged, added, smoothed.

    (N, h, w, C) and (N, h', w', C') → (N, h, w, channels).
    """
    with tf.variable_scope(scope):
        low = convolution(low, channels, 1, "conv1_1", style)
        high = convolution(high, channels, 1, "conv1_2", style)
        high = tf.image.resize_bilinear(high, tf.shape(low)[1:3])
        return convolution(low + high, channels, 3, "conv2", style)


def heads(features: Tensor, anchors_per_cell: int, branch: str, style: Style) -> Heads:
    """The two 1×1 outputs of `branch` ("M1", "M2", "M3")."""
    linear = style._replace(activation=None)
    with tf.variable_scope(f"{branch}_box"):
        scores = convolution(features, 2 * anchors_per_cell, 1, f"{branch}_rpn_cls_score", linear)
        deltas = convolution(features, 4 * anchors_per_cell, 1, f"{branch}_rpn_bbox_pred", linear)
    return Heads(scores, deltas)

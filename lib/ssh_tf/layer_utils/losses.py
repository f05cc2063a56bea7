"""Losses of a branch (paper, section 3.5; Fast R-CNN's smooth L1).

Letters: `N` images, `S` sampled anchors of an image.
"""

from typing import NamedTuple

from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor


class BranchLoss(NamedTuple):
    """Scalars: cross-entropy of the classes and smooth L1 of the boxes."""

    classes: Tensor
    boxes: Tensor


def smooth_l1(difference: Tensor, sigma: float) -> Tensor:
    """0.5·σ²·d² where |d| < 1/σ², else |d| - 0.5/σ². Same shape as `difference`."""
    square = sigma * sigma
    size = tf.abs(difference)
    return tf.where(size < 1.0 / square, 0.5 * square * size * size, size - 0.5 / square)


def branch_loss(
    logits: Tensor, deltas: Tensor, labels: Tensor, targets: Tensor, weights: Tensor, sigma: float
) -> BranchLoss:
    """Losses of the sampled anchors of a branch, the mean over images.

    Args:
        logits: (N, S) face minus background.
        deltas: (N, S, 4) predicted offsets.
        labels: (N, S) 1 or 0.
        targets: (N, S, 4) true offsets, read where the label is 1.
        weights: (N, S) 1 for sampled anchors, 0 for empty places.
        sigma: where smooth L1 turns from a parabola into a line.

    Returns:
        classes: softmax cross-entropy, the mean over an image's sampled anchors.
        boxes: smooth L1 summed over positives and coordinates, divided by the image's sampled anchors.
    """
    sampled = tf.maximum(tf.reduce_sum(weights, 1), 1.0)
    # Two classes: softmax cross-entropy is the sigmoid's on the difference of the two scores.
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    classes = tf.reduce_sum(entropy * weights, 1) / sampled
    distance = tf.reduce_sum(smooth_l1(deltas - targets, sigma), 2)
    boxes = tf.reduce_sum(distance * weights * labels, 1) / sampled
    return BranchLoss(tf.reduce_mean(classes), tf.reduce_mean(boxes))

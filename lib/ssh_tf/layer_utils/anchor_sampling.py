"""Which anchors a branch learns from (reference, anchor target layer; spec "training targets").

Letters: `N` images, `K` anchors of a branch, `S` places in the sample.
"""

from typing import NamedTuple

from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor


class AnchorSample(NamedTuple):
    """Anchors chosen per image. Places that stay empty have weight 0."""

    indices: Tensor
    """(N, S) int32 rows."""
    labels: Tensor
    """(N, S) float32, 1 face or 0 background."""
    weights: Tensor
    """(N, S) float32, 1 where the place is taken."""


def sample_anchors(labels: Tensor, hardness: Tensor, batch_size: int, positive_fraction: float) -> AnchorSample:
    """Take the hardest anchors of each image: at most `batch_size`, of which at most a fraction is positive.

    Args:
        labels: (N, K) int, 1 face, 0 background, -1 ignored.
        hardness: (N, K) float in [0, 1], how likely each anchor seems to be a *face*. With the network's own
            probabilities this is hard mining (positives of the lowest, negatives of the highest probability); with
            random numbers it is random sampling.
        batch_size: anchors per image.
        positive_fraction: at most this part of them is positive.

    Returns:
        A sample of S = positives + negatives places. Ties go to the lower row.
    """
    hardness = tf.stop_gradient(tf.cast(hardness, tf.float32))
    count = tf.shape(labels)[1]
    most_positives = int(batch_size * positive_fraction)

    def hardest(mask: Tensor, keys: Tensor, places: int) -> tuple[Tensor, Tensor]:
        keys = tf.where(mask, keys, tf.fill(tf.shape(keys), -2.0))
        top = tf.math.top_k(keys, tf.minimum(places, count))
        return top.indices, tf.cast(top.values > -1.5, tf.float32)

    positives, positive_weights = hardest(tf.equal(labels, 1), -hardness, most_positives)
    negatives, negative_weights = hardest(tf.equal(labels, 0), hardness, batch_size)
    room = batch_size - tf.reduce_sum(positive_weights, 1, keepdims=True)
    rank = tf.cast(tf.range(tf.shape(negatives)[1]), tf.float32)[None, :]
    negative_weights *= tf.cast(rank < room, tf.float32)
    return AnchorSample(
        indices=tf.concat([positives, negatives], 1),
        labels=tf.concat([tf.ones_like(positive_weights), tf.zeros_like(negative_weights)], 1),
        weights=tf.concat([positive_weights, negative_weights], 1),
    )

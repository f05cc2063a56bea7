"""What one training step computes: a batch goes in, losses and new weights come out.

Letters: `N` images of a batch, `K` anchors of all branches, `B` branches (3).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ssh_tf.layer_utils.box_coding import encode
from ssh_tf.layer_utils.losses import BranchLoss, branch_loss
from ssh_tf.layer_utils.sampling import sample_anchors
from ssh_tf.nets.network import Rows, ssh_network
from ssh_tf.nets.options import NetworkOptions
from ssh_tf.utils.tf1 import tf


class SamplingOptions(NamedTuple):
    """How anchors are sampled and their boxes weighed."""

    batch_size: int = 256
    positive_fraction: float = 0.5
    hard_positives: bool = True
    hard_negatives: bool = True
    sigma: float = 3.0


class Losses(NamedTuple):
    """Scalars of a step: `branches` B pairs (classes, boxes), `decay` the L2 terms, `total` what is minimised."""

    branches: tuple[BranchLoss, ...]
    decay: Any
    total: Any


def branch_losses(rows: Rows, labels: Any, faces: Any, random: Any, options: SamplingOptions) -> tuple[BranchLoss, ...]:
    """Sample each branch's anchors and take their losses.

    Args:
        rows: the network's outputs.
        labels: (N, K) int32, 1 face, 0 background, -1 ignored.
        faces: (N, K, 4) the face that each anchor overlaps most.
        random: (N, K) float32 random numbers in [0, 1) that stand for the probability where nothing is mined.
        options: sample sizes and mining.
    """
    counts = list(rows.counts)
    probability = tf.sigmoid(rows.logits)
    for_positives = probability if options.hard_positives else random
    for_negatives = probability if options.hard_negatives else random
    # One key per anchor: a positive is looked at as a positive only, a negative as a negative.
    keys = tf.where(tf.equal(labels, 1), for_positives, for_negatives)

    columns = [
        tf.split(part, counts, axis=axis)
        for part, axis in ((rows.anchors, 0), (rows.logits, 1), (rows.deltas, 1), (labels, 1), (faces, 1), (keys, 1))
    ]
    losses = []
    for anchors, logits, deltas, branch_labels, branch_faces, branch_keys in zip(*columns, strict=True):
        sample = sample_anchors(branch_labels, branch_keys, options.batch_size, options.positive_fraction)
        # Rows that are no positives have no face; the anchor itself keeps their (unread) target finite.
        chosen_anchors = tf.gather(anchors, sample.indices)
        chosen_faces = tf.gather(branch_faces, sample.indices, batch_dims=1)
        found = (sample.labels * sample.weights > 0)[:, :, None]
        chosen_faces = tf.where_v2(found, chosen_faces, chosen_anchors)
        losses.append(
            branch_loss(
                tf.gather(logits, sample.indices, batch_dims=1),
                tf.gather(deltas, sample.indices, batch_dims=1),
                sample.labels,
                tf.stop_gradient(encode(chosen_anchors, chosen_faces, xp=tf)),
                sample.weights,
                options.sigma,
            )
        )
    return tuple(losses)


def training_losses(
    images: Any,
    labels: Any,
    faces: Any,
    random: Any,
    branch_weights: Any,
    backbone: str,
    network: NetworkOptions,
    sampling: SamplingOptions,
) -> Losses:
    """Losses of a batch: Σ over branches of weight · (classes + boxes + L2).

    `images` is (N, H, W, 3) float32, BGR minus the means; for `labels`, `faces` and `random` see `branch_losses`.
    `branch_weights` (B,) float32 is all ones for "group" training and one-hot for "random" training.
    """
    rows = ssh_network(images, backbone, network)
    branches = branch_losses(rows, labels, faces, random, sampling)
    decay = tf.losses.get_regularization_loss()
    each = tf.stack([loss.classes + loss.boxes + decay for loss in branches])
    return Losses(branches, decay, tf.reduce_sum(branch_weights * each))


def gradients(
    optimizer: Any, total: Any, variables: Sequence[Any], double_bias: bool, clip_norm: float
) -> list[tuple[Any, Any]]:
    """Gradients of `total`, biases doubled, the whole clipped to an L2 norm of `clip_norm` (0: not clipped)."""
    pairs = [(gradient, variable) for gradient, variable in optimizer.compute_gradients(total, list(variables))]
    pairs = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
    if double_bias:
        pairs = [
            (2.0 * gradient if variable.op.name.endswith("/biases") else gradient, variable)
            for gradient, variable in pairs
        ]
    if clip_norm > 0:
        clipped, _ = tf.clip_by_global_norm([gradient for gradient, _ in pairs], clip_norm)
        pairs = [(gradient, variable) for gradient, (_, variable) in zip(clipped, pairs, strict=True)]
    return pairs

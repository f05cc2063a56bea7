"""What one training step computes: a batch goes in, losses and new weights come out.

Letters: `N` images of a batch, `K` anchors of all branches, `S` sampled ones of them, `G` faces of the richest image,
`B` branches (3).
"""

from collections.abc import Sequence
from typing import NamedTuple

from ssh_tf.layer_utils.anchor_sampling import sample_anchors
from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.layer_utils.box_coding import encode
from ssh_tf.layer_utils.losses import BranchLoss, branch_loss
from ssh_tf.nets.layers import weight_decay
from ssh_tf.nets.network import Rows, ssh_network
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import tf, variable_name
from ssh_tf.utils.types import Strategy, Tensor, Variable


class SamplingOptions(NamedTuple):
    """How anchors are sampled and their boxes weighed."""

    batch_size: int = 256
    positive_fraction: float = 0.5
    hard_positives: bool = True
    hard_negatives: bool = True
    sigma: float = 3.0
    box_weight: float = 1.0
    """How much the boxes' loss counts beside that of the classes."""


class Targets(NamedTuple):
    """What the anchors of a batch stand for."""

    labels: Tensor
    """(N, K) int32: 1 face, 0 background, -1 ignored."""
    best: Tensor
    """(N, K) int32: which of `boxes` an anchor overlaps most."""
    boxes: Tensor
    """(N, G, 4) float32."""
    random: Tensor
    """(N, K) float32 in [0, 1): what anchors are sampled by where nothing is mined; (N, 0) if all is."""


class Losses(NamedTuple):
    """Scalars of a step: `branches` B pairs (classes, boxes) and `decay`, the L2 terms, as they count in `total`.

    `total` is their sum and what is minimised; AdamW, which decays weights by itself, minimises that of `branches`.
    """

    branches: tuple[BranchLoss, ...]
    decay: Tensor
    total: Tensor


def branch_losses(rows: Rows, targets: Targets, options: SamplingOptions) -> tuple[BranchLoss, ...]:
    """Sample each branch's anchors of the network's outputs `rows` and take their losses."""
    probability = tf.sigmoid(rows.logits)
    if options.hard_positives and options.hard_negatives:
        keys = probability
    else:
        for_positives = probability if options.hard_positives else targets.random
        for_negatives = probability if options.hard_negatives else targets.random
        # One key per anchor: a positive is ranked among positives only, a negative among negatives.
        keys = tf.where(tf.equal(targets.labels, 1), for_positives, for_negatives)
    labels_of, keys_of = (tf.split(part, rows.counts, axis=1, num=len(BRANCHES)) for part in (targets.labels, keys))
    samples = [
        sample_anchors(labels, keys, options.batch_size, options.positive_fraction)
        for labels, keys in zip(labels_of, keys_of, strict=True)
    ]
    starts = tf.unstack(tf.cumsum(rows.counts, exclusive=True), num=len(BRANCHES))

    # What was sampled is looked up for all branches at once.
    chosen = tf.concat([sample.indices + start for sample, start in zip(samples, starts, strict=True)], 1)
    places = _places(chosen)
    # Images without faces: a row that is gathered and not read.
    boxes = tf.pad(targets.boxes, [[0, 0], [0, 1], [0, 0]])
    anchors = tf.gather(rows.anchors, chosen)
    faces = tf.gather_nd(boxes, _places(tf.gather_nd(targets.best, places)))
    # Rows that are no positives have no face; the anchor itself keeps their (unread) target finite.
    found = tf.concat([sample.labels * sample.weights for sample in samples], 1) > 0
    codes = tf.stop_gradient(encode(anchors, tf.where_v2(found[:, :, None], faces, anchors), xp=tf))

    sizes = [tf.shape(sample.indices)[1] for sample in samples]
    parts = (tf.gather_nd(rows.logits, places), tf.gather_nd(rows.deltas, places), codes)
    of_branches = zip(*(tf.split(part, sizes, axis=1, num=len(BRANCHES)) for part in parts), strict=True)
    losses = []
    for sample, (logits, deltas, offsets) in zip(samples, of_branches, strict=True):
        loss = branch_loss(logits, deltas, sample.labels, offsets, sample.weights, options.sigma)
        losses.append(BranchLoss(loss.classes, options.box_weight * loss.boxes))
    return tuple(losses)


def _places(rows: Tensor) -> Tensor:
    """(N, S) rows of images → (N, S, 2) indices of image and row.

    The gradient of `gather_nd` by these is one operation; that of a `gather` with batch dimensions is a hundred.
    """
    images = tf.range(tf.shape(rows)[0])[:, None] + tf.zeros_like(rows)
    return tf.stack([images, rows], 2)


def training_losses(
    images: Tensor,
    targets: Targets,
    branch_weights: Tensor,
    network: NetworkOptions,
    sampling: SamplingOptions,
) -> Losses:
    """Losses of a batch: the sum over branches of weight · (classes + boxes + L2), as the reference has it.

    `images` is (N, H, W, 3) float32, BGR minus the means. `branch_weights` (B,) float32 is all ones for "group"
    training and one-hot for "random" training.
    """
    rows = ssh_network(images, network)
    weights = tf.unstack(branch_weights, num=len(BRANCHES))
    branches = tuple(
        BranchLoss(weight * loss.classes, weight * loss.boxes)
        for weight, loss in zip(weights, branch_losses(rows, targets, sampling), strict=True)
    )
    decay = tf.add_n(weights) * weight_decay()
    return Losses(branches, decay, tf.add_n([decay, *(part for loss in branches for part in loss)]))


def joint_gradients(
    total: Tensor, variables: Sequence[Variable], double_bias: bool, clip_norm: float
) -> list[tuple[Tensor, Variable]]:
    """Gradients of the mean of `total` over all devices, the same on every device.

    Those of biases are doubled, then the whole is clipped to an L2 norm of `clip_norm` (0: not clipped). Called in a
    replica of the current distribution strategy; without one there is one device.

    Returns:
        (gradient, variable) pairs of those of `variables` that `total` depends on.
    """
    found = tf.gradients(total, list(variables))
    used = [variable for gradient, variable in zip(found, variables, strict=True) if gradient is not None]
    gradients = over_devices(tf.distribute.ReduceOp.MEAN, [gradient for gradient in found if gradient is not None])
    if double_bias:
        gradients = [
            2.0 * gradient if variable_name(variable).endswith("/biases") else gradient
            for gradient, variable in zip(gradients, used, strict=True)
        ]
    if clip_norm > 0:
        gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
    return list(zip(gradients, used, strict=True))


def over_devices(operation: "tf.distribute.ReduceOp", values: Sequence[Tensor]) -> list[Tensor]:
    """The mean or sum of each of `values` over all devices. Called in a replica of the distribution strategy."""

    def reduce(strategy: Strategy, *joint: Tensor) -> list[Tensor]:
        return list(strategy.extended.batch_reduce_to(operation, [(value, value) for value in joint]))

    return list(tf.distribute.get_replica_context().merge_call(reduce, args=tuple(values)))

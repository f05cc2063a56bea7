"""The training step on all devices of this process.

Letters: `N` images of a batch over all devices, `B` branches (3).
"""

from typing import Any, NamedTuple

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.layer_utils.losses import BranchLoss
from ssh_tf.model.options import network_options, sampling_options
from ssh_tf.model.training_data import TrainingBatch
from ssh_tf.model.training_graph import Losses, gradients, training_losses
from ssh_tf.utils.tf1 import tf


class TrainingStep(NamedTuple):
    """What a session runs."""

    initialize_data: Any
    train: Any
    """Applies the gradients."""
    losses: Losses
    """Means over all devices and workers."""
    records: tuple[Any, ...]
    """Records of the images of the batch, an int64 tensor for each device of this process."""
    rate: Any
    """Placeholder: the learning rate."""
    branch_weights: Any
    """Placeholder (B,): the weights of the branches."""


def _join(values: list[Any]) -> Losses:
    pairs = [BranchLoss(*values[2 * branch : 2 * branch + 2]) for branch in range(len(BRANCHES))]
    return Losses(tuple(pairs), values[-2], values[-1])


def build_training_step(strategy: Any, dataset: Any, backbone: str, config: Any) -> TrainingStep:
    """Build the step under `strategy`; `dataset` yields `TrainingBatch` of N images, which the devices share."""
    train = config.TRAIN
    network, sampling = network_options(config, backbone), sampling_options(config)
    rate = tf.placeholder(tf.float32, (), "learning_rate")
    weights = tf.placeholder(tf.float32, (len(BRANCHES),), "branch_weights")

    def one_device(batch: TrainingBatch) -> tuple[Any, ...]:
        losses = training_losses(
            batch.image, batch.labels, batch.faces, batch.random, weights, backbone, network, sampling
        )
        optimizer = tf.train.MomentumOptimizer(rate, train.MOMENTUM)
        pairs = gradients(optimizer, losses.total, tf.trainable_variables(), train.DOUBLE_BIAS, train.CLIP_GRADIENTS)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            applied = optimizer.apply_gradients(pairs)
        values = [value for loss in losses.branches for value in loss] + [losses.decay, losses.total]
        with tf.control_dependencies([applied]):
            return tf.stack(values), tf.identity(batch.record)

    with strategy.scope():
        iterator = strategy.make_dataset_iterator(dataset)
        values, record = strategy.run(one_device, args=(iterator.get_next(),))
        mean = strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)
        drawn = tuple(strategy.experimental_local_results(record))
    losses = _join(tf.unstack(mean, num=2 * len(BRANCHES) + 2))
    return TrainingStep(iterator.initialize(), mean, losses, drawn, rate, weights)

"""The training step on all devices of this process.

Letters: `N` images of a batch over the devices of this process, `B` branches (3).
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.layer_utils.losses import BranchLoss
from ssh_tf.model.options import network_options, optimizer_options, sampling_options
from ssh_tf.model.training.data import TrainingBatch
from ssh_tf.model.training.devices import Devices
from ssh_tf.model.training.mean_weights import follow
from ssh_tf.nets.optimizer import ADAMW, apply_gradients
from ssh_tf.nets.training_graph import Losses, joint_gradients, training_losses
from ssh_tf.roi_data_layer.pipeline import batch_image
from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.tf1 import tf, variable_name
from ssh_tf.utils.types import Config, Dataset, Tensor, Variable


class TrainingStep(NamedTuple):
    """What a session runs."""

    initialize_data: Tensor
    train: Tensor
    """Applies the gradients."""
    losses: Losses
    """Means over all devices and workers."""
    stopping: Tensor
    """Above 0 where a worker has said `stop`."""
    records: tuple[Tensor, ...]
    """Records of the images of the batch, an int64 tensor for each device of this process."""
    rate: Tensor
    """Placeholder: the learning rate."""
    branch_weights: Tensor
    """Placeholder (B,): the weights of the branches."""
    mean_share: Tensor
    """Placeholder: the part of the new weights in their running mean, where there is one."""
    stop: Tensor
    """Placeholder: 1 where this worker asks all to stop after this step, else 0."""


def _join(values: list[Tensor]) -> Losses:
    pairs = [BranchLoss(*values[2 * branch : 2 * branch + 2]) for branch in range(len(BRANCHES))]
    return Losses(tuple(pairs), values[-2], values[-1])


def trained_variables(variables: Sequence[Variable], layers: Sequence[str]) -> list[Variable]:
    """Those of `variables` that `TRAIN.LAYERS` names: what follows the network's scope begins with one of `layers`.

    Raises:
        ConfigError: one of `layers` names nothing.
    """
    if list(layers) == ["all"]:
        return list(variables)
    below = [variable_name(variable).partition("/")[2] for variable in variables]
    for layer in layers:
        if not any(name.startswith(layer) for name in below):
            known = ", ".join(sorted({name.partition("/")[0] for name in below}))
            raise ConfigError(f"TRAIN.LAYERS: nothing that is trained begins with {layer!r}; there are {known}")
    return [variable for variable, name in zip(variables, below, strict=True) if name.startswith(tuple(layers))]


def build_training_step(devices: Devices, dataset: Dataset, backbone: str, config: Config) -> TrainingStep:
    """Build the step; `dataset` yields `TrainingBatch` of N images, which the devices of this process share out."""
    train = config.TRAIN
    strategy = devices.strategy
    network, sampling, optimizer = (
        network_options(config, backbone),
        sampling_options(config),
        optimizer_options(config),
    )
    rate = tf.placeholder(tf.float32, (), "learning_rate")
    weights = tf.placeholder(tf.float32, (len(BRANCHES),), "branch_weights")
    share = tf.placeholder(tf.float32, (), "mean_share")
    stop = tf.placeholder(tf.float32, (), "stop")

    def one_device(batch: TrainingBatch) -> tuple[Tensor, ...]:
        # Resource variables: what reads one sees its value before the step, whatever runs first.
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
            images = batch_image(batch.image, batch.im_info)
            losses = training_losses(images, batch.targets, weights, network, sampling)
        variables = trained_variables(tf.trainable_variables(), train.LAYERS)
        parts = [value for loss in losses.branches for value in loss]
        # AdamW decays weights by itself.
        minimised = tf.add_n(parts) if optimizer.kind == ADAMW else losses.total
        pairs = joint_gradients(minimised, variables, train.DOUBLE_BIAS, train.CLIP_GRADIENTS)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            applied = apply_gradients(pairs, rate, optimizer)
        values = [*parts, losses.decay, losses.total, stop]
        with tf.control_dependencies([applied]):
            followed = follow([variable for _, variable in pairs], share) if train.EMA else tf.no_op()
        with tf.control_dependencies([applied, followed]):
            return tf.stack(values), tf.identity(batch.record)

    if devices.local_replicas > 1:
        dataset = dataset.rebatch(train.IMS_PER_BATCH, drop_remainder=True)
    with strategy.scope(), warnings.catch_warnings():
        # Of no concern here: that a dataset's options cannot be read back in graph mode.
        warnings.filterwarnings("ignore", message="To make it possible to preserve tf.data options")
        iterator = strategy.make_input_fn_iterator(lambda _: dataset)
        values, record = strategy.run(one_device, args=(iterator.get_next(),))
        mean = strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)
        drawn = tuple(strategy.experimental_local_results(record))
    *losses, stopping = tf.unstack(mean, num=2 * len(BRANCHES) + 3)
    return TrainingStep(iterator.initialize(), mean, _join(losses), stopping, drawn, rate, weights, share, stop)

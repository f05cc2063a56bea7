"""Weights of whole networks, read from any file of them and written as a checkpoint: one's, or the mean of several."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ssh_tf.model.files.checkpoints import assign, model_files
from ssh_tf.model.files.weights import whole_weights
from ssh_tf.nets.network import ssh_network
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.errors import CheckpointError, first_line
from ssh_tf.utils.files import check_not_read
from ssh_tf.utils.tf1 import cpu_session, tf
from ssh_tf.utils.types import FloatArray, Variable

_FILES = (".npz", ".pb")


def save_average(models: Sequence[Path], shares: Sequence[float], options: NetworkOptions, output: Path) -> int:
    """Write a checkpoint of the mean of `models`, in which each counts by its part of the sum of `shares`.

    Args:
        models: checkpoints, frozen graphs (`.pb`) or `.npz` of whole SSH networks with the backbone of `options`.
        shares: a number above 0 for each.
        options: numbers of the network.
        output: prefix of the checkpoint.

    Returns:
        The number of variables.

    Raises:
        DataError: `output` is one of `models`.
        CheckpointError: a model is unreadable or no whole network of that backbone; the checkpoint cannot be written.
    """
    read = [file for model in models for file in ([model] if model.suffix in _FILES else model_files(model))]
    check_not_read([output.with_name(f"{output.name}.index")], read)
    with cpu_session() as session:
        ssh_network(tf.placeholder(tf.float32, (1, None, None, 3)), options)
        variables = tf.global_variables()
        assign(session, _mean(models, shares, options.backbone, variables))
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            tf.train.Saver().save(session, str(output), write_meta_graph=False, write_state=False)
        except tf.errors.OpError as error:
            raise CheckpointError(f"{output}: cannot be written ({first_line(error)})") from error
    return len(variables)


def _mean(
    models: Sequence[Path], shares: Sequence[float], backbone: str, variables: Sequence[Variable]
) -> dict[Variable, FloatArray]:
    total = {variable: np.zeros(variable.shape.as_list()) for variable in variables}
    # By the largest first: the sum of large shares may be infinite.
    parts = np.array(shares) / max(shares)
    for model, part in zip(models, parts / parts.sum(), strict=True):
        values = whole_weights(model, backbone, variables)
        for variable in variables:
            total[variable] += part * values[variable.op.name]
    return total

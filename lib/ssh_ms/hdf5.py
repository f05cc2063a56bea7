"""Named arrays in the port's HDF5 layout, and what it changes of TensorFlow's.

The datasets lie flat under the variables' names with ``_and_`` for ``/``. Weights are channels first, as MindSpore has
them: (k, k, C, D) of a convolution are stored as (D, C, k, k), (C, D) of a dense layer as (D, C).
"""

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import h5py

from ssh_tf.utils.arrays import read_hdf5
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.reading import reader
from ssh_tf.utils.types import Array

_SLASH = "_and_"
# By the number of axes; all others stay as they are.
_TO_CHANNELS_FIRST = {4: (3, 2, 0, 1), 2: (1, 0)}
_TO_CHANNELS_LAST = {4: (2, 3, 1, 0), 2: (1, 0)}

# What an optimiser keeps beside a variable has the variable's name and one of these after it. `Other` are the raw
# weights of a training with TRAIN.EMA: the variable itself is their running mean, which is the model.
_SLOTS = frozenset(
    {"Momentum", "Adam", "Adam_1", "RMSProp", "RMSProp_1", "Adagrad", "ExponentialMovingAverage", "Other"}
)
_COUNTERS = frozenset({"global_step", "learning_rate", "beta1_power", "beta2_power"})


class Sorted(NamedTuple):
    """Names of a checkpoint: the model's, and what its optimiser, or the running mean of its weights, added."""

    model: list[str]
    optimizer: list[str]


def sort_names(names: Iterable[str]) -> Sorted:
    """Tell the names of what is kept to resume a training from the model's."""
    result = Sorted([], [])
    for name in sorted(names):
        leaf = name.rpartition("/")[2]
        (result.optimizer if leaf in _SLOTS | _COUNTERS else result.model).append(name)
    return result


def to_channels_first(array: Array) -> Array:
    """From TensorFlow's order of axes to MindSpore's."""
    return _transposed(array, _TO_CHANNELS_FIRST)


def to_channels_last(array: Array) -> Array:
    """The inverse of `to_channels_first`."""
    return _transposed(array, _TO_CHANNELS_LAST)


def _transposed(array: Array, axes: Mapping[int, tuple[int, ...]]) -> Array:
    return array.transpose(axes[array.ndim]).copy() if array.ndim in axes else array


def write_hdf5(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write `arrays`, variables by name with their axes in MindSpore's order, to the file at `path`.

    Raises:
        CheckpointError: the file cannot be written.
    """
    try:
        with atomic_write(path, "wb") as stream, h5py.File(stream, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name.replace("/", _SLASH), data=array)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written: {error}") from error


@reader("an HDF5 file of tf2h5.py", CheckpointError)
def read_weights_hdf5(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read the file at `path`. Returns arrays by variable name, their axes in MindSpore's order.

    Raises:
        CheckpointError: it is missing, no HDF5 file, damaged, or holds anything but datasets of numbers.
    """
    return {name.replace(_SLASH, "/"): array for name, array in read_hdf5(path).items()}

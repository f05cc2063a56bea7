"""Weights that a training starts from: an ImageNet backbone or a whole SSH network.

An ImageNet file (a slim checkpoint or an `.npz` of named arrays) holds the backbone alone, trained on RGB: its first
layer's input channels are reversed, and divided by what its images had been divided by. An SSH network, recognised by
its detection modules, is loaded as it is.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.model.files.frozen_graphs import frozen_variables, load_graph
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.arrays import read_npz
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.reading import reader
from ssh_tf.utils.types import Variable

_MODULES = ("M1", "M2", "M3", "M1_box", "M2_box", "M3_box")


class StoredArrays(NamedTuple):
    """A file of named arrays: their shapes, and how to read one."""

    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], np.ndarray]


class InitialWeights(NamedTuple):
    """What came of a weight file."""

    values: dict[str, np.ndarray]
    """By variable name, ready to be loaded."""
    skipped: list[str]
    """Names in the file that no variable asks for."""
    initial: list[str]
    """Variables that keep their initial values."""


def open_arrays(path: str | os.PathLike[str]) -> StoredArrays:
    """Open a checkpoint, a frozen graph (`.pb`) or an `.npz`.

    Raises:
        CheckpointError: nothing is there, or it is none of these.
    """
    if Path(path).suffix == ".pb":
        frozen = frozen_variables(load_graph(path))
        return StoredArrays({name: array.shape for name, array in frozen.items()}, frozen.__getitem__)
    if Path(path).suffix != ".npz":
        checkpoint = Checkpoint(path)
        return StoredArrays(checkpoint.shapes, checkpoint.value)
    arrays = _arrays(path)
    return StoredArrays({name: array.shape for name, array in arrays.items()}, arrays.__getitem__)


@reader("an .npz of arrays", CheckpointError)
def _arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    return read_npz(path)


def initial_weights(path: str | os.PathLike[str], backbone: str, variables: Iterable[Variable]) -> InitialWeights:
    """Match the arrays in `path` with `variables` of an SSH network with `backbone`.

    Names may lack the backbone's scope (`conv_0/weights` for `Darknet53/conv_0/weights`).

    Raises:
        CheckpointError: the file is unreadable, or lacks a variable of the backbone, or has it in another shape, or
            holds something else than finite numbers for it; the first such variable is named.
    """
    row = BACKBONES[backbone]
    stored = open_arrays(path)
    wanted = {variable.op.name: tuple(variable.shape.as_list()) for variable in variables}
    names = {name if name.startswith(f"{row.scope}/") else f"{row.scope}/{name}": name for name in stored.shapes}
    modules = tuple(f"{row.scope}/{module}/" for module in _MODULES)
    whole_network = any(name.startswith(modules) for name in names)
    values, initial = {}, []
    for name, shape in wanted.items():
        if name not in names:
            if whole_network or not name.startswith(modules):
                raise CheckpointError(f"{path}: lacks {name} {list(shape)}; is it a file for the backbone {backbone}?")
            initial.append(name)
            continue
        found = stored.shapes[names[name]]
        if tuple(found) != shape:
            raise CheckpointError(f"{path}: {names[name]} has the shape {list(found)}, {backbone} needs {list(shape)}")
        values[name] = _finite(stored, names[name], path)
    first = f"{row.scope}/{row.first_layer}"
    if not whole_network:
        values[first] = values[first][:, :, ::-1, :] / np.float32(row.input_scale)
    skipped = [stored_name for name, stored_name in names.items() if name not in wanted]
    return InitialWeights(values, skipped, initial)


def whole_weights(path: str | os.PathLike[str], backbone: str, variables: Iterable[Variable]) -> dict[str, np.ndarray]:
    """The values in `path` of all `variables` of an SSH network with `backbone`, by name.

    Raises:
        CheckpointError: as `initial_weights`, or it is no whole network.
    """
    weights = initial_weights(path, backbone, variables)
    if weights.initial:
        raise CheckpointError(f"{path}: lacks {weights.initial[0]}, so it is no whole SSH network")
    return weights.values


def _finite(stored: StoredArrays, name: str, path: str | os.PathLike[str]) -> np.ndarray:
    # A training would end on its first loss, and blame the images.
    array = stored.read(name)
    try:
        finite = bool(np.isfinite(array).all())
    except TypeError:
        finite = False
    if not finite:
        raise CheckpointError(f"{path}: {name} holds something else than finite numbers; take another file")
    return array


def weights_table(path: str | os.PathLike[str], weights: InitialWeights) -> str:
    """What was loaded, skipped and left at its initial value: a table of counts, a row for each group of names."""
    columns = {"loaded": list(weights.values), "skipped": weights.skipped, "initial": weights.initial}
    counts = {column: Counter("/".join(name.split("/")[:2]) for name in names) for column, names in columns.items()}
    groups = list(dict.fromkeys(group for column in counts.values() for group in column))
    rows = [[group, *(str(column[group] or "") for column in counts.values())] for group in groups]
    rows.append(["arrays in all", *(str(column.total()) for column in counts.values())])
    width = max(len(row[0]) for row in rows)
    lines = [f"{name:{width}}  {''.join(f'{cell:>9}' for cell in cells)}" for name, *cells in rows]
    header = f"{'':{width}}  {''.join(f'{column:>9}' for column in counts)}"
    return "\n".join([f"Weights from {path}", header, *lines])

"""Checkpoints of SSH networks: TensorFlow's bundles (`.index`, `.data-…`), and the single files of its first format.

What an optimiser adds (momentum, `global_step`) is left alone: only the variables that a graph asks for are read.
"""

import glob
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.tf1 import tf

FROZEN_SUFFIXES = (".pb", ".onnx")
"""What files of frozen graphs are called."""

_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")

# What TensorFlow's reader raises on damaged files.
_READ_ERRORS = (tf.errors.OpError, ValueError, RuntimeError, LookupError)


class Checkpoint:
    """Names, shapes and values in a checkpoint. Values are read when asked for."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the checkpoint at `path`: a prefix, one of its files, or a folder that holds a file `checkpoint`.

        Raises:
            CheckpointError: nothing is there, or it is not a checkpoint.
        """
        self.prefix = _prefix(Path(path))
        try:
            self._reader = tf.train.NewCheckpointReader(self.prefix)
            self.shapes = {name: tuple(shape) for name, shape in self._reader.get_variable_to_shape_map().items()}
        except _READ_ERRORS as error:
            # TensorFlow's own words tell of tables and operators.
            raise CheckpointError(f"{path}: not a TensorFlow checkpoint, or a damaged one") from error

    def value(self, name: str) -> npt.NDArray[Any]:
        """Read one variable.

        Raises:
            CheckpointError: there is no such variable, or its data cannot be read.
        """
        if name not in self.shapes:
            raise CheckpointError(f"{self.prefix}: no variable {name}")
        try:
            return np.asarray(self._reader.get_tensor(name))
        except _READ_ERRORS as error:
            raise CheckpointError(f"{self.prefix}: {name} cannot be read ({_first(error)})") from error

    def backbone(self) -> str:
        """The key of `BACKBONES` whose variables these are.

        Raises:
            CheckpointError: they are no backbone's.
        """
        scopes = {name.partition("/")[0] for name in self.shapes}
        for name, row in BACKBONES.items():
            if row.scope in scopes:
                return name
        raise CheckpointError(
            f"{self.prefix}: holds no variables of a known network "
            f"({', '.join(row.scope for row in BACKBONES.values())})"
        )

    def check(self, variables: Iterable[Any], backbone: str) -> None:
        """See that every one of `variables` of an SSH network with `backbone` is here in its shape.

        Raises:
            CheckpointError: it is not; the first variable that differs is named.
        """
        wanted = {variable.op.name: tuple(variable.shape.as_list()) for variable in variables}
        missing = [name for name in wanted if name not in self.shapes]
        if missing:
            found = self.backbone()
            if found != backbone:
                raise CheckpointError(
                    f"{self.prefix}: is a checkpoint for the backbone {found} (scope {BACKBONES[found].scope}), "
                    f"not {backbone}"
                )
            others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
            raise CheckpointError(f"{self.prefix}: lacks {missing[0]}{others} of {len(wanted)} variables of {backbone}")
        for name, shape in wanted.items():
            if self.shapes[name] != shape:
                raise CheckpointError(
                    f"{self.prefix}: {name} has shape {list(self.shapes[name])}, expected {list(shape)}"
                )

    def restore(self, session: Any, variables: Iterable[Any], backbone: str) -> None:
        """Load `variables` of an SSH network with `backbone`.

        Raises:
            CheckpointError: as `check`, or a variable's data cannot be read.
        """
        variables = list(variables)
        self.check(variables, backbone)
        assign(session, {variable: self.value(variable.op.name) for variable in variables})


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether `path` names what `Checkpoint` can open."""
    try:
        Checkpoint(path)
    except CheckpointError:
        return False
    return True


def model_files(path: str | os.PathLike[str]) -> list[Path]:
    """The files of a model, by name: one file, all of a SavedModel's folder, or index and data of a checkpoint.

    A checkpoint is named as for `Checkpoint`.

    Raises:
        CheckpointError: nothing is there.
    """
    path = Path(path)
    if path.is_dir() and tf.train.latest_checkpoint(str(path)) is None:
        return sorted(file for file in path.rglob("*") if file.is_file())
    prefix = Path(_prefix(path))
    parts = [prefix.with_name(f"{prefix.name}.index"), *prefix.parent.glob(f"{glob.escape(prefix.name)}.data-*")]
    return sorted(parts) if parts[0].is_file() else [prefix]


def assign(session: Any, values: Mapping[Any, npt.ArrayLike]) -> None:
    """Give variables their values, all in one run: TensorFlow looks through the whole graph for each."""
    feeds = {variable.initializer.inputs[1]: value for variable, value in values.items()}
    session.run([variable.initializer for variable in values], feeds)


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _prefix(path: Path) -> str:
    if path.is_dir():
        latest = tf.train.latest_checkpoint(str(path))
        if latest is None:
            raise CheckpointError(f"{path}: the folder holds no checkpoint")
        return latest
    prefix = _PART.sub("", str(path))
    if not (Path(f"{prefix}.index").exists() or Path(prefix).is_file()):
        if path.suffix.lower() in FROZEN_SUFFIXES:
            raise CheckpointError(f"{path}: no such file")
        raise CheckpointError(f"{path}: no checkpoint there (neither {prefix}.index nor {prefix})")
    return prefix

"""Checkpoints of SSH networks: TensorFlow's bundles (`.index`, `.data-…`), and the single files of its first format.

What an optimiser adds (momentum, `global_step`) is left alone: only the variables that a graph asks for are read.
"""

import glob
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt
from google.protobuf.text_encoding import CUnescape

from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.errors import CheckpointError, DataError
from ssh_tf.utils.files import inside
from ssh_tf.utils.reading import Refused, check_file, read_text, reader, reading
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Array, Session, Variable

FROZEN_SUFFIXES = (".pb", ".onnx")
"""What files of frozen graphs are called."""

_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_LATEST = re.compile(r'^model_checkpoint_path:\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
_MAGIC = re.compile(r"[\[*?\\]")
_STATE = "checkpoint"
_WHAT = "a TensorFlow checkpoint"
_MAX_BYTES = 2**36  # of a file
_SMALLEST_RATIO = 1000  # elements a byte: files of the first format may be compressed


class Checkpoint:
    """Names, shapes and values in a checkpoint. Values are read when asked for."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the checkpoint at `path`: a prefix, one of its files, or a folder that holds a file `checkpoint`.

        Raises:
            CheckpointError: nothing is there, or it is not a checkpoint.
        """
        with reading(path, _WHAT, CheckpointError):
            self.prefix = _prefix(Path(path))
            files = _files(Path(self.prefix))
            for file in files:
                check_file(file, _MAX_BYTES)
            self._bytes = sum(file.stat().st_size for file in files)
            self._links, self.readable = _without_pattern(self.prefix, files)
            open_checkpoint = tf.train.NewCheckpointReader
            try:
                self._reader = open_checkpoint(self.readable)
                self.shapes = {name: tuple(shape) for name, shape in self._reader.get_variable_to_shape_map().items()}
            except Exception as error:  # TensorFlow's message is about tables and operators
                raise Refused(f"not {_WHAT}, or a damaged one") from error

    def value(self, name: str) -> Array:
        """Read one variable.

        Raises:
            CheckpointError: there is no such variable, or its data cannot be read.
        """
        if name not in self.shapes:
            raise CheckpointError(f"{self.prefix}: no variable {name}")
        with reading(f"{self.prefix}: {name}", "a whole variable", CheckpointError):
            if math.prod(self.shapes[name]) > _SMALLEST_RATIO * self._bytes:
                raise Refused(f"declares the shape {list(self.shapes[name])}, and its file has {self._bytes:,} bytes")
            return np.asarray(self._reader.get_tensor(name))

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

    def check_backbone(self, backbone: str) -> None:
        """Check that variables of `backbone` are here, before a network is built for them.

        Raises:
            CheckpointError: they are another's, or no backbone's.
        """
        scope = f"{BACKBONES[backbone].scope}/"
        if not any(name.startswith(scope) for name in self.shapes):
            found = self.backbone()
            raise CheckpointError(
                f"{self.prefix}: is a checkpoint for the backbone {found} (scope {BACKBONES[found].scope}), "
                f"not {backbone}"
            )

    def check(self, variables: Iterable[Variable], backbone: str) -> None:
        """Check that every one of `variables` of an SSH network with `backbone` is here in its shape.

        Raises:
            CheckpointError: it is not; the first variable that differs is named.
        """
        wanted = {variable.op.name: tuple(variable.shape.as_list()) for variable in variables}
        missing = [name for name in wanted if name not in self.shapes]
        if missing:
            self.check_backbone(backbone)
            others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
            raise CheckpointError(f"{self.prefix}: lacks {missing[0]}{others} of {len(wanted)} variables of {backbone}")
        for name, shape in wanted.items():
            if self.shapes[name] != shape:
                raise CheckpointError(
                    f"{self.prefix}: {name} has shape {list(self.shapes[name])}, expected {list(shape)}"
                )

    def restore(self, session: Session, variables: Iterable[Variable], backbone: str) -> None:
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
    with reading(path, "a model", CheckpointError):
        if path.is_dir() and not (path / _STATE).is_file():
            return sorted(file for file in path.rglob("*") if file.is_file())
        return _files(Path(_prefix(path)))


def _files(prefix: Path) -> list[Path]:
    parts = [prefix.with_name(f"{prefix.name}.index"), *prefix.parent.glob(f"{glob.escape(prefix.name)}.data-*")]
    return sorted(parts) if parts[0].exists() else [prefix]


def assign(session: Session, values: Mapping[Variable, npt.ArrayLike]) -> None:
    """Give variables their values, all in one run: TensorFlow looks through the whole graph for each."""
    feeds = {variable.initializer.inputs[1]: value for variable, value in values.items()}
    session.run([variable.initializer for variable in values], feeds)


def _without_pattern(prefix: str, files: Iterable[Path]) -> tuple[tempfile.TemporaryDirectory[str] | None, str]:
    """A prefix that TensorFlow reads `files` by, and what removes it at its end.

    It takes `[`, `?`, `*` and `\\` in a prefix for a pattern, wherever in the path. Links stand in for such files.
    """
    if not _MAGIC.search(prefix):
        return None, prefix
    links = tempfile.TemporaryDirectory(prefix="checkpoint-")
    plain = Path(links.name, "plain")
    for file in files:
        Path(f"{plain}{file.name.removeprefix(Path(prefix).name)}").symlink_to(file.resolve())
    return links, str(plain)


@reader("a file that lists checkpoints", CheckpointError)
def _latest(state: Path) -> str:
    """The prefix that the file `checkpoint` of a folder names; beside it, wherever the folder was moved to."""
    found = _LATEST.search(read_text(state, 2**20))
    if found is None:
        raise CheckpointError(f"{state}: names no checkpoint")
    name = CUnescape(found[1]).decode()
    # TensorFlow writes absolute paths for folders that were named so.
    name = PurePath(name).name if PurePath(name).is_absolute() else name
    try:
        return str(inside(state.parent, name, str(state)))
    except DataError as error:
        raise CheckpointError(str(error)) from error


def _prefix(path: Path) -> str:
    if path.is_dir():
        if not (path / _STATE).exists():
            raise CheckpointError(f"{path}: the folder holds no checkpoint")
        path = Path(_latest(path / _STATE))
    prefix = _PART.sub("", str(path))
    if not (Path(f"{prefix}.index").exists() or Path(prefix).is_file()):
        if path.suffix.lower() in FROZEN_SUFFIXES:
            raise CheckpointError(f"{path}: no such file")
        raise CheckpointError(f"{path}: no checkpoint there (neither {prefix}.index nor {prefix})")
    return prefix

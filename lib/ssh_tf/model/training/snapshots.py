"""Snapshots of a training: a checkpoint and, written after it, the JSON state that declares it complete.

`<prefix>_iter_<n>.ckpt.{index,data-…}` hold the variables, the optimiser's too; `<prefix>_iter_<n>.json` holds the
iteration, the seed, the schedule, the configuration and the sizes of those files. A kill at any instant leaves either
a complete snapshot, or files that are not read and that the next snapshot removes.

`<prefix>_best.ckpt.…` and `<prefix>_best.json` are the snapshot that has been validated best, which stays when it is
too old otherwise.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.utils.errors import CheckpointError, DataError, SSHError, first_line
from ssh_tf.utils.files import atomic_write, copy_whole
from ssh_tf.utils.reading import read_json, reader
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import JsonObject, Saver, Session, Variable


class Snapshot(NamedTuple):
    """A complete snapshot: its checkpoint's prefix, the iterations done, and what the JSON file says."""

    prefix: Path
    iteration: int
    state: JsonObject


def code_digest() -> str:
    """A fingerprint of this package's Python sources, so that a state says which code made it."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for source in sorted(root.rglob("*.py")):
        digest.update(str(source.relative_to(root)).encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """What two states (or tables in them) have differently: "config.TRAIN.MOMENTUM was 0.9, is 0.8", a line each.

    Entries that only one of them has are of another version, and left out.
    """
    for key, value in now.items():
        if key not in before:
            continue
        if isinstance(value, Mapping) and isinstance(before[key], Mapping):
            yield from differences(before[key], value, f"{prefix}{key}.")
        elif value != before[key]:
            yield f"{prefix}{key} was {before[key]}, is {value}"


def check_data(snapshot: Snapshot, state: JsonObject) -> None:
    """Check that a training with `state` has the images and boxes of the one that made `snapshot`: it belongs to them.

    Raises:
        SSHError: it has others.
    """
    if snapshot.state.get("data", state["data"]) != state["data"]:
        raise SSHError(
            f"{snapshot.prefix}: was trained on other images or other boxes ({snapshot.state.get('images')} then, "
            f"{state['images']} now); give another --tag to train from the start, with --weight "
            f"{snapshot.prefix} to begin with these weights"
        )


@reader("the state of a snapshot")
def _read_state(path: Path) -> JsonObject:
    return read_json(path)


def _is_readable(prefix: Path) -> bool:
    """Whether every variable can be read; TensorFlow compares the sums that are stored with them."""
    try:
        checkpoint = Checkpoint(prefix)
        for name in checkpoint.shapes:
            checkpoint.value(name)
    except CheckpointError:
        return False
    return True


class SnapshotFolder:
    """The snapshots of one training."""

    def __init__(self, folder: Path, prefix: str, kept: int) -> None:
        """Snapshots named `prefix` in `folder`, of which the last `kept` stay (at least 1)."""
        self._folder = folder
        self._prefix = prefix
        self._kept = max(kept, 1)
        self._pattern = re.compile(re.escape(prefix) + r"_iter_(\d+)\.(?:json|ckpt\..*)")

    def path(self, which: int | Literal["best"]) -> Path:
        """Prefix of the checkpoint of an iteration, or of the one that has been validated best."""
        return self._folder / f"{self._stem(which)}.ckpt"

    def _stem(self, which: int | Literal["best"]) -> str:
        return f"{self._prefix}_best" if which == "best" else f"{self._prefix}_iter_{which}"

    def save(self, session: Session, saver: Saver, iteration: int, state: JsonObject) -> Snapshot:
        """Write a snapshot and drop those that are too old.

        Raises:
            SSHError: the disk is full or cannot be written; older snapshots are as they were.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        prefix = self.path(iteration)
        self._remove(iteration)
        try:
            saver.save(session, str(prefix), write_meta_graph=False, write_state=False)
            files = {path.name: path.stat().st_size for path in self._checkpoint_files(iteration)}
            state = {**state, "iteration": iteration, "files": files}
            with atomic_write(self._state_path(iteration)) as stream:
                json.dump(state, stream, indent=1)
        except (OSError, tf.errors.OpError) as error:
            self._remove(iteration)
            raise SSHError(
                f"{prefix}: the snapshot could not be written ({first_line(error)}); is the disk full? "
                "Earlier ones are kept"
            ) from error
        self._prune(iteration)
        return Snapshot(prefix, iteration, state)

    def latest(self) -> Snapshot | None:
        """The complete snapshot of the highest iteration, or None."""
        return next((snapshot for i in self._iterations() if (snapshot := self._complete(i)) is not None), None)

    def best(self) -> tuple[Snapshot, float] | None:
        """The snapshot that has been validated best, and its score; None if there is none that is whole."""
        path = self._state_path("best")
        found = self._read(path, self.path("best"))
        if found is None or not isinstance(score := found.state.get("score"), float):
            return None
        return found, score

    def keep_best(self, snapshot: Snapshot, score: float) -> bool:
        """Keep a copy of `snapshot` if its validation's `score` is above the best one's, or that is of lost work.

        Returns:
            Whether it is the best one now.

        Raises:
            SSHError: the disk is full or cannot be written; the snapshot itself is as it was.
        """
        best = self.best()
        if math.isnan(score) or (best is not None and score <= best[1] and best[0].iteration < snapshot.iteration):
            return False
        name = self.path("best").name
        try:
            # The state goes first and comes last: without it nobody takes the rest for a snapshot.
            self._remove("best")
            files = {}
            for path in self._checkpoint_files(snapshot.iteration):
                copy = path.with_name(name + path.name.removeprefix(snapshot.prefix.name))
                copy_whole(path, copy)
                files[copy.name] = copy.stat().st_size
            with atomic_write(self._state_path("best")) as stream:
                json.dump({**snapshot.state, "files": files, "score": float(score)}, stream, indent=1)
        except OSError as error:
            raise SSHError(f"{self.path('best')}: the best snapshot cannot be kept ({error.strerror})") from error
        return True

    def latest_sound(self, say: Callable[[str], None]) -> Snapshot | None:
        """The snapshot of the highest iteration that can be read whole; `say` gets a line for each later, damaged one.

        Raises:
            CheckpointError: there are snapshots, and all are damaged.
        """
        damaged: list[Path] = []
        for iteration in self._iterations():
            # What has no state was left by a kill, and is none.
            if not self._state_path(iteration).exists():
                continue
            snapshot = self._complete(iteration)
            if snapshot is not None and _is_readable(snapshot.prefix):
                for one in damaged:
                    say(f"{one}: the snapshot is damaged; the one before it is taken, of {iteration} iterations")
                return snapshot
            damaged.append(self.path(iteration))
        if damaged:
            raise CheckpointError(f"{damaged[0]}: the snapshot is damaged, and none before it is whole; remove it")
        return None

    def restore(
        self, session: Session, saver: Saver, snapshot: Snapshot, variables: Iterable[Variable], backbone: str
    ) -> None:
        """Load `variables` of a training of `backbone`.

        Raises:
            CheckpointError: the checkpoint is of another network or damaged.
        """
        try:
            checkpoint = Checkpoint(snapshot.prefix)
            checkpoint.check(variables, backbone)
            saver.restore(session, checkpoint.readable)
        except (CheckpointError, tf.errors.OpError, ValueError) as error:
            reason = first_line(error).removeprefix(f"{snapshot.prefix}: ")
            raise CheckpointError(
                f"{snapshot.prefix}: does not fit this training ({reason}); "
                "choose another --tag, the settings it was made with, or remove it"
            ) from error

    def _state_path(self, which: int | Literal["best"]) -> Path:
        return self._folder / f"{self._stem(which)}.json"

    def _checkpoint_files(self, which: int | Literal["best"]) -> list[Path]:
        name = self.path(which).name
        return sorted(path for path in self._folder.iterdir() if path.name.startswith(f"{name}."))

    def _iterations(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        matches = (self._pattern.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted({int(match[1]) for match in matches if match}, reverse=True)

    def _complete(self, iteration: int) -> Snapshot | None:
        snapshot = self._read(self._state_path(iteration), self.path(iteration))
        return snapshot if snapshot is not None and snapshot.iteration == iteration else None

    def _read(self, state_path: Path, prefix: Path) -> Snapshot | None:
        """What the state at `state_path` declares complete, if it is."""
        try:
            state = _read_state(state_path)
            sizes = dict(state["files"])
            whole = (
                type(state["iteration"]) is int
                and f"{prefix.name}.index" in sizes
                and all((self._folder / name).stat().st_size == size for name, size in sizes.items())
            )
            return Snapshot(prefix, state["iteration"], state) if whole else None
        except (OSError, DataError, ValueError, KeyError, TypeError):
            return None

    def _remove(self, which: int | Literal["best"]) -> None:
        # The state goes first: without it nobody takes the rest for a snapshot.
        for path in (self._state_path(which), *self._checkpoint_files(which)):
            path.unlink(missing_ok=True)

    def _prune(self, newest: int) -> None:
        kept = 0
        for iteration in self._iterations():
            if iteration > newest:
                continue
            if kept < self._kept and self._complete(iteration) is not None:
                kept += 1
            else:
                self._remove(iteration)

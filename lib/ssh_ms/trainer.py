"""Training of the port: the loop, its checkpoints, how it is resumed.

Letters: `N` images of a step, `H, W` size of the canvas, `K` anchors of all branches.
"""

import json
import math
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssh_ms.checkpoints import SUFFIX, check_shapes, read_checkpoint, write_checkpoint
from ssh_ms.framework import ms
from ssh_ms.sources import DataSource, RawImage
from ssh_ms.training_data import Example, ExampleMaker
from ssh_ms.training_graph import TrainStep
from ssh_ms.training_log import TrainingLog
from ssh_tf.utils.errors import CheckpointError, DataError, ImageError, SSHError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.images import decode_image
from ssh_tf.utils.locks import claimed
from ssh_tf.utils.prefetch import prefetched
from ssh_tf.utils.random_streams import Stream, random_generator
from ssh_tf.utils.reading import read_json, reader
from ssh_tf.utils.signals import stop_signals
from ssh_tf.utils.types import Array

_NAME = re.compile(r"ssh-(\d+)_(\d+)" + re.escape(SUFFIX))
_SAID_EVERY = 20
_DATA_NAME = "data.json"
_CHECKPOINTS = "ckpts"


class Place(NamedTuple):
    """Where a training stands: `step` steps of `epoch`, counted from 1, are done."""

    epoch: int
    step: int


class Schedule(NamedTuple):
    """How long a training runs, and what it keeps."""

    epochs: int
    batch_size: int
    learning_rate: float
    max_steps: int = 0
    """End after so many steps in all; 0 for no such limit."""
    decay_epoch: int = 0
    """The learning rate is a tenth from the end of this epoch on; 0 for never."""
    save_every: int = 1000
    keep: int = 4
    seed: int = 3
    workers: int = 2


class CheckpointFolder:
    """`ssh-{epoch}_{step}.ckpt` files, the last few of them. They hold the optimiser's state too."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep

    def latest(self) -> Place | None:
        """The place of the last checkpoint, or None."""
        places = self._places()
        return places[-1] if places else None

    def path(self, place: Place) -> Path:
        """The file of a checkpoint."""
        return self._folder / f"ssh-{place.epoch}_{place.step}{SUFFIX}"

    def save(self, step: TrainStep, place: Place) -> Path:
        """Write a checkpoint and remove those that are too old.

        Raises:
            CheckpointError: it cannot be written; earlier ones are kept.
        """
        path = self.path(place)
        write_checkpoint(path, {name: parameter.asnumpy() for name, parameter in _state(step).items()})
        for old in self._places()[: -self._keep]:
            self.path(old).unlink()
        return path

    def _load(self, step: TrainStep, place: Place, arrays: Mapping[str, Array]) -> None:
        """Weights and the optimiser's state."""
        state = _state(step)
        check_shapes(self.path(place), arrays, state.values())
        for name, parameter in state.items():
            parameter.set_data(ms.Tensor(arrays[name]))

    def restore_sound(self, step: TrainStep, say: Callable[[str], None]) -> Place | None:
        """Load the last checkpoint that can be read and return its place, None if there are none.

        `say` is told of damaged ones behind it.

        Raises:
            CheckpointError: one does not fit, or there are some and all are damaged.
        """
        damaged: list[CheckpointError] = []
        for place in reversed(self._places()):
            try:
                arrays = read_checkpoint(self.path(place))
            except CheckpointError as error:
                damaged.append(error)
                continue
            for one in damaged:
                say(f"{one}; the checkpoint before it is taken, {self.path(place).name}")
            self._load(step, place, arrays)
            return place
        if damaged:
            raise CheckpointError(f"{damaged[0]}; none before it is whole: remove them to train anew")
        return None

    def _places(self) -> list[Place]:
        if not self._folder.is_dir():
            return []
        matches = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(Place(int(match[1]), int(match[2])) for match in matches if match)


def _state(step: TrainStep) -> dict[str, ms.Parameter]:
    """Parameters that a training changes, by name; the scalars among the optimiser's come from the settings."""
    return {parameter.name: parameter for parameter in step.get_parameters() if parameter.shape}


def examples(
    source: DataSource, maker: ExampleMaker, schedule: Schedule, place: Place
) -> Generator[tuple[str, Example], None, None]:
    """Names and examples of an epoch after `place`, made ahead in threads.

    Raises:
        DataError: a picture cannot be read.
    """
    first = place.step * schedule.batch_size

    def make(numbered: tuple[int, RawImage]) -> Example:
        number, raw = numbered
        rng = random_generator(schedule.seed, Stream.PORT_EXAMPLE, place.epoch, number)
        return maker(rng, decode_image(raw.data, raw.name), raw.truth)

    numbered = enumerate(source.epoch(schedule.seed, place.epoch, first), first)
    ahead = schedule.batch_size + schedule.workers
    for (_, raw), made in prefetched(make, numbered, schedule.workers, ahead):
        try:
            yield raw.name, made.result()
        except ImageError as error:
            raise DataError(f"training image {error}") from error


def has_checkpoint(folder: Path) -> bool:
    """Whether a training in `folder` would be resumed, see `Trainer`."""
    return CheckpointFolder(folder / _CHECKPOINTS, keep=1).latest() is not None


@reader("the note of what a training is on")
def _noted_data(path: Path) -> str | None:
    return read_json(path)["data"]


class Trainer:
    """One training in its folder."""

    def __init__(
        self, step: TrainStep, source: DataSource, maker: ExampleMaker, folder: Path, schedule: Schedule
    ) -> None:
        """Prepare it; checkpoints go into `ckpts` below `folder`.

        Raises:
            DataError: `source` has too few pictures for a batch.
        """
        self._step = step
        self._source = source
        self._maker = maker
        self._folder = folder
        self._schedule = schedule
        self._checkpoints = CheckpointFolder(folder / _CHECKPOINTS, schedule.keep)
        self._per_epoch = len(source) // schedule.batch_size
        if not self._per_epoch:
            raise DataError(f"{len(source)} images do not make a batch of {schedule.batch_size}")
        total = schedule.epochs * self._per_epoch
        self._total = min(total, schedule.max_steps) if schedule.max_steps else total

    def run(self) -> Place:
        """Train, from the last checkpoint if there is one. Returns where it ended.

        Raises:
            SSHError: data cannot be read or are not those that the training began with, a checkpoint does not fit or
                cannot be written, the loss is not finite, another training writes into the folder. The last checkpoint
                stays.
        """
        with claimed(self._folder):
            return self._run()

    def _run(self) -> Place:
        self._claim_data()
        place = self._checkpoints.restore_sound(self._step, print) or Place(1, 0)
        if place.step:
            print(f"resumed from {self._checkpoints.path(place)}")
        self._step.set_train()
        log = TrainingLog(self._folder, *place, self._total, self._done(place))
        try:
            with stop_signals() as signals:
                while self._done(place) < self._total and not signals:
                    if place.step >= self._per_epoch:
                        place = Place(place.epoch + 1, 0)
                    place = self._epoch(place, log, signals)
        finally:
            log.close()
        if signals:
            print(f"{signals[0]}: stopped; the same command resumes from {self._checkpoints.path(place)}")
        return place

    def _claim_data(self) -> None:
        """Check that a training that is resumed has the pictures and boxes that it began with."""
        path, place = self._folder / _DATA_NAME, self._checkpoints.latest()
        if place is not None and path.exists():
            before, now = _noted_data(path), self._source.fingerprint
            if None not in (before, now) and before != now:
                raise SSHError(
                    f"{self._folder}: its training was on other images or other boxes; give another --save_path to "
                    f"train from the start, with --pre_trained {self._checkpoints.path(place)} for its weights"
                )
            return
        with atomic_write(path) as stream:
            json.dump({"data": self._source.fingerprint, "images": len(self._source)}, stream)

    def _done(self, place: Place) -> int:
        """Steps in all."""
        return (place.epoch - 1) * self._per_epoch + place.step

    def _epoch(self, place: Place, log: TrainingLog, signals: Sequence[str]) -> Place:
        """Train from `place` to its epoch's end, the last step of all or a signal. Returns the new place, saved."""
        schedule = self._schedule
        decayed = 0 < schedule.decay_epoch < place.epoch
        self._step.set_learning_rate(schedule.learning_rate * (0.1 if decayed else 1.0))
        with closing(examples(self._source, self._maker, schedule, place)) as drawn:
            while place.step < self._per_epoch:
                names, batch = zip(*islice(drawn, schedule.batch_size), strict=True)
                loss, _ = self._step(*(ms.Tensor(np.stack(column)) for column in zip(*batch, strict=True)))
                value = float(loss.asnumpy())
                place = Place(place.epoch, place.step + 1)
                if not math.isfinite(value):
                    raise SSHError(
                        f"the loss of step {place.step} of epoch {place.epoch} is {value} on the images "
                        f"{', '.join(names)}; the last checkpoint is kept: lower base_lr or check these images"
                    )
                line = log.step(*place, value)
                if place.step % _SAID_EVERY == 0 or place.step == 1:
                    log.say(str(line))
                over = bool(signals) or self._done(place) >= self._total
                if over or place.step % schedule.save_every == 0 or place.step == self._per_epoch:
                    log.say(str(self._checkpoints.save(self._step, place)))
                if over:
                    break
        return place

"""What a training prints and writes: lines, a progress bar, its tables and their plot, TensorBoard."""

import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.model.training.curves import plot_tables
from ssh_tf.model.training.events import EventFile
from ssh_tf.model.training.tables import (
    LOSS_COLUMNS,
    LOSS_TABLE,
    VALIDATION_COLUMNS,
    VALIDATION_TABLE,
    LossRow,
    TrainingTable,
    mean_row,
)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


class TrainingFiles:
    """What a training writes besides its snapshots: `loss.csv`, `validation.csv`, their plot, TensorBoard's events."""

    def __init__(self, output: Path, tensorboard: Path, start: int) -> None:
        """Write under `output` and `tensorboard`, as a run that begins after `start` iterations.

        Raises:
            OSError: a folder cannot be made or written to.
            SSHError: TensorBoard's files cannot be written.
        """
        folders = (tensorboard, tensorboard.with_name(f"{tensorboard.name}_val"))
        for folder in (output, *folders):
            folder.mkdir(parents=True, exist_ok=True)
        self._path = output / LOSS_TABLE
        self._losses = TrainingTable(self._path, LOSS_COLUMNS, start)
        self._validations = TrainingTable(output / VALIDATION_TABLE, VALIDATION_COLUMNS, start)
        self._training, self._validation = (EventFile(folder, start + 1) for folder in folders)

    def add_row(self, row: LossRow) -> None:
        """Append to the table of losses."""
        self._losses.add(row.values())

    def add_scalars(self, row: LossRow) -> None:
        """Points of the training curves."""
        self._training.add(row.iteration, {"learning_rate": row.rate} | row.losses())

    def add_validation(self, iteration: int, values: Mapping[str, float], pictures: Sequence[np.ndarray]) -> None:
        """A row of the table of validations, points of their curves, and pictures (H, W, 3) BGR.

        `values` go by the names of `VALIDATION_COLUMNS`; what is missing is NaN in the table.
        """
        self._validations.add([iteration, *(values.get(name, math.nan) for name in VALIDATION_COLUMNS[1:])])
        self._validation.add(iteration, values, pictures)

    def validations_after(self, iteration: int) -> int:
        """How many validations there have been of later iterations."""
        return sum(validated > iteration for validated in self._validations.iterations)

    def plot(self) -> None:
        """Draw `loss.png` from the tables."""
        if self._losses.iterations:
            plot_tables(self._path)

    def close(self) -> None:
        """Close all files."""
        self._losses.close()
        self._validations.close()
        self._training.close()
        self._validation.close()


class TrainingLog:
    """What a training reports: lines and a progress bar, and files if it has any (one worker of several has them)."""

    def __init__(self, files: TrainingFiles | None, start: int, iterations: int, images_per_step: int) -> None:
        """The run goes from `start` to `iterations`."""
        self.files = files
        self._bar = tqdm(total=iterations, initial=start, unit="it", disable=not sys.stderr.isatty(), smoothing=0.05)
        self._iterations = iterations
        self._images = images_per_step
        self._rows: list[LossRow] = []
        self._clock = time.monotonic()

    def step(self, row: LossRow) -> None:
        """Count an iteration."""
        self._rows.append(row)
        self._bar.update()

    def show(self) -> None:
        """A line on the iterations since the last one, and a row of the table."""
        if not self._rows:
            return
        seconds = (time.monotonic() - self._clock) / len(self._rows)
        row = mean_row(self._rows)
        branches = "  ".join(
            f"{branch.name} {classes:.4f}+{boxes:.4f}"
            for branch, (classes, boxes) in zip(BRANCHES, row.branches, strict=True)
        )
        self.say(
            f"iter {row.iteration}/{self._iterations}  total {row.total:.4f}  {branches}  decay {row.decay:.4f}  "
            f"lr {row.rate:.3g}  {self._images / seconds:.2f} images/s  "
            f"ETA {_duration(seconds * (self._iterations - row.iteration))}"
        )
        if self.files:
            self.files.add_row(row)
        self._rows.clear()
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leave what was done until now (a snapshot, a validation) out of the next line's speed."""
        self._clock = time.monotonic()

    def say(self, line: str) -> None:
        """A line that does not tear the progress bar."""
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()

    def close(self) -> None:
        """Take the bar away and close the files."""
        self._bar.close()
        if self.files:
            self.files.close()

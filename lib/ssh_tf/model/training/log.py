"""What a training shows: a line every so often, a progress bar, `loss.csv`, TensorBoard."""

import csv
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.nets.training_graph import Losses
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.plots import plot_losses
from ssh_tf.utils.tf1 import tf

COLUMNS = (
    "iteration",
    "learning_rate",
    *(f"{branch.name}_{part}" for branch in BRANCHES for part in ("class", "box")),
    "decay",
    "total",
)


class LossRow(NamedTuple):
    """Losses of an iteration, or their means over several. `branches` is (B, 2): class and box."""

    iteration: int
    rate: float
    branches: np.ndarray
    decay: float
    total: float

    @classmethod
    def of(cls, iteration: int, rate: float, losses: Losses) -> "LossRow":
        """From a step's fetched losses."""
        return cls(iteration, rate, np.array(losses.branches), float(losses.decay), float(losses.total))

    def values(self) -> list[float]:
        """In the order of `COLUMNS`."""
        return [self.iteration, self.rate, *self.branches.ravel().tolist(), self.decay, self.total]


def mean_row(rows: Sequence[LossRow]) -> LossRow:
    """Means over `rows`, with the last one's iteration and learning rate."""
    last = rows[-1]
    return LossRow(
        last.iteration,
        last.rate,
        np.mean([row.branches for row in rows], axis=0),
        float(np.mean([row.decay for row in rows])),
        float(np.mean([row.total for row in rows])),
    )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


class LossTable:
    """`loss.csv`: a row for each line shown, cut back to where a run resumes."""

    def __init__(self, path: Path, resume_at: int) -> None:
        """Open the table at `path`; rows after iteration `resume_at` belong to work that was lost and are dropped."""
        rows: list[list[str]] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as stream:
                # The header, and what a kill or an editor has left of a row, are no rows.
                rows = [row for row in csv.reader(stream) if len(row) == len(COLUMNS) and row[0].isdecimal()]
        kept = [row for row in rows if int(row[0]) <= resume_at]
        with atomic_write(path) as stream:
            csv.writer(stream).writerows([COLUMNS, *kept])
        self.rows = len(kept)
        self._stream = path.open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._stream)

    def add(self, row: LossRow) -> None:
        """Append a row; the system has it when this returns."""
        first, *others = row.values()
        self._writer.writerow([int(first), *(f"{value:.6g}" for value in others)])
        self._stream.flush()
        self.rows += 1

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class TrainingFiles:
    """What a training writes besides its snapshots: `loss.csv` with its plot, and TensorBoard's events."""

    def __init__(self, output: Path, tensorboard: Path, start: int) -> None:
        """Write under `output` and `tensorboard`, as a run that begins after `start` iterations.

        Raises:
            OSError: a folder cannot be made or written to.
        """
        folders = (tensorboard, tensorboard.with_name(f"{tensorboard.name}_val"))
        for folder in folders:
            # Made here, since TensorFlow has errors of its own where that fails.
            folder.mkdir(parents=True, exist_ok=True)
        self._path = output / "loss.csv"
        self._table = LossTable(self._path, start)
        self._training, self._validation = (tf.summary.FileWriter(str(folder)) for folder in folders)
        # What an earlier run wrote of later iterations is lost work: TensorBoard leaves it out.
        for writer in (self._training, self._validation):
            writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), start + 1)

    def add_row(self, row: LossRow) -> None:
        """Append to the table."""
        self._table.add(row)

    def add_scalars(self, row: LossRow) -> None:
        """Points of the training curves."""
        _add(self._training, row.iteration, dict(zip(COLUMNS[1:], row.values()[1:], strict=True)))

    def add_validation(self, iteration: int, values: Mapping[str, float], pictures: Sequence[np.ndarray]) -> None:
        """Points of the validation curves, and pictures (H, W, 3) BGR."""
        _add(self._validation, iteration, values)
        for number, picture in enumerate(pictures):
            coded = cv2.imencode(".jpg", picture)[1].tobytes()
            image = tf.Summary.Image(height=picture.shape[0], width=picture.shape[1], encoded_image_string=coded)
            value = tf.Summary.Value(tag=f"faces/{number}", image=image)
            self._validation.add_summary(tf.Summary(value=[value]), iteration)
        self._validation.flush()

    def plot(self) -> None:
        """Draw `loss.png` from the table."""
        if self._table.rows:
            plot_losses(self._path, self._path.with_suffix(".png"))

    def close(self) -> None:
        """Close all files."""
        self._table.close()
        self._training.close()
        self._validation.close()


def _add(writer: Any, iteration: int, values: Mapping[str, float]) -> None:
    points = [tf.Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
    writer.add_summary(tf.Summary(value=points), iteration)


class TrainingLog:
    """What a training tells: lines and a progress bar, and files if it has any (one worker of several has them)."""

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

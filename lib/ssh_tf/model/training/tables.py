"""The tables of a training: `loss.csv`, a row for each line shown, and `validation.csv`, a row for each validation."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ssh_tf.datasets.average_precision import size_bins
from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.nets.training_graph import Losses
from ssh_tf.utils.files import atomic_write, writing
from ssh_tf.utils.reading import read_text, reader

LOSS_TABLE, VALIDATION_TABLE = "loss.csv", "validation.csv"

_LOSSES = (*(f"{branch.name}_{part}" for branch in BRANCHES for part in ("class", "box")), "decay", "total")

LOSS_COLUMNS = ("iteration", "learning_rate", *_LOSSES)
"""`total` is the sum of the losses before it and what is minimised; AdamW minimises it without `decay`."""

VALIDATION_COLUMNS = ("iteration", *_LOSSES, "AP50", *(f"AP50 {size.name}" for size in size_bins()))
"""The losses on the validation images, and the average precision at IoU 0.5: of all faces, and by their size."""


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
        """In the order of `LOSS_COLUMNS`."""
        return [self.iteration, self.rate, *self.losses().values()]

    def losses(self) -> dict[str, float]:
        """The losses by their names."""
        return dict(zip(_LOSSES, [*self.branches.ravel().tolist(), self.decay, self.total], strict=True))


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


@reader("a table of a training; move it away to resume without it")
def _read_rows(path: Path, columns: Sequence[str]) -> list[list[str]]:
    rows = csv.reader(read_text(path).splitlines())
    # The header, and what a kill or an editor has left of a row, are no rows.
    return [row for row in rows if len(row) == len(columns) and row[0].isdecimal() and len(row[0]) < 10]


def validated_iterations(output: Path) -> list[int]:
    """Those that have a row in the `validation.csv` of the folder `output`; none where there is no such file.

    Raises:
        DataError: it cannot be read.
    """
    path = output / VALIDATION_TABLE
    return [int(row[0]) for row in _read_rows(path, VALIDATION_COLUMNS)] if path.exists() else []


class TrainingTable:
    """A table that grows by rows, the iteration first. Without rows there is no file."""

    def __init__(self, path: Path, columns: Sequence[str], resume_at: int) -> None:
        """Open the table at `path`; rows after iteration `resume_at` belong to work that was lost and are dropped."""
        rows = _read_rows(path, columns) if path.exists() else []
        kept = [row for row in rows if int(row[0]) <= resume_at]
        if kept:
            with atomic_write(path) as stream:
                csv.writer(stream).writerows([columns, *kept])
        else:
            path.unlink(missing_ok=True)
        self.iterations = [int(row[0]) for row in kept]
        """Those that have a row."""
        self._path = path
        self._columns = columns
        self._stream: IO[str] | None = None

    def add(self, values: Sequence[float]) -> None:
        """Append a row; the system has it when this returns. The first one makes the file."""
        iteration, *others = values
        with writing(self._path):
            if self._stream is None:
                is_new = not self._path.exists()
                self._stream = self._path.open("a", newline="", encoding="utf-8")
                if is_new:
                    csv.writer(self._stream).writerow(self._columns)
            csv.writer(self._stream).writerow([int(iteration), *(f"{value:.6g}" for value in others)])
            self._stream.flush()
        self.iterations.append(int(iteration))

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            with writing(self._path):
                self._stream.close()

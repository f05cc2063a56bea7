"""The course of a training: from its tables, or from what an earlier version printed."""

import csv
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.model.training.tables import LOSS_TABLE, VALIDATION_TABLE
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.plots import PlotCurve, save_png, training_figure
from ssh_tf.utils.reading import read_text, reader
from ssh_tf.utils.types import FloatArray

# Lines of earlier trainings: "iter 950/9000  total 2.4121  M1 0.3032+0.0552  …" and
# "validation at 2000: AP50 0.2595  AP50 8-16 0.4020  …  (60 images, 25 s)".
_ITERATION = re.compile(r"iter (\d+)/\d+  total ")
_VALIDATION = re.compile(r"validation at (\d+): (.*?)  \(")
_VALUE = re.compile(r"(\S.*?) (nan|\d+\.\d+)(?:  |$)")


class TrainingCurves(NamedTuple):
    """Losses by branch (class plus box), and where the tables have them the decay, the total and the learning rate.

    By what is measured ("AP50", "AP50 8-16", …): the validations; and their total loss.
    """

    losses: list[PlotCurve]
    validations: list[PlotCurve]
    learning_rate: PlotCurve | None = None
    validation_loss: PlotCurve | None = None


def read_curves(path: str | os.PathLike[str]) -> TrainingCurves:
    """Read the folder of a training, its `loss.csv` (with the `validation.csv` beside it), or a log of its lines.

    Raises:
        DataError: a file cannot be read, or holds no losses.
    """
    path = Path(path)
    if path.is_dir():
        path = path / LOSS_TABLE
    return read_tables(path) if path.suffix == ".csv" else read_log(path)


def read_tables(path: Path) -> TrainingCurves:
    """Read the `loss.csv` at `path`, and the `validation.csv` beside it if there is one.

    Raises:
        DataError: a table cannot be read, has no rows, lacks a column or has a cell that is no number.
    """
    table = _read_table(path)
    try:
        at = table["iteration"]
        losses = [
            PlotCurve(branch.name, at, table[f"{branch.name}_class"] + table[f"{branch.name}_box"])
            for branch in BRANCHES
        ]
        # Tables of other trainers may lack these two.
        others = [(name, name == "total") for name in ("decay", "total") if name in table]
        losses += [PlotCurve(name, at, table[name], is_total) for name, is_total in others]
        rate = PlotCurve("learning_rate", at, table["learning_rate"])
    except KeyError as error:
        raise DataError(f"{path}: not a table of losses (no column {error})") from error
    beside = path.with_name(VALIDATION_TABLE)
    validation = _read_table(beside) if beside.exists() else {}
    at = validation.get("iteration", np.zeros(0))
    precisions = [PlotCurve(name, at, values) for name, values in validation.items() if name.startswith("AP50")]
    total = validation.get("total")
    return TrainingCurves(losses, precisions, rate, None if total is None else PlotCurve("validation", at, total))


def plot_tables(path: Path) -> None:
    """Draw the `loss.csv` at `path` and the `validation.csv` beside it as a PNG file with the name of the first."""
    save_png(training_figure(*read_tables(path)), path.with_suffix(".png"))


@reader("the output of a training")
def read_log(path: str | os.PathLike[str]) -> TrainingCurves:
    """Read the output of a training, or of several that resumed one another: the later line counts.

    Raises:
        DataError: the file cannot be read, or holds no losses.
    """
    text = read_text(path, errors="replace")
    losses: dict[str, dict[int, float]] = {branch.name: {} for branch in BRANCHES}
    validations: dict[str, dict[int, float]] = {}
    for line in text.splitlines():
        if found := _ITERATION.search(line):
            for name, points in losses.items():
                if parts := re.search(rf"  {name} (\d+\.\d+)\+(\d+\.\d+)", line):
                    points[int(found[1])] = float(parts[1]) + float(parts[2])
        elif found := _VALIDATION.search(line):
            for name, value in _VALUE.findall(found[2]):
                validations.setdefault(name, {})[int(found[1])] = float(value)
    if not any(losses.values()):
        raise DataError(f"{path}: holds no losses; give what tools/trainval_net.py printed, or its folder")
    return TrainingCurves(_curves(losses), _curves(validations))


def _curves(points: Mapping[str, Mapping[int, float]]) -> list[PlotCurve]:
    return [
        PlotCurve(name, sorted(values), [values[at] for at in sorted(values)])
        for name, values in points.items()
        if values
    ]


@reader("a table of a training")
def _read_table(path: Path) -> dict[str, FloatArray]:
    """The columns by their names."""
    header, *rows = list(csv.reader(read_text(path).splitlines())) or [[]]
    columns = np.array([[float(cell) for cell in row] for row in rows]).T
    if columns.ndim != 2 or len(columns) != len(header):
        raise DataError(f"{path}: not a table of a training (no rows)")
    return dict(zip(header, columns, strict=True))

"""The course of a training, read back from what it printed. `P` points of a curve."""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.utils.errors import DataError

# Lines of `TrainingLog`: "iter 950/9000  total 2.4121  M1 0.3032+0.0552  …" and, from `Validation`,
# "validation at 2000: AP50 0.2595  AP50 8-16 0.4020  …  (60 images, 25 s)".
_ITERATION = re.compile(r"iter (\d+)/\d+  total ")
_VALIDATION = re.compile(r"validation at (\d+): (.*?)  \(")
_VALUE = re.compile(r"(\S.*?) (nan|\d+\.\d+)(?:  |$)")

# Losses are drawn as means over this part of the training.
_SMOOTHED_OVER = 1 / 50


class Curve(NamedTuple):
    """(P,) iterations, rising, and values."""

    iterations: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


class TrainingCurves(NamedTuple):
    """By branch: class plus box loss. By what is measured ("AP50", "AP50 8-16", …): the validations."""

    losses: dict[str, Curve]
    validations: dict[str, Curve]


def read_log(path: str | os.PathLike[str]) -> TrainingCurves:
    """Read the output of a training, or of several that went on with one another: the later line counts.

    Raises:
        DataError: the file cannot be read, or holds no losses.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
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
        raise DataError(f"{path}: holds no losses; give what tools/trainval_net.py printed")
    return TrainingCurves(_curves(losses), _curves(validations))


def training_figure(curves: TrainingCurves, title: str) -> Figure:
    """Losses of the branches, smoothed, on the left; average precision of the validations on the right."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    loss, precision = figure.subplots(1, 2, sharex=True)
    for name, curve in curves.losses.items():
        loss.plot(curve.iterations, _smoothed(curve.values), label=name)
    loss.set(title=title, xlabel="iteration", ylabel="class and box loss", yscale="log")
    loss.yaxis.set_major_formatter(ScalarFormatter())
    loss.yaxis.set_minor_formatter(ScalarFormatter())
    for name, curve in curves.validations.items():
        precision.plot(curve.iterations, curve.values, marker="o", markersize=3, label=name)
    precision.set(title="validation", xlabel="iteration", ylabel="average precision at IoU 0.5", ylim=(0, 1))
    for axes in (loss, precision):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="small")
    return figure


def _curves(points: Mapping[str, Mapping[int, float]]) -> dict[str, Curve]:
    return {
        name: Curve(np.array(sorted(values), np.int64), np.array([values[at] for at in sorted(values)]))
        for name, values in points.items()
        if values
    }


def _smoothed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Running mean over the last values, fewer at the beginning."""
    width = max(math.ceil(len(values) * _SMOOTHED_OVER), 1)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))

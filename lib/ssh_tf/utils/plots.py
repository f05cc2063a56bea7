"""Plots as figures of matplotlib, and figures as PNG and PDF files. No window and no state: threads may draw.

`P` points of a curve.
"""

import csv
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import atomic_write


class PlotCurve(NamedTuple):
    """A curve (P,) x, y with its legend. Without points it is a line of the legend alone: a published figure."""

    label: str
    x: npt.ArrayLike = ()
    y: npt.ArrayLike = ()
    emphasised: bool = False


def precision_recall_figure(curves: Sequence[PlotCurve], title: str) -> Figure:
    """Precision (y) over recall (x), both 0 to 1; NaN leaves a gap."""
    figure = _figure(curves, title, "recall", "precision")
    figure.axes[0].set(xlim=(0, 1), ylim=(0, 1.02))
    return figure


def roc_figure(curves: Sequence[PlotCurve], title: str, false_positives: float = 2000) -> Figure:
    """True-positive rate (y) over the number of false positives (x), up to `false_positives`."""
    figure = _figure(curves, title, "false positives", "true positive rate")
    figure.axes[0].set(xlim=(0, false_positives), ylim=(0, 1.02))
    return figure


def loss_figure(path: str | os.PathLike[str]) -> Figure:
    """The losses of a training over its iterations, from its ``loss.csv``: a line each, the total emphasised.

    The first column is the iteration; the learning rate has an axis of its own.

    Raises:
        DataError: the file is missing, has no rows or a cell that is no number.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            header, *rows = list(csv.reader(stream))
        columns = np.array([[float(cell) for cell in row] for row in rows]).T
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a table of losses ({error})") from error
    if columns.ndim != 2 or len(columns) != len(header):
        raise DataError(f"{path}: not a table of losses (no rows)")
    named = dict(zip(header[1:], columns[1:], strict=True))
    rate = named.pop("learning_rate", None)
    curves = [PlotCurve(name, columns[0], values, name == "total") for name, values in named.items()]
    figure = _figure(curves, "training", header[0], "loss")
    axes = figure.axes[0]
    if all(np.nanmax(values, initial=0) > 0 for values in named.values()):
        axes.set_yscale("log")
    if rate is not None:
        rates = axes.twinx()
        rates.plot(columns[0], rate, color="0.7", linestyle=":")
        rates.set(ylabel="learning rate (dotted)")
    return figure


def plot_losses(table: str | os.PathLike[str], png: str | os.PathLike[str]) -> None:
    """Draw the ``loss.csv`` of a training into one PNG file; errors as `loss_figure`."""
    _save(loss_figure(table), Path(png))


def save_figure(figure: Figure, stem: str | os.PathLike[str]) -> list[Path]:
    """Write ``stem.png`` and ``stem.pdf``, whole or not at all."""
    paths = [Path(f"{stem}{suffix}") for suffix in (".png", ".pdf")]
    for path in paths:
        _save(figure, path)
    return paths


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format=path.suffix[1:], dpi=150)


def _figure(curves: Sequence[PlotCurve], title: str, x_label: str, y_label: str) -> Figure:
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.add_subplot()
    for curve in curves:
        x, y = np.asarray(curve.x, dtype=np.float64), np.asarray(curve.y, dtype=np.float64)
        has_points = x.size > 0
        axes.plot(
            x if has_points else [math.nan],
            y if has_points else [math.nan],
            label=curve.label,
            linewidth=2.5 if curve.emphasised else 1.2,
            linestyle="-" if has_points else "",
            zorder=3 if curve.emphasised else 2,
        )
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    if curves:
        figure.legend(loc="outside right upper", fontsize="small")
    return figure

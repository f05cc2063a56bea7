"""Plots as figures of matplotlib, and figures as PNG and PDF files. No window and no state: threads may draw.

Matplotlib is imported when something is drawn.

`P` points of a curve.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Losses are drawn as means over this part of the training.
_SMOOTHED_OVER = 1 / 50

# Matplotlib repeats its colours after so many lines; then the style changes.
_COLOURS = 10
_STYLES = ("-", "--", "-.", ":")


class PlotCurve(NamedTuple):
    """A curve (P,) x, y with its legend. Without points it is a line of the legend alone: a published figure."""

    label: str
    x: npt.ArrayLike = ()
    y: npt.ArrayLike = ()
    emphasised: bool = False


def precision_recall_figure(curves: Sequence[PlotCurve], title: str) -> "Figure":
    """Precision (y) over recall (x), both 0 to 1; NaN leaves a gap."""
    figure = _figure(curves, title, "recall", "precision")
    figure.axes[0].set(xlim=(0, 1), ylim=(0, 1.02))
    return figure


def roc_figure(curves: Sequence[PlotCurve], title: str, false_positives: float = 2000) -> "Figure":
    """True-positive rate (y) over the number of false positives (x), up to `false_positives`."""
    figure = _figure(curves, title, "false positives", "true positive rate")
    figure.axes[0].set(xlim=(0, false_positives), ylim=(0, 1.02))
    return figure


def training_figure(
    losses: Sequence[PlotCurve],
    validations: Sequence[PlotCurve] = (),
    learning_rate: PlotCurve | None = None,
    validation_loss: PlotCurve | None = None,
    title: str = "training",
) -> "Figure":
    """Losses over the iterations, smoothed; beside them, if there are any, the validations' average precision.

    The learning rate, if given, has an axis of its own; the loss on the validation images is drawn as it is, dashed.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    figure = Figure(figsize=(16 if validations else 10, 6), layout="constrained")
    loss, *others = figure.subplots(1, 2 if validations else 1, sharex=True, squeeze=False)[0]
    smooth = [curve._replace(y=_smoothed(np.asarray(curve.y, np.float64))) for curve in losses]
    _draw(loss, smooth, title, "iteration", "loss")
    if validation_loss is not None:
        loss.plot(*validation_loss[1:3], label=validation_loss.label, color="black", linestyle="--", marker="o", ms=3)
    if all(np.nanmax(curve.y, initial=0) > 0 for curve in losses):
        loss.set_yscale("log")
        # A few plain numbers instead of powers of ten with labels over one another.
        loss.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        loss.yaxis.set_minor_locator(NullLocator())
    loss.legend(fontsize="small")
    if learning_rate is not None:
        rates = loss.twinx()
        rates.plot(learning_rate.x, learning_rate.y, color="0.7", linestyle=":")
        rates.set(ylabel=f"{learning_rate.label} (dotted)")
    for axes in others:
        _draw(axes, validations, "validation", "iteration", "average precision at IoU 0.5")
        axes.set(ylim=(0, 1))
        for line in axes.lines:
            line.set(marker="o", markersize=3)
        axes.legend(fontsize="small")
    return figure


def figure_files(stem: str | os.PathLike[str]) -> list[Path]:
    """What `save_figure` writes."""
    return [Path(f"{os.fspath(stem)}{suffix}") for suffix in (".png", ".pdf")]


def save_figure(figure: "Figure", stem: str | os.PathLike[str]) -> list[Path]:
    """Write ``stem.png`` and ``stem.pdf``, whole or not at all."""
    paths = figure_files(stem)
    for path in paths:
        _save(figure, path)
    return paths


def save_png(figure: "Figure", path: Path) -> None:
    """Write a PNG file, whole or not at all."""
    _save(figure, path)


def _save(figure: "Figure", path: Path) -> None:
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format=path.suffix[1:], dpi=150)


def _smoothed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Running mean over the last values, fewer at the beginning; NaN is left out, and a gap where all are."""
    width = max(math.ceil(len(values) * _SMOOTHED_OVER), 1)
    known = ~np.isnan(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    count = counts[ends] - counts[starts]
    return np.where(count > 0, (sums[ends] - sums[starts]) / np.maximum(count, 1), np.nan)


def _figure(curves: Sequence[PlotCurve], title: str, x_label: str, y_label: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    _draw(figure.add_subplot(), curves, title, x_label, y_label)
    if curves:
        figure.legend(loc="outside right upper", fontsize="small")
    return figure


def _no_formula(text: str) -> str:
    """`text` for matplotlib, which reads formulas between dollars, and raises at those it cannot read."""
    return text.replace("$", r"\$")


def _draw(axes: "Axes", curves: Sequence[PlotCurve], title: str, x_label: str, y_label: str) -> None:
    for number, curve in enumerate(curves):
        x, y = np.asarray(curve.x, dtype=np.float64), np.asarray(curve.y, dtype=np.float64)
        has_points = x.size > 0
        axes.plot(
            x if has_points else [math.nan],
            y if has_points else [math.nan],
            label=_no_formula(curve.label),
            linewidth=2.5 if curve.emphasised else 1.2,
            linestyle=_STYLES[number // _COLOURS % len(_STYLES)] if has_points else "",
            zorder=3 if curve.emphasised else 2,
        )
    axes.set(title=_no_formula(title), xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)

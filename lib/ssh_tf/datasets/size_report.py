"""What an evaluation by face size leaves: lines, the content of results.json and a precision-recall plot."""

import os
from pathlib import Path

from ssh_tf.datasets.average_precision import BinResult, Evaluation
from ssh_tf.datasets.results import finite
from ssh_tf.utils.plots import PlotCurve, precision_recall_figure, save_figure
from ssh_tf.utils.types import JsonObject


def size_table(result: Evaluation) -> str:
    """A line for all faces and for each size: AP at the lowest threshold, the mean over all of them, and the faces."""
    low, high = result.thresholds[0], result.thresholds[-1]
    lines = [f"{'faces, px':<12}{f'AP {low:g}':>8}{f'{low:g}:{high:g}':>11}{'number':>9}"]
    for part in (result.overall, *result.by_size):
        lines.append(f"{part.size.name:<12}{part.ap50:>8.4f}{part.ap:>11.4f}{part.faces:>9}")
    return "\n".join(lines)


def size_json(result: Evaluation) -> JsonObject:
    """``overall`` and ``by_size``; what is not a number (no faces of a size) is null."""
    return {
        "overall": _bin(result.overall),
        "by_size": {part.size.name: _bin(part) for part in result.by_size},
        "thresholds": result.thresholds.tolist(),
    }


def _bin(part: BinResult) -> JsonObject:
    return {
        "ap50": finite(part.ap50),
        "ap": finite(part.ap),
        "ap_by_threshold": [finite(value) for value in part.ap_by_threshold.tolist()],
        "recall": finite(float(part.recall[-1])) if part.recall.size else None,
        "faces": part.faces,
    }


def size_plot(folder: str | os.PathLike[str], result: Evaluation, title: str) -> list[Path]:
    """``precision_recall.png`` and ``.pdf``: all faces, and each size that has any."""
    curves = [
        PlotCurve(f"{part.size.name}: {part.ap50:.3f}", part.recall, part.precision, part is result.overall)
        for part in (result.overall, *result.by_size)
        if part.faces
    ]
    figure = precision_recall_figure(curves, f"{title}, by size of the face in pixels")
    return save_figure(figure, Path(folder) / "precision_recall")

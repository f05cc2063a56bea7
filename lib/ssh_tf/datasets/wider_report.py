"""What an evaluation on WIDER FACE leaves: lines, the content of results.json and precision-recall plots."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.results import finite
from ssh_tf.datasets.wider_baselines import Baseline
from ssh_tf.datasets.wider_evaluation import Curve, legend_number
from ssh_tf.utils.plots import PlotCurve, precision_recall_figure, save_figure
from ssh_tf.utils.types import JsonObject


def wider_table(curves: Mapping[str, Curve]) -> str:
    """A line a level: average precision, the recall reached and the number of faces."""
    return "\n".join(
        f"{level:<8}AP {curve.ap:.4f}   recall {curve.recall[-1]:.4f} of {curve.faces} faces"
        for level, curve in curves.items()
    )


def wider_json(curves: Mapping[str, Curve], images: int, detections: int, problems: Problems) -> JsonObject:
    """The content of results.json; what is not a number is null."""
    levels = {
        level: {"ap": finite(curve.ap), "recall": finite(float(curve.recall[-1])), "faces": curve.faces}
        for level, curve in curves.items()
    }
    return {**levels, "images": images, "detections": detections, "problems": problems.as_json()}


def wider_plot(
    folder: str | os.PathLike[str],
    curves: Mapping[str, Curve],
    baselines: Mapping[str, Sequence[Baseline]],
    label: str,
) -> list[Path]:
    """A precision-recall plot a level, ours drawn bold and first: ``wider_<level>.png`` and ``.pdf``."""
    paths = []
    for level, curve in curves.items():
        ours = PlotCurve(_legend(label, curve.ap), curve.recall, curve.precision, emphasised=True)
        others = [
            PlotCurve(_legend(other.label, other.ap), other.recall, other.precision) for other in baselines[level]
        ]
        figure = precision_recall_figure([ours, *others], f"WIDER FACE, validation, {level}")
        paths += save_figure(figure, Path(folder) / f"wider_{level}")
    return paths


def _legend(label: str, ap: float) -> str:
    return f"{label}-{legend_number(ap)}"

"""The course of a training, read back from what it printed."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.plots import PlotCurve

# Lines of `TrainingLog`: "iter 950/9000  total 2.4121  M1 0.3032+0.0552  …" and, from `Validation`,
# "validation at 2000: AP50 0.2595  AP50 8-16 0.4020  …  (60 images, 25 s)".
_ITERATION = re.compile(r"iter (\d+)/\d+  total ")
_VALIDATION = re.compile(r"validation at (\d+): (.*?)  \(")
_VALUE = re.compile(r"(\S.*?) (nan|\d+\.\d+)(?:  |$)")


class TrainingCurves(NamedTuple):
    """By branch: class plus box loss. By what is measured ("AP50", "AP50 8-16", …): the validations."""

    losses: list[PlotCurve]
    validations: list[PlotCurve]


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


def _curves(points: Mapping[str, Mapping[int, float]]) -> list[PlotCurve]:
    return [
        PlotCurve(name, sorted(values), [values[at] for at in sorted(values)])
        for name, values in points.items()
        if values
    ]

"""Published results on WIDER FACE's validation set, to show beside one's own.

Curves come from the official toolbox's folder ``plot/baselines``; without it there are only average precisions.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.mat_files import read_mat
from ssh_tf.datasets.precision_recall import average_precision
from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.wider_ground_truth import LEVELS
from ssh_tf.utils.arrays import read_hdf5
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.reading import reader

UNREADABLE_BASELINE = "baseline that cannot be read (left out)"

#: Average precision at easy, medium and hard of SSH without an image pyramid, cut to three digits: the original (Caffe;
#: https://github.com/mahyarnajibi/SSH) and SSH-TensorFlow (https://github.com/wanjinchang/SSH-TensorFlow) with its
#: training methods, as their READMEs give them.
PUBLISHED = {
    "SSH VGG16 (original)": (0.919, 0.907, 0.814),
    "SSH-TF VGG16, group": (0.917, 0.903, 0.799),
    "SSH-TF VGG16, random": (0.908, 0.885, 0.746),
    "SSH-TF ResNet50, group": (0.918, 0.906, 0.791),
    "SSH-TF ResNet50, random": (0.902, 0.880, 0.689),
    "SSH-TF MobileNetV1, group": (0.910, 0.886, 0.754),
    "SSH-TF MobileNetV1, random": (0.897, 0.874, 0.720),
    "SSH-TF MobileNetV2": (0.865, 0.820, 0.576),
}


class Baseline(NamedTuple):
    """A published result at one level; (P,) recall and precision, empty where only the average precision is known."""

    label: str
    ap: float
    recall: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]


def published(level: str) -> list[Baseline]:
    """`PUBLISHED` at one of `LEVELS`, best first."""
    at, none = LEVELS.index(level), np.zeros(0)
    found = [Baseline(label, values[at], none, none) for label, values in PUBLISHED.items()]
    return sorted(found, key=lambda baseline: -baseline.ap)


def read_baselines(folder: str | os.PathLike[str], level: str, problems: Problems) -> list[Baseline]:
    """The curves below the toolbox's ``plot/baselines`` at one of `LEVELS`, best first.

    Files are ``…/<method>/wider_pr_info_<method>_<level>_val.mat``, in MATLAB's format 5 or 7.3. One that cannot be
    read is noted in `problems`.

    Raises:
        DataError: the folder holds no such file.
    """
    paths = sorted(Path(folder).rglob(f"wider_pr_info_*_{level}_val.mat"))
    if not paths:
        raise DataError(f"{folder}: no wider_pr_info_*_{level}_val.mat below it; give the toolbox's plot/baselines")
    baselines = []
    for path in paths:
        try:
            label, curve = _read(path)
        except DataError:
            problems.add(UNREADABLE_BASELINE, str(path))
            continue
        baselines.append(Baseline(label, average_precision(curve[:, 1], curve[:, 0]), curve[:, 1], curve[:, 0]))
    return sorted(baselines, key=lambda baseline: -baseline.ap)


@reader("a published curve")
def _read(path: Path) -> tuple[str, npt.NDArray[np.float64]]:
    """The legend, and (P, 2) precision and recall."""
    # Imported where it is used: what detects faces does without.

    names = ("legend_name", "pr_cruve")
    try:
        found = read_mat(path, names)
        legend, curve = str(found["legend_name"].ravel()[0]), found["pr_cruve"]
    except NotImplementedError:  # format 7.3 is HDF5, with the axes exchanged and text as numbers
        found = read_hdf5(path, names)
        legend, curve = "".join(map(chr, found["legend_name"].ravel())), found["pr_cruve"].T
    curve = np.asarray(curve, dtype=np.float64)
    if curve.ndim != 2 or curve.shape[1] != 2:
        raise DataError(f"{path}: the curve has the shape {curve.shape}, expected (points, 2)")
    return legend, curve

"""WIDER FACE's average precision and curves, as the official MATLAB toolbox computes them, to the last bit.

`M` images, `N` detections of one image, `G` ground-truth boxes of one image, `D` detections and `B` boxes of all
images, `T` = 1000 thresholds.

The functions below name the toolbox's file they follow. What looks odd in them is the toolbox's doing, and is kept
because published figures rest on it: ground-truth boxes are int32 there, and in MATLAB that makes the overlap integer
arithmetic, rounded at each step; scores become float32; the flag named "ignore" means "evaluated".
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.precision_recall import average_precision
from ssh_tf.datasets.wider_ground_truth import LEVELS, GroundTruth
from ssh_tf.utils.types import FloatArray, IntArray

#: ``thresh_num`` of the toolbox (wider_eval.m).
THRESHOLDS = 1.0 - np.arange(1, 1001) / 1000

_INT32 = np.iinfo(np.int32)
_FLOAT32 = np.finfo(np.float32)


class Curve(NamedTuple):
    """One level: average precision, (T,) precision (NaN before the first detection) and recall, and its faces."""

    ap: float
    precision: FloatArray
    recall: FloatArray
    faces: int


def evaluate_wider(rows: Sequence[npt.ArrayLike], truth: GroundTruth) -> dict[str, Curve]:
    """The curves of all levels (wider_eval.m).

    Args:
        rows: M arrays (N, 5) x, y, width, height, score, in the order of `truth.names`.
        truth: the ground truth.

    Returns:
        A curve for each of `LEVELS`.

    Raises:
        ValueError: `rows` is not as long as the set.
    """
    if len(rows) != len(truth.names):
        raise ValueError(f"{len(rows)} images of detections, {len(truth.names)} in the ground truth")
    images = [_sorted(np.asarray(image, dtype=np.float64).reshape(-1, 5)) for image in rows]
    scores = normalised_scores([image[:, 4] for image in images])
    matches, entries = [np.zeros(0, np.int64)], [np.zeros(0)]
    for image, score, start, end in zip(images, scores, truth.starts[:-1], truth.starts[1:], strict=True):
        if len(image) == 0 or start == end:
            # evaluation.m skips an image without ground truth: its detections are not even false positives.
            continue
        match = first_match(image[:, :4], truth.boxes[start:end])
        matches.append(np.where(match < 0, -1, match + start))
        # A row counts as soon as any row after it does (image_pr_info.m): this lets NaN, sorted first, in.
        entries.append(np.fmax.accumulate(score[::-1])[::-1])
    match, entry = np.concatenate(matches), np.concatenate(entries)
    return {level: _curve(match, entry, truth.evaluated[level], truth.faces[level]) for level in LEVELS}


def normalised_scores(scores: Sequence[FloatArray]) -> list[FloatArray]:
    """Scores of all images brought to 0…1 (norm_score.m), in float32 and then as double.

    The bounds start from the largest and the smallest positive normal float32 (MATLAB's realmax and realmin); equal
    bounds give NaN, which passes no threshold.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        singles = np.concatenate([np.zeros(0), *scores]).astype(np.float32)
        high = np.fmax.reduce(singles, initial=_FLOAT32.tiny)
        low = np.fmin.reduce(singles, initial=_FLOAT32.max)
        normal = ((singles - low) / (high - low)).astype(np.float64)
    return np.split(normal, np.cumsum([len(image) for image in scores])[:-1]) if scores else []


def first_match(detections: FloatArray, boxes: npt.NDArray[np.int32]) -> IntArray:
    """(N,) the box that each detection matches, or -1 (boxoverlap.m, image_evaluation.m).

    Overlaps come in int32: the corners are rounded inside the minimum and maximum, the detection's area is not, and the
    quotient is rounded to a whole number. So boxes with IoU ≥ 0.5 look alike, and the first of them is taken, not the
    best.

    Args:
        detections: (N, 4) x, y, width, height.
        boxes: (G, 4) x, y, width, height.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        ends = detections[:, :2] + detections[:, 2:]
        sides = ends - detections[:, :2] + 1.0
        detected_area = sides[:, 0] * sides[:, 1]
        low, high = as_int32(detections[:, :2]), as_int32(ends)
    box_low = boxes[:, :2].astype(np.int64)
    box_high = box_low + boxes[:, 2:]
    box_sides = box_high - box_low + 1
    width, height = (
        np.minimum(high[:, None, axis], box_high[None, :, axis])
        - np.maximum(low[:, None, axis], box_low[None, :, axis])
        + 1
        for axis in (0, 1)
    )
    row, column = np.nonzero((width > 0) & (height > 0))
    inter = width[row, column] * height[row, column]
    with np.errstate(invalid="ignore", over="ignore"):
        joint = as_int32((box_sides[:, 0] * box_sides[:, 1])[column] + detected_area[row])
    # int32 division: rounded half away from zero, saturating where the union is zero.
    with np.errstate(divide="ignore"):
        overlap = as_int32(inter / (joint - inter))
    hit = np.flatnonzero(overlap >= 1)
    # The greatest overlap of a row, the first of equals. Nearly all are 1: rounding a tiny detection outwards gives
    # more.
    best = hit[np.lexsort((column[hit], -overlap[hit], row[hit]))]
    rows, first = np.unique(row[best], return_index=True)
    match = np.full(len(detections), -1, dtype=np.int64)
    match[rows] = column[best[first]]
    return match


def as_int32(values: FloatArray) -> IntArray:
    """MATLAB's int32(): halves away from zero, saturating, NaN to 0. Kept in int64, where sums do not overflow."""
    whole = np.trunc(values)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        rounded = whole + np.copysign(np.abs(values - whole) >= 0.5, values)
    return np.nan_to_num(np.clip(rounded, _INT32.min, _INT32.max), nan=0.0).astype(np.int64)


def _sorted(rows: FloatArray) -> FloatArray:
    """Best score first, NaN before it, equal scores as they came (sort(…, 'descend') in read_pred.m)."""
    scores = rows[:, 4]
    return rows[np.lexsort((-scores, ~np.isnan(scores)))]


def _curve(match: IntArray, entry: FloatArray, evaluated: npt.NDArray[np.bool_], faces: int) -> Curve:
    """One level's curve (image_evaluation.m, image_pr_info.m, dataset_pr_info.m).

    Args:
        match: (D,) box of each detection or -1, by image and best first.
        entry: (D,) the highest threshold at which a detection counts.
        evaluated: (B,) whether a box counts at this level.
    """
    matched = match >= 0
    counts = np.append(evaluated, False)[match]
    # A hit on a box that does not count takes the proposal away; a second hit on one that does stays, as false.
    proposals = _at_thresholds(entry[~matched | counts])
    evaluated_hits = np.flatnonzero(counts)
    first = evaluated_hits[np.unique(match[evaluated_hits], return_index=True)[1]]
    hits = _at_thresholds(entry[first])
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = np.divide(hits, proposals), np.divide(hits, faces)
    return Curve(average_precision(recall, precision), precision, recall, faces)


def _at_thresholds(entry: FloatArray) -> IntArray:
    """(T,) how many of `entry` are at least each threshold."""
    rising = np.sort(entry[~np.isnan(entry)])
    return len(rising) - np.searchsorted(rising, THRESHOLDS, side="left")


def legend_number(ap: float) -> str:
    """An average precision as the toolbox's legend shows it: five digits, cut (not rounded) to five characters."""
    return f"{float(f'{ap:.5g}'):.5f}"[:5]

"""Average precision on any set of images with face boxes: overall, by face size, and over IoU thresholds.

`N` detections and `G` faces of one image, `I` its ignore regions, `T` IoU thresholds, `P` points of a curve.

The rules are those of COCO's evaluation (Lin et al., *Microsoft COCO*, ECCV 2014; ``cocoeval.py``), with two changes.
The area is that of the whole precision-recall curve (`precision_recall.average_precision`), not 101 samples of it; and
detections of equal score enter the curve together, so that the order of the images is without effect.

- Boxes are x1, y1, x2, y2 in continuous pixel coordinates: a box is x2 - x1 wide, *without* the +1 of the training
  code.
- In an image, detections choose in the order of their scores (equal scores: in the order given). Each takes the free
  face it overlaps most, at an IoU of at least the threshold, and a face of the size bin before one outside it.
- A hit is a detection that took a face of the bin. A detection that took a face outside the bin is neither a hit nor a
  false positive; nor is one that took none, if at least half of its area lies in one ignore region, or if it is itself
  outside the bin. Every other detection is a false positive.
- A box belongs to the bin [low, high) that holds the square root of its area in the image as stored.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.precision_recall import average_precision
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.types import FloatArray

#: Bounds of the size bins in pixels: the square root of the area of a face.
SIZE_BOUNDS = (8.0, 16.0, 32.0)
#: COCO's IoU thresholds: 0.5, 0.55, … 0.95.
IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))

HIT, FALSE_POSITIVE, NEITHER = 1, 0, -1


class SizeBin(NamedTuple):
    """Faces with `low` <= sqrt(area) < `high`, in pixels."""

    name: str
    low: float
    high: float


ANY_SIZE = SizeBin("all", 0.0, math.inf)


class BinResult(NamedTuple):
    """What one size bin gave. An average precision over no faces is NaN.

    Attributes:
        size: the bin.
        faces: how many faces it holds.
        ap50: average precision at IoU 0.5, or at the lowest threshold asked for.
        ap: the mean over the thresholds.
        ap_by_threshold: (T,).
        recall, precision, scores: (P,) the curve at the lowest threshold, a point for each score, highest first.
    """

    size: SizeBin
    faces: int
    ap50: float
    ap: float
    ap_by_threshold: FloatArray
    recall: FloatArray
    precision: FloatArray
    scores: FloatArray


class Evaluation(NamedTuple):
    """`overall`: all faces; `by_size`: a result for each bin, smallest faces first; `thresholds`: (T,)."""

    overall: BinResult
    by_size: tuple[BinResult, ...]
    thresholds: FloatArray


class ImageOutcome(NamedTuple):
    """One image at one threshold: (N,) `HIT`, `FALSE_POSITIVE` or `NEITHER`; (G,) whether a face was found."""

    detections: npt.NDArray[np.int8]
    found: npt.NDArray[np.bool_]


def size_bins(bounds: Sequence[float] = SIZE_BOUNDS) -> tuple[SizeBin, ...]:
    """Bins below, between and above `bounds` (rising, pixels): (8, 16) gives <8, 8-16 and >=16."""
    edges = [0.0, *bounds, math.inf]
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f"size bounds must be positive and rising, not {tuple(bounds)}")
    names = [f"{low:g}-{high:g}" for low, high in pairwise(edges)]
    names[0], names[-1] = f"<{edges[1]:g}", f">={edges[-2]:g}"
    return tuple(SizeBin(*values) for values in zip(names, edges[:-1], edges[1:], strict=True))


def evaluate_detections(
    detections: Sequence[npt.ArrayLike],
    boxes: Sequence[npt.ArrayLike],
    ignore: Sequence[npt.ArrayLike] | None = None,
    *,
    thresholds: Sequence[float] = IOU_THRESHOLDS,
    bounds: Sequence[float] = SIZE_BOUNDS,
) -> Evaluation:
    """Average precision of `detections`, an item an image in each of the three lists.

    Args:
        detections: (N, 5) x1, y1, x2, y2, score, in any order.
        boxes: (G, 4) x1, y1, x2, y2 of the faces.
        ignore: (I, 4) regions where detections are not judged; none if left out.
        thresholds: IoU thresholds, rising.
        bounds: of the size bins, pixels; empty for no bins.

    Raises:
        DataError: the lists differ in length, or an array is of another shape or holds NaN or infinity.
    """
    if ignore is None:
        ignore = [np.zeros((0, 4))] * len(boxes)
    if not len(detections) == len(boxes) == len(ignore):
        raise DataError(f"{len(detections)} detection lists, {len(boxes)} box lists and {len(ignore)} ignore lists")
    rising = np.asarray(thresholds, dtype=np.float64)
    images = [
        _prepare(f" of image {at}", *arrays, float(rising[0]))
        for at, arrays in enumerate(zip(detections, boxes, ignore, strict=True))
    ]
    results = [_evaluate_bin(images, size, rising) for size in (ANY_SIZE, *(size_bins(bounds) if bounds else ()))]
    return Evaluation(results[0], tuple(results[1:]), rising)


def judge_image(
    detections: npt.ArrayLike, boxes: npt.ArrayLike, ignore: npt.ArrayLike = (), *, threshold: float = 0.5
) -> ImageOutcome:
    """Which of one image's detections are hits and which of its faces are found, at one threshold and for any size.

    Args and errors are those of `evaluate`, for one image.
    """
    image = _prepare("", detections, boxes, ignore, threshold)
    outcome, found = _judge(image, ANY_SIZE, threshold)
    in_order = np.empty_like(outcome)
    in_order[image.order] = outcome
    return ImageOutcome(in_order, found)


class _Image(NamedTuple):
    """One image prepared once for every bin and threshold; detections best first, `order` leads back."""

    order: npt.NDArray[np.intp]  # (N,) place in the caller's array
    scores: FloatArray  # (N,)
    sizes: FloatArray  # (N,) sqrt(area)
    face_sizes: FloatArray  # (G,)
    in_ignored: npt.NDArray[np.bool_]  # (N,)
    candidates: list[tuple[int, list[tuple[int, float]]]]  # detection, its faces and IoUs, greatest overlap first


def _prepare(
    where: str, detections: npt.ArrayLike, boxes: npt.ArrayLike, ignore: npt.ArrayLike, lowest: float
) -> _Image:
    found = _rows(detections, 5, f"detections{where}")
    faces = _rows(boxes, 4, f"boxes{where}")
    regions = _rows(ignore, 4, f"ignore regions{where}")
    order = np.argsort(-found[:, 4], kind="stable")
    found = found[order]
    areas, face_areas = _areas(found), _areas(faces)
    common = _intersections(found, faces)
    union = areas[:, None] + face_areas[None, :] - common
    iou = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    inside = _intersections(found, regions)
    in_ignored = np.any((2 * inside >= areas[:, None]) & (inside > 0), axis=1)
    return _Image(order, found[:, 4], np.sqrt(areas), np.sqrt(face_areas), in_ignored, _candidates(iou, lowest))


def _candidates(iou: FloatArray, lowest: float) -> list[tuple[int, list[tuple[int, float]]]]:
    """The faces each detection may take, greatest IoU first. They are few, so that lists beat rows of a matrix."""
    rows, columns = np.nonzero(iou >= lowest)
    values = iou[rows, columns]
    order = np.lexsort((columns, -values, rows))
    candidates: list[tuple[int, list[tuple[int, float]]]] = []
    for row, column, value in zip(rows[order].tolist(), columns[order].tolist(), values[order].tolist(), strict=True):
        if not candidates or candidates[-1][0] != row:
            candidates.append((row, []))
        candidates[-1][1].append((column, value))
    return candidates


def _judge(image: _Image, size: SizeBin, threshold: float) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """(N,) outcomes, best detection first, and (G,) whether a face was taken."""
    wanted = _within(image.face_sizes, size).tolist()
    taken = [False] * len(wanted)
    outcome = np.where(image.in_ignored | ~_within(image.sizes, size), NEITHER, FALSE_POSITIVE).astype(np.int8)
    for detection, faces in image.candidates:
        chosen = -1
        for face, iou in faces:
            if iou < threshold:
                break
            if taken[face]:
                continue
            if wanted[face]:
                chosen = face
                break
            if chosen < 0:
                chosen = face
        if chosen >= 0:
            taken[chosen] = True
            outcome[detection] = HIT if wanted[chosen] else NEITHER
    return outcome, np.array(taken, dtype=bool)


def _evaluate_bin(images: Sequence[_Image], size: SizeBin, thresholds: FloatArray) -> BinResult:
    faces = sum(int(_within(image.face_sizes, size).sum()) for image in images)
    scores = np.concatenate([np.zeros(0), *(image.scores for image in images)])
    curves = []
    for threshold in thresholds.tolist():
        outcomes = [_judge(image, size, threshold)[0] for image in images]
        curves.append(_curve(scores, np.concatenate([np.zeros(0, np.int8), *outcomes]), faces))
    by_threshold = np.array([average_precision(*curve[:2]) if faces else math.nan for curve in curves])
    return BinResult(size, faces, float(by_threshold[0]), float(by_threshold.mean()), by_threshold, *curves[0])


def _curve(scores: FloatArray, outcome: npt.NDArray[np.int8], faces: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Recall, precision and score, a point for each score that was given to a true or a false positive."""
    judged = outcome != NEITHER
    scores, hit = scores[judged], outcome[judged] == HIT
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(hit[order])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)[: len(scores)])
    recall = hits[last] / faces if faces else np.full(len(last), math.nan)
    return recall, hits[last] / (last + 1.0), scores[last]


def _within(sizes: FloatArray, size: SizeBin) -> npt.NDArray[np.bool_]:
    return (sizes >= size.low) & (sizes < size.high)


def _areas(boxes: FloatArray) -> FloatArray:
    """A box with its corners exchanged has no area."""
    return np.prod(np.maximum(boxes[:, 2:4] - boxes[:, :2], 0.0), axis=1)


def _intersections(first: FloatArray, second: FloatArray) -> FloatArray:
    """(M, L) areas in common of M boxes and L boxes."""
    width, height = (
        np.minimum(first[:, None, axis + 2], second[None, :, axis + 2])
        - np.maximum(first[:, None, axis], second[None, :, axis])
        for axis in (0, 1)
    )
    return np.maximum(width, 0.0) * np.maximum(height, 0.0)


def _rows(values: npt.ArrayLike, width: int, name: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0:
        return np.zeros((0, width))
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(f"{name}: shape {array.shape}, expected (any, {width})")
    if not np.isfinite(array).all():
        raise DataError(f"{name}: row {int(np.argmin(np.isfinite(array).all(axis=1)))} holds NaN or infinity")
    return array

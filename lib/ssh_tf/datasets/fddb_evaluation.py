"""FDDB's discrete and continuous ROC curves, as the official program computes them.

Jain and Learned-Miller, *FDDB: A Benchmark for Face Detection in Unconstrained Settings*, 2010, §5. `M` images; `N`
detections and `G` faces of one image; `P` points of a curve.

Faces and detections are compared as sets of pixels. The official program now and then finds a matching that is not the
best one; `scipy.optimize.linear_sum_assignment` always finds the best.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.fddb_files import Shape
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.types import FloatArray

#: A detection counts in the discrete curve if it and its face have more than this in common (paper, §5.2).
MATCH_RATIO = 0.5
#: The threshold of the point (0, 0) that an image without detections adds: C's DBL_MAX.
NO_DETECTIONS = float(np.finfo(np.float64).max)


class Region(NamedTuple):
    """Pixels of the image grid: a mask (h, w) of 0 and 1 whose first pixel is at (left, top), and how many are 1."""

    left: int
    top: int
    mask: npt.NDArray[np.uint8]
    area: int


class ImageCurve(NamedTuple):
    """One image at each of its P scores, highest first.

    Attributes:
        scores: (P,) the scores.
        matched: (P,) detections matched with a ratio over 0.5.
        overlap: (P,) the sum of all matched ratios.
        detections: (P,) how many detections have at least the score.
    """

    scores: FloatArray
    matched: npt.NDArray[np.int64]
    overlap: FloatArray
    detections: npt.NDArray[np.int64]


class Roc(NamedTuple):
    """Both curves of a set, lowest threshold first; (P,) each. `faces` is what the rates were divided by."""

    discrete: FloatArray
    continuous: FloatArray
    false_positives: npt.NDArray[np.int64]
    thresholds: FloatArray
    faces: int


def image_curve(
    detections: FloatArray, ellipses: FloatArray, size: tuple[int, int], shape: Shape = Shape.RECTANGLE
) -> ImageCurve:
    """Match one image's detections with its faces at each of its scores.

    For each score, the detections with at least that score are matched one to one with the faces so that the sum of the
    ratios (pixels in common over pixels of either) is the greatest possible.

    Args:
        detections: (N, 5) or (N, 6), the columns of `shape`.
        ellipses: (G, 5) major radius, minor radius, angle (radians), centre x, centre y.
        size: width and height of the image.
    """
    # Imported where it is used: what detects faces does without.
    from scipy.optimize import linear_sum_assignment

    scores = np.unique(detections[:, -1])[::-1]
    draw = {Shape.RECTANGLE: rectangle, Shape.ELLIPSE: ellipse}[shape]
    found = [draw(row, size) for row in detections[:, :-1].tolist()]
    faces = [ellipse(row, size) for row in ellipses.tolist()]
    ratios = np.array([[_ratio(one, other) for other in faces] for one in found]).reshape(len(found), len(faces))
    matched, overlap = np.zeros(len(scores), np.int64), np.zeros(len(scores))
    for at, score in enumerate(scores):
        some = ratios[detections[:, -1] >= score]
        chosen = some[linear_sum_assignment(some, maximize=True)]
        matched[at], overlap[at] = np.count_nonzero(chosen > MATCH_RATIO), chosen.sum()
    counts = np.array([np.count_nonzero(detections[:, -1] >= score) for score in scores], dtype=np.int64)
    return ImageCurve(scores, matched, overlap, counts)


def roc(images: Sequence[ImageCurve], faces: int) -> Roc:
    """Join the curves of images: a point for each score of any image, lowest first.

    At a threshold an image counts with its lowest score that reaches it. An image without detections adds the point
    (0, 0) at `NO_DETECTIONS`.

    Args:
        images: one curve an image.
        faces: all faces of the set, found or not.
    """
    scores = np.concatenate([np.zeros(0), *(image.scores for image in images)])
    thresholds, place = np.unique(scores, return_inverse=True)

    def joined(name: str) -> FloatArray:
        # What each image gains when the threshold falls to one of its scores; summed from the highest threshold down.
        gains = [np.diff(getattr(image, name), prepend=0) for image in images]
        weights = np.concatenate([np.zeros(0), *gains])
        gained = np.bincount(place, weights, minlength=len(thresholds)).astype(np.float64)
        return np.cumsum(gained[::-1])[::-1]

    matched, overlap, detections = joined("matched"), joined("overlap"), joined("detections")
    false_positives = (detections - matched).astype(np.int64)
    if any(len(image.scores) == 0 for image in images):
        matched, overlap, false_positives = (np.append(values, 0) for values in (matched, overlap, false_positives))
        thresholds = np.append(thresholds, NO_DETECTIONS)
    divisor = faces or math.nan
    return Roc(matched / divisor, overlap / divisor, false_positives, thresholds, faces)


def discrete_text(curve: Roc) -> str:
    """``DiscROC.txt``: true-positive rate, false positives, threshold a line."""
    columns = zip(curve.discrete.tolist(), curve.false_positives.tolist(), curve.thresholds.tolist(), strict=True)
    return "".join(f"{rate:g} {count:g} {threshold:g}\n" for rate, count, threshold in columns)


def continuous_text(curve: Roc) -> str:
    """``ContROC.txt``: true-positive rate, false positives a line."""
    columns = zip(curve.continuous.tolist(), curve.false_positives.tolist(), strict=True)
    return "".join(f"{rate:g} {count:g}\n" for rate, count in columns)


def rate_at(rates: FloatArray, false_positives: npt.NDArray[np.int64], allowed: int) -> float:
    """The greatest true-positive rate with at most `allowed` false positives; 0 if there is none."""
    return float(np.max(rates[false_positives <= allowed], initial=0.0))


def rectangle(row: Sequence[float], size: tuple[int, int]) -> Region:
    """The pixels of x, y, width, height: corners rounded, both inclusive, clipped to the image (width, height)."""
    x, y, width, height = row
    left, top = max(_rounded(x), 0), max(_rounded(y), 0)
    right, bottom = min(_rounded(x + width), size[0] - 1), min(_rounded(y + height), size[1] - 1)
    mask = np.ones((max(bottom - top + 1, 0), max(right - left + 1, 0)), np.uint8)
    return Region(left, top, mask, mask.size)


def ellipse(row: Sequence[float], size: tuple[int, int]) -> Region:
    """The pixels of an ellipse as OpenCV fills it on the image (width, height).

    `row` is major radius, minor radius, angle (radians), centre x, centre y. The centre is rounded, the radii are cut
    to whole pixels, and the angle is rounded to whole degrees.
    """
    major, minor, angle, centre_x, centre_y = row
    canvas = np.zeros((size[1], size[0]), np.uint8)
    degrees = 180 - (math.pi - angle) * 180 / math.pi
    centre, radii = (_rounded(centre_x), _rounded(centre_y)), (int(major), int(minor))
    cv2.ellipse(canvas, centre, radii, round(degrees), 0, 360, 1, cv2.FILLED)
    left, top, width, height = cv2.boundingRect(canvas)
    mask = canvas[top : top + height, left : left + width]
    return Region(left, top, mask, cv2.countNonZero(mask) if mask.size else 0)


def _rounded(value: float) -> int:
    """OpenCV's cvRound of a float: to float32, and halves to even."""
    return round(float(np.float32(value)))


def _ratio(one: Region, other: Region) -> float:
    """Pixels in common over pixels in either; 0 if neither has any."""
    first, second = _common(one, other), _common(other, one)
    common = cv2.countNonZero(cv2.bitwise_and(first, second)) if first.size else 0
    union = one.area + other.area - common
    return common / union if union else 0.0


def _common(one: Region, other: Region) -> npt.NDArray[np.uint8]:
    """The part of `one`'s mask that lies in the window of `other`."""
    height, width = other.mask.shape
    left, top = other.left - one.left, other.top - one.top
    return one.mask[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]

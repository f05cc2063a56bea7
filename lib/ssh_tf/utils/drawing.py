"""Boxes drawn on a copy of a picture. Letters: `H, W` picture size, `N` boxes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.types import Array

# BGR.
DETECTION_COLOUR = (0, 220, 0)
TRUTH_COLOUR = (255, 160, 0)
IGNORE_COLOUR = (140, 140, 140)

_INSIDE = 6
"""Heights of a label that the sides of a box have in which it may stand."""


def draw_boxes(
    image: npt.NDArray[np.uint8],
    boxes: npt.ArrayLike,
    colour: tuple[int, int, int],
    labels: list[str] | None = None,
) -> npt.NDArray[np.uint8]:
    """Return a copy of `image` (H, W, 3) with `boxes` (N, ≥ 4) [x1, y1, x2, y2] outlined and, if given, labelled.

    Line width and letters grow with the picture. A label stands above or below its box, or in a large one, where it
    covers no other box; it is left out where there is no such place, or its box is too small to carry it.
    """
    canvas = np.ascontiguousarray(image).copy()
    thickness = max(1, round(max(image.shape[:2]) / 600))
    letter_scale = max(0.35, max(image.shape[:2]) / 2200)
    corners = np.asarray(boxes, dtype=np.float64)
    corners = np.rint(corners[:, :4]).astype(int) if corners.size else np.zeros((0, 4), int)
    for x1, y1, x2, y2 in corners:
        cv2.rectangle(canvas, (int(x1), int(y1)), (int(x2), int(y2)), colour, thickness)
    for number, label in enumerate(labels or []):
        (width, height), baseline = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, letter_scale, 1)
        place = _place_of_label(corners, number, width, height + baseline, image.shape)
        if place is None:
            continue
        left, top = place
        bottom = top + height + baseline
        cv2.rectangle(canvas, (left, top), (left + width, bottom), colour, cv2.FILLED)
        origin = (left, bottom - baseline // 2 - 1)
        cv2.putText(canvas, label, origin, cv2.FONT_HERSHEY_SIMPLEX, letter_scale, (0, 0, 0), 1, cv2.LINE_AA)
    return canvas


def _place_of_label(
    corners: Array, number: int, width: int, height: int, shape: tuple[int, ...]
) -> tuple[int, int] | None:
    """Left and top of the label of one of `corners` (N, 4); None if there is no place for it."""
    x1, y1, x2, y2 = (int(side) for side in corners[number])
    if 2 * (x2 - x1) < width:
        return None
    left = min(max(0, x1), max(0, shape[1] - width))
    others = np.delete(corners, number, axis=0)
    beside = others[(others[:, 0] <= left + width) & (others[:, 2] >= left)]
    tops = [y1 - height, y2 + 1]
    if min(x2 - x1, y2 - y1) >= _INSIDE * height:
        tops.append(max(0, y1))
    for top in tops:
        is_free = not ((beside[:, 1] <= top + height) & (beside[:, 3] >= top)).any()
        if is_free and 0 <= top <= shape[0] - height:
            return left, top
    return None


def draw_faces(
    image: npt.NDArray[np.uint8],
    detections: npt.NDArray[np.floating],
    threshold: float = 0.0,
    tracks: Sequence[int | None] | None = None,
) -> npt.NDArray[np.uint8]:
    """Return a copy of `image` (H, W, 3) with the `detections` (N, 5) [x1, y1, x2, y2, score] from `threshold` up.

    Each has its score, after the number that `tracks` (N) gives it.
    """
    rows = np.asarray(detections).reshape(-1, 5)
    # Worst first, so that the best box lies on top.
    order = [index for index in np.argsort(rows[:, 4], kind="stable") if rows[index, 4] >= threshold]
    names = ["" if track is None else f"#{track} " for track in tracks or [None] * len(rows)]
    return draw_boxes(image, rows[order], DETECTION_COLOUR, [f"{names[index]}{rows[index, 4]:.2f}" for index in order])


def draw_truth(
    image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.floating], ignore: npt.NDArray[np.floating]
) -> npt.NDArray[np.uint8]:
    """Return a copy of `image` (H, W, 3) with true `boxes` (G, 4) and `ignore` regions (I, 4) in their own colours."""
    return draw_boxes(draw_boxes(image, ignore, IGNORE_COLOUR), boxes, TRUTH_COLOUR)

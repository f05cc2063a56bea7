"""Boxes drawn on a copy of a picture. Letters: `H, W` picture size, `N` boxes."""

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.opencv import cv2

# BGR.
DETECTION_COLOUR = (0, 220, 0)
TRUTH_COLOUR = (255, 160, 0)
IGNORE_COLOUR = (140, 140, 140)


def draw_boxes(
    image: npt.NDArray[np.uint8],
    boxes: npt.ArrayLike,
    colour: tuple[int, int, int],
    labels: list[str] | None = None,
) -> npt.NDArray[np.uint8]:
    """Return a copy of `image` (H, W, 3) with `boxes` (N, ≥ 4) [x1, y1, x2, y2] outlined and, if given, labelled.

    Line width and letters grow with the picture; a label is left out where its box is too small to carry it.
    """
    canvas = image.copy()
    thickness = max(1, round(max(image.shape[:2]) / 600))
    letter_scale = max(0.35, max(image.shape[:2]) / 2200)
    corners = np.asarray(boxes, dtype=np.float64)
    corners = np.rint(corners[:, :4]).astype(int) if corners.size else np.zeros((0, 4), int)
    for x1, y1, x2, y2 in corners:
        cv2.rectangle(canvas, (int(x1), int(y1)), (int(x2), int(y2)), colour, thickness)
    for (x1, y1, x2, _), label in zip(corners, labels or [], strict=bool(labels)):
        (width, height), baseline = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, letter_scale, 1)
        if 2 * (x2 - x1) < width:
            continue
        # Above the box, or inside it at the picture's upper edge.
        left = int(min(max(0, x1), max(0, image.shape[1] - width)))
        bottom = int(y1 if y1 >= height + baseline else y1 + height + baseline)
        cv2.rectangle(canvas, (left, bottom - height - baseline), (left + width, bottom), colour, cv2.FILLED)
        origin = (left, bottom - baseline // 2 - 1)
        cv2.putText(canvas, label, origin, cv2.FONT_HERSHEY_SIMPLEX, letter_scale, (0, 0, 0), 1, cv2.LINE_AA)
    return canvas


def draw_faces(
    image: npt.NDArray[np.uint8], detections: npt.NDArray[np.floating], threshold: float = 0.0
) -> npt.NDArray[np.uint8]:
    """Return a copy of `image` (H, W, 3) with the `detections` (N, 5) [x1, y1, x2, y2, score] from `threshold` up."""
    kept = np.asarray(detections).reshape(-1, 5)
    # Worst first, so that the best box lies on top.
    kept = kept[kept[:, 4] >= threshold]
    kept = kept[np.argsort(kept[:, 4], kind="stable")]
    return draw_boxes(image, kept, DETECTION_COLOUR, [f"{score:.2f}" for score in kept[:, 4]])


def draw_truth(
    image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.floating], ignore: npt.NDArray[np.floating]
) -> npt.NDArray[np.uint8]:
    """Return a copy of `image` (H, W, 3) with true `boxes` (G, 4) and `ignore` regions (I, 4) in their own colours."""
    return draw_boxes(draw_boxes(image, ignore, IGNORE_COLOUR), boxes, TRUTH_COLOUR)

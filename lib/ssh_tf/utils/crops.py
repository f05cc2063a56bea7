"""Square crops of faces, and faces made unrecognisable. Letters: `H, W` size of a picture, `S` side, `N` faces."""

import math

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.opencv import cv2

HIDING = ("blur", "pixels", "black")
"""How a face is made unrecognisable."""

# Beside the box, as parts of its sides: an ellipse of half-axes 0.75 covers its corners, with ears, hair and chin.
_HIDDEN_MARGIN = 0.25
_PIXELS_ACROSS = 8

MOST_MARGIN, MOST_SIDE = 5.0, 8192
"""Of a crop: more of either would be gigabytes of repeated border."""


def square_crop(
    image: npt.NDArray[np.uint8], box: npt.ArrayLike, margin: float = 0.3, side: int | None = None
) -> npt.NDArray[np.uint8]:
    """A square around `box` [x1, y1, x2, y2], with the part `margin` of its longer side added on each side.

    What lies outside of `image` (H, W, 3) repeats its border. Returns (S, S, 3): S is `side`, or the square's own size.

    Raises:
        ConfigError: `margin` is not between 0 and `MOST_MARGIN`, or `side` not between 1 and `MOST_SIDE`.
    """
    if not 0 <= margin <= MOST_MARGIN:
        raise ConfigError(f"a crop's margin lies between 0 and {MOST_MARGIN:g}, got {margin}")
    if side is not None and not 1 <= side <= MOST_SIDE:
        raise ConfigError(f"a crop's side lies between 1 and {MOST_SIDE} pixels, got {side}")
    x1, y1, x2, y2 = np.asarray(box, dtype=np.float64)[:4]
    size = max(1, round(max(x2 - x1, y2 - y1) * (1 + 2 * margin)))
    left, top = round((x1 + x2 - size) / 2), round((y1 + y2 - size) / 2)
    height, width = image.shape[:2]
    columns = np.clip(np.arange(left, left + size), 0, width - 1)
    rows = np.clip(np.arange(top, top + size), 0, height - 1)
    crop = image[rows[:, None], columns]
    if side is None or side == size:
        return np.ascontiguousarray(crop)
    shrinks = side < size
    resized = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def hide_faces(image: npt.NDArray[np.uint8], boxes: npt.ArrayLike, how: str = "blur") -> npt.NDArray[np.uint8]:
    """A copy of `image` (H, W, 3) in which an ellipse over each of `boxes` (N, ≥ 4) shows no face any more.

    `how`: "blur" and "pixels" leave the colours of a face some five pixels wide, "black" leaves nothing.

    Raises:
        ValueError: `how` is none of `HIDING`.
    """
    if how not in HIDING:
        raise ValueError(f"how: expected one of {', '.join(HIDING)}, got {how!r}")
    hidden = image.copy()
    height, width = image.shape[:2]
    corners = np.asarray(boxes, dtype=np.float64)
    for x1, y1, x2, y2 in corners[:, :4] if corners.size else []:
        grow_x, grow_y = _HIDDEN_MARGIN * (x2 - x1), _HIDDEN_MARGIN * (y2 - y1)
        left, right = max(0, math.floor(x1 - grow_x)), min(width, math.ceil(x2 + grow_x) + 1)
        top, bottom = max(0, math.floor(y1 - grow_y)), min(height, math.ceil(y2 + grow_y) + 1)
        if left >= right or top >= bottom:
            continue
        # By the whole face's width, however much of it is in the picture.
        cell = max(1.0, (x2 - x1 + 2 * grow_x) / _PIXELS_ACROSS)
        part = hidden[top:bottom, left:right]
        columns = (np.arange(left, right) - (x1 + x2) / 2) / max(1, (x2 - x1) / 2 + grow_x)
        rows = (np.arange(top, bottom) - (y1 + y2) / 2) / max(1, (y2 - y1) / 2 + grow_y)
        ellipse = rows[:, None] ** 2 + columns**2 <= 1
        part[ellipse] = _unrecognisable(part, how, cell)[ellipse]
    return hidden


def _unrecognisable(part: npt.NDArray[np.uint8], how: str, cell: float) -> npt.NDArray[np.uint8]:
    """`part` in squares of `cell` pixels, smooth, or black."""
    if how == "black":
        return np.zeros_like(part)
    height, width = part.shape[:2]
    coarse = max(1, round(width / cell)), max(1, round(height / cell))
    small = cv2.resize(part, coarse, interpolation=cv2.INTER_AREA)
    # A blur alone can be undone in part; what was reduced to few pixels cannot.
    smooth = cv2.INTER_CUBIC if how == "blur" else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(small, (width, height), interpolation=smooth), dtype=np.uint8)

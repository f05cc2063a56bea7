"""Pieces of pictures side by side, each with a line of text. `H, W` a picture, `S` side of a tile."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.types import Image

_BACKGROUND = 32
_CAPTION = 18
_LETTERS = 0.4


class Tile(NamedTuple):
    """A picture (H, W, 3) BGR and what is written below it."""

    image: Image
    caption: str


def crop_around(image: Image, box: npt.ArrayLike, context: float = 2.5, least: int = 64) -> Image:
    """The square of `image` around `box` [x1, y1, x2, y2], `context` times as wide as it and at least `least` pixels.

    What lies outside the image is black. Of a box that is far larger than the image no more is shown than `context`
    times the image.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = np.asarray(box, dtype=np.float64)[:4]
    if max(x2 - x1, y2 - y1) > max(height, width):
        x1, x2 = np.clip((x1, x2), 0, width)
        y1, y2 = np.clip((y1, y2), 0, height)
    side = max(math.ceil(context * max(x2 - x1, y2 - y1)), least)
    left, top = round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2)
    inside = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    borders = (max(-top, 0), max(top + side - height, 0), max(-left, 0), max(left + side - width, 0))
    if inside.size == 0:
        return np.zeros((side, side, 3), np.uint8)
    return np.asarray(cv2.copyMakeBorder(inside, *borders, cv2.BORDER_CONSTANT), dtype=np.uint8)[:side, :side]


def contact_sheet(tiles: Sequence[Tile], columns: int = 6, side: int = 200) -> Image:
    """All `tiles`, row by row, each made to fit a square of `side` pixels; one empty row if there are none."""
    rows = max(math.ceil(len(tiles) / columns), 1)
    sheet = np.full((rows * (side + _CAPTION), columns * side, 3), _BACKGROUND, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * (side + _CAPTION), place % columns * side
        factor = side / max(tile.image.shape[:2])
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        size = (max(round(tile.image.shape[1] * factor), 1), max(round(tile.image.shape[0] * factor), 1))
        resized = cv2.resize(tile.image, size, interpolation=method)
        sheet[top : top + size[1], left : left + size[0]] = resized
        caption = sheet[top + side : top + side + _CAPTION, left : left + side]
        cv2.putText(
            caption,
            tile.caption,
            (3, _CAPTION - 6),
            cv2.FONT_HERSHEY_SIMPLEX,
            _LETTERS,
            (255, 255, 255),
            1,
            cv2.LINE_AA,
        )
    return sheet

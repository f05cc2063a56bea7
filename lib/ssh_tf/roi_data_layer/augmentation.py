"""Changes to a training image and its boxes, each a function of its arguments and a random generator.

Letters: `H, W` image size, `S` side of a square window, `M` boxes. Boxes are (M, 4) float32 [x1, y1, x2, y2]; images
are (H, W, 3) uint8 BGR. A resize by `f` takes the coordinate x to f·x, as at inference.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.roi_data_layer.pipeline_options import FaceSides
from ssh_tf.utils.images import PIXEL_MEANS_BGR
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.types import Boxes, Image

MEAN_COLOUR = tuple(round(float(mean)) for mean in PIXEL_MEANS_BGR)


# Red, green and blue parts of brightness (ITU-R BT.601), in BGR order.
_LUMA = np.array([0.114, 0.587, 0.299])


class Window(NamedTuple):
    """What part of an image is cut out, and where it lands in the square that the network sees."""

    # In the image: left, top, width, height.
    source: tuple[int, int, int, int]
    # In the square: the same.
    target: tuple[int, int, int, int]


def flip(image: Image, boxes: Boxes) -> tuple[Image, Boxes]:
    """Mirror left and right: x becomes W - 1 - x."""
    mirrored = boxes.copy()
    mirrored[:, 0::2] = image.shape[1] - 1 - boxes[:, 2::-2]
    return np.asarray(cv2.flip(image, 1), dtype=np.uint8), mirrored


def face_side(boxes: Boxes) -> npt.NDArray[np.float32]:
    """Square root of the area (M,), at least 1 px."""
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    return np.maximum(np.sqrt(sizes.prod(axis=1)), 1.0)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from [low, high) with a uniform logarithm; 0 < low."""
    return low * (high / low) ** rng.random()


def draw_face_side(rng: np.random.Generator, table: Sequence[FaceSides], low: float, high: float) -> float:
    """Draw a face side log-uniformly within a range of `table` that is drawn by weight, all cut to [low, high].

    A range that is cut keeps its density: its weight falls with its logarithmic length. If nothing is left of the
    table, the bound nearest to it is returned.
    """
    cut = [(max(entry.low, low), min(entry.high, high), entry) for entry in table]
    parts = [
        entry.weight * max(0.0, math.log(top / bottom)) / math.log(entry.high / entry.low) for bottom, top, entry in cut
    ]
    total = sum(parts)
    if total <= 0.0:
        return high if high < min(entry.low for entry in table) else low
    bottom, top, _ = cut[rng.choice(len(cut), p=np.array(parts) / total)]
    return log_uniform(rng, bottom, top)


def draw_window(
    rng: np.random.Generator,
    height: int,
    width: int,
    boxes: Boxes,
    size: int,
    face_sides: Sequence[FaceSides],
    max_upscale: float,
    min_fill: float,
    stretch: float = 0.0,
) -> Window:
    """Draw a window of `size` pixels in which one of `boxes`, drawn at random, has a side drawn from `face_sides`.

    No side is drawn that is larger than the window.

    The picture is enlarged at most `max_upscale` times, and shrunk at most until its longest side is `min_fill` of the
    window. The window holds the whole face where that is possible, and leaves the picture only where that is smaller
    than the window; the place is otherwise uniform. Without boxes any scale within the bounds is drawn, log-uniformly.
    Width and height are then scaled apart, by a ratio whose logarithm is drawn from ±`stretch`.
    """
    lowest = min(min_fill * size / max(height, width), max_upscale)
    if len(boxes):
        face = boxes[rng.integers(len(boxes))]
        side = float(face_side(face[None])[0])
        scale = draw_face_side(rng, face_sides, lowest * side, min(max_upscale * side, size)) / side
        spans = ((face[0], face[2]), (face[1], face[3]))
    else:
        scale = log_uniform(rng, lowest, max_upscale)
        spans = ((0.0, float(width)), (0.0, float(height)))
    bend = math.exp(rng.uniform(-stretch, stretch) / 2.0) if stretch else 1.0
    columns, rows = (
        _place(rng, length, factor, size, float(first), float(last))
        for length, factor, (first, last) in zip((width, height), (scale * bend, scale / bend), spans, strict=True)
    )
    return Window((columns[0], rows[0], columns[1], rows[1]), (columns[2], rows[2], columns[3], rows[3]))


def _place(
    rng: np.random.Generator, length: int, scale: float, size: int, first: float, last: float
) -> tuple[int, int, int, int]:
    """One axis: start and extent in an image of `length`, and in the window, so that [first, last] shows."""
    extent = max(1, round(size / scale))
    if extent >= length:
        resized = min(size, max(1, round(length * scale)))
        return 0, length, int(rng.integers(size - resized + 1)), resized
    # The window begins where it still holds `last`, or later, and at `first` or before: the other way round if the face
    # is larger than the window.
    bounds = sorted((math.ceil(last) + 1 - extent, math.floor(first)))
    low, high = (min(max(bound, 0), length - extent) for bound in bounds)
    return int(rng.integers(low, high + 1)), extent, 0, size


def cut_window(image: Image, boxes: Boxes, window: Window) -> tuple[Image, Boxes]:
    """Cut `window` out of `image` and resize it; return that part, and the boxes in the square, not clipped.

    Cutting comes before resizing, so that the cost does not grow with the picture. Shrinking averages over areas: at
    inference most pictures are enlarged, so what the network should see of a shrunk one is a small picture without
    aliasing.
    """
    left, top, width, height = window.source
    x, y, columns, rows = window.target
    part = image[top : top + height, left : left + width]
    shrinks = columns < width or rows < height
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    part = np.asarray(cv2.resize(part, (columns, rows), interpolation=interpolation), dtype=np.uint8)
    factors = np.array([columns / width, rows / height] * 2)
    moved = (boxes - np.array([left, top] * 2)) * factors + np.array([x, y] * 2)
    return part, moved.astype(np.float32)


def pad_to_square(part: Image, window: Window, size: int) -> Image:
    """Lay the part that `cut_window` gave into a (S, S, 3) square of the mean colour."""
    x, y, columns, rows = window.target
    return part if (columns, rows) == (size, size) else lay_out([part], [(x, y)], size)


def lay_out(parts: Sequence[Image], corners: Iterable[Sequence[int]], size: int) -> Image:
    """Lay images into a (S, S, 3) square of the mean colour, each with its upper left pixel at its corner x, y."""
    square = np.empty((size, size, 3), dtype=np.uint8)
    square[:] = MEAN_COLOUR
    for part, (x, y) in zip(parts, corners, strict=True):
        square[y : y + part.shape[0], x : x + part.shape[1]] = part
    return square


def rotate(image: Image, boxes: Boxes, are_round: npt.NDArray[np.bool_], angle: float) -> tuple[Image, Boxes]:
    """Rotate a (S, S, 3) square clockwise about its centre by `angle` degrees; what comes into view is the mean colour.

    Of `are_round` (M,) a box becomes that of its inscribed ellipse, rotated: a head is round, and the box around a
    rotated box is too large for it. Others become the boxes around their corners. The boxes are not clipped.
    """
    middle = (len(image) - 1) / 2.0
    matrix = cv2.getRotationMatrix2D((middle, middle), -angle, 1.0)
    rotated = cv2.warpAffine(image, matrix, image.shape[:2], borderValue=MEAN_COLOUR)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2.0 @ matrix[:, :2].T + matrix[:, 2]
    before = (boxes[:, 2:] - boxes[:, :2]) / 2.0
    ellipses, corners = np.sqrt(before**2 @ (matrix[:, :2] ** 2).T), before @ np.abs(matrix[:, :2]).T
    halves = np.where(are_round[:, None], ellipses, corners)
    return np.asarray(rotated, dtype=np.uint8), np.hstack([centres - halves, centres + halves]).astype(np.float32)


def clip_boxes(boxes: Boxes, height: int, width: int) -> tuple[Boxes, npt.NDArray[np.float32]]:
    """Clip to [0, W - 1] in x and [0, H - 1] in y; return the boxes and how much of each one's area is left (M,)."""
    limits = np.array([width - 1, height - 1] * 2, dtype=np.float32)
    clipped = np.clip(boxes, 0.0, limits)
    # With + 1 a box of no width still has an area.
    areas = [(b[:, 2:] - b[:, :2] + 1.0).prod(axis=1) for b in (clipped, boxes)]
    outside = (boxes[:, 2:] < 0).any(axis=1) | (boxes[:, :2] > limits[:2]).any(axis=1)
    return clipped, np.where(outside, 0.0, areas[0] / areas[1]).astype(np.float32)


def fill_regions(image: Image, regions: Boxes, faces: Boxes) -> Image:
    """Return a copy with `regions` (M, 4) in the mean colour, save what of them lies on `faces`."""
    mask = np.zeros(image.shape[:2], dtype=np.uint8)
    for boxes, value in ((regions, 1), (faces, 0)):
        for x1, y1, x2, y2 in np.rint(boxes).astype(int):
            # An end below 0 would count from the far side.
            mask[max(y1, 0) : max(y2 + 1, 0), max(x1, 0) : max(x2 + 1, 0)] = value
    filled = image.copy()
    filled[mask.astype(bool)] = MEAN_COLOUR
    return filled


def change_colours(image: Image, brightness: float, contrast: float, saturation: float, hue: float) -> Image:
    """Shift brightness by `brightness`·255, scale contrast about grey 128, scale saturation, turn hue (degrees).

    All four are one affine map of (B, G, R), so one pass over the image does it. Saturation 0 gives grey.
    """
    grey = np.tile(_LUMA, (3, 1))
    # A turn about the grey axis, by Rodrigues' formula: it keeps B + G + R.
    axis = np.full(3, 1.0 / math.sqrt(3.0))
    cross = np.cross(np.eye(3), axis)
    angle = math.radians(hue)
    turn = math.cos(angle) * np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * np.outer(axis, axis)
    colours = contrast * (grey + saturation * (turn - grey))
    offset = np.full((3, 1), 128.0 * (1.0 - contrast) + 255.0 * brightness)
    return np.asarray(cv2.transform(image, np.hstack([colours, offset])), dtype=np.uint8)


def expose(image: Image, gain: float, power: float) -> Image:
    """What a camera gives of `gain` times the light: 255·gain·(x/255)^power, rounded and cut at 255."""
    values = 255.0 * gain * np.linspace(0.0, 1.0, 256) ** power
    return np.asarray(cv2.LUT(image, np.rint(np.clip(values, 0.0, 255.0)).astype(np.uint8)), dtype=np.uint8)


def make_coarse(image: Image, factor: float) -> Image:
    """Shrink `factor` times by averaging and enlarge again: what is shown of a picture that was smaller."""
    height, width = image.shape[:2]
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    less = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(less, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def motion_blur(image: Image, length: int, angle: float) -> Image:
    """Average along a line of `length` pixels at `angle` degrees."""
    line = np.zeros((length, length), dtype=np.float32)
    line[length // 2, :] = 1.0
    centre = ((length - 1) / 2.0, (length - 1) / 2.0)
    turned = np.asarray(cv2.warpAffine(line, cv2.getRotationMatrix2D(centre, angle, 1.0), (length, length)))
    return np.asarray(cv2.filter2D(image, -1, turned / turned.sum()), dtype=np.uint8)


def recompress(image: Image, quality: int) -> Image:
    """Code as JPEG of `quality` (1..100) and decode."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)

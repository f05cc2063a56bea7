"""FDDB's text files: fold lists, ellipses, image sizes and detections.

A fold is ``FDDB-fold-NN.txt`` (an image a line, such as ``2002/08/11/big/img_591``) with
``FDDB-fold-NN-ellipseList.txt``: name, count, and a line a face, ``major radius, minor radius, angle, centre x, centre
y, 1``. Detections of a fold are
``FDDB-det-fold-NN.txt``: name, count, and a line a detection, in the order of the fold's list.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.names import file_name
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import atomic_write, inside
from ssh_tf.utils.images import MAX_PIXELS
from ssh_tf.utils.reading import read_lines, reader
from ssh_tf.utils.types import FloatArray

FOLDS = tuple(range(1, 11))
_DIGITS = 9  # of a count
_LARGEST = 1e7  # pixels, far beyond any picture


class Shape(Enum):
    """How a detection is written: the columns of its row."""

    RECTANGLE = ("x", "y", "width", "height", "score")
    ELLIPSE = ("major radius", "minor radius", "angle", "centre x", "centre y", "score")


class Fold(NamedTuple):
    """M images, and (G, 5) for each: major radius, minor radius, angle (radians), centre x, centre y."""

    number: int
    names: tuple[str, ...]
    ellipses: list[FloatArray]


def read_fold(folder: str | os.PathLike[str], number: int) -> Fold:
    """Read one fold's list and ellipses from the folder ``FDDB-folds``.

    Raises:
        DataError: a file is missing or malformed, or the two do not list the same images.
    """
    root = Path(folder)
    names = read_fold_names(root, number)
    ellipses = _read_rows(root / f"FDDB-fold-{number:02d}-ellipseList.txt", names, 5, are_ellipses=True)
    return Fold(number, names, ellipses)


@reader("a fold's list")
def _read_list(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    lines: dict[str, int] = {}
    for number, name in read_lines(path, errors="replace"):
        inside("", name, f"{path}:{number}")
        first = lines.setdefault(file_name(name), number)
        if first != number:
            raise DataError(f"{path}:{number}: {name} stands on line {first} already")
        names.append(name)
    return tuple(names)


def read_fold_names(folder: str | os.PathLike[str], number: int) -> tuple[str, ...]:
    """The images of fold `number`, in the order in which detections must be written.

    Raises:
        DataError: the list cannot be read, names an image twice, or names one outside of the images' folder.
    """
    return _read_list(Path(folder) / f"FDDB-fold-{number:02d}.txt")


def folds_present(folder: str | os.PathLike[str]) -> tuple[int, ...]:
    """The numbers of the folds whose lists are in `folder`.

    Raises:
        DataError: there are none.
    """
    numbers = tuple(number for number in FOLDS if (Path(folder) / f"FDDB-fold-{number:02d}.txt").is_file())
    if not numbers:
        raise DataError(f"{folder}: no FDDB-fold-NN.txt; it should be the folder FDDB-folds (see README, data)")
    return numbers


def detection_path(folder: str | os.PathLike[str], number: int) -> Path:
    return Path(folder) / f"FDDB-det-fold-{number:02d}.txt"


def read_fddb_detections(
    folder: str | os.PathLike[str], fold: Fold, shape: Shape = Shape.RECTANGLE
) -> list[FloatArray]:
    """The detections of a fold, an array (N, 5) or (N, 6) with the columns of `shape` for each image.

    Raises:
        DataError: the file is missing or malformed, holds NaN, or lists other images or another order.
    """
    columns, are_ellipses = len(shape.value), shape is Shape.ELLIPSE
    return _read_rows(detection_path(folder, fold.number), fold.names, columns, are_ellipses)


def write_fddb_detections(
    folder: str | os.PathLike[str], number: int, names: Sequence[str], detections: Sequence[npt.ArrayLike]
) -> Path:
    """Write one fold's detections as rectangles, with width = x2 - x1 + 1 as the reference does.

    An image without detections gets the count 0 (the reference makes up a box of score 0.99).

    Args:
        names: the images in the order of the fold's list.
        detections: (N, 5) x1, y1, x2, y2, score for each, pixels of the image.
    """
    path = detection_path(folder, number)
    with atomic_write(path) as stream:
        for name, image in zip(names, detections, strict=True):
            rows = np.asarray(image, dtype=np.float64).reshape(-1, 5).tolist()
            stream.write(f"{name}\n{len(rows)}\n")
            for x1, y1, x2, y2, score in rows:
                stream.write(f"{x1:f} {y1:f} {x2 - x1 + 1:f} {y2 - y1 + 1:f} {score:.9g}\n")
    return path


@reader("a text file of 'name width height'")
def read_sizes(path: str | os.PathLike[str]) -> dict[str, tuple[int, int]]:
    """Width and height of each image from a text file ``name width height``.

    Raises:
        DataError: the file is missing or a line is malformed.
    """
    sizes: dict[str, tuple[int, int]] = {}
    lines: dict[str, int] = {}
    for at, line in read_lines(path, errors="replace"):
        try:
            name, width, height = line.split()
            size = int(width), int(height)
        except ValueError as error:
            raise DataError(f"{path}:{at}: expected 'name width height', not {line[:60]!r}") from error
        if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
            raise DataError(f"{path}:{at}: no image has {width[:20]}x{height[:20]} pixels")
        if lines.setdefault(name, at) != at:
            raise DataError(f"{path}:{at}: {name} stands on line {lines[name]} already")
        sizes[name] = size
    return sizes


def sizes_of(names: Sequence[str], sizes: Mapping[str, tuple[int, int]], source: str) -> list[tuple[int, int]]:
    """The sizes of `names` in their order.

    Raises:
        DataError: sizes are missing; it says how many and names the first.
    """
    missing = [name for name in names if name not in sizes]
    if missing:
        raise DataError(f"{source}: no size of {len(missing)} of {len(names)} images, such as {missing[0]}")
    return [sizes[name] for name in names]


@reader("a file of name, count and rows")
def _read_rows(path: Path, names: Sequence[str], columns: int, are_ellipses: bool) -> list[FloatArray]:
    """For each image its rows' first `columns` numbers, from a file of name, count, rows."""
    lines = iter(read_lines(path, errors="replace"))
    images = []
    for expected in names:
        at, name = next(lines, (0, ""))
        if name != expected:
            what = f"{path}:{at}: image {name!r}" if name else f"{path}: ends"
            raise DataError(f"{what} where the fold's list has {expected!r}; the order must be that of the list")
        images.append(_rows_of_image(path, name, lines, columns, are_ellipses))
    at, name = next(lines, (0, ""))
    if name:
        raise DataError(f"{path}:{at}: {name[:60]!r} after the last image of the fold")
    return images


def _rows_of_image(
    path: Path, name: str, lines: Iterator[tuple[int, str]], columns: int, are_ellipses: bool
) -> FloatArray:
    at, text = _next_line(path, lines, f"where the count of {name} should be")
    if not text.isdecimal() or len(text) > _DIGITS:
        raise DataError(f"{path}:{at}: expected the count of {name}, not {text[:60]!r}")
    rows: list[list[float]] = []
    for _ in range(count := int(text)):
        at, text = _next_line(path, lines, f"within the rows of {name}, after {len(rows)} of {count}")
        try:
            row = [float(value) for value in text.split()[:columns]]
        except ValueError:
            row = []
        if len(row) != columns:
            raise DataError(f"{path}:{at}: expected {columns} numbers for {name}, not {text[:60]!r}")
        if not np.isfinite(row).all():
            raise DataError(f"{path}:{at}: NaN or infinity in a row of {name}")
        # Two radii, an angle and a centre, or a corner and two sides.
        if max(map(abs, row[: 5 if are_ellipses else 4])) > _LARGEST:
            raise DataError(f"{path}:{at}: a number of {name} is over {_LARGEST:.0f} pixels")
        if are_ellipses and min(row[:2]) < 0:
            raise DataError(f"{path}:{at}: a radius of {name} is below 0")
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, columns)


def _next_line(path: Path, lines: Iterator[tuple[int, str]], where: str) -> tuple[int, str]:
    """Number and text of the next line; a file that was cut has none, and `where` it ends is said."""
    found = next(lines, None)
    if found is None:
        raise DataError(f"{path}: ends {where}; is it whole?")
    return found

"""Annotation files: one line an image, and ignore regions.

Letters: `G` faces and `I` ignore regions of an image. Boxes are [x_min, y_min, x_max, y_max] in pixels.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.annotation_lines import split_line
from ssh_tf.datasets.names import file_name
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import inside
from ssh_tf.utils.reading import read_lines, reader, reading

# Pixels: far beyond any picture, and such that areas are finite.
_LARGEST = 1e7


class Annotation(NamedTuple):
    """One line of an annotation file."""

    name: str  # as written: path below the images' folder, with or without its suffix
    boxes: npt.NDArray[np.float32]  # (G, 4)
    line: int  # counted from 1


@reader("an annotation file")
def read_annotations(path: Path) -> list[Annotation]:
    """Read ``name x_min y_min x_max y_max x_min …`` lines; a name alone is an image without faces.

    Names with spaces are quoted, or end with a tab (see `annotation_lines`). Blank lines and lines that begin with
    ``#`` are skipped.

    Raises:
        DataError: the file cannot be read, a line is malformed, a name leads out of the images' folder, or an image has
            two lines; names file and line.
    """
    annotations = []
    lines: dict[str, int] = {}
    for number, line in read_lines(path):
        if line.startswith("#"):
            continue
        try:
            name, values = split_line(line)
            _check_name(name, path, number, lines)
            boxes = _boxes(values)
        except ValueError as error:
            raise DataError(f"{path}:{number}: {error}; expected: name [x_min y_min x_max y_max]…") from error
        annotations.append(Annotation(name, boxes, number))
    return annotations


@reader("a file of ignore regions")
def read_ignore_regions(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read JSON lines with the keys ``image`` and ``ignore`` (a list of boxes) into {image: (I, 4)}.

    Other keys are free.

    Raises:
        DataError: as for `read_annotations`.
    """
    regions = {}
    lines: dict[str, int] = {}
    for number, line in read_lines(path):
        try:
            with reading(f"{path}:{number}", "a JSON object with 'image' and 'ignore'"):
                entry = json.loads(line)
            name, ignore = entry["image"], entry["ignore"]
            if not isinstance(name, str):
                raise ValueError("'image' is not a string")
            name = name.replace("\\", "/")
            _check_name(name, path, number, lines)
            if any(len(box) != 4 for box in ignore):
                raise ValueError("a box in 'ignore' does not have four numbers")
            regions[name] = _boxes([float(value) for box in ignore for value in box])
        except KeyError as error:
            raise DataError(f"{path}:{number}: the key {error} is missing") from error
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(f"{path}:{number}: {error}; expected a JSON object with 'image' and 'ignore'") from error
    return regions


def _check_name(name: str, path: Path, number: int, lines: dict[str, int]) -> None:
    """Check that `name` on line `number` stays inside its folder and stands on no other of `lines`, which it joins."""
    inside("", name, f"{path}:{number}")
    first = lines.setdefault(file_name(name), number)
    if first != number:
        raise DataError(f"{path}:{number}: {name} stands on line {first} already; an image has one line with all boxes")


def _boxes(values: Sequence[float]) -> npt.NDArray[np.float32]:
    if len(values) % 4:
        raise ValueError(f"{len(values)} numbers do not make boxes of four")
    # Written so that NaN is refused.
    if not all(abs(value) <= _LARGEST for value in values):
        raise ValueError(f"a coordinate is not a number of at most {_LARGEST:.0f} pixels")
    boxes = np.array(values, dtype=np.float32).reshape(-1, 4)
    reversed_boxes = boxes[(boxes[:, 2:] < boxes[:, :2]).any(axis=1)]
    if len(reversed_boxes):
        raise ValueError(f"box {reversed_boxes[0].tolist()} has x_max < x_min or y_max < y_min")
    return boxes

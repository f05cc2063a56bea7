"""Annotation files: one line an image, and the regions to leave alone.

Letters: `G` faces and `I` ignore regions of an image. Boxes are [x_min, y_min, x_max, y_max] in pixels.
"""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.errors import DataError


class Annotation(NamedTuple):
    """One line of an annotation file."""

    name: str  # as written: path below the images' folder, with or without its suffix
    boxes: npt.NDArray[np.float32]  # (G, 4)
    line: int  # counted from 1


def read_annotations(path: Path) -> list[Annotation]:
    """Read ``name x_min y_min x_max y_max x_min …`` lines; a name alone is an image without faces.

    Blank lines and lines that begin with ``#`` are passed over.

    Raises:
        DataError: the file cannot be read, or a line is malformed; names file and line.
    """
    annotations = []
    for number, line in _lines(path):
        if line.startswith("#"):
            continue
        name, *values = line.split()
        try:
            boxes = _boxes([float(value) for value in values])
        except ValueError as error:
            raise DataError(f"{path}:{number}: {error}; expected: name [x_min y_min x_max y_max]…") from error
        annotations.append(Annotation(name, boxes, number))
    return annotations


def read_ignore_regions(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read JSON lines with the keys ``image`` and ``ignore`` (a list of boxes) into {image: (I, 4)}.

    Other keys are free.

    Raises:
        DataError: the file cannot be read, or a line is malformed; names file and line.
    """
    regions = {}
    for number, line in _lines(path):
        try:
            entry = json.loads(line)
            name, ignore = entry["image"], entry["ignore"]
            if not isinstance(name, str):
                raise ValueError("'image' is not a string")
            if any(len(box) != 4 for box in ignore):
                raise ValueError("a box in 'ignore' does not have four numbers")
            regions[name] = _boxes([float(value) for box in ignore for value in box])
        except KeyError as error:
            raise DataError(f"{path}:{number}: the key {error} is missing") from error
        except (ValueError, TypeError) as error:
            raise DataError(f"{path}:{number}: {error}; expected a JSON object with 'image' and 'ignore'") from error
    return regions


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that are not blank."""
    try:
        # A byte-order mark, as some editors write it, is no part of the first name.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a UTF-8 text file") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if stripped := line.strip():
            yield number, stripped


def _boxes(values: Sequence[float]) -> npt.NDArray[np.float32]:
    if len(values) % 4:
        raise ValueError(f"{len(values)} numbers do not make boxes of four")
    if not all(map(math.isfinite, values)):
        raise ValueError("a coordinate is not a finite number")
    boxes = np.array(values, dtype=np.float32).reshape(-1, 4)
    reversed_boxes = boxes[(boxes[:, 2:] < boxes[:, :2]).any(axis=1)]
    if len(reversed_boxes):
        raise ValueError(f"box {reversed_boxes[0].tolist()} has x_max < x_min or y_max < y_min")
    return boxes

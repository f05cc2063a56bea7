"""WIDER FACE's official annotations, and the project's annotation files made from them.

`G` faces of an image. The official ones are ``wider_face_{train,val}_bbx_gt.txt`` or ``wider_face_{train,val}.mat``,
both in wider_face_split.zip.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.annotation_lines import join_line
from ssh_tf.datasets.names import file_name, short_name
from ssh_tf.datasets.wider_mat import boxes_by_image, image_names, load_cells, whole_numbers
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import atomic_write, inside
from ssh_tf.utils.reading import read_lines, reader

_INVALID = 7
"""Column of the flag: x, y, width, height, blur, expression, illumination, invalid, occlusion, pose."""

_COLUMNS = 10
_DIGITS = 9  # of a number


class SplitImage(NamedTuple):
    """An image of the official files: "event/image", (G, 4) x, y, width, height, and (G,) flagged as invalid."""

    name: str
    boxes: npt.NDArray[np.int64]
    invalid: npt.NDArray[np.bool_]


class Prepared(NamedTuple):
    """What was written, and what was left out: boxes flagged as invalid, and boxes without a width or a height."""

    images: int
    faces: int
    flagged: int
    without_area: int


@reader("an official list of WIDER FACE")
def read_split(path: Path) -> list[SplitImage]:
    """Read an official file, .txt or .mat.

    Raises:
        DataError: it is missing or malformed; a line of text is named by its number.
    """
    return _read_mat(path) if path.suffix == ".mat" else list(_from_lines(path, read_lines(path)))


def write_annotations(path: Path, images: Sequence[SplitImage]) -> Prepared:
    """Write ``event/image x_min y_min x_max y_max …``, a line an image, without the invalid boxes.

    x_max and y_max are the last pixel: x + width - 1. An image none of whose boxes is left has a line without boxes.
    """
    faces = flagged = without_area = 0
    with atomic_write(path) as stream:
        for image in images:
            empty = (image.boxes[:, 2:] <= 0).any(axis=1)
            kept = image.boxes[~(image.invalid | empty)]
            faces, flagged = faces + len(kept), flagged + int(image.invalid.sum())
            without_area += int((empty & ~image.invalid).sum())
            corners = np.concatenate([kept[:, :2], kept[:, :2] + kept[:, 2:] - 1], axis=1)
            stream.write(" ".join([join_line(image.name, ()), *(f"{value:.1f}" for value in corners.ravel())]) + "\n")
    return Prepared(len(images), faces, flagged, without_area)


def _read_mat(path: Path) -> list[SplitImage]:
    file = load_cells(path, "event_list", "file_list", "face_bbx_list", "invalid_label_list")
    names = image_names(file, path)
    boxes, invalid = boxes_by_image(file["face_bbx_list"]), boxes_by_image(file["invalid_label_list"])
    if not len(names) == len(boxes) == len(invalid):
        raise DataError(f"{path}: {len(names)} images, boxes for {len(boxes)} and flags for {len(invalid)}")
    images = []
    for name, image_boxes, flags in zip(names, boxes, invalid, strict=True):
        rows = whole_numbers(image_boxes).reshape(-1, 4)
        if flags.size != len(rows):
            raise DataError(f"{path}: {name} has {len(rows)} boxes and {flags.size} flags")
        images.append(SplitImage(name.replace("\\", "/"), rows, whole_numbers(flags).astype(bool).ravel()))
    return images


def _from_lines(path: Path, numbered: Sequence[tuple[int, str]]) -> Iterator[SplitImage]:
    lines = iter(numbered)
    first: dict[str, int] = {}
    for at, name in lines:
        if not re.search(r"\.jpe?g$", name, re.IGNORECASE):
            raise DataError(f"{path}:{at}: expected the name of an image, not {name[:60]!r}")
        inside("", name, f"{path}:{at}")
        file = file_name(name.replace("\\", "/"))
        if first.setdefault(file, at) != at:
            raise DataError(
                f"{path}:{at}: {name} stands on line {first[file]} already; an image stands once, with all boxes"
            )
        at, count = next(lines, (at, ""))
        if not count.isdecimal() or len(count) > _DIGITS:
            raise DataError(f"{path}:{at}: expected the count of {name}, not {count[:60]!r}")
        # An image without faces has the count 0, and a row of zeros all the same.
        rows = [_row(path, name, *next(lines, (at, ""))) for _ in range(max(int(count), 1))]
        table = np.array(rows[: int(count)], dtype=np.int64).reshape(-1, _COLUMNS)
        yield SplitImage(short_name(file), table[:, :4], table[:, _INVALID] != 0)


def _row(path: Path, name: str, at: int, line: str) -> list[int]:
    try:
        row = [int(value) for value in line.split() if len(value) <= _DIGITS + 1]
    except ValueError:
        row = []
    if len(row) != _COLUMNS:
        raise DataError(f"{path}:{at}: expected {_COLUMNS} whole numbers for {name}, not {line[:60]!r}")
    return row

"""MATLAB's files as WIDER FACE uses them: cell arrays of events, which are cell arrays of images."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.mat_files import read_mat
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import inside
from ssh_tf.utils.reading import Refused, reading

Cells = npt.NDArray[np.object_]


def load_cells(path: Path, *wanted: str) -> dict[str, Cells]:
    """The cell arrays `wanted` of the file at `path`.

    Raises:
        DataError: the file is missing or unreadable, or lacks one of them.
    """
    # Imported where it is used: what detects faces does without.

    if not path.is_file():
        raise DataError(f"{path}: not there; tools/fetch_data.py fetches WIDER FACE's split and evaluation tools")
    with reading(path, "a MATLAB file"):
        found = read_mat(path, wanted)
    for name in wanted:
        if not isinstance(found.get(name), np.ndarray) or found[name].dtype != object:
            raise DataError(f"{path}: no cell array {name}; is it the file of another version?")
    return found


def boxes_by_image(cells: Cells) -> list[npt.NDArray[np.generic]]:
    """The images' arrays, of all events."""
    return [image for event in cells.ravel() for image in event.ravel()]


def image_names(file: Mapping[str, Cells], path: Path) -> tuple[str, ...]:
    """ "event/image" of all images, from ``event_list`` and ``file_list`` of the file at `path`.

    Raises:
        DataError: a name leads out of the images' folder, or stands there twice.
    """
    events = zip(file["event_list"].ravel(), file["file_list"].ravel(), strict=True)
    found = tuple(f"{_text(event)}/{_text(name)}" for event, names in events for name in names.ravel())
    for name, times in Counter(found).items():
        inside("", name, str(path))
        if times > 1:
            raise DataError(f"{path}: {name} is there {times} times")
    return found


def whole_numbers(array: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """The array as int64.

    Raises:
        Refused: it holds something else than numbers, or larger ones than an image has pixels.
    """
    if array.dtype.kind not in "uif" or not (np.abs(array.astype(np.float64)) < 2**31).all():
        raise Refused("a box or a flag is not made of numbers of pixels")
    return array.astype(np.int64)


def _text(cell: npt.NDArray[np.generic]) -> str:
    """A MATLAB string, in or out of a cell."""
    while isinstance(cell, np.ndarray):
        cell = cell.ravel()[0]
    return str(cell)

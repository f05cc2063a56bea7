"""MATLAB's files as WIDER FACE uses them: cell arrays of events, which are cell arrays of images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.io

from ssh_tf.utils.errors import DataError

Cells = npt.NDArray[np.object_]


def load_cells(path: Path, *wanted: str) -> dict[str, Cells]:
    """The cell arrays `wanted` of the file at `path`.

    Raises:
        DataError: the file is missing or unreadable, or lacks one of them.
    """
    if not path.is_file():
        raise DataError(f"{path}: not there; tools/fetch_data.py fetches WIDER FACE's split and evaluation tools")
    try:
        found = scipy.io.loadmat(str(path), variable_names=wanted)
    except Exception as error:  # SciPy raises whatever the bytes lead it to
        raise DataError(f"{path}: not a readable MATLAB file ({error})") from error
    for name in wanted:
        if not isinstance(found.get(name), np.ndarray) or found[name].dtype != object:
            raise DataError(f"{path}: no cell array {name}; is it the file of another version?")
    return found


def by_image(cells: Cells) -> list[npt.NDArray[np.generic]]:
    """The images' arrays, of all events."""
    return [image for event in cells.ravel() for image in event.ravel()]


def image_names(file: Mapping[str, Cells]) -> tuple[str, ...]:
    """ "event/image" of all images, from ``event_list`` and ``file_list``."""
    events = zip(file["event_list"].ravel(), file["file_list"].ravel(), strict=True)
    return tuple(f"{_text(event)}/{_text(name)}" for event, names in events for name in names.ravel())


def _text(cell: npt.NDArray[np.generic]) -> str:
    """A MATLAB string, in or out of a cell."""
    while isinstance(cell, np.ndarray):
        cell = cell.ravel()[0]
    return str(cell)

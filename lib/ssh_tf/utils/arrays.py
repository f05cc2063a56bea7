"""Named arrays in `.npz` and HDF5 files from anywhere: no code, no other files, bounded memory.

The functions are for the inside of a `reading` block: what is wrong with a file they raise as `Refused`, or as the
parser did.
"""

import os
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ssh_tf.utils.reading import Refused, open_file
from ssh_tf.utils.types import Array

if TYPE_CHECKING:
    import h5py

MAX_ARRAY_BYTES = 2**32
"""Of all arrays of a file together; VGG16 with its optimiser has 1.1 GB."""


def read_npz(path: str | os.PathLike[str]) -> dict[str, Array]:
    """All arrays of the `.npz` at `path`."""
    with open_file(path, MAX_ARRAY_BYTES) as stream:
        with zipfile.ZipFile(stream) as archive:
            _check_size(sum(member.file_size for member in archive.infolist()))
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    for name, array in arrays.items():
        # NumPy hands out other members of a zip as bytes.
        if not isinstance(array, np.ndarray):
            raise Refused(f"{name} is no array")
    return arrays


def read_hdf5(
    path: str | os.PathLike[str], names: Sequence[str] | None = None, content: BinaryIO | None = None
) -> dict[str, Array]:
    """The datasets `names` ("group/dataset") of an HDF5 file, as far as they are there; all at its root if None.

    Args:
        path: the file.
        names: what to read.
        content: its bytes, where it is a member of another file.
    """
    import h5py

    with content or open_file(path, MAX_ARRAY_BYTES) as stream, h5py.File(stream, "r") as file:
        datasets = {name: _dataset(file, name) for name in (file if names is None else names)}
        found = {name: dataset for name, dataset in datasets.items() if dataset is not None}
        _check_size(sum(dataset.size * dataset.dtype.itemsize for dataset in found.values()))
        return {name: np.asarray(dataset[()]) for name, dataset in found.items()}


def _dataset(file: "h5py.File", name: str) -> "h5py.Dataset | None":
    """The dataset at `name`, reached by hard links alone and kept in this file; None if there is none."""
    import h5py

    place = file
    # Not `part in place`: that follows links.
    for part in name.split("/"):
        if not isinstance(place, h5py.Group) or not place.id.links.exists(part.encode()):
            return None
        if not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise Refused(f"{name} is a link to another place or file")
        place = place[part]
    if not isinstance(place, h5py.Dataset) or place.dtype.kind not in "fiu" or place.shape is None:
        raise Refused(f"{name} is no array of numbers")
    if place.external or place.is_virtual:
        raise Refused(f"{name} is kept in other files")
    return place


def _check_size(size: int) -> None:
    if size > MAX_ARRAY_BYTES:
        raise Refused(f"declares {size:,} bytes of arrays; at most {MAX_ARRAY_BYTES:,} are read")

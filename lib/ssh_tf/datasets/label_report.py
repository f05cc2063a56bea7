"""What a data set is like, before it is trained on: sizes of faces, empty images, duplicates.

`F` faces of all images.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.average_precision import size_bins
from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.records import ImageRecord
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.reading import read_bytes, reader

# Pixels.
_BOUNDS = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


def face_sides(records: Sequence[ImageRecord]) -> npt.NDArray[np.float64]:
    """Square roots of the areas of all faces (F,), pixels of the files."""
    sizes = [record.boxes[:, 2:] - record.boxes[:, :2] for record in records]
    return np.sqrt(np.concatenate([np.zeros((0, 2), np.float32), *sizes]).astype(np.float64).prod(axis=1))


def size_lines(sides: npt.NDArray[np.float64]) -> Iterator[str]:
    """A table of how many faces are of which size."""
    yield "faces, px  number"
    for part in size_bins(_BOUNDS):
        yield f"{part.name:9}  {((sides >= part.low) & (sides < part.high)).sum():6}"


def find_problems(splits: Mapping[str, Sequence[ImageRecord]], problems: Problems) -> None:
    """Name, as "split: image", what looks wrong in the images of each split.

    That is: images without faces, boxes without area or that stand twice in an image, and files that are byte for byte
    another one's, in the same split or in an earlier one.
    """
    seen: dict[bytes, str] = {}
    for split, records in splits.items():
        for record in records:
            name = f"{split}: {record.name}"
            if not len(record.boxes):
                problems.add("image without faces", name)
            if len(np.unique(record.boxes, axis=0)) < len(record.boxes):
                problems.add("image with a box that stands twice", name)
            if (record.boxes[:, 2:] <= record.boxes[:, :2]).any():
                problems.add("image with a box without area", name)
            try:
                first = seen.setdefault(_digest(record.path), name)
            except DataError as error:
                problems.add("image that cannot be read", str(error))
                continue
            if first != name:
                problems.add("image whose file is another one's too", f"{name} ({first})")


@reader("an image")
def _digest(path: Path) -> bytes:
    return hashlib.sha256(read_bytes(path)).digest()

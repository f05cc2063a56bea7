"""What training and evaluation know of an image before they read it.

Letters: `G` faces and `I` ignore regions of an image. Boxes are [x_min, y_min, x_max, y_max] in pixels of
the upright image.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.annotations import Annotation
from ssh_tf.datasets.names import file_name
from ssh_tf.utils.errors import DataError, ImageError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.images import image_size
from ssh_tf.utils.reading import read_json, reader

_LOG = logging.getLogger(__name__)

_NAMED_AT_MOST = 5


class ImageRecord(NamedTuple):
    """An image and its ground truth."""

    path: Path
    name: str  # path below the images' folder, with its suffix, `/` between parts
    height: int
    width: int
    boxes: npt.NDArray[np.float32]  # (G, 4)
    ignore: npt.NDArray[np.float32]  # (I, 4)
    source: str = ""  # the data set

    @property
    def group(self) -> str:
        """The first folder of the name: WIDER's event, or the source of a collected set; empty if there is none."""
        return self.name.partition("/")[0] if "/" in self.name else ""


def fingerprint(records: Sequence[ImageRecord]) -> str:
    """What tells a data set from another: a digest of its images' names and sizes and of all boxes, in their order."""
    digest = hashlib.sha256()
    for record in records:
        line = json.dumps([record.name, record.height, record.width, record.boxes.tolist(), record.ignore.tolist()])
        digest.update(line.encode())
    return digest.hexdigest()[:16]


class _CachedSize(NamedTuple):
    modified_ns: int
    file_bytes: int
    height: int
    width: int


def make_records(
    annotations: Sequence[Annotation],
    source: Path,
    images: Path,
    ignore: Mapping[str, npt.NDArray[np.float32]],
    size_cache: Path,
    skip_missing: bool = False,
) -> list[ImageRecord]:
    """Join annotations with the images they name.

    Sizes are read from the images' headers once and kept in the JSON file `size_cache`, where an entry holds as long as
    the image's time and length stay the same. A cache that cannot be read or written costs time only.

    Args:
        annotations: what `source` holds.
        source: the annotation file, for messages.
        images: the folder that the names are relative to. A name without an image suffix means a ``.jpg`` file.
        ignore: ignore regions by image name, with or without its suffix as in `annotations`.
        skip_missing: leave images out that are missing or have no readable header, instead of stopping.

    Raises:
        DataError: images are missing or unreadable (the first few and how many), or a box lies outside its image.
    """
    cached = _cached_sizes(size_cache)
    ignored = {file_name(name): regions for name, regions in ignore.items()}
    sizes: dict[str, _CachedSize] = {}
    missing: list[str] = []
    records = []
    for annotation in annotations:
        name = file_name(annotation.name)
        path = images / name
        try:
            size = sizes[name] = sizes.get(name) or _size(path, cached.get(name))
        except (OSError, ImageError):
            missing.append(name)
            continue
        outside = (annotation.boxes[:, :2] >= (size.width, size.height)) | (annotation.boxes[:, 2:] < 0)
        if outside.any():
            box = annotation.boxes[outside.any(axis=1)][0].tolist()
            raise DataError(
                f"{source}:{annotation.line}: box {box} lies outside its image of {size.width}x{size.height} pixels"
            )
        regions = ignored.get(name, np.zeros((0, 4), np.float32))
        records.append(ImageRecord(path, name, size.height, size.width, annotation.boxes, regions))
    if missing:
        named = ", ".join(missing[:_NAMED_AT_MOST]) + (", …" if len(missing) > _NAMED_AT_MOST else "")
        message = f"{len(missing)} of {len(annotations)} images are missing or unreadable under {images}: {named}"
        if not skip_missing:
            raise DataError(f"{message} (named in {source}; skip them with --skip_missing)")
        _LOG.warning("%s; left out", message)
    if any(cached.get(name) != size for name, size in sizes.items()):
        _write_sizes(size_cache, cached | sizes)
    return records


def _size(path: Path, cached: _CachedSize | None) -> _CachedSize:
    status = path.stat()
    if cached is not None and (cached.modified_ns, cached.file_bytes) == (status.st_mtime_ns, status.st_size):
        return cached
    return _CachedSize(status.st_mtime_ns, status.st_size, *image_size(path))


def _cached_sizes(path: Path) -> dict[str, _CachedSize]:
    try:
        return _read_sizes(path) if path.exists() else {}
    except DataError as error:
        _LOG.warning("%s; image sizes are read again", error)
        return {}


@reader("a table of image sizes")
def _read_sizes(path: Path) -> dict[str, _CachedSize]:
    return {name: _CachedSize(*(int(value) for value in values)) for name, values in read_json(path).items()}


def _write_sizes(path: Path, sizes: Mapping[str, _CachedSize]) -> None:
    try:
        with atomic_write(path) as stream:
            json.dump(sizes, stream, ensure_ascii=False)
    except OSError as error:
        # A read-only data folder: the sizes are read again next time.
        _LOG.info("%s: image sizes are not kept (%s)", path, error.strerror)

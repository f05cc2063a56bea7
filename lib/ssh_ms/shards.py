"""MindRecord shards: pictures with their boxes in a few large files."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ssh_ms.framework import datasets, mindrecord
from ssh_ms.sources import RawImage, read_raw
from ssh_tf.datasets.records import ImageRecord, fingerprint
from ssh_tf.utils.errors import DataError, ImageError, reason_of
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.images import decode_image
from ssh_tf.utils.random_streams import Stream, random_generator
from ssh_tf.utils.reading import read_json, reader

_SHARD = "faces.mindrecord"
_NOTE = "data.json"
# MindRecord has no arrays without rows, so one that means nothing comes first.
_NO_BOX = np.full((1, 5), -1, np.float32)


class MindRecordSource:
    """Reads MindRecord shards."""

    def __init__(self, folder: Path) -> None:
        """Open the shards in `folder`, see `write_shards`.

        Raises:
            DataError: there are none, or they are damaged.
        """
        self._files = shards(folder)
        self.fingerprint = _noted_fingerprint(folder / _NOTE)
        try:
            self._length = datasets.MindDataset(self._files).get_dataset_size()
        except (RuntimeError, ValueError, OSError) as error:
            raise DataError(
                f"{folder}: no MindRecord shards, or damaged ones: remove the folder to make them again"
            ) from error

    def __len__(self) -> int:
        return int(self._length)

    def epoch(self, seed: int, epoch: int, skip: int) -> Iterator[RawImage]:
        """See `DataSource`."""
        datasets.config.set_seed(int(random_generator(seed, Stream.PORT_SHARDS, epoch).integers(2**31)))
        columns = list(RawImage._fields)
        dataset = datasets.MindDataset(self._files, columns, num_parallel_workers=1, shuffle=True).skip(skip)
        for name, data, truth in dataset.create_tuple_iterator(num_epochs=1, output_numpy=True):
            yield RawImage(str(name), data.tobytes(), truth[len(_NO_BOX) :])


def shards(folder: Path) -> list[str]:
    """The shards in `folder`, in order."""
    found = folder.glob(f"{_SHARD}*")
    return [str(path) for path in sorted(found, key=lambda path: path.name) if path.suffix != ".db"]


@reader("the note of what shards were made from")
def _noted_fingerprint(path: Path) -> str | None:
    # Shards of earlier versions have none.
    return str(read_json(path)["data"]) if path.exists() else None


def write_shards(folder: Path, records: Sequence[ImageRecord], count: int) -> None:
    """Write the pictures of `records` with their boxes to `count` MindRecord shards in `folder`.

    Every picture is decoded once, so that none fails in training.

    Raises:
        DataError: `folder` holds something already, a picture cannot be read, or the shards cannot be written.
    """
    place = _free_place(folder)
    temporary = place.with_name(f".{place.name}.part")
    # What a killed run has left may be more shards than are made now.
    shutil.rmtree(temporary, ignore_errors=True)
    with _making(folder):
        temporary.mkdir(parents=True)
        writer = mindrecord.FileWriter(str(temporary / _SHARD), shard_num=count, overwrite=True)
        writer.add_schema(
            {"name": {"type": "string"}, "data": {"type": "bytes"}, "truth": {"type": "float32", "shape": [-1, 5]}}
        )
    for record in tqdm(records, desc="MindRecord", unit="image", disable=None):
        raw = _checked_picture(record)
        with _making(folder):
            writer.write_raw_data([raw._replace(truth=np.concatenate([_NO_BOX, raw.truth]))._asdict()])
    with _making(folder):
        writer.commit()
        with atomic_write(temporary / _NOTE) as stream:
            json.dump({"data": fingerprint(records)}, stream)
        # Whole or not at all: a folder that was left half-way is not taken for the shards.
        temporary.rename(place)


def _free_place(folder: Path) -> Path:
    """`folder`, absolute, which a folder of shards can be renamed to: it is not there yet, or empty.

    Raises:
        DataError: something is there, or it is the folder that this runs in.
    """
    place = Path(os.path.realpath(folder))
    # What is renamed to the folder that this runs in would leave it in one that is gone.
    if place == Path.cwd():
        raise DataError(f"{folder}: is the folder that this was started in; name another one for the shards")
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise DataError(f"{folder}: something is there already; name a new or an empty folder for the shards")
    return place


def _checked_picture(record: ImageRecord) -> RawImage:
    """The file of `record`, which can be decoded.

    Raises:
        DataError: it cannot be read or decoded.
    """
    raw = read_raw(record)
    try:
        decode_image(raw.data, record.path)
    except ImageError as error:
        raise DataError(f"training image {error}") from error
    return raw


@contextmanager
def _making(folder: Path) -> Iterator[None]:
    """Turn whatever is raised inside into one line: MindRecord's own errors have no class in common but Exception.

    Raises:
        DataError: something was raised.
    """
    try:
        yield
    except Exception as error:
        raise DataError(f"{folder}: the shards cannot be written ({reason_of(error)})") from error

"""Where training takes its pictures from: the files themselves, or MindRecord shards made of them.

Letters: `M` boxes of an image. A source gives every picture once an epoch, in an order that the seed and the epoch
alone decide.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ssh_ms.framework import datasets, mindrecord
from ssh_ms.training_data import truth_of
from ssh_tf.datasets.annotations import read_annotations, read_ignore_regions
from ssh_tf.datasets.records import ImageRecord, make_records
from ssh_tf.datasets.wider_split import read_split, write_annotations
from ssh_tf.utils.errors import DataError, ImageError
from ssh_tf.utils.images import decode_image

_SHARD = "faces.mindrecord"
# MindRecord has no arrays without rows, so one that means nothing comes first.
_NO_BOX = np.full((1, 5), -1, np.float32)


class RawImage(NamedTuple):
    """A picture that has yet to be decoded."""

    name: str
    data: bytes
    truth: npt.NDArray[np.float32]  # (M, 5), see `truth_of`


class Source(Protocol):
    """Pictures in the order of an epoch."""

    def __len__(self) -> int:
        """Pictures of an epoch."""

    def epoch(self, seed: int, epoch: int, skip: int) -> Iterator[RawImage]:
        """The pictures of `epoch`, but for the first `skip`.

        Raises:
            DataError: one cannot be read.
        """


def load_records(anno_path: Path, image_dir: Path, cache: Path, skip_missing: bool) -> list[ImageRecord]:
    """The images of WIDER FACE's official list, or of this project's annotation lines; `cache` is a folder to write in.

    Raises:
        DataError: a file is missing or malformed, images are missing, or there are none.
    """
    source = anno_path
    if _is_official(anno_path):
        source = cache / "annotations.txt"
        write_annotations(source, read_split(anno_path))
    labels = anno_path.with_name("labels.jsonl")
    records = make_records(
        annotations=read_annotations(source),
        source=source,
        images=image_dir,
        ignore=read_ignore_regions(labels) if labels.exists() else {},
        size_cache=cache / "image_sizes.json",
        skip_missing=skip_missing,
    )
    if not records:
        raise DataError(f"{anno_path}: no images")
    return records


def _is_official(path: Path) -> bool:
    """The second line of the official list is the first image's count of boxes, alone."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            lines = [line.strip() for line, _ in zip(stream, range(2), strict=False)]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return len(lines) == 2 and lines[1].isdecimal()


class FileSource:
    """Reads the files of `records`."""

    def __init__(self, records: Sequence[ImageRecord]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def epoch(self, seed: int, epoch: int, skip: int) -> Iterator[RawImage]:
        """See `Source`."""
        order = np.random.default_rng([seed, epoch]).permutation(len(self._records))
        return (_read(self._records[at]) for at in order[skip:])


class MindRecordSource:
    """Reads MindRecord shards."""

    def __init__(self, folder: Path) -> None:
        """Open the shards in `folder`, see `write_shards`.

        Raises:
            DataError: there are none, or they are damaged.
        """
        self._files = shards(folder)
        try:
            self._length = datasets.MindDataset(self._files).get_dataset_size()
        except (RuntimeError, ValueError, OSError) as error:
            raise DataError(
                f"{folder}: no MindRecord shards, or damaged ones: remove the folder to make them anew"
            ) from error

    def __len__(self) -> int:
        return int(self._length)

    def epoch(self, seed: int, epoch: int, skip: int) -> Iterator[RawImage]:
        """See `Source`."""
        datasets.config.set_seed(int(np.random.default_rng([seed, epoch]).integers(2**31)))
        columns = list(RawImage._fields)
        dataset = datasets.MindDataset(self._files, columns, num_parallel_workers=1, shuffle=True).skip(skip)
        for name, data, truth in dataset.create_tuple_iterator(num_epochs=1, output_numpy=True):
            yield RawImage(str(name), data.tobytes(), truth[len(_NO_BOX) :])


def shards(folder: Path) -> list[str]:
    """The shards in `folder`, in order."""
    found = folder.glob(f"{_SHARD}[0-9]*")
    return [str(path) for path in sorted(found, key=lambda path: path.name) if path.suffix != ".db"]


def write_shards(folder: Path, records: Sequence[ImageRecord], count: int) -> None:
    """Write the pictures of `records` with their boxes to `count` MindRecord shards in `folder`.

    Every picture is decoded once, so that none fails in training.

    Raises:
        DataError: a picture cannot be read, or the shards cannot be written.
    """
    temporary = folder.with_name(f".{folder.name}.part")
    temporary.mkdir(parents=True, exist_ok=True)
    writer = mindrecord.FileWriter(str(temporary / _SHARD), shard_num=count, overwrite=True)
    writer.add_schema(
        {"name": {"type": "string"}, "data": {"type": "bytes"}, "truth": {"type": "float32", "shape": [-1, 5]}}
    )
    try:
        for record in tqdm(records, desc="MindRecord", unit="image", disable=None):
            raw = _read(record)
            decode_image(raw.data, record.path)
            writer.write_raw_data([raw._replace(truth=np.concatenate([_NO_BOX, raw.truth]))._asdict()])
        writer.commit()
        # Whole or not at all: a folder that was left half-way is not taken for the shards.
        temporary.rename(folder)
    except ImageError as error:
        raise DataError(f"training image {error}") from error
    except (RuntimeError, OSError) as error:
        raise DataError(f"{folder}: the shards cannot be written ({error})") from error


def _read(record: ImageRecord) -> RawImage:
    try:
        return RawImage(record.name, record.path.read_bytes(), truth_of(record))
    except OSError as error:
        raise DataError(f"training image {record.path}: {error.strerror}") from error

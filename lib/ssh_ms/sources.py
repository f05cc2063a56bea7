"""Where training takes its pictures from.

Letters: `M` boxes of an image. A source gives every picture once an epoch, in an order that the seed and the epoch
alone decide.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ssh_ms.training_data import truth_of
from ssh_tf.datasets.annotations import read_annotations, read_ignore_regions
from ssh_tf.datasets.records import ImageRecord, fingerprint, make_records
from ssh_tf.datasets.wider_split import read_split, write_annotations
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.images import IMAGE_SUFFIXES
from ssh_tf.utils.random_streams import Stream, random_generator
from ssh_tf.utils.reading import read_bytes, read_text, reader, reading


class RawImage(NamedTuple):
    """A picture that has yet to be decoded."""

    name: str
    data: bytes
    truth: npt.NDArray[np.float32]  # (M, 5), see `truth_of`


class DataSource(Protocol):
    """Pictures in the order of an epoch."""

    fingerprint: str | None
    """What tells these pictures and boxes from others, see `records.fingerprint`; None if it is not known."""

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


@reader("a list of images")
def _is_official(path: Path) -> bool:
    """The official list begins with the name of a picture, with its suffix, and its count of boxes, a line each.

    The count alone does not tell it: in lines of this project `000002` is a picture without faces.
    """
    lines = [line.strip() for line in read_text(path, errors="replace").split("\n", 2)[:2]]
    return len(lines) == 2 and PurePosixPath(lines[0]).suffix.lower() in IMAGE_SUFFIXES and lines[1].isdecimal()


class FileSource:
    """Reads the files of `records`."""

    def __init__(self, records: Sequence[ImageRecord]) -> None:
        self._records = records
        self.fingerprint: str | None = fingerprint(records)

    def __len__(self) -> int:
        return len(self._records)

    def epoch(self, seed: int, epoch: int, skip: int) -> Iterator[RawImage]:
        """See `DataSource`."""
        order = random_generator(seed, Stream.PORT_ORDER, epoch).permutation(len(self._records))
        return (read_raw(self._records[at]) for at in order[skip:])


def read_raw(record: ImageRecord) -> RawImage:
    """The file of `record`, as it is.

    Raises:
        DataError: it cannot be read.
    """
    with reading(f"training image {record.path}", "a picture"):
        return RawImage(record.name, read_bytes(record.path), truth_of(record))

"""The work of one process: the pictures of a shard, read from wherever they lie, and a row for each.

A picture that cannot be used is a row with the reason. One that ends the process (a decoder that crashes, memory that
runs out) would do so wherever its shard is done again, so the third attempt at a shard notes each picture before it
reads it, and later ones skip a picture at which two have ended: one may have been ended from outside.
"""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from tarfile import EOFHeaderError, HeaderError, ReadError  # type: ignore[attr-defined]  # not in its stubs
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.bulk.inputs import Unit, bytes_column
from ssh_tf.bulk.output import Output, Row
from ssh_tf.bulk.storage import Root, bulk_package, fetch, openable, said
from ssh_tf.model.inference.detect_files import Detected, detect_pictures
from ssh_tf.model.inference.detection import Detector
from ssh_tf.utils.blocks import blocks
from ssh_tf.utils.errors import DataError, ImageError, one_line
from ssh_tf.utils.images import IMAGE_SUFFIXES, bytes_to_decode, bytes_to_read, decode_image
from ssh_tf.utils.media import Picture

_CAREFUL_FROM = 3
_DEATHS = 2
"""Of processes at one picture, after which it is skipped."""
_CHUNK = 2**20
_BLOCK = 512
"""Rows that are kept before they are written."""
_PARQUET_PICTURES = 16
"""Read at a time."""
_MOST_BYTES = 2**30

_UNPACK: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
"""By the first bytes of a tar file."""

_ABOUT_THE_NEXT = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)
_MOST_ABOUT = 2**20
"""Bytes of an entry that tells of the next one, such as its long name: it is read at once."""


class Counts(NamedTuple):
    """What a shard came to."""

    pictures: int
    faces: int
    failed: int


def do_shard(
    detector: Detector, threshold: float, roots: Sequence[Root], output: Output, shard: int, image_column: str | None
) -> Counts:
    """Detect faces in the pictures of `shard` and write its rows. `roots` are those of the inputs.

    Raises:
        CheckpointError: the network's graph fails.
        SSHError: the output cannot be written.
    """
    unit = output.unit(shard)
    loadable = unit_pictures(roots[unit.given], unit, image_column)
    pictures = faces = failed = 0

    def rows() -> Iterator[Row]:
        nonlocal pictures, faces, failed
        for picture, found in _survived(output, shard, detector, threshold, loadable):
            pictures += 1
            if isinstance(found, str):
                failed += 1
                yield Row(picture.file, error=found)
            else:
                faces += len(found.faces)
                height, width = found.image.shape[:2]
                boxes, scores = found.faces[:, :4].tolist(), found.faces[:, 4].tolist()
                yield Row(picture.file, width, height, boxes, scores, found.milliseconds)

    output.write_part(shard, blocks(rows(), _BLOCK))
    return Counts(pictures, faces, failed)


def unit_pictures(root: Root, unit: Unit, image_column: str | None) -> Iterator[Picture]:
    """The pictures of `unit`, in an order that is always the same.

    What cannot be read of a tar or Parquet file is a picture that fails, of that file's name.
    """
    if unit.kind == "files":
        for name in unit.names:
            yield Picture(name, None, partial(_decoded, root, name), partial(_bytes_of_file, root, name))
        return
    try:
        yield from (_tar_pictures if unit.kind == "tar" else _parquet_pictures)(root, unit, image_column)
    except Exception as error:  # whatever a damaged file, or one of many filesystems, comes up with
        (name,) = unit.names
        reason = one_line(said(error)).removeprefix(f"{one_line(name)}: ")
        yield Picture(name, None, partial(_fail, f"{name}: the rest cannot be read: {reason}"), int)


def _survived(
    output: Output, shard: int, detector: Detector, threshold: float, loadable: Iterator[Picture]
) -> Iterator[tuple[Picture, Detected | str]]:
    """Detect, and leave notes for whoever does the shard if this process dies."""
    before = output.attempt(shard)
    number, killers = before.get("number", 0) + 1, before.get("killers", [])
    if before.get("at") is not None:
        killers = [*killers, before["at"]]
    output.note_attempt(shard, {"number": number, "killers": killers, "at": None})
    if number < _CAREFUL_FROM:
        yield from detect_pictures(detector, loadable, threshold)
        return
    for at, picture in enumerate(loadable):
        if killers.count(at) >= _DEATHS:
            yield picture, f"{picture.file}: the process ended each time it read this picture"
        else:
            output.note_attempt(shard, {"number": number, "killers": killers, "at": at})
            yield from detect_pictures(detector, [picture], threshold)
    output.note_attempt(shard, {"number": number, "killers": killers, "at": None})


class _Member(tarfile.TarInfo):
    """An entry of a tar file, which has to be whole: Python's reader takes damage after the first one for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Member":
        entry = super().frombuf(buf, encoding, errors)
        if entry.size < 0 or (entry.type in _ABOUT_THE_NEXT and entry.size > _MOST_ABOUT):
            raise HeaderError(f"an entry of {entry.size} bytes")
        return entry

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> "_Member":
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            raise
        except HeaderError as error:
            raise ReadError(str(error)) from error


def _tar_pictures(root: Root, unit: Unit, _: str | None) -> Iterator[Picture]:
    (name,) = unit.names
    filesystem, path = openable(root, name)
    # Arrow's own guess by the suffix would unpack before we do; tarfile would not compare the sum of what is unpacked.
    with filesystem.open_input_stream(path, compression=None, buffer_size=2**20) as stream:
        whole = io.BufferedReader(stream)
        unpack = _UNPACK.get(whole.peek(2)[:2])
        with unpack(whole) if unpack else whole as content:
            with tarfile.open(fileobj=content, mode="r|", tarinfo=_Member) as archive:
                for member in _members(archive):
                    file = f"{name}/{member.name}"
                    if not member.isfile() or not member.name.lower().endswith(tuple(IMAGE_SUFFIXES)):
                        continue
                    if member.size > _MOST_BYTES:
                        yield Picture(file, None, partial(_fail, f"{file}: over {_MOST_BYTES} bytes are no picture"))
                        continue
                    data = archive.extractfile(member)
                    yield _held(data.read() if data else b"", file)
            # Behind the last entry stands the sum of what was compressed.
            while content.read(_CHUNK):
                pass


def _members(archive: Any) -> Iterator[tarfile.TarInfo]:
    """The entries of a `TarFile` that is read as a stream: none is kept, and its end is seen where it is too early."""
    while member := archive.next():
        archive.members.clear()
        yield member
        # To an end that never comes tarfile itself would go in 2^60 steps.
        while (left := archive.offset - archive.fileobj.tell()) > 0:
            if not archive.fileobj.read(min(left, _CHUNK)):
                raise ReadError("unexpected end of data")


def _parquet_pictures(root: Root, unit: Unit, image_column: str | None) -> Iterator[Picture]:
    (name,) = unit.names
    column, is_struct = bytes_column(root, name, image_column)
    filesystem, path = openable(root, name)
    parquet = bulk_package("pyarrow.parquet")
    at = unit.first
    with parquet.ParquetFile(path, filesystem=filesystem, buffer_size=2**20, pre_buffer=False) as file:
        leaf = f"{column}.bytes" if is_struct else column
        for batch in file.iter_batches(_PARQUET_PICTURES, row_groups=[unit.group], columns=[leaf]):
            for value in batch.column(0):
                data = (value.as_py() or {}).get("bytes") if is_struct else value.as_py()
                yield _held(data or b"", f"{name}#{at}")
                at += 1


def _held(data: bytes, name: str) -> Picture:
    """A picture whose file is in memory already."""
    return Picture(name, None, partial(_decode, data, name), partial(bytes_to_decode, data, name))


def _bytes_of_file(root: Root, name: str) -> int:
    """As `bytes_to_read`; 0 for what is not on the local disk, which is not asked twice."""
    try:
        filesystem, path = root.place(name)
    except DataError:
        return 0
    return bytes_to_read(path) if filesystem.type_name == "local" else 0


def _decoded(root: Root, name: str) -> npt.NDArray[np.uint8]:
    try:
        data = fetch(root, name)
    except DataError as error:
        raise ImageError(str(error)) from error
    return _decode(data, name)


def _decode(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    if not data:
        raise ImageError(f"{name}: no bytes")
    return decode_image(data, name)


def _fail(reason: str) -> npt.NDArray[np.uint8]:
    raise ImageError(reason)

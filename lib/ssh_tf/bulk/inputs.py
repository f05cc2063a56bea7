"""What a user names, as units of work: runs of picture files, tar files, row groups of Parquet files."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ssh_tf.bulk.storage import Root, bulk_package, fetch, openable, root_and_name, said, walk, what_is
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.images import IMAGE_SUFFIXES

SHARD = 256
"""Pictures of a shard, at most: what a worker that dies takes with it."""

_SHARDS_A_WORKER = 4
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_MAGIC = re.compile(r"[*?\[]")


class Unit(NamedTuple):
    """The work of one shard."""

    kind: str
    """ "files", "tar" or "parquet"."""
    given: int
    """Which of the inputs it comes from."""
    names: list[str]
    """Of the pictures, or of the one tar or Parquet file."""
    group: int = 0
    """Row group of a Parquet file."""
    first: int = 0
    """Row of the file that this row group begins with."""


def find_units(
    inputs: Sequence[str],
    workers: int,
    shard: int = SHARD,
    image_column: str | None = None,
    pass_over: Callable[[str], object] | None = None,
) -> Iterator[Unit]:
    """Units of `inputs`: folders (with all below them), patterns, lists (`.txt`, a name a line), tar and Parquet files,
    pictures; on the local disk or by URI.

    Runs of pictures are of `shard`, or fewer so that all `workers` have something to do. Folders below an input that
    hold results of runs are left out; `pass_over` is told their names.

    Raises:
        DataError: an input is not there, cannot be read or holds no pictures.
    """
    for given, text in enumerate(inputs):
        root, name = root_and_name(text)
        yield from _divided(root, given, name, _names(root, name, pass_over), workers, shard, image_column)


def bytes_column(root: Root, name: str, wanted: str | None) -> tuple[str, bool]:
    """The column of pictures in a Parquet file, and whether its bytes are a field of a struct.

    That is `wanted`, or else the only one of bytes, or of structs with a field `bytes`.

    Raises:
        DataError: there is none, or there are several.
    """
    _, columns = _footer(root, name)
    return _column_among(columns, name, wanted)


def _fitting(columns: list) -> dict[str, bool]:
    """The columns of bytes, and whether these are a field of a struct."""
    types = bulk_package("pyarrow.types")
    return {
        field.name: is_struct
        for field in columns
        for is_struct, kind in ((False, field.type), (True, _bytes_of(field.type)))
        if kind is not None and (types.is_binary(kind) or types.is_large_binary(kind))
    }


def _column_among(columns: list, name: str, wanted: str | None) -> tuple[str, bool]:
    fitting = _fitting(columns)
    if wanted is None and len(fitting) == 1:
        return next(iter(fitting.items()))
    if wanted is None or wanted not in fitting:
        have = ", ".join(f"{field.name} ({field.type})" for field in columns)[:200]
        missing = f"no column {wanted!r} of image bytes" if wanted else f"{len(fitting) or 'no'} columns of image bytes"
        raise DataError(f"{name}: {missing}: name one by --image_column (there are: {have})")
    return wanted, fitting[wanted]


def _bytes_of(kind: object) -> object:
    """The type of the field `bytes` of a struct; None of all else."""
    types = bulk_package("pyarrow.types")
    if not types.is_struct(kind):
        return None
    return next((field.type for field in kind if field.name == "bytes"), None)  # type: ignore[attr-defined]


def _footer(root: Root, name: str) -> tuple[list[int], list]:
    """Rows of each row group, and the fields."""
    parquet = bulk_package("pyarrow.parquet")
    try:
        filesystem, path = openable(root, name)
        with parquet.ParquetFile(path, filesystem=filesystem) as file:
            metadata = file.metadata
            rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
            return rows, list(file.schema_arrow)
    except Exception as error:  # Arrow's errors, and those of as many filesystems
        raise DataError(f"{name}: not a Parquet file that can be read: {said(error)}") from error


def _names(root: Root, name: str, pass_over: Callable[[str], object] | None) -> Iterator[str]:
    """The files that one input stands for."""
    kind = what_is(root, name)
    count = 0
    if kind == "folder":
        for found in walk(root, name, None, pass_over):
            if _is_work(found):
                count += 1
                yield found
        if not count:
            raise DataError(f"{name}: no pictures, tar or Parquet files in this folder")
    elif kind is None and (magic := _MAGIC.search(name)):
        folder = name[: magic.start()].rpartition("/")[0]
        depth = None if "**" in name else name[magic.start() :].count("/")
        try:
            pattern = re.compile(bulk_package("fsspec.utils").glob_translate(name))
        except (ValueError, re.error) as error:
            raise DataError(f"{name}: not a pattern: {error}") from error
        if what_is(root, folder or ".") == "folder":
            for found in walk(root, folder, depth, pass_over):
                if pattern.match(found):
                    count += 1
                    yield found
        if not count:
            raise DataError(f"{name}: no file matches this pattern")
    elif kind is None:
        raise DataError(f"{name}: no such file or folder")
    elif name.lower().endswith(".txt"):
        yield from _listed(root, name)
    else:
        yield name


def _listed(root: Root, name: str) -> Iterator[str]:
    """The lines of a list; those that are no URIs and not absolute count from the list's folder."""
    try:
        # Not `splitlines`: it divides names at letters that they may have.
        lines = fetch(root, name).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: not a list of names in UTF-8") from error
    folder = name.rpartition("/")[0]
    listed = [text for line in lines if (text := line.strip(" \t\r"))]
    if not listed:
        raise DataError(f"{name}: the list is empty")
    for line in listed:
        yield line if "://" in line or line.startswith("/") or not folder else f"{folder}/{line}"


def _row_groups(root: Root, given: int, whole: str, name: str, image_column: str | None) -> Iterator[Unit]:
    groups: list[int] = []
    columns: list = []
    try:
        groups, columns = _footer(root, name)
    except DataError:
        if name == whole:
            raise
    fitting = _fitting(columns)
    if name != whole and not (fitting if image_column is None else image_column in fitting):
        # One of many: the others are done, and its row will say why it is not.
        yield Unit("parquet", given, [name])
        return
    _column_among(columns, name, image_column)
    first = 0
    for group, rows in enumerate(groups):
        yield Unit("parquet", given, [name], group, first)
        first += rows


def _is_work(name: str) -> bool:
    lower = name.lower()
    return lower.endswith((*IMAGE_SUFFIXES, *_TAR, ".parquet"))


def _divided(
    root: Root, given: int, whole: str, names: Iterator[str], workers: int, shard: int, image_column: str | None
) -> Iterator[Unit]:
    """Units of `names`, which the input `whole` stands for."""
    size = shard
    waiting: list[str] = []
    is_first = True
    enough = shard * _SHARDS_A_WORKER * workers
    for name in names:
        if name.lower().endswith(_TAR):
            yield Unit("tar", given, [name])
        elif name.lower().endswith(".parquet"):
            yield from _row_groups(root, given, whole, name, image_column)
        else:
            waiting.append(name)
        # The first pictures wait until there are enough for all workers, or no more.
        while waiting and len(waiting) >= (enough if is_first else size):
            if is_first:
                yield from (Unit("files", given, waiting[at : at + size]) for at in range(0, enough, size))
                waiting, is_first = waiting[enough:], False
            else:
                yield Unit("files", given, waiting)
                waiting = []
    if is_first:
        size = max(1, min(shard, -(-len(waiting) // (_SHARDS_A_WORKER * workers))))
    yield from (Unit("files", given, waiting[at : at + size]) for at in range(0, len(waiting), size))

"""Where files lie: a local path, or a URI (`s3://bucket/key`) of a filesystem that PyArrow or fsspec knows.

A *name* is what a user may read: a path or URI without query or credentials. Needs the extra `bulk`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

from ssh_tf.utils.errors import DataError, first_line, utf8
from ssh_tf.utils.lazy import extra_package
from ssh_tf.utils.reading import Refused, check_file
from ssh_tf.utils.result_marks import are_results

_MOST_BYTES = 2**30

Filesystem: TypeAlias = Any
"""A `pyarrow.fs.FileSystem`; PyArrow carries no types."""


def bulk_package(name: str) -> ModuleType:
    """Import `name`, a module of one of the packages that the extra `bulk` brings.

    Raises:
        SSHError: it is not installed.
    """
    return extra_package(name, "bulk")


class Root(NamedTuple):
    """A filesystem as a user names it: `uri` with query and credentials, "" for local files below `folder`."""

    uri: str
    folder: str

    def place(self, name: str) -> tuple[Filesystem, str]:
        """The filesystem of `name` and its path there. A name without a scheme is local.

        Raises:
            DataError: no such filesystem, or it cannot be reached.
        """
        if "://" not in name:
            return _opened("")[0], os.path.join(self.folder, name)
        bare, path = _split(name)
        # A list may name files of another place than its own.
        filesystem, base = _opened(self.uri if bare == _split(self.uri)[0] else bare)
        return filesystem, base + path


def root_and_name(given: str) -> tuple[Root, str]:
    """What a user gave, as a root and the name below it."""
    folder = os.getcwd()
    if "://" not in given:
        return Root("", folder), given
    bare, rest = _split(given)
    path, mark, query = rest.partition("?")
    scheme, _, place = given.partition("://")
    return Root(f"{scheme}://{place.partition('/')[0]}{mark}{query}", folder), bare + path


def _split(uri: str) -> tuple[str, str]:
    """Scheme and place without credentials or query, and the rest after it: `s3://bucket`, `/key?query`."""
    if not uri:
        return "", ""
    scheme, _, behind = uri.partition("://")
    place, slash, rest = behind.partition("/")
    place = place.partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{place}", slash + rest


@lru_cache(maxsize=64)
def _opened(uri: str) -> tuple[Filesystem, str]:
    arrow = bulk_package("pyarrow.fs")
    if not uri:
        return arrow.LocalFileSystem(), ""
    place, mark, query = uri.partition("?")
    whole = f"{place}/{mark}{query}"
    try:
        filesystem, base = arrow.FileSystem.from_uri(whole)
    except ValueError as unknown:
        try:
            other, base = bulk_package("fsspec.core").url_to_fs(whole)
        except (ImportError, ValueError) as error:
            raise DataError(f"{_split(uri)[0]}: no filesystem that can be read ({error or unknown})") from error
        except Exception as error:  # each filesystem of fsspec has its own
            raise _unreachable(uri, error) from error
        filesystem = arrow.PyFileSystem(arrow.FSSpecHandler(other))
    except OSError as error:
        raise _unreachable(uri, error) from error
    return filesystem, base.rstrip("/")


def _unreachable(uri: str, error: Exception) -> DataError:
    credentials = uri.partition("://")[2].partition("/")[0].rpartition("@")[0]
    reason = said(error).replace(credentials, "…") if credentials else said(error)
    return DataError(f"{_split(uri)[0]}: cannot be reached: {reason}")


def said(error: Exception) -> str:
    """What one of many libraries says of a file or a place, in a line."""
    return (
        error.strerror if isinstance(error, OSError) and error.strerror else first_line(error) or type(error).__name__
    )


def what_is(root: Root, name: str) -> str | None:
    """ "file" or "folder"; None if nothing is there.

    Raises:
        DataError: the filesystem refuses to say.
    """
    filesystem, path = root.place(name)
    try:
        kind = filesystem.get_file_info(path).type.name
    except Exception as error:  # as many classes as there are filesystems
        raise DataError(f"{name}: cannot be read: {said(error)}") from error
    return {"File": "file", "Unknown": "file", "Directory": "folder"}.get(kind)


def walk(
    root: Root, folder: str, depth: int | None = None, pass_over: Callable[[str], object] | None = None
) -> Iterator[str]:
    """Names of the files below `folder`, down to `depth` levels of folders, always in the same order.

    Folders that are symbolic links are not followed: they may lead back up. What begins with a dot is left out. So are
    folders below `folder` that hold results of runs; `pass_over` is told their names.

    Raises:
        DataError: a folder cannot be read.
    """
    prefix = folder if folder.endswith("/") or not folder else f"{folder}/"
    yield from _walk(root, prefix, _listed(root, folder), depth, pass_over)


class _Entry(NamedTuple):
    """What a folder holds."""

    name: str
    is_folder: bool
    is_link: bool = False


def _walk(
    root: Root,
    prefix: str,
    found: Sequence[_Entry],
    depth: int | None,
    pass_over: Callable[[str], object] | None,
) -> Iterator[str]:
    for entry in found:
        name = prefix + entry.name
        if entry.name.startswith("."):
            continue
        if not entry.is_folder:
            # Arrow has no other names; of one that was another its row will say that there is no such file.
            yield utf8(name)
        elif depth != 0 and not entry.is_link:
            below = _listed(root, name)
            if not are_results(each.name for each in below):
                yield from _walk(root, f"{name}/", below, None if depth is None else depth - 1, pass_over)
            elif pass_over:
                pass_over(name)


def _listed(root: Root, folder: str) -> list[_Entry]:
    """What a folder holds, by name."""
    filesystem, path = root.place(folder)
    try:
        if filesystem.type_name == "local":
            # Arrow would stop at a name that is not UTF-8.
            with os.scandir(path or ".") as found:
                return sorted(_Entry(each.name, each.is_dir(), each.is_symlink()) for each in found)
        selector = bulk_package("pyarrow.fs").FileSelector(path or ".", recursive=False)
        infos = filesystem.get_file_info(selector)
        return sorted(_Entry(info.base_name, info.type.name == "Directory") for info in infos)
    except Exception as error:
        raise DataError(f"{folder}: cannot be read: {said(error)}") from error


def openable(root: Root, name: str, most_bytes: int | None = None) -> tuple[Filesystem, str]:
    """The filesystem of a file and its path there.

    Raises:
        Refused: it is a pipe, a device or a folder, or has over `most_bytes` bytes.
        OSError: it is not there.
    """
    filesystem, path = root.place(name)
    if filesystem.type_name == "local":
        check_file(path, most_bytes)
    return filesystem, path


def fetch(root: Root, name: str) -> bytes:
    """All of a file.

    Raises:
        DataError: it cannot be read, is empty or over a gigabyte; the message is for a line that names the file.
    """
    _, path = root.place(name)
    try:
        filesystem, path = openable(root, name, _MOST_BYTES)
        # Arrow would unpack what is called .gz.
        with filesystem.open_input_stream(path, compression=None) as stream:
            data = stream.read(_MOST_BYTES + 1)
    except Refused as problem:
        raise DataError(f"{name}: {problem}") from problem
    except Exception as error:
        raise DataError(f"{name}: cannot be read: {said(error).removeprefix(f'{path}: ')}") from error
    if not data:
        raise DataError(f"{name}: the file is empty")
    if len(data) > _MOST_BYTES:
        raise DataError(f"{name}: over {_MOST_BYTES} bytes are no picture")
    return bytes(data)

"""Files that are either whole or absent, and names that stay inside their folder."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ssh_tf.utils.errors import DataError

# Bytes of a name and of each of its parts: what systems take, with room for the suffix of a result.
_LONGEST_NAME, _LONGEST_PART = 3072, 250
_DRIVE = re.compile(r"[A-Za-z]:")


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`, and rename it to `path` when the block ends well.

    A reader, or a run that was killed, sees the old file or the new one, never a part. Folders are made as needed.
    `mode` is "w" (UTF-8 text) or "wb".

    Raises:
        OSError: the disk is full or the folder cannot be written; it names a file, and `path` is as it was.
    """
    target = Path(path)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not the whole name: with what is added it could become too long.
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".tmp")
        try:
            with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as stream:
                yield stream
            _publish(temporary, target)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """`atomic_write` for what a library writes by name: a path of the same name in a folder of its own beside `path`.

    Raises:
        OSError: as `atomic_write`.
    """
    target = Path(path)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name[:40]}.") as folder:
            temporary = Path(folder, target.name)
            yield temporary
            _publish(temporary, target)


def _publish(temporary: str | os.PathLike[str], target: Path) -> None:
    with open(temporary, "rb") as stream:
        os.fsync(stream.fileno())
    # Temporary files are private, and some libraries make theirs read-only; a result is as the user's umask says.
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)
    try:
        os.replace(temporary, target)
    except OSError as error:  # the target is a folder
        raise OSError(error.errno, error.strerror, os.fspath(target)) from error


def copy_whole(source: Path, target: Path) -> None:
    """Make `target` what the file `source` is: the same file where the system can link, else a copy, whole or absent.

    Raises:
        OSError: as `atomic_write`.
    """
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with source.open("rb") as stream, atomic_write(target, "wb") as copy:
            shutil.copyfileobj(stream, copy)


def check_not_read(outputs: Iterable[Path | None], inputs: Iterable[Path]) -> None:
    """See that no output (None: there is none) is an input or another output: it would be lost.

    Raises:
        DataError: one is.
    """
    read = {os.path.realpath(path) for path in inputs}
    for output in filter(None, outputs):
        place = os.path.realpath(output)
        if place in read:
            raise DataError(f"{output}: is read or written by this command already; name another output")
        read.add(place)


def check_writable(outputs: Iterable[Path | None]) -> None:
    """See, before a long run, that each output (None: there is none) can be written; what is there stays as it is.

    Raises:
        OSError: one cannot; it names the file.
    """
    for output in filter(None, outputs):
        with writing(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            if output.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(output))
            tempfile.TemporaryFile(dir=output.parent).close()


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let every OSError inside name a file: `path`, where the system does not say which (a full disk)."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = os.fspath(path)
        raise


def inside(folder: str | os.PathLike[str], name: str, where: str) -> Path:
    """The path of `name`, which came from a data file, below `folder`.

    Args:
        folder: where it must lie.
        name: a relative path with `/` between its parts.
        where: the file, with the line if it has lines, for the message.

    Raises:
        DataError: `name` is absolute or leads out of the folder (by Windows' rules too), is empty, too long, or holds
            what no file's name may.
    """
    pure = PurePosixPath(name.replace("\\", "/"))
    parts = pure.parts
    if not parts or ".." in parts or pure.is_absolute() or _DRIVE.match(parts[0]):
        raise DataError(f"{where}: the name {name[:80]!r} leads outside of its folder or to none; write it relative")
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in name):
        raise DataError(f"{where}: the name {name[:80]!r} holds letters that no file's name has")
    if len(name.encode()) > _LONGEST_NAME or any(len(part.encode()) > _LONGEST_PART for part in parts):
        raise DataError(f"{where}: the name {name[:80]!r}… is too long ({len(name.encode())} bytes)")
    return Path(folder) / name

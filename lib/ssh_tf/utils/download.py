"""Large files from the network: resumed after an interruption, checked, and unpacked without trusting the archive."""

import gzip
import hashlib
import http.client
import json
import shutil
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import atomic_write, inside
from ssh_tf.utils.reading import Refused, open_file, read_json, reader, reading

Report = Callable[[int, int | None], None]
"""Told the bytes present and, where known, the bytes in all."""

_CHUNK = 1 << 20
_LARGEST = 1 << 40  # bytes of a file whose length is not known
_DIGITS = 15  # of a length
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"


class Check(NamedTuple):
    """What a complete file is known to be; None where nobody has published it."""

    size: int | None = None
    sha256: str | None = None
    md5: str | None = None


class _Broken(Exception):
    """The connection failed in a way that another attempt may mend."""


def download(
    url: str,
    path: Path,
    check: Check,
    report: Report,
    *,
    attempts: int = 5,
    timeout: float = 60,
    pause: float = 2,
) -> None:
    """Fetch `url` into `path`, resuming what an earlier attempt or run left in ``path.part``.

    Args:
        check: what the complete file must be.
        attempts: how often in a row an attempt may bring nothing.
        timeout: seconds to wait for the server.
        pause: seconds before the second attempt; doubled for each further one.

    Raises:
        DataError: the server cannot be reached or refuses, or the file is not what it should be (it is then deleted).
    """
    with reading(url, "an address"):
        scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in {"http", "https"}:
        raise DataError(f"{url}: not an http or https address")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(path)
    failures = 0
    while not part.is_complete():
        before = part.size()
        try:
            _attempt(url, part, report, timeout)
        except _Broken as error:
            failures = 0 if part.size() > before else failures + 1
            if failures >= attempts:
                kept = f"; {part.size():,} bytes are kept, run again to resume" if part.size() else ""
                raise DataError(f"{url}: {error}{kept}") from error
            time.sleep(pause * 2**failures)
    _verify(url, part.path, check)
    part.finish()


class _Part:
    """The bytes of a file so far, and what the server said of the whole: its size and a mark of its version."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(f"{target.name}.part")
        self._notes = target.with_name(f"{target.name}.part.json")
        self.total: int | None = None
        self.version: str | None = None
        if self.path.exists() and self._notes.exists():
            try:
                self.total, self.version = _read_notes(self._notes)
            except DataError:
                self.restart(None, None)
        else:
            self.path.unlink(missing_ok=True)

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def is_complete(self) -> bool:
        return self.total is not None and self.size() == self.total

    def restart(self, total: int | None, version: str | None) -> None:
        """Drop the bytes, and note what the server says of the file that comes."""
        self.total, self.version = total, version
        self.path.write_bytes(b"")
        with atomic_write(self._notes) as stream:
            json.dump({"total": total, "version": version}, stream)

    def append(self, chunk: bytes) -> int:
        """Add bytes; returns how many there are now."""
        try:
            with self.path.open("ab") as stream:
                stream.write(chunk)
                return stream.tell()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written ({error.strerror})") from error

    def finish(self) -> None:
        self.path.replace(self._target)
        self._notes.unlink()


@reader("notes on a download")
def _read_notes(path: Path) -> tuple[int | None, str | None]:
    notes = read_json(path)
    total, version = notes["total"], notes["version"]
    if not isinstance(total, int | None) or not isinstance(version, str | None):
        raise DataError(f"{path}: not notes on a download")
    return total, version


def _attempt(url: str, part: _Part, report: Report, timeout: float) -> None:
    """Append to `part` what one request brings."""
    start = part.size()
    headers = {"User-Agent": "ssh-face-detector"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if part.version:
            headers["If-Range"] = part.version
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=timeout) as response:
            if response.status == http.HTTPStatus.PARTIAL_CONTENT:
                if _total_of_range(response.headers) != part.total:
                    part.restart(None, None)
                    raise _Broken("the file on the server has changed")
            else:
                length = response.headers.get("Content-Length")
                version = response.headers.get("ETag") or response.headers.get("Last-Modified")
                # RFC 9110, section 13.1.5: a weak mark must not stand in If-Range.
                part.restart(_length(url, length), None if (version or "").startswith("W/") else version)
            largest = _LARGEST if part.total is None else part.total
            while chunk := response.read(_CHUNK):
                if part.size() + len(chunk) > largest:
                    part.restart(None, None)
                    raise DataError(f"{url}: the server sends more than {largest:,} bytes; nothing is kept")
                report(part.append(chunk), part.total)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.restart(None, None)
            raise _Broken("the file on the server has changed") from error
        if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _Broken(f"the server answers {error.code} {error.reason}") from error
        raise DataError(f"{url}: the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _Broken(f"cannot be reached ({error.reason}); is this machine online?") from error
    except http.client.InvalidURL as error:
        raise DataError(f"{url}: not an address ({error})") from error
    except (http.client.HTTPException, OSError) as error:
        raise _Broken(f"the connection broke ({error})") from error
    except (ValueError, UnicodeError) as error:
        raise DataError(f"{url}: not an address, or not an answer of a web server ({error})") from error
    if part.total is None:
        part.total = part.size()
    elif part.size() < part.total:
        raise _Broken(f"the connection broke after {part.size():,} of {part.total:,} bytes")


def _length(url: str, text: str | None) -> int | None:
    """What the header Content-Length says."""
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise DataError(f"{url}: the server gives {text[:60]!r} as the length of the file")
    return int(text)


def _total_of_range(headers: http.client.HTTPMessage) -> int | None:
    """The size of the whole file from ``Content-Range: bytes 5-9/10``."""
    total = headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isascii() and total.isdecimal() and len(total) <= _DIGITS else None


def _verify(url: str, path: Path, check: Check) -> None:
    size = path.stat().st_size
    wrong = [f"{size:,} bytes, expected {check.size:,}"] if check.size not in {None, size} else []
    for name in ("sha256", "md5"):
        expected = getattr(check, name)
        if expected and not wrong:
            with path.open("rb") as stream:
                digest = hashlib.new(name, usedforsecurity=False)
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
            found = digest.hexdigest()
            if found != expected:
                wrong.append(f"{name} {found}, expected {expected}")
    if wrong:
        path.unlink()
        raise DataError(f"{url}: not the file it should be: {wrong[0]}; it was deleted")


class DamagedArchive(DataError):
    """An archive that nothing can be unpacked from: to be fetched again."""


def extract(archive: Path, folder: Path, strip: str = "") -> int:
    """Unpack a .zip or .tar.gz into `folder`, and return the number of files.

    Only plain files are taken, and only such as stay below `folder`, and all sums of the archive are compared first:
    else nothing is unpacked.

    Args:
        strip: a folder at the root of the archive whose content is unpacked without it; what lies elsewhere is left.

    Raises:
        DamagedArchive: the file is no such archive, is damaged or encrypted.
        DataError: it holds links or paths that lead out of `folder`, or more than the disk has room for; a file cannot
            be written.
    """
    count = 0
    with reading(archive, "a whole archive", DamagedArchive), _members(archive) as (sizes, members):
        places = {name: _place(archive, name, strip) for name in sizes}
        _check_room(archive, folder, sum(size for name, size in sizes.items() if places[name] is not None))
        for name, stream in members:
            place = places[name]
            if place is not None:
                _unpack(archive, stream, folder / place)
                count += 1
    if count == 0:
        raise DataError(f"{archive}: holds no files" + (f" under {strip}/" if strip else ""))
    return count


def _unpack(archive: Path, stream: IO[bytes], target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            shutil.copyfileobj(stream, out, _CHUNK)
    except OSError as error:
        raise DataError(f"{archive}: cannot be unpacked to {target} ({error.strerror or error})") from error


def _check_room(archive: Path, folder: Path, needed: int) -> None:
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise DataError(f"{archive}: holds {needed:,} bytes, and {place} has room for {free:,}; nothing was unpacked")


@contextmanager
def _members(archive: Path) -> Iterator[tuple[dict[str, int], Iterator[tuple[str, IO[bytes]]]]]:
    """The sizes of all plain files by name, and the files; an archive with links or wrong sums is refused."""
    with open_file(archive, _LARGEST) as stream:
        start = stream.read(4)
        stream.seek(0)
        if start == _ZIP:
            with zipfile.ZipFile(stream) as opened:
                if bad := opened.testzip():
                    raise Refused(f"{bad} is damaged; nothing was unpacked")
                names = {entry.filename: entry.file_size for entry in opened.infolist() if not entry.is_dir()}
                yield names, ((name, opened.open(name)) for name in names)
        elif start.startswith(_GZIP):
            # The sum follows the last member, where tarfile does not look.
            with gzip.open(stream) as whole, tarfile.open(fileobj=whole, mode="r:") as tar:
                entries = [entry for entry in tar.getmembers() if not entry.isdir()]
                for entry in entries:
                    if not entry.isfile():
                        raise DataError(f"{archive}: {entry.name} is no plain file; nothing was unpacked")
                while whole.read(_CHUNK):
                    pass
                files = ((entry.name, file) for entry in entries if (file := tar.extractfile(entry)) is not None)
                yield {entry.name: entry.size for entry in entries}, files
        else:
            raise Refused("not a .zip or .tar.gz; the server may have sent a web page instead")


def _place(archive: Path, name: str, strip: str) -> Path | None:
    """Where a member goes, below the folder; None if it lies outside `strip`."""
    inside("", name, str(archive))
    pure = PurePosixPath(name.replace("\\", "/"))
    if strip and pure.parts[0] != strip:
        return None
    return Path(*pure.parts[1:] if strip else pure.parts)

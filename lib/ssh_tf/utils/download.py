"""Large files from the network: resumed after a break, checked, and unpacked without trusting the archive."""

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
from ssh_tf.utils.files import atomic_write

Report = Callable[[int, int | None], None]
"""Told the bytes present and, where known, the bytes in all."""

_CHUNK = 1 << 20
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
    """Fetch `url` into `path`, going on with what an earlier attempt or run left in ``path.part``.

    Args:
        check: what the complete file must be.
        attempts: how often in a row an attempt may bring nothing.
        timeout: seconds to wait for the server.
        pause: seconds before the second attempt; doubled for each further one.

    Raises:
        DataError: the server cannot be reached or refuses, or the file is not what it should be (it is then deleted).
    """
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
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
                kept = f"; {part.size():,} bytes are kept, run again to go on" if part.size() else ""
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
                notes = json.loads(self._notes.read_text(encoding="utf-8"))
                self.total, self.version = notes["total"], notes["version"]
            except (ValueError, KeyError, TypeError):
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


def _attempt(url: str, part: _Part, report: Report, timeout: float) -> None:
    """Append to `part` what one request brings."""
    start = part.size()
    headers = {"User-Agent": "ssh-face-detector"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if part.version:
            headers["If-Range"] = part.version
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            if response.status == http.HTTPStatus.PARTIAL_CONTENT:
                if _total_of_range(response.headers) != part.total:
                    part.restart(None, None)
                    raise _Broken("the file on the server has changed")
            else:
                length = response.headers.get("Content-Length")
                version = response.headers.get("ETag") or response.headers.get("Last-Modified")
                # RFC 9110, section 13.1.5: a weak mark must not stand in If-Range.
                part.restart(int(length) if length else None, None if (version or "").startswith("W/") else version)
            while chunk := response.read(_CHUNK):
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
    except (http.client.HTTPException, OSError) as error:
        raise _Broken(f"the connection broke ({error})") from error
    if part.total is None:
        part.total = part.size()
    elif part.size() < part.total:
        raise _Broken(f"the connection broke after {part.size():,} of {part.total:,} bytes")


def _total_of_range(headers: http.client.HTTPMessage) -> int | None:
    """The size of the whole file from ``Content-Range: bytes 5-9/10``."""
    total = headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdecimal() else None


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


def extract(archive: Path, folder: Path, strip: str = "") -> int:
    """Unpack a .zip or .tar.gz into `folder`, and return the number of files.

    Only plain files are taken, and only such as stay below `folder`: else nothing is unpacked.

    Args:
        strip: a folder at the root of the archive whose content is unpacked without it; what lies elsewhere is left.

    Raises:
        DataError: the file is no such archive, is damaged, or holds links or paths that lead out of `folder`.
    """
    count = 0
    try:
        with _members(archive) as (names, members):
            places = {name: _place(archive, name, strip) for name in names}
            for name, stream in members:
                place = places[name]
                if place is None:
                    continue
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as out:
                    shutil.copyfileobj(stream, out, _CHUNK)
                count += 1
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, ValueError) as error:
        raise DataError(f"{archive}: damaged archive ({error})") from error
    except OSError as error:
        raise DataError(f"{archive}: cannot be unpacked into {folder} ({error})") from error
    if count == 0:
        raise DataError(f"{archive}: holds no files" + (f" under {strip}/" if strip else ""))
    return count


@contextmanager
def _members(archive: Path) -> Iterator[tuple[list[str], Iterator[tuple[str, IO[bytes]]]]]:
    """The names of all plain files, and the files; an archive with links is refused."""
    with archive.open("rb") as stream:
        start = stream.read(4)
    if start == _ZIP:
        with zipfile.ZipFile(archive) as opened:
            names = [entry.filename for entry in opened.infolist() if not entry.is_dir()]
            yield names, ((name, opened.open(name)) for name in names)
    elif start.startswith(_GZIP):
        with tarfile.open(archive) as tar:
            entries = [entry for entry in tar.getmembers() if not entry.isdir()]
            for entry in entries:
                if not entry.isfile():
                    raise DataError(f"{archive}: {entry.name} is no plain file; nothing was unpacked")
            yield [e.name for e in entries], ((e.name, f) for e in entries if (f := tar.extractfile(e)) is not None)
    else:
        raise DataError(f"{archive}: not a .zip or .tar.gz; the server may have sent a web page instead")


def _place(archive: Path, name: str, strip: str) -> Path | None:
    """Where a member goes, below the folder; None if it lies outside `strip`."""
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0]:
        raise DataError(f"{archive}: {name!r} would be unpacked outside its folder; nothing was unpacked")
    if strip and pure.parts[0] != strip:
        return None
    return Path(*pure.parts[1:] if strip else pure.parts)

"""A list that grows line by line and is kept however the run ends."""

import os
from io import FileIO
from pathlib import Path

from ssh_tf.utils.result_marks import PART


class GrowingLines:
    """Writes lines to `path` plus ".part", each at once.

    Use it in a `with` block. When that ends, in whatever way, the lines so far get the name `path`; without any, what
    an earlier run left stays as it is. A run that is killed outright leaves them in the ".part" file; with the first
    line of the next run they get the name `path`, if nothing has it, until that run ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + PART)
        self._size = 0
        self._stream: FileIO | None = None

    def __enter__(self) -> "GrowingLines":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def _open(self) -> FileIO:
        if self._part.exists() and not self._path.exists():
            self._part.replace(self._path)
        return self._part.open("wb", buffering=0)

    def write(self, line: str) -> None:
        """Add `line`, which has no line break of its own.

        Raises:
            OSError: it cannot be written; no part of it is kept, and the error names the file.
        """
        data = f"{line}\n".encode()
        rest = memoryview(data)
        try:
            if self._stream is None:
                self._stream = self._open()
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            error.filename = str(self._path)
            raise
        self._size += len(data)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._stream is None:
            return
        failure = None
        with self._stream as stream:
            try:
                stream.truncate(self._size)
                os.fsync(stream.fileno())
            except OSError as error:
                error.filename = str(self._path)
                failure = error
        if self._size:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)
        if failure and kind is None:
            raise failure

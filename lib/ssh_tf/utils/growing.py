"""A list that grows line by line and is kept however the run ends."""

import os
from pathlib import Path

from ssh_tf.utils.result_marks import PART


class GrowingLines:
    """Writes lines to `path` plus ".part", each at once.

    Use it in a `with` block. When that ends, in whatever way, the lines so far get the name `path`; without any, an
    earlier file of that name stays as it is. A run that is killed outright leaves them in the ".part" file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + PART)
        self._size = 0

    def __enter__(self) -> "GrowingLines":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._part.open("wb", buffering=0)
        return self

    def write(self, line: str) -> None:
        """Add `line`, which has no line break of its own.

        Raises:
            OSError: it cannot be written; no part of it is kept, and the error names the file.
        """
        data = f"{line}\n".encode()
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            error.filename = str(self._path)
            raise
        self._size += len(data)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
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

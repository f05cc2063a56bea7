"""A folder of results belongs to one run at a time."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ssh_tf.utils.errors import SSHError

_NAME = ".lock"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold `folder`, which is made as needed, until the block ends. A run that was killed holds it no longer.

    On a file system without locks nothing is held.

    Raises:
        SSHError: another run holds it; the message names that run.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _NAME
    handle = _locked(path)
    try:
        with suppress(OSError):  # of a full disk: the lock holds without a name
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _locked(path: Path) -> int:
    """A handle of the file at `path`, locked."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.read(handle, 300).decode(errors="replace") or "another process"
            os.close(handle)
            raise SSHError(f"{path.parent}: another run writes here ({other}); wait for it or name another") from error
        except OSError:  # this file system has no locks
            return handle
        # The run before may have removed the file between our two steps: then a lock on it means nothing.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        os.close(handle)

"""Errors that a user can mend, and how a tool ends on one."""

import errno
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from ssh_tf.utils.quiet import quiet_libraries

_LONGEST = 2000
_OURS = ("", "ssh_tf", "ssh_ms", "ssh_tools")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# TensorFlow names the failed node in double brackets after its message, and where in the graph before it.
_BEFORE_NODE = re.compile(r"^(.+)\n?\s*\[\[\{\{node", re.MULTILINE)


def one_line(text: str) -> str:
    """`text` in one line that every stream takes."""
    line = " ".join(text.split())
    shown = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def utf8(text: str) -> str:
    """`text` with what UTF-8 has no place for escaped: names of files may be of any bytes."""
    return text.encode("utf-8", "backslashreplace").decode()


class SSHError(Exception):
    """Something the user can put right. The message is one line: what, where, what to do.

    Whatever of a file's content or name is in it: line breaks become spaces, what cannot be shown is escaped, and what
    is too long is cut.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class ConfigError(SSHError):
    """An unknown key, a wrong type or a value out of range in the configuration."""


class CheckpointError(SSHError):
    """A checkpoint, frozen graph or weight file that does not fit."""


class ImageError(SSHError):
    """An image that cannot be read or is outside what the detector accepts."""


class FullDiskError(SSHError):
    """The disk has no room left, or the user no quota: nothing more can be written there."""


class DataError(SSHError):
    """An annotation, a detection file or a data set that does not hold what it should."""


def first_line(error: BaseException) -> str:
    """The line of what a library says that tells what is wrong, without where in its code or its graph."""
    message = str(getattr(error, "message", "") or error).strip()
    found = _BEFORE_NODE.search(message)
    return found[1] if found else message.partition("\n")[0]


def is_full(error: OSError) -> bool:
    """Whether it says that the disk has no room left."""
    return error.errno in _FULL


def unwritable(error: OSError, place: object) -> str:
    """What to say of an output that cannot be written: of the file that `error` names, or of `place`."""
    advice = "is it a folder that can be written to?"
    if is_full(error):
        advice = "make room there"
    elif isinstance(error, IsADirectoryError):
        advice = "name a file"
    return f"{error.filename or place}: {error.strerror or error}; {advice}"


def reason_of(error: BaseException) -> str:
    """One line that says what went wrong with one item of many, whatever was raised."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "not enough memory"
    return str(error) if isinstance(error, SSHError) else f"{type(error).__name__}: {error}"


def run_tool(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a tool's ``main(argv)`` and leave the process with its exit code.

    An `SSHError`, or a place that cannot be written to, standard output too, becomes one line on standard error and
    exit code 2; Ctrl-C ends with 130. If the reader of our output has gone (`| head`), the end is silent, with 1.
    """
    quiet_libraries()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may hold what the terminal's encoding, or any, has not.
        sys.stdout.reconfigure(errors="backslashreplace")
    code = _ending(lambda: _in_a_folder(main))
    # What was printed may be waiting still; as Python ends, its own words would tell that it could not be written.
    sys.exit(_ending(_flush) or code)


def _in_a_folder(main: Callable[[Sequence[str] | None], int]) -> int:
    """Run `main` where relative names mean something."""
    try:
        os.getcwd()
    except OSError as error:
        raise SSHError("the folder that this was started in is gone; change to another one") from error
    return main(None)


def _ending(step: Callable[[], int]) -> int:
    """The exit code of `step`; what ends it early is said in one line."""
    try:
        return step()
    except SystemExit as end:  # argparse has spoken
        return int(end.code or 0)
    except SSHError as error:
        _say(f"error: {error}")
    except ModuleNotFoundError as error:
        # What is installed without an extra detects faces; plots, evaluation and training ask for more.
        package = (error.name or "").partition(".")[0]
        if package in _OURS:
            raise
        _say(f"error: this needs {package}: pip install 'ssh-face-detector[tensorflow]'")
    except MemoryError:
        _say("error: not enough memory for what was asked for; ask for less of it at a time")
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        _drop_output()
        return 1
    except OSError as error:
        # What could be read was: this is an output that cannot be written, by default what we print to.
        _say(one_line(f"error: {unwritable(error, 'standard output')}"))
        _drop_output()
    return 2


def _say(line: str) -> None:
    with suppress(OSError):  # the exit code tells the rest
        print(line, file=sys.stderr)


def _flush() -> int:
    if sys.stdout:
        sys.stdout.flush()
    return 0


def _drop_output() -> None:
    """Try no more to write what standard output does not take."""
    try:
        _flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

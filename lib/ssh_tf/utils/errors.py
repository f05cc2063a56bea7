"""Errors that a user can mend, and how a tool ends on one."""

import errno
import re
import sys
from collections.abc import Callable, Sequence

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

    An `SSHError`, or a place that cannot be written to, becomes one line on standard error and exit code 2; Ctrl-C ends
    with 130.
    """
    quiet_libraries()
    try:
        code = main(None)
    except SSHError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except ModuleNotFoundError as error:
        # What is installed without an extra detects faces; plots, evaluation and training ask for more.
        package = (error.name or "").partition(".")[0]
        if package in _OURS:
            raise
        print(f"error: this needs {package}: pip install 'ssh-face-detector[tensorflow]'", file=sys.stderr)
        code = 2
    except MemoryError:
        print("error: not enough memory for what was asked for; ask for less of it at a time", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): no one reads the error.
        sys.stderr.close()
        code = 1
    except OSError as error:
        # What could be read was: this is an output that cannot be written, by default what we print to.
        print(one_line(f"error: {unwritable(error, 'standard output')}"), file=sys.stderr)
        code = 2
    sys.exit(code)

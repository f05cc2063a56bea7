"""Errors that a user can mend, and how a tool ends on one."""

import errno
import sys
from collections.abc import Callable, Sequence

_LONGEST = 2000
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SSHError(Exception):
    """Something the user can put right. The message is one line: what, where, what to do.

    Whatever of a file's content or name is in it: line breaks become spaces, what cannot be shown is escaped, and what
    is too long is cut.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.split())
        shown = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"
        super().__init__("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown))


class ConfigError(SSHError):
    """An unknown key, a wrong type or a value out of range in the configuration."""


class CheckpointError(SSHError):
    """A checkpoint, frozen graph or weight file that does not fit."""


class ImageError(SSHError):
    """An image that cannot be read or is outside what the detector accepts."""


class DataError(SSHError):
    """An annotation, a detection file or a data set that does not hold what it should."""


def run_tool(main: Callable[[Sequence[str] | None], int]) -> None:
    """Run a tool's ``main(argv)`` and leave the process with its exit code.

    An `SSHError`, or a place that cannot be written to, becomes one line on standard error and exit code 2; Ctrl-C ends
    with 130.
    """
    try:
        code = main(None)
    except SSHError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nobody is left to be told.
        sys.stderr.close()
        code = 1
    except OSError as error:
        # What could be read was: this is an output that cannot be written, by default what we print to.
        place = error.filename or "standard output"
        advice = "make room there" if error.errno in _FULL else "is it a folder that can be written to?"
        print(SSHError(f"error: {place}: {error.strerror or error}; {advice}"), file=sys.stderr)
        code = 2
    sys.exit(code)

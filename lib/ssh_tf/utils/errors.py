"""Errors that a user can mend, and how a tool ends on one."""

import sys
from collections.abc import Callable, Sequence


class SSHError(Exception):
    """Something the user can put right. The message is one line: what, where, what to do."""


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
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nobody is left to be told.
        sys.stderr.close()
        code = 1
    except OSError as error:
        # What could be read was: this is an output that cannot be written.
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{error.strerror or error}; is it a folder that can be written to?", file=sys.stderr)
        code = 2
    sys.exit(code)

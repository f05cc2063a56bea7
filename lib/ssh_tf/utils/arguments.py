"""The command line of a tool, and types of its arguments.

What is refused is refused in words: "'2' is not between 0 and 1".
"""

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import ssh_tf
from ssh_tf.utils.errors import one_line

_N = TypeVar("_N", int, float)

_MOST = 2**31 - 1
"""What every library takes for a whole number."""

# A name is a part of a path: no separators, and no dot in front.
_PLAIN_NAME = re.compile(r"\w[\w.+=@,-]*")


class ToolParser(argparse.ArgumentParser):
    """The arguments of a tool, with `--version`. What is wrong with them is said in one line; the exit code is 2.

    A path or a text that is empty is wrong too, but for one of the type `str`: most often a shell's variable was unset.
    """

    def __init__(self, description: str | None, **options: Any) -> None:
        """`description` is the tool's docstring, shown as it is; `options` are those of `ArgumentParser`."""
        super().__init__(
            description=description, **{"formatter_class": argparse.RawDescriptionHelpFormatter, **options}
        )
        version = f"ssh-face-detector {ssh_tf.__version__}"
        self.register("type", Path, _path)
        self.register("type", None, named)
        self.add_argument("--version", action="version", version=version, help="print the version and exit")

    def error(self, message: str) -> NoReturn:
        """End the tool."""
        self.exit(2, f"error: {one_line(message)}\n")

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As `ArgumentParser`; an option that is spelt with a `-` for a `_`, or the other way, is known too."""
        given = sys.argv[1:] if args is None else list(args)
        options = given.index("--") if "--" in given else len(given)
        spelt = [self._spelling(text) for text in given[:options]]
        return super().parse_known_args([*spelt, *given[options:]], namespace)

    def _print_message(self, message: str, file: Any = None) -> None:
        """As `ArgumentParser`, which passes over what cannot be written; `run_tool` says so."""
        print(message, end="", file=file or sys.stderr)

    def _spelling(self, text: str) -> str:
        name, equals, value = text.partition("=")
        if name.startswith("--") and name not in self._option_string_actions:
            for spelling in (f"--{name[2:].replace('-', '_')}", f"--{name[2:].replace('_', '-')}"):
                if spelling in self._option_string_actions:
                    return f"{spelling}{equals}{value}"
        return text


def probability(text: str) -> float:
    """A number from 0 to 1: a score, a share, a rate."""
    return _number(float, text, lambda value: 0 <= value <= 1, "is not between 0 and 1")


def positive(text: str) -> int:
    """A whole number from 1 up: a count, a side in pixels."""
    return _whole(text, 1)


def not_negative(text: str) -> int:
    """A whole number from 0 up: a seed, an iteration."""
    return _whole(text, 0)


def length(text: str) -> float:
    """A finite number above 0: a size in pixels."""
    return _number(float, text, lambda value: 0 < value < math.inf, "is not a number above 0")


def share(text: str) -> float:
    """A finite number from 0 up: a margin as a part of a side."""
    return _number(float, text, lambda value: 0 <= value < math.inf, "is not a number from 0 up")


def at_most(most: _N, kind: Callable[[str], _N]) -> Callable[[str], _N]:
    """`kind` with a largest value."""

    def bounded(text: str) -> _N:
        value = kind(text)
        if value > most:
            raise argparse.ArgumentTypeError(f"{text!r} is over {most:g}")
        return value

    return bounded


def plain_name(text: str) -> str:
    """A name that can be that of a folder, and leads out of none."""
    if not _PLAIN_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a plain name: letters, digits and _ . + = @ , - (the first a letter, a digit or _)"
        )
    return text


def named(text: str) -> str:
    """A path or a name that says something: an empty one would mean the folder one is in."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name")
    return text


def _whole(text: str, least: int) -> int:
    value = _number(int, text, lambda value: value >= least, f"is not a whole number from {least} up")
    if value > _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is over {_MOST}")
    return value


def _path(text: str) -> Path:
    return Path(named(text))


def _number(kind: Callable[[str], _N], text: str, fits: Callable[[_N], bool], refusal: str) -> _N:
    try:
        value = kind(text)
        if fits(value):
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} {refusal}")

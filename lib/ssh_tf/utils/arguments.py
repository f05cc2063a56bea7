"""Types of command-line arguments for argparse. What is refused is refused in words: "'2' is not between 0 and 1"."""

import argparse
import math
import re
from collections.abc import Callable
from typing import TypeVar

_N = TypeVar("_N", int, float)

# A name is a part of a path: no separators, and no dot in front.
_PLAIN_NAME = re.compile(r"\w[\w.+=@,-]*")


def probability(text: str) -> float:
    """A number from 0 to 1: a score, a share, a rate."""
    return _number(float, text, lambda value: 0 <= value <= 1, "is not between 0 and 1")


def positive(text: str) -> int:
    """A whole number from 1 up: a count, a side in pixels."""
    return _number(int, text, lambda value: value >= 1, "is not a whole number from 1 up")


def not_negative(text: str) -> int:
    """A whole number from 0 up: a seed, an iteration."""
    return _number(int, text, lambda value: value >= 0, "is not a whole number from 0 up")


def length(text: str) -> float:
    """A finite number above 0: a size in pixels."""
    return _number(float, text, lambda value: 0 < value < math.inf, "is not a number above 0")


def plain_name(text: str) -> str:
    """A name that can be that of a folder, and leads out of none."""
    if not _PLAIN_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a plain name: letters, digits and _ . + = @ , - (the first a letter, a digit or _)"
        )
    return text


def _number(kind: Callable[[str], _N], text: str, fits: Callable[[_N], bool], refusal: str) -> _N:
    try:
        value = kind(text)
        if fits(value):
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} {refusal}")

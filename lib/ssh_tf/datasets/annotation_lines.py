"""A line of an annotation file: the name of an image and numbers, with any name that a file can have.

A name stands as it is, ``a/b.jpg 1 2 3 4``; or in double quotes as in CSV, ``"my photo.jpg" 1 2 3 4``, a quote inside
written twice; or before a tab, with spaces in it. Between folders stands `/`, or Windows' backslash.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from ssh_tf.utils.images import IMAGE_SUFFIXES

_QUOTED = re.compile(r'"((?:[^"]|"")*)"(?=[ \t]|$)')
# Not Unicode's other spaces: they are letters of names (macOS has one in the names of its screenshots).
_GAP = re.compile(r"[ \t]+")


def split_line(line: str) -> tuple[str, list[float]]:
    """Name and numbers of a line.

    Raises:
        ValueError: what follows the name are no numbers.
    """
    line = line.strip(" \t\r\n")
    if quoted := _QUOTED.match(line):
        name, rest = quoted[1].replace('""', '"'), line[quoted.end() :]
    else:
        name, rest = _unquoted(line)
    try:
        return name.replace("\\", "/"), [float(value) for value in _GAP.split(rest) if value]
    except ValueError as error:
        raise ValueError(f"{error} (a name with spaces stands in double quotes, or before a tab)") from error


def _unquoted(line: str) -> tuple[str, str]:
    head, tab, behind = line.partition("\t")
    first, *others = _GAP.split(head)
    # To files from before names could have spaces all gaps are alike: a tab may also stand between their numbers.
    if tab and not _are_boxes(others):
        return head.rstrip(" "), behind
    if not tab and PurePosixPath(line).suffix.lower() in IMAGE_SUFFIXES:
        return line, ""
    return first, line[len(first) :]


def _are_boxes(values: Sequence[str]) -> bool:
    try:
        return len(list(map(float, values))) % 4 == 0
    except ValueError:
        return False


def join_line(name: str, values: Sequence[float]) -> str:
    """The line, without its end, that `split_line` reads as `name` and `values` in single precision.

    Raises:
        ValueError: the name is empty, or holds a line break, another control letter, a backslash, or what is not
            Unicode.
    """
    if not name or "\\" in name or any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in name):
        raise ValueError(f"the name {name!r} cannot stand in an annotation file")
    if name[0] in '#"\ufeff' or any(map(str.isspace, name)):
        name = '"' + name.replace('"', '""') + '"'
    return " ".join([name, *(np.format_float_positional(np.float32(value), trim="-") for value in values)])

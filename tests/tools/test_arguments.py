"""Every argument of every tool, on texts that it was not made for: a usable value, or one line."""

import argparse
import math
import runpy
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest

from ssh_tf.utils.arguments import ToolParser
from tool_runs import TOOLS

NAMES = sorted(
    str(path.relative_to(TOOLS)) for path in TOOLS.rglob("*.py") if "ToolParser(" in path.read_text(encoding="utf-8")
)
ODD = ["", " ", "x", "nan", "-nan", "inf", "-inf", "1e999", "-1", "-0.5", "0", "0.5", "1", "1e3", "7", "7x7", "640x640"]
ODD += ["0x10", "9" * 30, "9" * 5000, "1e-400", "\0", "../x", "\x1b[31m\n", "[1]"]

MAY_BE_EMPTY = {"inputs", "set"}
"""A run names what is wrong with one of its inputs and goes on; a configuration says which of its values is wrong."""


class Asked(Exception):
    """Carries the parser that a tool has made."""


@cache
def arguments_of(tool):
    """The parser of `tool`, and those of its arguments that take texts."""

    def asked(parser, *_):
        raise Asked(parser)

    names = runpy.run_path(str(TOOLS / tool))
    with patch.object(ToolParser, "parse_args", asked), pytest.raises(Asked) as found:
        (names.get("parse_arguments") or names["main"])([])
    parser = found.value.args[0]
    return parser, [action for action in parser._actions if action.nargs != 0]


def value_of(parser, action, text):
    """What `action` makes of `text`, or None where it refuses it in words."""
    try:
        value = parser._get_value(action, text)
        parser._check_value(action, value)
    except argparse.ArgumentError:
        return None
    return value


@pytest.mark.parametrize("tool", NAMES)
def test_numbers_are_refused_or_usable(tool):
    parser, actions = arguments_of(tool)
    for action in actions:
        for text in ODD:
            value = value_of(parser, action, text)
            for number in value if isinstance(value, tuple) else [value]:
                if isinstance(number, int | float):
                    assert math.isfinite(number), (action.dest, text)
                    assert number >= 0, (action.dest, text)
                    assert number < 2**31 or isinstance(number, float), (action.dest, text)


@pytest.mark.parametrize("tool", NAMES)
def test_no_text_or_path_is_empty(tool):
    parser, actions = arguments_of(tool)
    taken = {action.dest for action in actions if value_of(parser, action, "") is not None}
    assert taken <= MAY_BE_EMPTY


def test_every_tool_is_asked():
    """MindSpore's training has its own way to its arguments."""
    without = {str(path.relative_to(TOOLS)) for path in TOOLS.rglob("*.py") if "run_tool(main)" in path.read_text()}
    assert without - set(NAMES) == {str(Path("mindspore", "train.py"))}

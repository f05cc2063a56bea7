"""Types of arguments: what they take, and the words in which they refuse."""

import argparse
import re
from pathlib import Path

import pytest

from ssh_tf.utils.arguments import ToolParser, at_most, length, not_negative, plain_name, positive, probability


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (probability, "0", 0.0),
        (probability, "1", 1.0),
        (positive, "1", 1),
        (not_negative, "0", 0),
        (length, "0.5", 0.5),
        (plain_name, "default", "default"),
        (plain_name, "2026-07_lr=0.1+größer", "2026-07_lr=0.1+größer"),
    ],
)
def test_taken(kind, text, value):
    assert kind(text) == value
    assert type(kind(text)) is type(value)


@pytest.mark.parametrize(
    ("kind", "texts", "words"),
    [
        (probability, ["7", "-0.1", "nan", "abc", ""], "is not between 0 and 1"),
        (positive, ["0", "-3", "1.5", "x", "9" * 5000], "is not a whole number from 1 up"),
        (not_negative, ["-1", "1e3"], "is not a whole number from 0 up"),
        (positive, ["9" * 30], "is over 2147483647"),
        (not_negative, ["9" * 30], "is over 2147483647"),
        (at_most(5, positive), ["6"], "is over 5"),
        (at_most(5, positive), ["0"], "is not a whole number from 1 up"),
        (length, ["0", "-1", "inf", "nan", "x"], "is not a number above 0"),
        (plain_name, ["", ".", "..", "../x", "a/b", "/x", "a\\b", ".hidden", "-x", "a\n", "a b"], "not a plain name"),
    ],
)
def test_refused(kind, texts, words):
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError, match=words) as refused:
            kind(text)
        assert str(refused.value).startswith(repr(text))
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--output", ""], "error: argument --output: an empty name"),
        (["--number", "\x1b[31m\n"], r"error: argument --number: '\\x1b\[31m\\n' is not"),
        (["\x1b[31m\nx"], r"error: unrecognized arguments: \\x1b\[31m x$"),
        (["x" * 5000], r"error: unrecognized arguments: x+ …$"),
    ],
)
def test_what_is_wrong_is_one_line_that_can_be_shown(arguments, words, capsys):
    parser = ToolParser("a tool")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--number", type=positive)
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(words, line)
    assert len(line) < 2100

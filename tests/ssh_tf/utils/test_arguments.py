"""Types of arguments: what they take, and the words in which they refuse."""

import argparse

import pytest

from ssh_tf.utils.arguments import length, not_negative, plain_name, positive, probability


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
        (positive, ["0", "-3", "1.5", "x"], "is not a whole number from 1 up"),
        (not_negative, ["-1", "1e3"], "is not a whole number from 0 up"),
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

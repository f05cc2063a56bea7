"""The guard around readers, and what they open files with."""

import os

import pytest

from ssh_tf.utils.errors import CheckpointError, ConfigError, DataError
from ssh_tf.utils.reading import Refused, parse_yaml, read_bytes, read_lines, read_text, reader, reading


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (ValueError("odd\n  words"), r"not a list, or a damaged one \(odd words\)"),
        (ZeroDivisionError(), r"damaged one \(ZeroDivisionError\)"),
        (KeyError("names"), r"damaged one \('names'\)"),
        (RecursionError(), "nested too deep for a list"),
        (MemoryError(), "asks for more memory than there is; is it a list?"),
        (OverflowError("x" * 1000), r"x{200}\)$"),
        (FileNotFoundError(2, "No such file", "a"), "no such file"),
        (PermissionError(13, "Permission denied", "a"), r"cannot be read \(Permission denied\)"),
        (OSError("odd header"), r"damaged one \(odd header\)"),
        (Refused("is a device"), "is a device$"),
    ],
)
def test_whatever_is_raised_becomes_one_line(problem, words):
    with (
        pytest.raises(CheckpointError, match=rf"^a\.txt:3: .*{words}") as raised,
        reading("a.txt:3", "a list", CheckpointError),
    ):
        raise problem
    assert "\n" not in str(raised.value)


def test_our_own_errors_and_interruptions_pass():
    for problem in (ConfigError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(problem)) as raised, reading("a.txt", "a list"):
            raise problem
        assert raised.value is problem


def test_a_decorated_reader_names_its_first_argument():
    @reader("a list")
    def read(path, divisor):
        return 1 / divisor

    assert read("a.txt", 2) == 0.5
    for call in (lambda: read("a.txt", 0), lambda: read(path="a.txt", divisor=0)):
        with pytest.raises(DataError, match=r"^a\.txt: not a list"):
            call()


def test_only_regular_files_of_bounded_size_are_opened(tmp_path):
    (tmp_path / "large").write_bytes(bytes(10))
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("large", "has 10 bytes; at most 9"), ("pipe", "no regular file"), ("", "is a folder")):
        with pytest.raises(Refused, match=words):
            read_bytes(tmp_path / name, 9)
    with pytest.raises(Refused, match="no regular file"):
        read_bytes("/dev/zero")


def test_text(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfone\r\n\n  two \n")
    assert read_lines(tmp_path / "a") == [(1, "one"), (3, "two")]
    (tmp_path / "a").write_bytes(b"ab\xff")
    with pytest.raises(Refused, match=r"UTF-8 text file \(byte 2\)"):
        read_text(tmp_path / "a")
    assert read_text(tmp_path / "a", errors="replace") == "ab\ufffd"


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "c:\n  a: 1\n  a: 1", "{a: 1, b: 2, \n\n a: 1}"])
def test_a_key_of_yaml_stands_once(text):
    with pytest.raises(Refused, match=r"line 3: a stands on line [12] already"):
        parse_yaml(text)


def test_yaml_has_brackets_in_brackets_but_not_thousands():
    deep = f"{'[' * 100}{']' * 100}"
    assert str(parse_yaml(deep)[0]) == deep
    with pytest.raises(RecursionError):
        parse_yaml(f"[{deep}]")


def test_yaml_has_no_aliases():
    """Nine lines of them would stand for a billion words."""
    lines = [
        "a: &a [x, x]",
        *(f"{chr(98 + at)}: &{chr(98 + at)} [*{chr(97 + at)}, *{chr(97 + at)}]" for at in range(9)),
    ]
    with pytest.raises(Refused, match=r"line 2: aliases"):
        parse_yaml("\n".join(lines))
    assert parse_yaml("a: &a 1\nb: 2") == [{"a": 1, "b": 2}]
    assert parse_yaml("a: 1\n---\nb: 2") == [{"a": 1}, {"b": 2}]

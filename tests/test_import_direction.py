"""Imports run one way, and only one module of the project knows TensorFlow."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_LAYERS = {"ssh_tf.utils", "ssh_tf.nms", "ssh_tf.layer_utils", "ssh_tf.nets"}
_DATA = {"ssh_tf.datasets", "ssh_tf.roi_data_layer"}
_SETTINGS = {
    "ssh_tf.model.config",
    "ssh_tf.model.config_keys",
    "ssh_tf.model.sizes",
    "ssh_tf.model.precision",
    "ssh_tf.model.options",
}
_ROOMS = {"ssh_tf.model.files", "ssh_tf.model.inference", "ssh_tf.model.training"}
MAY_IMPORT = {
    "ssh_tf.utils": set(),
    "ssh_tf.nms": {"ssh_tf.utils"},
    "ssh_tf.layer_utils": {"ssh_tf.utils"},
    "ssh_tf.nets": {"ssh_tf.utils", "ssh_tf.nms", "ssh_tf.layer_utils"},
    "ssh_tf.datasets": {"ssh_tf.utils"},
    "ssh_tf.datasets.labels": {"ssh_tf.utils", "ssh_tf.datasets"},
    "ssh_tf.roi_data_layer": {"ssh_tf.utils", "ssh_tf.nms", "ssh_tf.layer_utils", "ssh_tf.datasets"},
    "ssh_tf.model.config_keys": set(),
    "ssh_tf.model.config": {"ssh_tf.utils", "ssh_tf.model.config_keys"},
    "ssh_tf.model.precision": {"ssh_tf.utils"},
    "ssh_tf.model.sizes": {"ssh_tf.utils"},
    "ssh_tf.model.files": _LAYERS,
    "ssh_tf.model.inference": {*_LAYERS, "ssh_tf.model.precision", "ssh_tf.model.files"},
    "ssh_tf.model.options": {*_LAYERS, *_DATA, "ssh_tf.model.inference"},
    "ssh_tf.model.detector": {*_LAYERS, *_SETTINGS, "ssh_tf.model.files", "ssh_tf.model.inference"},
    "ssh_tf.model.training": {
        *_LAYERS,
        *_DATA,
        *_SETTINGS,
        "ssh_tf.model.files",
        "ssh_tf.model.inference",
        "ssh_tf.model.detector",
    },
    "ssh_tf.model": {*_LAYERS, *_DATA, *_SETTINGS, *_ROOMS, "ssh_tf.model.detector"},
    "ssh_tf.bulk": {*_LAYERS, "ssh_tf.model.precision", "ssh_tf.model.files", "ssh_tf.model.inference"},
    "ssh_tf.web": {*_LAYERS, "ssh_tf.model.precision", "ssh_tf.model.files", "ssh_tf.model.inference"},
    "ssh_tools.measuring": {
        *_LAYERS,
        *_DATA,
        *_SETTINGS,
        *_ROOMS,
        "ssh_tf.model.detector",
        "ssh_tf.model",
        "ssh_tf.bulk",
    },
}
"""Room (a package, or a module of one): the others that it may import, which stand above it.

A module belongs to the room with the longest name that it is in. The tools may import all; nothing imports them.
"""

ONLY_IMPORTED_BY = {
    "tensorflow": {"ssh_tf.utils.tf1"},
    "tf_slim": {"ssh_tf.utils.tf1"},
    "cv2": {"ssh_tf.utils.opencv"},
}


def modules(folder: str) -> dict[str, Path]:
    """Every module under a source root, by its full name."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py*")):
        if path.suffix in (".py", ".pyx"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> Iterator[str]:
    """The full names that a module imports, wherever in it; of `from a import b` both a and a.b."""
    if path.suffix == ".pyx":
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        text = "\n".join(line for line in lines if line.startswith(("import ", "from ")) and " cimport " not in line)
    else:
        text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str:
    """The longest key of `MAY_IMPORT` that `name` is or lies in; a package without a key for one that has none."""
    parts = name.split(".")
    ends = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((end for end in ends if end in MAY_IMPORT), ".".join(parts[:2]))


LIBRARY = modules("lib")
TOOLS = {f"ssh_tools.{name}": path for name, path in modules("tools").items()}
OURS = {name: path for name, path in LIBRARY.items() if name.startswith("ssh_tf.")}
OURS |= {name: path for name, path in TOOLS.items() if name.startswith("ssh_tools.measuring")}
PREFIXES = ("ssh_tf.", "ssh_ms", "ssh_tools")
PORT = {name: path for name, path in LIBRARY.items() if name.split(".")[0] == "ssh_ms"}


def test_every_room_has_its_place():
    assert {room_of(name) for name in OURS} == set(MAY_IMPORT)
    assert {name for name, path in OURS.items() if path.stem == "__init__"} <= set(MAY_IMPORT)


def test_rooms_stand_in_order():
    above: set[str] = set()
    for room, allowed in MAY_IMPORT.items():
        assert allowed <= above, f"{room} may import what stands below it: {sorted(allowed - above)}"
        above.add(room)


@pytest.mark.parametrize("name", OURS)
def test_imports_run_one_way(name):
    room = room_of(name)
    allowed = MAY_IMPORT[room] | {room}
    imported = {room_of(other) for other in imports(OURS[name]) if other.startswith(PREFIXES)}
    assert imported <= allowed, f"{name} may not import {sorted(imported - allowed)}"


@pytest.mark.parametrize("framework", ONLY_IMPORTED_BY)
def test_a_framework_is_imported_in_one_place(framework):
    importers = {
        name
        for name, path in (LIBRARY | TOOLS).items()
        if any(other.split(".")[0] == framework for other in imports(path))
    }
    assert importers <= ONLY_IMPORTED_BY[framework]


def test_mindspore_is_the_ports_alone():
    importers = {
        name
        for name, path in (LIBRARY | TOOLS).items()
        if any(other.split(".")[0] == "mindspore" for other in imports(path))
    }
    assert importers <= set(PORT)


def test_the_port_needs_no_tensorflow():
    """What the port imports of ours, imported in a fresh interpreter, does not bring TensorFlow along."""
    shared = {other for path in PORT.values() for other in imports(path) if other in LIBRARY and other not in PORT}
    shared |= {"ssh_tf.utils.errors", "ssh_tf.utils.files", "ssh_tf.nms", "ssh_tf.layer_utils.box_overlaps"}
    program = "import sys\n" + "".join(f"import {name}\n" for name in sorted(shared))
    program += "print([name for name in sys.modules if name.split('.')[0] in ('tensorflow', 'tf_slim', 'tf_keras')])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert result.stdout.strip() == "[]"

"""One name, one meaning: a search for a name finds one thing."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "lib"

PORTED = {"TrainingLog", "propose"}
"""What the MindSpore port calls by the name that its like has in `ssh_tf`."""

EVERY_TOOL = {"main", "entry", "parse_arguments"}


def trees(root: Path = LIBRARY) -> dict[str, ast.Module]:
    """Every module below `root`, by its path from there."""
    paths = sorted(root.rglob("*.py"))
    assert len(paths) > 20
    return {str(path.relative_to(root)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def defined(tree: ast.Module) -> set[str]:
    """The public names that a module itself defines: classes, functions and constants."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = [part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
            names |= {part.id for part in parts if isinstance(part.ctx, ast.Store)}
    return {name for name in names if not name.startswith("_")}


def test_no_two_modules_share_a_stem():
    found = defaultdict(list)
    for path in trees():
        if path.startswith("ssh_tf/") and not path.endswith("__init__.py"):
            found[Path(path).stem].append(path)
    assert {stem: paths for stem, paths in found.items() if len(paths) > 1} == {}


def test_no_two_public_things_share_a_name():
    found = defaultdict(list)
    for path, tree in (trees() | trees(ROOT / "tools")).items():
        for name in defined(tree) - EVERY_TOOL:
            found[name].append(path)
    twice = {name: paths for name, paths in found.items() if len(paths) > 1}
    ports = {name: paths for name, paths in twice.items() if name in PORTED}
    assert {name: paths for name, paths in twice.items() if name not in PORTED} == {}
    for name, paths in ports.items():
        assert sorted(path.split("/")[0] for path in paths) == ["ssh_ms", "ssh_tf"], name
    assert set(ports) == PORTED, "no longer shared: take it off the list"


def test_flags_are_spelt_one_way():
    """Words of a flag are joined by `_`; `ToolParser` takes `-` for it as well."""
    calls = [
        node
        for tree in (trees() | trees(ROOT / "tools")).values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument"
    ]
    flags = {part.value for call in calls for part in call.args if isinstance(part, ast.Constant)}
    assert len(flags) > 80
    assert [flag for flag in flags if "-" in flag.lstrip("-")] == []

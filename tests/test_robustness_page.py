"""The page of promises names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_test_that_the_page_names_is_there():
    page = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 40
    absent = [f"{file}::{name}" for file, name in named if not _is_there(ROOT / file, name)]
    assert absent == []


def _is_there(path, name):
    return path.is_file() and re.search(rf"^(def|class) {name}\b", path.read_text(encoding="utf-8"), re.MULTILINE)

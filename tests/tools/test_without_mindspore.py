"""The port's tools where MindSpore is not installed: one line that says what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = sorted((Path(__file__).parents[2] / "tools" / "mindspore").glob("*.py"))
# Renames without either framework's network.
WITHOUT = {"tf2h5.py"}


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.name not in WITHOUT], ids=lambda tool: tool.name)
def test_says_what_to_install(tool):
    program = "import runpy, sys; sys.modules['mindspore'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", program, str(tool)], capture_output=True, text=True)
    assert done.returncode == 2
    assert "make mindspore" in done.stderr
    assert len(done.stderr.splitlines()) == 1

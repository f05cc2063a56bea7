"""The port's tools where MindSpore is not installed: one line that says what to do."""

import pytest

from tool_runs import TOOLS, run_all

# tf2h5.py needs neither framework's network.
ARGUMENTS = {
    "benchmark.py": [],
    "ckpt2tf.py": ["--infile", "a.ckpt", "--outfile", "b"],
    "export.py": ["--infile", "a.ckpt", "--outfile", "b.onnx"],
    "h52ckpt.py": ["--infile", "a.h5", "--outfile", "b.ckpt"],
    "test.py": ["--model", "a.ckpt"],
    "train.py": [],
}


@pytest.fixture(scope="module")
def answers():
    """What each tool says."""
    commands = [[f"mindspore/{tool}", *arguments] for tool, arguments in ARGUMENTS.items()]
    return dict(zip(ARGUMENTS, run_all(commands, "import sys; sys.modules['mindspore'] = None"), strict=True))


def test_every_tool_is_here():
    assert {path.name for path in (TOOLS / "mindspore").glob("*.py")} == {*ARGUMENTS, "tf2h5.py"}


@pytest.mark.parametrize("tool", ARGUMENTS)
def test_says_what_to_install(answers, tool):
    code, _, errors, _ = answers[tool]
    assert code == 2
    assert "make mindspore" in errors
    assert len(errors.splitlines()) == 1

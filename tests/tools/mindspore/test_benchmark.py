"""The port beside TensorFlow."""

import json

import pytest

from ssh_ms.framework import set_up
from ssh_tools.mindspore.benchmark import main


@pytest.fixture(autouse=True)
def _back_to_pynative():
    yield
    set_up("pynative")


def test_both_frameworks_are_measured(tmp_path, capsys):
    target = tmp_path / "figures.json"
    assert main(["--forward", "32x48", "--train", "48x32", "--repeats", "1", "--json", str(target)]) == 0
    report = json.loads(target.read_text())
    assert [row["case"] for row in report] == ["forward 32x48", "training step 48x32"]
    shown = capsys.readouterr().out
    for row in report:
        assert row["case"] in shown
        assert min(row["tensorflow"]["processors"], row["mindspore"]["processors"], row["mindspore"]["clock"]) > 0
        assert row["ratio"] == row["mindspore"]["processors"] / row["tensorflow"]["processors"]


@pytest.mark.parametrize("size", ["32", "32x", "8x32", "axb"])
def test_bad_sizes(size, capsys):
    with pytest.raises(SystemExit):
        main(["--forward", size])
    assert "is not a size such as 400x800" in capsys.readouterr().err

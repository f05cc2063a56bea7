"""The tool that runs a detector over FDDB."""

import shutil
from pathlib import Path

import pytest

from networks import SMALL
from ssh_tf.datasets.fddb_files import Fold, read_fddb_detections
from ssh_tf.utils.errors import DataError
from ssh_tools.eval_fddb import main as evaluate
from ssh_tools.RunOnFDDB import main

BACKBONE = "tiny"
DEMO = Path(__file__).parents[2] / "data" / "demo"
FACE = "100 80 1.5 130 150 1"


pytestmark = pytest.mark.usefixtures("kept_runners")


@pytest.fixture
def data(tmp_path):
    """Two folds of one image each."""
    lists = tmp_path / "FDDB" / "FDDB-folds"
    lists.mkdir(parents=True)
    for number, name in ((1, "2002/a"), (2, "2003/b")):
        (lists / f"FDDB-fold-{number:02d}.txt").write_text(f"{name}\n")
        (lists / f"FDDB-fold-{number:02d}-ellipseList.txt").write_text(f"{name}\n1\n{FACE}\n")
        path = tmp_path / "FDDB" / "images" / f"{name}.jpg"
        path.parent.mkdir(parents=True)
        shutil.copy(DEMO / "eileen_collins.jpg", path)
    return tmp_path / "FDDB"


def run(data, output, model, *arguments):
    common = ["--model", model, "--backbone", BACKBONE, "--data", str(data), "--output", str(output)]
    return main([*common, "--precision", "fp32", *arguments, "--set", *SMALL])


@pytest.mark.usefixtures("unseen_plots")
def test_files_of_folds_can_be_evaluated(data, tmp_path, checkpoint, capsys):
    out = tmp_path / "out"
    assert run(data, out, checkpoint) == 0
    assert capsys.readouterr().out.splitlines() == [str(out / f"FDDB-det-fold-0{number}.txt") for number in (1, 2)]
    rows = read_fddb_detections(out, Fold(1, ("2002/a",), []))[0]
    assert len(rows) > 0
    assert (rows[:, 4] > 0.05).all()
    arguments = ["--detections", str(out), "--folds", str(data / "FDDB-folds"), "--images", str(data / "images")]
    assert evaluate([*arguments, "--output", str(tmp_path / "evaluated")]) == 0
    assert (tmp_path / "evaluated" / "DiscROC.txt").read_text()


def test_unreadable_image_has_no_detections(data, tmp_path, checkpoint, capsys):
    (data / "images" / "2003" / "b.jpg").write_bytes(b"noise")
    assert run(data, tmp_path / "out", checkpoint) == 1
    assert (tmp_path / "out" / "FDDB-det-fold-02.txt").read_text() == "2003/b\n0\n"
    assert "1 of 2 images failed" in capsys.readouterr().err


def test_absent_images_are_an_error(data, tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        run(data, tmp_path / "out", "model.pb", "--images", str(data / "nowhere"))

"""The tool that evaluates stored detections on FDDB."""

import json

import cv2
import numpy as np
import pytest

from ssh_tf.datasets import fddb_report
from ssh_tf.datasets.fddb_report import result_files
from ssh_tf.utils.errors import DataError
from ssh_tools.eval_fddb import main

FACE = "10 8 1.5708 40 40 1\n"
BOX = "32 30 16 20"
RATES = ("100", "500", "1000", "2000")


@pytest.fixture
def case(tmp_path):
    """Two folds: in the first a hit and a false positive, in the second a face in an image without detections."""
    (tmp_path / "folds").mkdir()
    (tmp_path / "found").mkdir()
    for number, name in ((1, "2002/a"), (2, "2003/b")):
        (tmp_path / "folds" / f"FDDB-fold-{number:02d}.txt").write_text(f"{name}\n")
        (tmp_path / "folds" / f"FDDB-fold-{number:02d}-ellipseList.txt").write_text(f"{name}\n1\n{FACE}")
    (tmp_path / "found" / "FDDB-det-fold-01.txt").write_text(f"2002/a\n2\n{BOX} 0.9\n1 1 5 5 0.3\n")
    (tmp_path / "found" / "FDDB-det-fold-02.txt").write_text("2003/b\n0\n")
    (tmp_path / "sizes.txt").write_text("2002/a 100 80\n2003/b 100 80\n")
    return tmp_path


def run(case, *arguments, sizes=("--image_sizes", "sizes.txt")):
    common = ["--detections", str(case / "found"), "--folds", str(case / "folds"), sizes[0], str(case / sizes[1])]
    assert main([*common, "--output", str(case / "out"), *arguments]) == 0
    return json.loads((case / "out" / "results.json").read_text())


def test_curves_of_all_folds_and_of_each(case, capsys):
    results = run(case)
    out = case / "out"
    assert (out / "DiscROC.txt").read_text() == "0.5 1 0.3\n0.5 0 0.9\n0 0 1.79769e+308\n"
    assert (out / "fold-01" / "DiscROC.txt").read_text() == "1 1 0.3\n1 0 0.9\n"
    assert (out / "fold-02" / "DiscROC.txt").read_text() == "0 0 1.79769e+308\n"
    rates = [float(line.split()[0]) for line in (out / "ContROC.txt").read_text().splitlines()]
    alone = [float(line.split()[0]) for line in (out / "fold-01" / "ContROC.txt").read_text().splitlines()]
    assert rates == pytest.approx([alone[0] / 2, alone[1] / 2, 0.0], abs=1e-6)
    assert results["all"]["faces"] == 2
    assert results["all"]["discrete"] == {"100": 0.5, "500": 0.5, "1000": 0.5, "2000": 0.5}
    assert results["fold-02"]["continuous"]["1000"] == 0.0
    assert sorted(path.name for path in out.glob("fddb_*")) == [
        "fddb_continuous.pdf",
        "fddb_continuous.png",
        "fddb_discrete.pdf",
        "fddb_discrete.png",
    ]
    assert "2 faces in 2 folds" in capsys.readouterr().out


@pytest.mark.usefixtures("unseen_plots")
def test_sizes_from_images(case):
    for name in ("2002/a", "2003/b"):
        path = case / "images" / f"{name}.jpg"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.zeros((80, 100, 3), np.uint8))
    from_file = run(case)
    assert run(case, sizes=("--images", "images")) == from_file
    (case / "images" / "2003" / "b.jpg").unlink()
    with pytest.raises(DataError, match=r"images: 1 of 1 images cannot be read, such as .*b\.jpg"):
        run(case, sizes=("--images", "images"))


@pytest.mark.usefixtures("unseen_plots")
def test_elliptic_detections(case):
    (case / "found" / "FDDB-det-fold-01.txt").write_text(f"2002/a\n1\n{FACE.strip()[:-2]} 0.9\n")
    results = run(case, "--format", "ellipse")
    assert results["fold-01"]["continuous"]["1000"] == 1.0


@pytest.mark.usefixtures("unseen_plots")
def test_other_detectors_beside_ours(case):
    (case / "other.txt").write_text("0.9 100\n0.5 0\n")
    run(case, "--curves", f"SSH={case / 'other.txt'}")
    (case / "other.txt").write_text("0.9\n")
    with pytest.raises(DataError, match=r"other\.txt: not a ROC curve"):
        run(case, "--curves", f"SSH={case / 'other.txt'}")


def test_all_unusable_files_are_counted_and_named(case):
    (case / "found" / "FDDB-det-fold-01.txt").write_text("2003/b\n0\n")
    (case / "found" / "FDDB-det-fold-02.txt").unlink()
    words = r"2 of 2 detection files cannot be used: .*fold-01\.txt:1: image '2003/b'.*; .*fold-02\.txt: no such file"
    with pytest.raises(DataError, match=words):
        run(case)


def test_absent_folds_are_an_error(case):
    (case / "empty").mkdir()
    with pytest.raises(DataError, match=r"no FDDB-fold-NN\.txt"):
        main(
            [
                "--detections",
                "x",
                "--folds",
                str(case / "empty"),
                "--image_sizes",
                str(case / "sizes.txt"),
                "--output",
                "y",
            ]
        )


def test_curves_need_names(case, capsys):
    with pytest.raises(SystemExit):
        run(case, "--curves", "other.txt")
    assert "expected NAME=FILE" in capsys.readouterr().err


def test_what_is_written_is_known_before(case):
    """Only then can it be seen that none of it is a file that is read."""
    run(case)
    found = {path for path in (case / "out").rglob("*") if path.is_file()}
    assert found == set(result_files(case / "out", (1, 2)))


@pytest.mark.usefixtures("unseen_plots")
@pytest.mark.parametrize("name", ["DiscROC.txt", "fold-01/DiscROC.txt"])
def test_an_earlier_curve_is_not_written_over_to_be_shown_beside_ours(case, name):
    earlier = case / "out" / name
    earlier.parent.mkdir(parents=True)
    earlier.write_text("0.9 100\n")
    with pytest.raises(DataError, match=r"DiscROC\.txt: is read or written by this command already"):
        run(case, "--curves", f"before={earlier}")
    assert earlier.read_text() == "0.9 100\n"


def test_curves_that_are_not_there_are_told_before_anything_is_written(case):
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file"):
        run(case, "--curves", f"SSH={case / 'nowhere.txt'}")
    assert not (case / "out").exists()


@pytest.mark.usefixtures("unseen_plots")
def test_a_fold_without_faces_has_no_rates(case):
    """However many detections there are: none of them is within a hundred false positives here."""
    (case / "folds" / "FDDB-fold-02-ellipseList.txt").write_text("2003/b\n0\n")
    results = run(case)
    assert set(results["fold-02"]["discrete"].values()) == {None}
    assert results["all"]["discrete"]["100"] == 1.0
    (case / "found" / "FDDB-det-fold-02.txt").write_text("2003/b\n101\n" + 101 * f"{BOX} 0.5\n")
    assert set(run(case)["fold-02"]["continuous"].values()) == {None}


@pytest.mark.usefixtures("unseen_plots")
def test_no_faces_at_all_show_as_a_dash(case, capsys, monkeypatch):
    labels = []
    figure = fddb_report.roc_figure

    def drawn(curves, title):
        labels.append(curves[0].label)
        return figure(curves, title)

    monkeypatch.setattr(fddb_report, "roc_figure", drawn)
    for number, name in ((1, "2002/a"), (2, "2003/b")):
        (case / "folds" / f"FDDB-fold-{number:02d}-ellipseList.txt").write_text(f"{name}\n0\n")
    results = run(case)
    assert results["all"] == {"faces": 0, **{score: dict.fromkeys(RATES) for score in ("discrete", "continuous")}}
    assert "discrete   - at 100   - at 500" in capsys.readouterr().out
    assert labels == 2 * ["ours (- at 1000)"]

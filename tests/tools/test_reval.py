"""The tool that evaluates stored detections on WIDER FACE."""

import json

import numpy as np
import pytest
import scipy.io

from ssh_tf.datasets.wider_detections import save_npz, write_text
from ssh_tf.utils.errors import DataError
from ssh_tools.reval import main
from wider_cases import write_mat

# Boxes as x, y, width, height in the ground truth, and as x1, y1, x2, y2 where they are detected.
IMAGES = {"0--Parade/a": [(10, 10, 20, 20), (50, 50, 5, 5)], "1--Handshaking/b": [(30, 30, 9, 9)]}
FOUND = {
    "0--Parade/a": [(10, 10, 29, 29, 0.9), (11, 11, 29, 29, 0.8), (70, 70, 80, 80, 0.1)],
    "1--Handshaking/b": [(30, 30, 38, 38, 0.7)],
}


@pytest.fixture
def case(tmp_path):
    write_mat(tmp_path / "gt", IMAGES, easy={"0--Parade/a": [0], "1--Handshaking/b": [0]}, medium={"0--Parade/a": [0]})
    for name, rows in FOUND.items():
        write_text(tmp_path / "text", name, np.array(rows, np.float32))
    save_npz(tmp_path / "found.npz", list(FOUND), list(FOUND.values()))
    return tmp_path


def run(case, detections, *arguments):
    results = case / "results.json"
    common = ["--detections", str(case / detections), "--ground_truth", str(case / "gt"), "--json", str(results)]
    assert main([*common, *arguments]) == 0
    return json.loads(results.read_text())


@pytest.mark.parametrize("detections", ["text", "found.npz"])
def test_results(case, detections, capsys):
    """Easy: a hit, the same face again, a hit. Medium: the second image's box does not count. Hard: a face missed."""
    results = run(case, detections)
    assert results["easy"] == {"ap": pytest.approx(0.5 + 0.5 * 2 / 3), "recall": 1.0, "faces": 2}
    assert results["medium"] == {"ap": 1.0, "recall": 1.0, "faces": 1}
    assert results["hard"] == {"ap": pytest.approx(1 / 3 + 1 / 3 * 2 / 3), "recall": pytest.approx(2 / 3), "faces": 3}
    assert (results["images"], results["detections"]) == (2, 4)
    output = capsys.readouterr()
    assert output.out.splitlines()[0] == "easy    AP 0.8333   recall 1.0000 of 2 faces"
    assert output.err.startswith("warning: 1 x ground truth that is not the official validation set")


def test_nms_thins_out_first(case):
    results = run(case, "text", "--nms")
    assert results["detections"] == 3
    assert results["easy"]["ap"] == 1.0
    assert run(case, "text", "--nms", "0.99")["detections"] == 4


def test_faults_are_told_and_kept_in_the_results(case, capsys):
    (case / "text" / "0--Parade" / "a.txt").write_text("a.jpg\n2\n1 2 3 4 0.5\n")
    (case / "text" / "0--Parade" / "unknown.txt").write_text("unknown\n0\n")
    results = run(case, "text")
    assert results["hard"]["recall"] == 0.0  # one detection left: all scores are equal
    assert "0--Parade/a.txt" in results["problems"]["malformed detection file (the image's detections are dropped)"]
    assert "1 x detections of an image that is not in the set (unused): 0--Parade/unknown" in capsys.readouterr().err


def test_plots(case):
    run(case, "text", "--plot", str(case / "plots"))
    names = sorted(path.name for path in (case / "plots").iterdir())
    assert names == [f"wider_{level}.{suffix}" for level in ("easy", "hard", "medium") for suffix in ("pdf", "png")]


def test_plots_with_baselines(case):
    for level in ("easy", "medium", "hard"):
        place = case / "baselines" / "Val" / "setting_int" / "SSH"
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"wider_pr_info_SSH_{level}_val.mat"
        scipy.io.savemat(path, {"legend_name": "SSH", "pr_cruve": np.array([[1.0, 0.5]])})
    run(case, "text", "--plot", str(case / "plots"), "--baselines", str(case / "baselines"))
    assert (case / "plots" / "wider_easy.pdf").stat().st_size > 1000


def test_what_cannot_be_evaluated_is_an_error(case):
    with pytest.raises(DataError, match="no such folder"):
        run(case, "nothing")
    (case / "empty").mkdir()
    with pytest.raises(DataError, match="no text files"):
        run(case, "empty")
    (case / "gt" / "wider_hard_val.mat").unlink()
    with pytest.raises(DataError, match=r"wider_hard_val\.mat: not there"):
        run(case, "text")


@pytest.mark.parametrize(
    ("detections", "output"),
    [("found.npz", "found.npz"), ("text", "text/0--Parade/a.txt"), ("text", "gt/wider_easy_val.mat")],
)
def test_results_do_not_replace_what_is_evaluated(case, detections, output):
    before = (case / output).read_bytes()
    with pytest.raises(DataError, match="is read or written by this command already"):
        run(case, detections, "--json", str(case / output))
    assert (case / output).read_bytes() == before


def test_baselines_without_a_plot_are_refused(case, capsys):
    with pytest.raises(SystemExit) as ended:
        run(case, "text", "--baselines", str(case / "nowhere"))
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: --baselines is for --plot: name the folder to draw into\n"


def test_baselines_that_are_not_there_are_told_before_anything_is_written(case):
    with pytest.raises(DataError, match="nowhere: no wider_pr_info"):
        run(case, "text", "--plot", str(case / "plots"), "--baselines", str(case / "nowhere"))
    assert not (case / "results.json").exists()

"""Tools start light: what is asked for help, is asked wrongly or evaluates loads no framework that it does not use."""

import numpy as np
import pytest

from ssh_tf import __version__
from ssh_tf.datasets.wider_detections import write_text
from tool_runs import TOOLS, run_all
from wider_cases import write_mat

NAMES = sorted(str(path.relative_to(TOOLS)) for path in TOOLS.glob("*.py") if path.stem != "__init__")
NAMES += sorted(str(path.relative_to(TOOLS)) for path in (TOOLS / "mindspore").glob("*.py"))


@pytest.fixture(scope="module")
def asked():
    """What each tool answers to --help, --version, an argument that it does not have, and --help on a full disk."""
    asked = (["--help"], ["--version"], ["--no_such_thing"], ["--help", ">/dev/full"])
    answers = run_all([(tool, *arguments) for tool in NAMES for arguments in asked])
    return {tool: answers[4 * place : 4 * place + 4] for place, tool in enumerate(NAMES)}


@pytest.mark.parametrize("tool", NAMES)
def test_help_version_and_wrong_arguments(asked, tool):
    (code, usage, errors, loaded), version, wrong, full = asked[tool]
    assert (code, errors, loaded) == (0, "", [])
    assert usage.startswith("usage: ")
    assert version == [0, f"ssh-face-detector {__version__}\n", "", []]
    code, output, errors, loaded = wrong
    assert (code, output, loaded) == (2, "", [])
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert full == [2, "", "error: standard output: No space left on device; make room there\n", []]


def test_what_is_evaluated_prepared_fetched_or_not_there_loads_nothing_needlessly(tmp_path):
    image, box = "0--Parade/a", (10, 10, 20, 20)
    write_mat(tmp_path / "WIDER/ground_truth", {image: [box]})
    write_text(tmp_path / "found", image, np.array([(10, 10, 29, 29, 0.9)], np.float32))
    (tmp_path / "WIDER/wider_face_split").mkdir()
    (tmp_path / "WIDER/wider_face_split/wider_face_val_bbx_gt.txt").write_text(
        f"{image}.jpg\n1\n{' '.join(map(str, box))} 0 0 0 0 0 0\n"
    )
    (tmp_path / "train.log").write_text("iter 1/9  total 2.4  M1 0.3+0.1  M2 0.1+0.1  M3 0.1+0.1  decay 0.6\n")
    (tmp_path / "folds").mkdir()
    (tmp_path / "folds/FDDB-fold-01.txt").write_text("a\n")
    (tmp_path / "folds/FDDB-fold-01-ellipseList.txt").write_text("a\n1\n10 8 1.5708 40 40 1\n")
    (tmp_path / "found/FDDB-det-fold-01.txt").write_text("a\n1\n32 30 16 20 0.9\n")
    (tmp_path / "sizes.txt").write_text("a 100 80\n")
    root, found, truth = str(tmp_path), str(tmp_path / "found"), str(tmp_path / "WIDER/ground_truth")
    fddb = ["--detections", found, "--folds", f"{root}/folds", "--image_sizes", f"{root}/sizes.txt"]
    commands = [
        ["demo.py", "a.jpg", "--model", f"{root}/none.pb"],
        ["fetch_data.py", "--list"],
        ["prepare_wider.py", "--data", f"{root}/WIDER", "--splits", "val"],
        ["reval.py", "--detections", found, "--ground_truth", truth, "--nms"],
        ["plot_training.py", f"{root}/train.log"],
        ["eval_fddb.py", *fddb, "--output", f"{root}/out"],
    ]
    answers = run_all(commands)
    assert answers[0][2] == f"error: {root}/none.pb: no such file\n"
    assert [code for code, *_ in answers] == [2] + [0] * (len(commands) - 1), answers
    assert [loaded for *_, loaded in answers] == [[], [], [], [], ["matplotlib"], ["cv2", "matplotlib"]]

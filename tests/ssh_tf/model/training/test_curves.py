"""Curves of a training: from its tables, from a log."""

import cv2
import numpy as np
import pytest

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.model.training import curves
from ssh_tf.model.training.curves import plot_tables, read_curves, read_log
from ssh_tf.model.training.log import TrainingLog
from ssh_tf.model.training.tables import LOSS_COLUMNS, VALIDATION_COLUMNS, LossRow
from ssh_tf.utils.errors import DataError


@pytest.fixture
def log(tmp_path, capsys):
    """Prints a training of losses 0.1·iteration; returns the file of what is printed, read when asked for."""
    further = []

    def train(first, last, validations=()):
        training = TrainingLog(None, first, 100, 2)
        for at in range(first + 1, last + 1):
            branches = np.array([[0.1 * at, 0.01], [0.2 * at, 0.02], [0.3 * at, 0.03]])
            training.step(LossRow(at, 0.001, branches, 0.5, 1.0))
            training.show()
        training.close()
        further.extend(validations)

    def file():
        path = tmp_path / "train.log"
        path.write_text(capsys.readouterr().out + "".join(further))
        return path

    train.file = file
    return train


def by_label(curves):
    return {curve.label: curve for curve in curves}


def test_losses_are_those_that_the_training_printed(log):
    log(0, 3)
    losses = by_label(read_log(log.file()).losses)
    assert set(losses) == {branch.name for branch in BRANCHES}
    np.testing.assert_array_equal(losses["M2"].x, [1, 2, 3])
    np.testing.assert_allclose(losses["M2"].y, [0.22, 0.42, 0.62])


def test_a_run_that_was_resumed_overrides_what_it_did_again(log):
    log(0, 4)
    log(2, 5)
    path = log.file()
    path.write_text(path.read_text() + "iter 3/100  total 1  M1 7.0000+1.0000  M2 0.1000+0.0000  M3 0.1000+0.0000\n")
    losses = by_label(read_log(path).losses)["M1"]
    np.testing.assert_array_equal(losses.x, [1, 2, 3, 4, 5])
    np.testing.assert_allclose(losses.y, [0.11, 0.21, 8.0, 0.41, 0.51])


def test_validations_by_size_of_face(log):
    lines = [
        f"validation at {at}: AP50 0.{at}5  AP50 <8 nan  AP50 8-16 0.5000  AP50 >=32 0.2308  (60 images, 25 s)\n"
        for at in (20, 10)
    ]
    log(0, 1, lines)
    validations = by_label(read_log(log.file()).validations)
    assert set(validations) == {"AP50", "AP50 <8", "AP50 8-16", "AP50 >=32"}
    np.testing.assert_array_equal(validations["AP50"].x, [10, 20])
    np.testing.assert_allclose(validations["AP50"].y, [0.105, 0.205])
    assert np.isnan(validations["AP50 <8"].y).all()


def test_what_is_no_log_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_log(tmp_path / "nothing")
    (tmp_path / "other").write_text("hello\n")
    with pytest.raises(DataError, match="holds no losses"):
        read_log(tmp_path / "other")


LOSSES = """10,0.001,0.5,0.25,0.4,0.2,0.3,0.3,0.25,2.2
20,0.0001,0.25,0.25,0.2,0.2,0.1,0.1,0.2,1.3
"""


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "loss.csv").write_text(",".join(LOSS_COLUMNS) + "\n" + LOSSES)
    return tmp_path


def test_tables(tables):
    found = read_curves(tables)
    assert [(curve.label, list(curve.x), list(curve.y), curve.emphasised) for curve in found.losses] == [
        ("M1", [10, 20], [0.75, 0.5], False),
        ("M2", [10, 20], pytest.approx([0.6, 0.4]), False),
        ("M3", [10, 20], pytest.approx([0.6, 0.2]), False),
        ("decay", [10, 20], [0.25, 0.2], False),
        ("total", [10, 20], [2.2, 1.3], True),
    ]
    np.testing.assert_allclose(sum(curve.y for curve in found.losses[:-1]), found.losses[-1].y)
    assert list(found.learning_rate.y) == [0.001, 0.0001]
    assert (found.validations, found.validation_loss) == ([], None)


def test_tables_with_validations(tables):
    row = ["20", *["0.5"] * (len(VALIDATION_COLUMNS) - 5), "0.9", "nan", "0.5", "0.75"]
    (tables / "validation.csv").write_text(f"{','.join(VALIDATION_COLUMNS)}\n{','.join(row)}\n")
    found = read_curves(tables / "loss.csv")
    assert [curve.label for curve in found.validations] == ["AP50", "AP50 <8", "AP50 8-16", "AP50 16-32", "AP50 >=32"]
    assert [list(curve.y) for curve in found.validations] == [
        [0.5],
        [0.9],
        [pytest.approx(np.nan, nan_ok=True)],
        [0.5],
        [0.75],
    ]
    assert (list(found.validation_loss.x), list(found.validation_loss.y)) == ([20], [0.5])


def test_the_plot_of_the_tables(tables, monkeypatch):
    drawn = []
    figure = curves.training_figure
    monkeypatch.setattr(curves, "training_figure", lambda *parts: drawn.append(parts) or figure(*parts))
    plot_tables(tables / "loss.csv")
    assert cv2.imread(str(tables / "loss.png")).shape == (900, 1500, 3)
    assert [curve.label for curve in drawn[0][0]] == ["M1", "M2", "M3", "decay", "total"]


@pytest.mark.parametrize(
    "text",
    [None, "", "iteration,total\n", "iteration,total\n1\n", "iteration,total\n1,x\n", "a,b\n1,2\n3\n", "a,b\n1,2\n"],
)
def test_tables_that_are_none(tmp_path, text):
    if text is not None:
        (tmp_path / "loss.csv").write_text(text)
    with pytest.raises(DataError, match=r"loss\.csv: (not a table of |no such file)"):
        plot_tables(tmp_path / "loss.csv")


def test_tables_of_other_trainers_need_no_decay_and_no_total(tmp_path):
    table = tmp_path / "loss.csv"
    parts = [f"{branch}_{part}" for branch in ("M1", "M2", "M3") for part in ("class", "box")]
    table.write_text(f"iteration,learning_rate,{','.join(parts)}\n20,0.01,1,2,3,4,5,6\n", encoding="utf-8")
    assert [(curve.label, list(curve.y)) for curve in read_curves(table).losses] == [
        ("M1", [3.0]),
        ("M2", [7.0]),
        ("M3", [11.0]),
    ]

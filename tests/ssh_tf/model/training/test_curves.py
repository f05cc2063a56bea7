"""Training logs, read back."""

import numpy as np
import pytest

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.model.training.curves import read_log
from ssh_tf.model.training.log import LossRow, TrainingLog
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


def test_a_run_that_was_gone_on_with_overrides_what_it_did_again(log):
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
    curves = by_label(read_log(log.file()).validations)
    assert set(curves) == {"AP50", "AP50 <8", "AP50 8-16", "AP50 >=32"}
    np.testing.assert_array_equal(curves["AP50"].x, [10, 20])
    np.testing.assert_allclose(curves["AP50"].y, [0.105, 0.205])
    assert np.isnan(curves["AP50 <8"].y).all()


def test_what_is_no_log_is_an_error(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_log(tmp_path / "nothing")
    (tmp_path / "other").write_text("hello\n")
    with pytest.raises(DataError, match="holds no losses"):
        read_log(tmp_path / "other")

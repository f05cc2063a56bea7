"""The log of a training and its plot."""

import cv2

from ssh_ms.training_log import LOG_NAME, PLOT_NAME, LogLine, TrainingLog, loss_figure, read_step_log


def test_lines_are_the_ports(tmp_path):
    log = TrainingLog(tmp_path, 1, 0, total_steps=2, done=0)
    log.step(1, 1, 0.719321)
    log.step(1, 2, 12.5)
    log.close()
    lines = (tmp_path / LOG_NAME).read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "epoch: 1 step: 1 total_loss: 0.71932",
        "epoch: 1 step: 2 total_loss: 12.50000",
    ]
    assert all(line.split(" ", 1)[0].isdecimal() for line in lines)
    assert cv2.imread(str(tmp_path / PLOT_NAME)) is not None


def test_a_resumed_log_drops_what_was_lost_and_goes_on_with_the_clock(tmp_path):
    (tmp_path / LOG_NAME).write_text(
        "19 epoch: 1 step: 1 total_loss: 0.71932\n"
        "30 epoch: 2 step: 1 total_loss: 0.5\n"
        "40 epoch: 2 step: 2 total_loss: 0.4\n"
        "50 epoch: 2 st"
    )
    log = TrainingLog(tmp_path, 2, 1, total_steps=9, done=4)
    line = log.step(2, 2, 0.25)
    log.close()
    assert line.seconds in (30, 31)
    assert read_step_log(tmp_path / LOG_NAME) == [LogLine(19, 1, 1, 0.71932), LogLine(30, 2, 1, 0.5), line]


def test_there_is_no_plot_of_nothing(tmp_path):
    TrainingLog(tmp_path, 1, 0, total_steps=2, done=0).close()
    assert not (tmp_path / PLOT_NAME).exists()


def test_the_plot_smooths_over_fifty_steps():
    losses = [4.0] * 50 + [2.0] * 50
    each, means = (line.get_ydata() for line in loss_figure(losses).axes[0].lines)
    assert list(each) == losses
    assert means[0] == means[49] == 4.0
    assert means[74] == 3.0
    assert means[99] == 2.0
    assert loss_figure([1.0, 3.0]).axes[0].lines[1].get_ydata()[1] == 2.0

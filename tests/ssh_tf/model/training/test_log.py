"""What a training shows: lines, the table, TensorBoard's events."""

import csv
import sys

import numpy as np
import pytest

from full_disk import files_no_larger_than
from ssh_tf.model.training.log import TrainingFiles, TrainingLog
from ssh_tf.model.training.tables import LOSS_COLUMNS, VALIDATION_COLUMNS, LossRow, TrainingTable, mean_row
from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.tf1 import tf


def row(iteration, value=1.0):
    branches = value * np.array([[0.5, 0.1], [0.4, 0.2], [0.3, 0.3]])
    return LossRow(iteration, 0.001, branches, 0.25, branches.sum() + 0.25)


def table(path):
    with path.open(newline="") as stream:
        return list(csv.reader(stream))


def test_means():
    found = mean_row([row(4, 1.0), row(5, 3.0)])
    assert (found.iteration, found.rate, found.decay) == (5, 0.001, 0.25)
    np.testing.assert_allclose(found.branches, 2 * row(1).branches)
    assert found.total == pytest.approx(2 * 1.8 + 0.25)


def test_a_table_is_gone_on_with(tmp_path):
    path = tmp_path / "loss.csv"
    first = TrainingTable(path, LOSS_COLUMNS, 0)
    for iteration in (10, 20, 30):
        first.add(row(iteration).values())
    first.close()
    assert first.iterations == [10, 20, 30]
    assert table(path)[0] == list(LOSS_COLUMNS)
    assert table(path)[1] == ["10", "0.001", "0.5", "0.1", "0.4", "0.2", "0.3", "0.3", "0.25", "2.05"]
    # Killed in the midst of a row, after the snapshot of 20.
    with path.open("a") as stream:
        stream.write("a line of another hand\n" + ",".join("x" * len(LOSS_COLUMNS)) + "\n40,0.00")
    second = TrainingTable(path, LOSS_COLUMNS, 20)
    assert second.iterations == [10, 20]
    assert [line[0] for line in table(path)[1:]] == ["10", "20"]
    second.add(row(25).values())
    assert [line[0] for line in table(path)[1:]] == ["10", "20", "25"]
    second.close()


@pytest.mark.parametrize("place", ["output", "board", "board_val"])
def test_places_that_cannot_be_written_to(tmp_path, place):
    (tmp_path / place).touch()
    with pytest.raises(OSError, match=rf"exists: .*{tmp_path / place}'$"):
        TrainingFiles(tmp_path / "output", tmp_path / "board", start=0)


def test_lines(capsys):
    log = TrainingLog(None, start=10, iterations=100, images_per_step=4)
    log.show()
    assert capsys.readouterr().out == ""
    log.step(row(11, 1.0))
    log.step(row(12, 3.0))
    log.show()
    log.close()
    line = capsys.readouterr().out
    assert line.startswith(
        "iter 12/100  total 3.8500  M1 1.0000+0.2000  M2 0.8000+0.4000  M3 0.6000+0.6000  decay 0.2500  lr 0.001  "
    )
    assert "images/s  ETA 0:00:0" in line


@pytest.mark.parametrize("terminal", [True, False])
def test_a_progress_bar_on_a_terminal(capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    log = TrainingLog(None, start=10, iterations=100, images_per_step=4)
    log.step(row(11))
    log.close()
    shown = capsys.readouterr().err
    assert ("11/100" in shown) == terminal
    assert bool(shown) == terminal


def events(folder):
    """{tag: [(step, value), …]} of the scalars, and the tags of the pictures."""
    scalars, pictures = {}, set()
    for path in sorted(folder.iterdir()):
        for event in tf.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.HasField("image"):
                    pictures.add((value.tag, value.image.height, value.image.width))
                else:
                    scalars.setdefault(value.tag, []).append((event.step, pytest.approx(value.simple_value)))
    return scalars, pictures


def test_files(tmp_path):
    files = TrainingFiles(tmp_path / "output", tmp_path / "board", start=0)
    files.plot()
    assert not (tmp_path / "output" / "loss.png").exists()
    files.add_row(row(3))
    files.add_scalars(row(3))
    files.add_validation(3, {"AP50": 0.5, "total": 2.0}, [np.zeros((8, 12, 3), np.uint8)])
    files.plot()
    files.close()
    scalars, pictures = events(tmp_path / "board")
    assert scalars.keys() == set(LOSS_COLUMNS[1:])
    assert scalars["M2_box"] == [(3, 0.2)]
    assert pictures == set()
    assert events(tmp_path / "board_val") == ({"AP50": [(3, 0.5)], "total": [(3, 2.0)]}, {("faces/0", 8, 12)})
    assert (tmp_path / "output" / "loss.png").stat().st_size > 1000
    header, line = table(tmp_path / "output" / "validation.csv")
    assert tuple(header) == VALIDATION_COLUMNS
    found = dict(zip(header, line, strict=True))
    assert (found["iteration"], found["AP50"], found["total"], found["M1_box"]) == ("3", "0.5", "2", "nan")


def test_a_table_whose_rows_are_all_of_lost_work_is_no_file(tmp_path):
    """What is left of a training can be drawn."""
    files = TrainingFiles(tmp_path / "output", tmp_path / "board", start=0)
    files.add_row(row(10))
    files.add_validation(15, {"AP50": 0.5}, [])
    files.close()
    resumed = TrainingFiles(tmp_path / "output", tmp_path / "board", start=10)
    assert not (tmp_path / "output" / "validation.csv").exists()
    resumed.plot()
    assert (tmp_path / "output" / "loss.png").exists()
    resumed.add_validation(15, {"AP50": 0.5}, [])
    resumed.close()
    assert [line[0] for line in table(tmp_path / "output" / "validation.csv")] == ["iteration", "15"]


def test_a_disk_that_gets_full_is_named_in_one_line(tmp_path, capfd):
    files = TrainingFiles(tmp_path / "output", tmp_path / "board", start=0)

    def go_on():
        for iteration in range(100):
            files.add_scalars(row(iteration))

    message = r"board/events\.out.*: File too large; the snapshots are as they were"
    with files_no_larger_than(2000), pytest.raises(SSHError, match=message):
        go_on()
    with files_no_larger_than(10), pytest.raises(SSHError, match=message):
        TrainingFiles(tmp_path / "output", tmp_path / "board", start=0)
    assert max(path.stat().st_size for path in (tmp_path / "board").iterdir()) > 1000
    assert capfd.readouterr().err == ""


def test_validations_are_counted_and_those_of_lost_work_dropped(tmp_path):
    files = TrainingFiles(tmp_path / "output", tmp_path / "board", start=0)
    assert not (tmp_path / "output" / "validation.csv").exists()
    for iteration in (5, 10, 15):
        files.add_validation(iteration, {"AP50": 0.5}, [])
    assert [files.validations_after(iteration) for iteration in (0, 5, 10, 15)] == [3, 2, 1, 0]
    files.close()
    resumed = TrainingFiles(tmp_path / "output", tmp_path / "board", start=10)
    assert resumed.validations_after(0) == 2
    resumed.close()
    assert [line[0] for line in table(tmp_path / "output" / "validation.csv")] == ["iteration", "5", "10"]

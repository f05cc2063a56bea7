"""The validation pass: what it says of a detector, and pictures that cannot be read."""

from types import SimpleNamespace

import numpy as np
import pytest

from ssh_tf.datasets.factory import load_folder
from ssh_tf.model.config import load_config
from ssh_tf.model.training import validation
from ssh_tf.model.training.snapshots import Snapshot
from ssh_tf.model.training.tables import LossRow
from ssh_tf.model.training.validation import Validation, sample_records
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.images import read_image
from training_runs import write_pictures


class Oracle:
    """In the place of a detector: knows the faces of each picture."""

    def __init__(self, records):
        self._known = [(read_image(record.path), record.boxes) for record in records]

    def __call__(self, image, threshold):
        (boxes,) = (boxes for known, boxes in self._known if np.array_equal(known, image))
        return np.hstack([boxes, np.ones((len(boxes), 1), np.float32)])


class Log:
    """In the place of a training's log."""

    def __init__(self):
        self.lines, self.files, self.told = [], self, []
        self.say = self.lines.append

    def add_validation(self, iteration, values, pictures):
        self.told.append((iteration, values, pictures))


@pytest.fixture
def records(tmp_path):
    return load_folder(write_pictures(tmp_path / "faces"), "val", tmp_path)


def validate(records, oracle, monkeypatch, error=None):
    def losses(snapshot):
        if error:
            raise error
        return LossRow(snapshot.iteration, np.nan, np.full((3, 2), 0.5), 0.1, 3.1)

    monkeypatch.setattr(validation, "ValidationLoss", lambda *arguments: losses)
    loaded = []
    monkeypatch.setattr(validation, "CheckpointRunner", lambda *arguments: SimpleNamespace(load=loaded.append))
    monkeypatch.setattr(validation, "Detector", lambda *arguments: oracle)
    log = Log()
    log.score = Validation(records, "tiny", load_config())(Snapshot("x.ckpt", 40, {}), log)
    assert loaded == ["x.ckpt"]
    return log


def test_a_detector_that_finds_all(records, monkeypatch):
    log = validate(records, Oracle(records), monkeypatch)
    ((iteration, values, pictures),) = log.told
    assert iteration == 40
    assert log.score == values["AP50"] == values["AP50 16-32"] == 1.0
    assert values["total"] == 3.1
    assert values["M2_box"] == 0.5
    assert len(pictures) == 4
    assert log.lines[0].startswith("validation loss at 40: total 3.1000  M1_class 0.5000")
    assert log.lines[1].startswith("validation at 40: AP50 1.0000")
    assert "(6 images," in log.lines[1]


def test_an_unreadable_picture_is_left_out_and_told(records, monkeypatch):
    oracle = Oracle(records)
    records[1].path.write_bytes(b"no picture")
    log = validate(records, oracle, monkeypatch)
    ((_, values, _),) = log.told
    assert values["AP50"] == 1.0
    (line,) = (line for line in log.lines if "left out" in line)
    assert str(records[1].path) in line


def test_no_picture_is_readable(records, monkeypatch):
    """The training goes on, and is told."""
    oracle = Oracle(records)
    for record in records:
        record.path.unlink()
    log = validate(records, oracle, monkeypatch, DataError("100 in a row cannot be read"))
    ((_, values, pictures),) = log.told
    assert np.isnan(values["AP50"])
    assert np.isnan(log.score)
    assert "total" not in values
    assert pictures == []
    assert log.lines[0] == "no validation loss at 40: 100 in a row cannot be read"
    assert sum("left out" in line for line in log.lines) == len(records)


def test_a_sample_is_spread_over_all():
    assert sample_records(range(10), 3) == [0, 4, 9]
    assert sample_records(range(10), 1) == [0]
    assert sample_records(range(3), 100) == [0, 1, 2]

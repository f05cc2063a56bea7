"""Which failures are shown, and that they are shown."""

import cv2
import numpy as np
import pytest

from ssh_tf.datasets.failures import failure_sheet, false_positives, missed_faces
from ssh_tf.datasets.records import ImageRecord

FACES = np.array([(10, 10, 30, 30), (50, 10, 60, 20), (70, 70, 75, 75)], np.float32)
FOUND = np.array(
    [(10, 10, 30, 30, 0.4), (50, 10, 60, 20, 0.9), (0, 70, 20, 90, 0.8), (40, 40, 60, 60, 0.3), (80, 0, 99, 9, 0.95)],
    np.float32,
)


@pytest.fixture
def records(tmp_path):
    """One image with three faces and an ignore region, one without faces, one that cannot be read."""
    made = []
    regions = np.array([(78, 0, 100, 12)], np.float32)
    for name, boxes, ignore in (("a/one.png", FACES, regions), ("two.png", FACES[:0], regions[:0])):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((100, 100, 3), 90, np.uint8))
        made.append(ImageRecord(tmp_path / name, name, 100, 100, boxes, ignore))
    return [*made, ImageRecord(tmp_path / "none.png", "none.png", 100, 100, FACES[:1], regions[:0])]


@pytest.fixture
def detections():
    return [FOUND, np.array([(5, 5, 20, 20, 0.85)], np.float32), FOUND[:0]]


def test_largest_missed_faces_come_first(records, detections):
    """The face of 20 px is found, but with a score of 0.4 only; the one of 5 px is not found."""
    missed = missed_faces(records, detections, threshold=0.5)
    assert [(failure.at, failure.rank) for failure in missed] == [(0, 20.0), (2, 20.0), (0, 5.0)]
    assert [failure.rank for failure in missed_faces(records, detections, threshold=0.05)] == [20.0, 5.0]


def test_surest_false_positives_come_first(records, detections):
    """Not the one in the ignore region."""
    alarms = false_positives(records, detections)
    assert [(failure.at, round(failure.rank, 2)) for failure in alarms] == [(1, 0.85), (0, 0.8), (0, 0.3)]
    assert alarms[0].box.tolist() == [5, 5, 20, 20]


def test_sheet_shows_them(records, detections):
    """Two readable misses and three false positives: five tiles in one row of six; faces and detections are drawn."""
    sheet = failure_sheet(records, detections)
    assert sheet.shape == (218, 1200, 3)
    filled = [sheet[:, 200 * at : 200 * at + 200].std() > 5 for at in range(6)]
    assert filled == [True, True, True, True, True, False]
    blue, green, red = np.moveaxis(sheet.astype(int), 2, 0)
    failures, faces, found = (red > 200) & (blue < 60), (blue > 200) & (red < 60), (green > 180) & (blue < 60)
    assert [failures[:, 200 * at : 200 * at + 200].any() for at in range(5)] == [True] * 5
    assert faces.any()
    assert found.any()


def test_sheet_without_failures(records):
    perfect = [np.column_stack([record.boxes, np.ones(len(record.boxes))]).astype(np.float32) for record in records]
    assert failure_sheet(records, perfect).std() == 0

"""MindRecord shards."""

import cv2
import numpy as np
import pytest

from spoiling import HOSTILE
from ssh_ms.shards import MindRecordSource, shards, write_shards
from ssh_ms.sources import FileSource
from ssh_tf.datasets.records import ImageRecord
from ssh_tf.utils.errors import DataError


@pytest.fixture
def records(tmp_path):
    records = []
    for number in range(7):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((8, 9, 3), number, np.uint8))
        boxes = np.arange(4 * (number % 3), dtype=np.float32).reshape(-1, 4)
        records.append(ImageRecord(path, f"ä/{number}.png", 8, 9, boxes, np.ones((number % 2, 4), np.float32)))
    return records


@pytest.mark.parametrize("count", [1, 3])
def test_shards_hold_what_the_files_do(tmp_path, records, count):
    write_shards(tmp_path / "shards", records, count)
    assert len(shards(tmp_path / "shards")) == count
    source = MindRecordSource(tmp_path / "shards")
    assert len(source) == 7
    found = {raw.name: raw for raw in source.epoch(0, 1, 0)}
    for raw in FileSource(records).epoch(0, 1, 0):
        assert found[raw.name].data == raw.data
        np.testing.assert_array_equal(found[raw.name].truth, raw.truth)


def test_epochs_are_orders_of_their_own(tmp_path, records):
    write_shards(tmp_path / "shards", records, 2)

    def order(epoch, skip=0):
        return [raw.name for raw in MindRecordSource(tmp_path / "shards").epoch(3, epoch, skip)]

    assert order(1) == order(1) != order(2)
    assert order(1, skip=4) == order(1)[4:]


def test_what_is_no_shard(tmp_path, records):
    assert shards(tmp_path / "none") == []
    with pytest.raises(DataError, match="no MindRecord shards"):
        MindRecordSource(tmp_path / "none")
    write_shards(tmp_path / "shards", records, 2)
    (tmp_path / "shards/faces.mindrecord1").write_bytes(b"broken")
    with pytest.raises(DataError, match="or damaged ones"):
        MindRecordSource(tmp_path / "shards")


def test_what_a_killed_run_has_left_is_no_shard(tmp_path, records):
    write_shards(tmp_path / ".shards.part", records, 4)
    write_shards(tmp_path / "shards", records, 2)
    assert len(shards(tmp_path / "shards")) == 2
    assert len(MindRecordSource(tmp_path / "shards")) == 7


def test_shards_know_their_data(tmp_path, records):
    write_shards(tmp_path / "shards", records, 2)
    assert MindRecordSource(tmp_path / "shards").fingerprint == FileSource(records).fingerprint
    note = tmp_path / "shards/data.json"
    for content in HOSTILE:
        note.write_bytes(content)
        with pytest.raises(DataError, match=r"data\.json: "):
            MindRecordSource(tmp_path / "shards")
    note.unlink()
    assert MindRecordSource(tmp_path / "shards").fingerprint is None


def test_a_broken_picture_leaves_no_shards(tmp_path, records):
    records[3].path.write_bytes(b"broken")
    with pytest.raises(DataError, match=r"training image .*3\.png"):
        write_shards(tmp_path / "shards", records, 2)
    assert shards(tmp_path / "shards") == []

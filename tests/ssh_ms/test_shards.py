"""MindRecord shards."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from spoiling import HOSTILE
from ssh_ms.framework import mindrecord
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


@pytest.mark.parametrize("kind", ["folder", "file", "shards"])
def test_what_is_there_is_left_alone(tmp_path, records, kind, monkeypatch):
    place = tmp_path / "mine"
    if kind == "shards":
        write_shards(place, records, 1)
    else:
        kept = place / "kept" if kind == "folder" else place
        kept.parent.mkdir(exist_ok=True)
        kept.write_text("kept")
    before = sorted(tmp_path.rglob("*"))
    # No picture is read before it is said.
    monkeypatch.setattr("ssh_ms.shards.read_raw", None)
    with pytest.raises(DataError, match="mine: something is there already; name a new"):
        write_shards(place, records, 2)
    assert sorted(tmp_path.rglob("*")) == before


def test_folders_by_any_name(tmp_path, records, monkeypatch):
    with pytest.raises(DataError, match=r"^/: something is there already"):
        write_shards(Path("/"), records, 1)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for name in (".", "../empty", "x/.."):
        with pytest.raises(DataError, match="is the folder that this was started in"):
            write_shards(Path(name), records, 1)
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    for name in ("new", "../link"):
        write_shards(Path(name), records, 1)
        assert len(MindRecordSource(Path(name))) == 7


@pytest.mark.parametrize("step", ["add_schema", "write_raw_data", "commit"])
def test_what_the_writer_raises_is_one_line(tmp_path, records, step, monkeypatch):
    class MRMSetHeaderError(Exception):
        """As MindRecord's errors: of no class but Exception."""

    def fail(*_, **__):
        raise MRMSetHeaderError("Failed to\nset header.")

    monkeypatch.setattr(mindrecord.FileWriter, step, fail)
    with pytest.raises(DataError, match=r"shards: the shards cannot be written \(MRMSetHeaderError: Failed to set"):
        write_shards(tmp_path / "shards", records, 2)
    assert not (tmp_path / "shards").exists()


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

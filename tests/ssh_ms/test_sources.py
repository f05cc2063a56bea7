"""Annotations of either kind, and the order of pictures."""

import cv2
import numpy as np
import pytest

from ssh_ms.sources import FileSource, load_records
from ssh_tf.roi_data_layer.samples import FACE, IGNORE
from ssh_tf.utils.errors import DataError

OFFICIAL = """a/first.jpg
2
10 20 30 40 0 0 0 0 0 0
1 2 3 4 0 0 0 1 0 0
a/second.jpg
0
0 0 0 0 0 0 0 0 0 0
"""


@pytest.fixture
def images(tmp_path):
    for name in ("first", "second", "third"):
        path = tmp_path / f"images/a/{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((100, 120, 3), np.uint8))
    return tmp_path / "images"


def load(tmp_path, images, text, name="list.txt"):
    (tmp_path / name).write_text(text)
    return load_records(tmp_path / name, images, tmp_path / "cache", skip_missing=False)


def test_official_annotations(tmp_path, images):
    records = load(tmp_path, images, OFFICIAL)
    assert [record.name for record in records] == ["a/first.jpg", "a/second.jpg"]
    # Without the box that is flagged as invalid.
    np.testing.assert_array_equal(records[0].boxes, [[10, 20, 39, 59]])
    assert len(records[1].boxes) == 0


def test_annotations_of_this_project(tmp_path, images):
    (tmp_path / "labels.jsonl").write_text('{"image": "a/first.jpg", "ignore": [[50, 50, 60, 60]]}\n')
    records = load(tmp_path, images, "a/first 10 20 39 59\na/third.jpg\n")
    assert [record.name for record in records] == ["a/first.jpg", "a/third.jpg"]
    (first, second) = FileSource(records).epoch(seed=0, epoch=1, skip=0)
    truths = {raw.name: raw.truth for raw in (first, second)}
    np.testing.assert_array_equal(truths["a/first.jpg"], [[10, 20, 39, 59, FACE], [50, 50, 60, 60, IGNORE]])
    assert truths["a/third.jpg"].shape == (0, 5)
    assert first.data == (images / first.name).read_bytes()


@pytest.mark.parametrize("first", ["000001 10 10 30 30", "000001.jpg 10 10 30 30", "000001"])
def test_names_of_digits_are_no_counts(tmp_path, images, first):
    for name in ("000001", "000002"):
        (images / f"{name}.jpg").write_bytes((images / "a/first.jpg").read_bytes())
    records = load(tmp_path, images, f"{first}\n000002\n")
    assert [record.name for record in records] == ["000001.jpg", "000002.jpg"]
    assert [len(record.boxes) for record in records] == [int(" " in first), 0]


def test_official_names_end_in_any_case(tmp_path, images):
    (images / "a/first.jpg").rename(images / "a/first.JPG")
    records = load(tmp_path, images, OFFICIAL.replace("first.jpg", "first.JPG"))
    assert [len(record.boxes) for record in records] == [1, 0]
    with pytest.raises(DataError, match=r"list\.txt:1: expected the name of an image, not 'a/first\.png'"):
        load(tmp_path, images, OFFICIAL.replace("first.jpg", "first.png"))


def test_epochs_are_orders_of_their_own(tmp_path, images):
    source = FileSource(load(tmp_path, images, "a/first\na/second\na/third\n"))

    def order(seed, epoch, skip=0):
        return [raw.name for raw in source.epoch(seed, epoch, skip)]

    assert len(source) == 3
    assert all(sorted(order(0, epoch)) == ["a/first.jpg", "a/second.jpg", "a/third.jpg"] for epoch in range(5))
    assert len({tuple(order(0, epoch)) for epoch in range(20)}) == 6
    assert order(3, 4, skip=1) == order(3, 4)[1:]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no images"),
        ("a/first 1 2 3\n", r"list\.txt:1: 3 numbers"),
        ("a/fourth 1 2 3 4\n", "1 of 1 images are missing"),
        ("a/first.jpg\n1\n10 20 30\n", r"list\.txt:3: expected 10 whole numbers"),
    ],
)
def test_bad_lists(tmp_path, images, text, message):
    with pytest.raises(DataError, match=message):
        load(tmp_path, images, text)


def test_missing_files(tmp_path, images):
    with pytest.raises(DataError, match="nothing"):
        load_records(tmp_path / "nothing.txt", images, tmp_path / "cache", skip_missing=False)
    source = FileSource(load(tmp_path, images, "a/first\n"))
    (images / "a/first.jpg").unlink()
    with pytest.raises(DataError, match=r"training image .*first\.jpg"):
        list(source.epoch(0, 1, 0))

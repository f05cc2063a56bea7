"""Data sets from a folder: names, sizes and their cache, what is missing."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest

from ssh_tf.datasets import records as records_module
from ssh_tf.datasets.factory import load_dataset, load_folder
from ssh_tf.utils.errors import DataError


def write_image(path, height, width):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))


@pytest.fixture
def folder(tmp_path):
    write_image(tmp_path / "images/street/one.jpg", 30, 40)
    write_image(tmp_path / "images/street/two.png", 50, 20)
    write_image(tmp_path / "images/alone.jpg", 16, 16)
    (tmp_path / "train.txt").write_text("street/one 1 2 11 12\nstreet/two.png\nalone.jpg 0 0 5 5 6 6 16 16\n")
    (tmp_path / "val.txt").write_text("alone.jpg\n")
    return tmp_path


@pytest.mark.parametrize("named", ["street/one.jpg", "street/one"])
def test_folder(folder, named):
    (folder / "labels.jsonl").write_text(f'{{"image": "{named}", "ignore": [[3, 4, 5, 6]]}}\n')
    records = load_folder(folder, "train")
    assert [(r.name, r.group, r.height, r.width) for r in records] == [
        ("street/one.jpg", "street", 30, 40),
        ("street/two.png", "street", 50, 20),
        ("alone.jpg", "", 16, 16),
    ]
    assert [r.boxes.tolist() for r in records] == [[[1, 2, 11, 12]], [], [[0, 0, 5, 5], [6, 6, 16, 16]]]
    assert [r.ignore.tolist() for r in records] == [[[3, 4, 5, 6]], [], []]
    assert all(r.path.is_file() and r.ignore.shape[1] == 4 for r in records)
    assert [r.name for r in load_folder(folder, "val")] == ["alone.jpg"]


@pytest.fixture
def wider(tmp_path):
    for split, name in (("train", "0--Parade/a"), ("val", "1--Handshaking/b")):
        write_image(tmp_path / f"WIDER/WIDER_{split}/images/{name}.jpg", 20, 30)
        annotations = tmp_path / f"WIDER/WIDER_{split}/Annotations/wider_face_{split}.txt"
        annotations.parent.mkdir()
        annotations.write_text(f"{name} 1 2 3 4\n")
    return tmp_path


def test_wider_and_joined_sets(wider):
    assert [r.name for r in load_dataset("wider_face_val", wider)] == ["1--Handshaking/b.jpg"]
    joined = load_dataset("wider_face_train+wider_face_val", wider)
    assert [r.group for r in joined] == ["0--Parade", "1--Handshaking"]


@pytest.mark.parametrize("name", ["wider_face_test", "", "wider_face_train+", "wider_face_train+coco"])
def test_unknown_set_is_named(wider, name):
    with pytest.raises(DataError, match="wider_face_train, wider_face_val"):
        load_dataset(name, wider)


def test_absent_and_empty_lists(folder):
    with pytest.raises(DataError, match=r"test\.txt"):
        load_folder(folder, "test")
    (folder / "train.txt").write_text("# nothing yet\n")
    with pytest.raises(DataError, match="no images"):
        load_folder(folder, "train")


def test_missing_images_are_counted_and_named(folder, caplog):
    (folder / "images/street/two.png").write_bytes(b"not a picture")
    lost = [f"lost/{i}" for i in range(8)]
    with (folder / "train.txt").open("a") as stream:
        stream.write("\n".join(lost))
    with pytest.raises(DataError, match="9 of 11 images") as caught:
        load_folder(folder, "train")
    assert "street/two.png, lost/0.jpg" in str(caught.value)
    assert "lost/7" not in str(caught.value)
    assert "--skip_missing" in str(caught.value)
    assert [r.name for r in load_folder(folder, "train", skip_missing=True)] == ["street/one.jpg", "alone.jpg"]
    assert "9 of 11 images" in caplog.text


def test_all_images_missing(folder):
    (folder / "train.txt").write_text("lost.jpg\n")
    with pytest.raises(DataError, match="no images"):
        load_folder(folder, "train", skip_missing=True)


@pytest.mark.parametrize("box", ["40 2 50 12", "-9 2 -1 12", "1 30 11 45", "1 -8 11 -2"])
def test_box_outside_its_image_is_named_by_line(folder, box):
    (folder / "train.txt").write_text(f"alone.jpg\nstreet/one 1 2 3 4 {box}\n")
    with pytest.raises(DataError, match=r"train\.txt:2: .*40x30") as caught:
        load_folder(folder, "train")
    assert f"{float(box.split()[0])}" in str(caught.value)


def test_box_may_stand_out_of_its_image(folder):
    (folder / "train.txt").write_text("street/one -3 -4 45 31.5\n")
    assert load_folder(folder, "train")[0].boxes.tolist() == [[-3, -4, 45, 31.5]]


@pytest.fixture
def headers_read(monkeypatch):
    """Names of the images whose header was read since the last look."""
    names = []
    read = records_module.image_size

    def counted(path):
        names.append(path.name)
        return read(path)

    monkeypatch.setattr(records_module, "image_size", counted)

    def since_last_look():
        seen = names.copy()
        names.clear()
        return seen

    return since_last_look


def test_sizes_are_read_once(folder, headers_read):
    first = load_folder(folder, "train")
    assert headers_read() == ["one.jpg", "two.png", "alone.jpg"]
    assert [r[:4] for r in load_folder(folder, "train")] == [r[:4] for r in first]
    assert load_folder(folder, "val")[0].height == 16
    assert headers_read() == []


def test_a_changed_image_is_read_again(folder, headers_read):
    load_folder(folder, "train")
    headers_read()
    path = folder / "images/street/one.jpg"
    status = path.stat()
    write_image(path, 60, 80)
    # Another length with the old time, then another time with the old length.
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert load_folder(folder, "train")[0][2:4] == (60, 80)
    assert headers_read() == ["one.jpg"]
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    load_folder(folder, "train")
    assert headers_read() == ["one.jpg"]


def test_cache_in_a_folder_of_its_own(folder, tmp_path, headers_read):
    cache = tmp_path / "elsewhere/cache"
    load_folder(folder, "train", cache_dir=cache)
    assert [path.suffix for path in cache.iterdir()] == [".json"]
    assert not list(folder.glob("*.json"))
    headers_read()
    load_folder(folder, "train", cache_dir=cache)
    assert headers_read() == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"street/one.jpg": 5}', '{"street/one.jpg": [1, 2]}', "\x00"])
def test_a_damaged_cache_costs_time_only(folder, content, headers_read):
    load_folder(folder, "train")
    (cache,) = folder.glob("*.json")
    good = json.loads(cache.read_text())
    cache.write_text(content)
    headers_read()
    assert load_folder(folder, "train")[0][2:4] == (30, 40)
    assert len(headers_read()) == 3
    assert json.loads(cache.read_text()) == good


def test_a_folder_that_cannot_be_written_is_no_obstacle(folder, tmp_path):
    # A file where the cache's folder should be: the tests may run as root, whom permissions do not stop.
    (tmp_path / "blocked").write_text("")
    assert len(load_folder(folder, "train", cache_dir=tmp_path / "blocked")) == 3


def test_the_fingerprint_of_a_set(folder, tmp_path_factory):
    """It stays where the folder is moved or touched, and tells other boxes, regions, sizes and names."""
    first = records_module.fingerprint(load_folder(folder, "train"))
    moved = tmp_path_factory.mktemp("moved") / "elsewhere"
    shutil.copytree(folder, moved, copy_function=shutil.copy)
    assert records_module.fingerprint(load_folder(moved, "train")) == first

    def changed(file, text):
        before = (moved / file).read_text() if (moved / file).exists() else ""
        (moved / file).write_text(text(before))
        found = records_module.fingerprint(load_folder(moved, "train"))
        (moved / file).write_text(before)
        return found

    others = [
        changed("train.txt", lambda before: before.replace("1 2 11 12", "1 2 11 13")),
        changed("train.txt", lambda before: before.replace("alone.jpg 0 0 5 5 6 6 16 16\n", "")),
        changed("labels.jsonl", lambda _: '{"image": "alone.jpg", "ignore": [[1, 1, 2, 2]]}\n'),
    ]
    write_image(moved / "images/alone.jpg", 17, 17)
    others.append(records_module.fingerprint(load_folder(moved, "train")))
    assert len({first, *others}) == 5

"""One list in three formats."""

import csv
import json
import os

import numpy as np
import pytest

from ssh_tf.model.inference.detect_files import Detected
from ssh_tf.model.inference.listing import failed_line, found_line, read_list, run_line, write_as
from ssh_tf.utils.media import Picture

ROWS = np.array([[20, 30, 60, 80, 0.9], [100.126, 30, 140, 70, 0.4]], np.float32)
FOUND = Detected(np.zeros((120, 160, 3), np.uint8), ROWS, 12.34)
NOTHING = Detected(FOUND.image, ROWS[:0], 5.0)


def picture(name, frame=None, seconds=None):
    return Picture(name, frame, lambda: FOUND.image, lambda: 0, seconds)


@pytest.fixture
def path(tmp_path):
    lines = [
        run_line({"model": "mobile_ssh"}),
        found_line(picture("a, b.jpg"), FOUND),
        failed_line(picture("c.jpg"), "c.jpg: empty"),
        found_line(picture("d.mp4", 7, 0.28), FOUND, [3, None]),
        found_line(picture("e.jpg"), NOTHING),
    ]
    (tmp_path / "detections.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return tmp_path / "detections.jsonl"


def test_any_name_and_reason_has_a_row(tmp_path):
    """Names of files are bytes, and not all of them are UTF-8."""
    name = os.fsdecode(b"caf\xe9.jpg")
    lines = [run_line({}), found_line(picture(name), NOTHING), failed_line(picture(name), f"{name}: empty")]
    (tmp_path / "detections.jsonl").write_text("".join(f"{line}\n" for line in lines))
    with write_as("csv", tmp_path / "detections.jsonl").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == ["caf\\udce9.jpg"] * 2
    assert rows[1]["error"] == "caf\\udce9.jpg: empty"


def test_lines(path):
    boxes = [{"box": [20.0, 30.0, 60.0, 80.0], "score": 0.9}, {"box": [100.13, 30.0, 140.0, 70.0], "score": 0.4}]
    assert json.loads(path.read_text().splitlines()[0]) == {"run": {"model": "mobile_ssh"}}
    assert list(read_list(path)) == [
        {"file": "a, b.jpg", "width": 160, "height": 120, "faces": boxes, "ms": 12.3},
        {"file": "c.jpg", "error": "c.jpg: empty"},
        {
            "file": "d.mp4",
            "frame": 7,
            "seconds": 0.28,
            "width": 160,
            "height": 120,
            "faces": [{**boxes[0], "track": 3}, boxes[1]],
            "ms": 12.3,
        },
        {"file": "e.jpg", "width": 160, "height": 120, "faces": [], "ms": 5.0},
    ]


def test_csv_has_a_row_a_face(path):
    with write_as("csv", path).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["file"], row["x1"], row["score"], row["track"], row["error"]) for row in rows] == [
        ("a, b.jpg", "20.0", "0.9", "", ""),
        ("a, b.jpg", "100.13", "0.4", "", ""),
        ("c.jpg", "", "", "", "c.jpg: empty"),
        ("d.mp4", "20.0", "0.9", "3", ""),
        ("d.mp4", "100.13", "0.4", "", ""),
        ("e.jpg", "", "", "", ""),
    ]
    assert (rows[3]["frame"], rows[3]["seconds"], rows[3]["width"]) == ("7", "0.28", "160")


def test_coco_points_from_faces_to_images(path):
    coco = json.loads(write_as("coco", path).read_text())
    assert coco["categories"] == [{"id": 1, "name": "face"}]
    assert [(image["id"], image["file_name"]) for image in coco["images"]] == [
        (1, "a, b.jpg"),
        (2, "d.mp4"),
        (3, "e.jpg"),
    ]
    assert coco["images"][1]["frame"] == 7
    assert [(face["id"], face["image_id"]) for face in coco["annotations"]] == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert coco["annotations"][2] == {
        "id": 3,
        "image_id": 2,
        "category_id": 1,
        "bbox": [20.0, 30.0, 40.0, 50.0],
        "area": 2000.0,
        "iscrowd": 0,
        "score": 0.9,
        "track_id": 3,
    }


def test_an_empty_list_is_written_too(path):
    path.write_text(run_line({}) + "\n")
    assert json.loads(write_as("coco", path).read_text())["annotations"] == []
    assert write_as("csv", path).read_text().count("\n") == 1
    assert write_as("jsonl", path) == path

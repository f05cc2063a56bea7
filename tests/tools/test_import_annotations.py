"""The tool that imports and exports labels."""

import json

import cv2
import numpy as np
import pytest

from ssh_tf.datasets.factory import load_folder
from ssh_tf.utils.errors import DataError
from ssh_tools.import_annotations import main


@pytest.fixture
def coco(tmp_path):
    """Ten images of one dog and one person each, in COCO's format."""
    images, annotations = [], []
    for number in range(10):
        path = tmp_path / "pictures" / f"a {number}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.zeros((40, 60, 3), np.uint8))
        images.append({"id": number, "file_name": path.name})
        for category in (1, 2):
            box = [5 * category, 5, 9, 10]
            annotations.append({"image_id": number, "category_id": category, "bbox": box, "iscrowd": int(number == 9)})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dog"}]}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    return tmp_path


def test_in_and_out_again(coco, capsys):
    arguments = ["--images", str(coco / "pictures"), "--output", str(coco / "own")]
    assert main(["--from", "coco", str(coco / "coco.json"), *arguments, "--class", "DOG", "--val", "0.3"]) == 0
    said = capsys.readouterr()
    assert "10 x box of another class" in said.err
    assert "7 images with" in said.out
    train, val = load_folder(coco / "own", "train"), load_folder(coco / "own", "val")
    assert sum(len(record.boxes) for record in (*train, *val)) == 9
    assert sum(len(record.ignore) for record in (*train, *val)) == 1
    assert len(json.loads((coco / "own/problems.json").read_text())["box of another class"]) == 10
    for kind in ("coco", "yolo", "voc", "csv"):
        target = ["--images", str(coco / "pictures"), "--output", str(coco / kind), "--class", "dog"]
        assert main(["--to", kind, str(coco / "own"), *target]) == 0
        assert main(["--from", kind, str(coco / kind), *arguments[:3], str(coco / f"{kind}_back")]) == 0
        again = [*load_folder(coco / f"{kind}_back", "train"), *load_folder(coco / f"{kind}_back", "val")]
        assert sum(len(record.boxes) for record in again) == 9


def test_mistakes_are_named(coco, capsys):
    arguments = ["--images", str(coco / "pictures"), "--output", str(coco / "own")]
    with pytest.raises(DataError, match=r"several classes: 'dog' .*--class"):
        main(["--from", "coco", str(coco / "coco.json"), *arguments])
    with pytest.raises(DataError, match="no images there"):
        main(["--from", "coco", str(coco / "coco.json"), "--images", str(coco / "none"), *arguments[2:]])
    with pytest.raises(DataError, match="neither a folder with"):
        main(["--to", "csv", str(coco / "pictures"), *arguments])
    with pytest.raises(SystemExit):
        main(["--from", "coco", "x", *arguments, "--val", "1.5"])
    assert "share" in capsys.readouterr().err
    assert not (coco / "own").exists()


def test_nothing_is_written_over_what_is_read(coco):
    own, pictures = coco / "own", coco / "pictures"
    arguments = ["--images", str(pictures), "--output"]
    assert main(["--from", "coco", str(coco / "coco.json"), *arguments, str(own), "--class", "dog"]) == 0
    before = {path: path.read_bytes() for path in (*own.glob("*.*"), *pictures.iterdir())}
    for given in (
        ["--to", "csv", str(own), *arguments, str(own / "train.txt")],
        ["--to", "csv", str(own / "train.txt"), *arguments, str(own / "labels.jsonl")],
        ["--to", "coco", str(own), *arguments, str(pictures / "a 4.jpg")],
        ["--from", "csv", str(own / "train.txt"), *arguments, str(own)],
        ["--to", "csv", str(own), *arguments, str(own / "images")],
        ["--to", "yolo", str(own / "labels/train.txt"), *arguments, str(own)],
    ):
        with pytest.raises(DataError, match=r"name another|name a file"):
            main(given)
    assert {path: path.read_bytes() for path in before} == before


def test_names_that_are_no_text_end_no_import(coco, capsys):
    """A COCO file may hold half of a letter, and a folder any bytes."""
    content = json.loads((coco / "coco.json").read_text())
    content["images"].append({"id": 77, "file_name": "\ud83d.jpg"})
    (coco / "coco.json").write_text(json.dumps(content))
    arguments = ["--images", str(coco / "pictures"), "--output", str(coco / "own"), "--class", "dog"]
    assert main(["--from", "coco", str(coco / "coco.json"), *arguments]) == 0
    assert "1 x image that is not there: \\ud83d.jpg" in capsys.readouterr().err
    assert len(json.loads((coco / "own/problems.json").read_text())["image that is not there"]) == 1

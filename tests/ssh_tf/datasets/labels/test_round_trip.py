"""The same 20 images in every format: what comes back is what went in, and bad entries are named and left out."""

import csv
import json
from xml.etree.ElementTree import Element, ElementTree, SubElement

import cv2
import numpy as np
import pytest

from ssh_tf.datasets.factory import load_folder
from ssh_tf.datasets.labels.importing import check_labels, choose_class, split, write_folder
from ssh_tf.datasets.labels.items import Pictures
from ssh_tf.datasets.labels.readers import READERS
from ssh_tf.datasets.labels.writers import WRITERS, Written, read_own
from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.records import make_records

NAMES = [
    f"{folder}/{stem} {number}.png"
    for number in range(5)
    for folder, stem in (("train", "photo"), ("train", "Straße"), ("day one", "a,b"), ("day one/x", "photo"))
]


def draw_boxes(rng, height, width, count):
    """Whole pixels, as WIDER FACE and RetinaFace want them; none as another."""
    first = np.stack([rng.integers(0, width - 14, count), rng.integers(0, height - 14, count)], axis=1)
    return np.concatenate([first, first + rng.integers(4, 14, (count, 2))], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """A folder of the project's own: 20 images of many sizes, each with 0 to 4 faces, and ignore regions."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("own")
    images, lines, labels = {}, [], []
    for at, name in enumerate(NAMES):
        height, width = rng.integers(40, 90, 2).tolist()
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.full((height, width, 3), at, np.uint8))[1].tobytes())
        faces, ignore = draw_boxes(rng, height, width, at % 5), draw_boxes(rng, height, width, at % 3)
        images[name] = (height, width, faces, ignore)
        lines.append(" ".join([f'"{name}"', *map(str, faces.ravel().tolist())]))
        labels.append(json.dumps({"image": name, "ignore": ignore.tolist()}))
    (folder / "train.txt").write_text("\n".join(lines), encoding="utf-8")
    (folder / "labels.jsonl").write_text("\n".join(labels), encoding="utf-8")
    return folder, images


def write_cvat(path, images):
    root = Element("annotations")
    for name, (height, width, faces, ignore) in images.items():
        image = SubElement(root, "image", name=name, width=str(width), height=str(height))
        for row, aside in [*((face, "false") for face in faces), *((region, "true") for region in ignore)]:
            corners = dict(zip(("xtl", "ytl", "xbr", "ybr"), map(str, row.tolist()), strict=True))
            SubElement(SubElement(image, "box", label="face", **corners), "attribute", name="ignore").text = aside
    ElementTree(root).write(path)
    return path


def write_labelme(path, images):
    for name, (_, width, faces, ignore) in images.items():
        shapes = [
            # Drawn from the lower right corner.
            {
                "label": "face",
                "points": [row[2:].tolist(), row[:2].tolist()],
                "shape_type": "rectangle",
                "flags": {"difficult": aside},
            }
            for rows, aside in ((faces, False), (ignore, True))
            for row in rows
        ]
        file = path / name.replace(".png", ".json")
        file.parent.mkdir(parents=True, exist_ok=True)
        content = {"imagePath": "..\\..\\pictures\\" + name.rpartition("/")[2], "shapes": shapes, "imageWidth": width}
        file.write_text(json.dumps(content), encoding="utf-8")
    return path


def to_sizes(rows):
    return np.concatenate([rows[:, :2], rows[:, 2:] - rows[:, :2] + 1], axis=1).astype(int).tolist()


def write_wider(path, images):
    lines = []
    for name, (_, _, faces, ignore) in images.items():
        rows = [[*row, 0, 0, 0, invalid, 0, 0] for kind, invalid in ((faces, 0), (ignore, 1)) for row in to_sizes(kind)]
        lines += [name, str(len(rows)), *(" ".join(map(str, row)) for row in rows or [[0] * 10])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_retinaface(path, images):
    lines = []
    for name, (_, _, faces, _) in images.items():
        lines += [f"# {name}", *(" ".join(map(str, [*row, *[-1.0] * 15, 0.9])) for row in to_sizes(faces))]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def to_shape(number, row):
    x1, y1, x2, y2 = row.tolist()
    if number % 3 == 0:
        return {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
    if number % 3 == 1:
        return {"name": "polygon", "all_points_x": [x1, x2, x1], "all_points_y": [y1, y1, y2]}
    rx, ry = (x2 - x1) / 2, (y2 - y1) / 2
    return {"name": "ellipse", "cx": x1 + rx, "cy": y1 + ry, "rx": ry, "ry": rx, "theta": np.pi / 2}


def write_via(path, images):
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(header.split(","))
        for name, (_, _, faces, ignore) in images.items():
            regions = [*((row, {}) for row in faces), *((row, {"flags": {"difficult": True}}) for row in ignore)]
            for number, (row, flags) in enumerate(regions):
                cells = [to_shape(number, row), {"quality": "good", "name": "face", **flags}]
                table.writerow([name, -1, "{}", len(regions), number, *map(json.dumps, cells)])
            if not regions:
                table.writerow([name, -1, "{}", 0, 0, "{}", "{}"])
    return path


WRITTEN_HERE = {
    "cvat": write_cvat,
    "labelme": write_labelme,
    "wider": write_wider,
    "retinaface": write_retinaface,
    "via": write_via,
}
HAS_IGNORE = {"coco", "voc", "cvat", "labelme", "wider", "csv", "via"}
FORMATS = {**READERS, "via": READERS["csv"]}


def write(kind, truth, folder):
    """The 20 images in a format; what it lies in."""
    source, images = truth
    target = folder / "labels.any"
    if kind in WRITTEN_HERE:
        return WRITTEN_HERE[kind](target, images)
    pictures, problems = Pictures(source / "images"), Problems()
    WRITERS[kind](target, read_own(source, pictures, problems), pictures, "face", problems)
    assert set(problems.counts()) <= {"ignore region, for which YOLO has no place"}
    return target


def imported(kind, labels, source, folder):
    pictures, problems = Pictures(source), Problems()
    images = FORMATS[kind](labels, pictures, problems)
    train, val = split(check_labels(images, pictures, problems, choose_class(images, None, ())), 0.2)
    write_folder(folder, train, val, pictures, problems, copy=False)
    return [*load_folder(folder, "train"), *load_folder(folder, "val")], problems


@pytest.mark.parametrize("kind", FORMATS)
def test_round_trip(truth, tmp_path, kind):
    source, images = truth
    records, problems = imported(kind, write(kind, truth, tmp_path), source / "images", tmp_path / "out")
    assert len(problems) == 0
    assert sorted(record.name for record in records) == sorted(images)
    for record in records:
        height, width, faces, ignore = images[record.name]
        assert (record.height, record.width) == (height, width)
        np.testing.assert_allclose(record.boxes, faces, atol=0.5)
        np.testing.assert_allclose(record.ignore, ignore if kind in HAS_IGNORE else np.zeros((0, 4)), atol=0.5)


def test_the_split_stays_and_takes_each_image_once(truth, tmp_path):
    source, _ = truth
    imported("coco", write("coco", truth, tmp_path), source / "images", tmp_path / "out")
    lines = [(tmp_path / "out" / name).read_text(encoding="utf-8").splitlines() for name in ("train.txt", "val.txt")]
    assert [len(part) for part in lines] == [16, 4]
    imported("csv", write("csv", truth, tmp_path / "other"), source / "images", tmp_path / "again")
    assert lines[1] == (tmp_path / "again" / "val.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("kind", ["csv", "wider", "retinaface", "yolo"])
def test_three_bad_lines_are_left_out_and_named(truth, tmp_path, kind):
    source, images = truth
    labels = write(kind, truth, tmp_path)
    file = sorted(labels.rglob("*.txt"))[0] if labels.is_dir() else labels
    lines = file.read_text(encoding="utf-8").splitlines()
    written = (
        ["train/photo 1.png,1,2,x,4", '"', "a,1,2,3"] if kind == "csv" else ["1 2 three 4 5", "1 2", "1 2 3 nan 5"]
    )
    bad = range(len(lines) + 1, len(lines) + 4)
    file.write_text("\n".join([*lines, *written]) + "\n", encoding="utf-8")
    records, problems = imported(kind, labels, source / "images", tmp_path / "out")
    named = " ".join(problems.items("entry that cannot be read"))
    assert len(problems.items("entry that cannot be read")) == 3
    assert all(f"{file}:{number} " in named for number in bad)
    assert sum(len(record.boxes) for record in records) == sum(len(faces) for _, _, faces, _ in images.values())


def test_detections_go_to_every_format_and_keep_their_scores(truth, tmp_path):
    source, _ = truth
    line = {"file": str(source / "images" / NAMES[0]), "faces": [{"box": [1, 2, 11.5, 22], "score": 0.75}], "ms": 3}
    rows = ['{"run": {"model": "mobile_ssh"}}', json.dumps(line), "{", json.dumps(line | {"frame": 3})]
    (tmp_path / "d.jsonl").write_text("\n".join(rows), encoding="utf-8")
    pictures, problems = Pictures(source / "images"), Problems()
    images = read_own(tmp_path / "d.jsonl", pictures, problems)
    assert problems.counts() == {"line that cannot be read": 1, "frame of a video, which has no file": 1}
    for kind, writer in WRITERS.items():
        assert writer(tmp_path / kind, images, pictures, "face", problems) == Written(1, 1)
    (entry,) = json.loads((tmp_path / "coco").read_text(encoding="utf-8"))["annotations"]
    assert (entry["bbox"], entry["score"]) == ([1, 2, 10.5, 20], 0.75)
    with (tmp_path / "csv").open(encoding="utf-8", newline="") as stream:
        assert next(csv.DictReader(stream))["score"] == "0.75"
    assert next((tmp_path / "yolo/labels").rglob("*.txt")).read_text().split()[5] == "0.75000"
    assert "<confidence>0.75000<" in next((tmp_path / "voc").rglob("*.xml")).read_text()


def test_own_files_are_read_with_and_without_their_regions(truth):
    source, images = truth
    pictures = Pictures(source / "images")
    for path in (source, source / "train.txt"):
        read = read_own(path, pictures, Problems())
        assert [len(image.labels) for image in read] == [len(v[2]) + len(v[3]) for v in images.values()]
    assert make_records([], source, source, {}, source / "cache.json") == []


def test_regions_belong_to_their_image_however_it_is_spelt(truth, tmp_path):
    (tmp_path / "train.txt").write_text("a 1 2 3 4\n./b.png\n")
    regions = [{"image": "a.jpg", "ignore": [[5, 6, 7, 8]]}, {"image": "b.png", "ignore": [[1, 1, 2, 2]]}]
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, regions)))
    read = read_own(tmp_path, Pictures(truth[0] / "images"), Problems())
    assert [[label.box for label in image.labels if label.ignore] for image in read] == [[(5, 6, 7, 8)], [(1, 1, 2, 2)]]

"""Writers of labels and detections in the formats of others.

Ignore regions are written where a format has a place for them: `iscrowd` in COCO, `difficult` in VOC, a column in CSV;
YOLO has none.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from ssh_tf.datasets.annotations import read_annotations, read_ignore_regions
from ssh_tf.datasets.labels.items import LISTS, REGIONS, Label, LabelledImage, Pictures, SizedImage, sized_images
from ssh_tf.datasets.names import file_name
from ssh_tf.datasets.problems import Problems
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import atomic_write, inside
from ssh_tf.utils.reading import read_lines, reader
from ssh_tf.utils.types import JsonObject


class Written(NamedTuple):
    """How much was written."""

    boxes: int
    images: int


Writer = Callable[[Path, Sequence[LabelledImage], Pictures, str, Problems], Written]
"""Of an output, images, their folder, the name of the class, and what was wrong."""


@reader("a list of detections")
def read_detections(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """The faces of `detections.jsonl`, as tools/demo.py writes it. Frames of videos are left out and counted."""
    images = []
    for at, line in read_lines(path):
        where = f"{path}:{at}"
        try:
            entry = json.loads(line)
            if entry.get("frame") is not None:
                problems.add("frame of a video, which has no file", where)
                continue
            if "run" in entry:
                continue
            if "faces" not in entry:
                problems.add("line without faces", where)
                continue
            labels = []
            for face in entry["faces"]:
                x1, y1, x2, y2 = map(float, face["box"])
                labels.append(Label((x1, y1, x2, y2), score=float(face["score"]), where=where))
            images.append(LabelledImage(str(entry["file"]), labels, where))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            problems.add("line that cannot be read", f"{where} ({error})")
    return images


def read_own(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """A folder's `train.txt` and `val.txt`, one annotation file, or a `.jsonl` of detections.

    Raises:
        DataError: nothing of it is there, or it cannot be read.
    """
    if path.suffix == ".jsonl":
        return read_detections(path, pictures, problems)
    files = [path] if path.is_file() else [f for name in LISTS if (f := path / name).is_file()]
    if not files:
        raise DataError(f"{path}: neither a folder with train.txt or val.txt, nor an annotation file, nor a .jsonl")
    regions = files[0].parent / REGIONS
    listed = read_ignore_regions(regions) if regions.is_file() else {}
    ignore = {file_name(name): boxes for name, boxes in listed.items()}
    images = []
    for file in files:
        for annotation in read_annotations(file):
            where = f"{file}:{annotation.line}"
            rows = [*annotation.boxes.tolist()]
            aside = ignore.get(file_name(annotation.name))
            labels = [Label((x1, y1, x2, y2), where=where) for x1, y1, x2, y2 in rows]
            labels += [
                Label((x1, y1, x2, y2), ignore=True) for x1, y1, x2, y2 in ([] if aside is None else aside.tolist())
            ]
            images.append(LabelledImage(annotation.name, labels, where))
    return images


def _to_write(images: Sequence[LabelledImage], pictures: Pictures, problems: Problems) -> list[SizedImage]:
    """The images that can be written of, one for each file.

    Raises:
        DataError: there are none: an earlier result is worth more than an empty one.
    """
    found = []
    for one in sized_images(images, pictures, problems):
        try:
            inside(pictures.folder, one.name, one.image.where)
        except DataError as error:
            problems.add("name that cannot be written", str(error))
        else:
            found.append(one)
    if not found:
        raise DataError(f"{pictures.folder}: nothing to write; {'; '.join(problems.lines()) or 'no images are named'}")
    return found


def _with_files(
    folder: Path, suffix: str, found: Sequence[SizedImage], problems: Problems
) -> Iterator[tuple[Path, SizedImage]]:
    """The file of each image's labels below `folder`, for formats that have one for each."""
    taken: set[str] = set()
    for one in found:
        place = str(PurePosixPath(one.name).with_suffix(suffix))
        if place in taken:
            problems.add("image of another's name but for the suffix, whose labels would take one file", one.name)
        else:
            taken.add(place)
            yield folder / place, one


def _short(value: float) -> float:
    return round(float(value), 2)


def write_coco(
    path: Path, images: Sequence[LabelledImage], pictures: Pictures, class_name: str, problems: Problems
) -> Written:
    """`path` is a JSON file. Detections have a `score` each."""
    entries: list[JsonObject] = []
    pages = []
    for number, (name, height, width, image) in enumerate(_to_write(images, pictures, problems), 1):
        pages.append({"id": number, "file_name": name, "width": width, "height": height})
        for label in image.labels:
            x1, y1, x2, y2 = label.box
            box = [_short(x1), _short(y1), _short(x2 - x1), _short(y2 - y1)]
            entry = {"id": len(entries) + 1, "image_id": number, "category_id": 1, "bbox": box}
            entry |= {"area": _short((x2 - x1) * (y2 - y1)), "iscrowd": int(label.ignore)}
            entries.append(entry if label.score is None else entry | {"score": round(label.score, 5)})
    with atomic_write(path) as stream:
        content = {"images": pages, "annotations": entries, "categories": [{"id": 1, "name": class_name}]}
        json.dump(content, stream)
    return Written(len(entries), len(pages))


def write_yolo(
    path: Path, images: Sequence[LabelledImage], pictures: Pictures, class_name: str, problems: Problems
) -> Written:
    """`path` is a folder: `labels/` with a text file an image, and `data.yaml`. Ignore regions are left out."""
    count = 0
    files = list(_with_files(path / "labels", ".txt", _to_write(images, pictures, problems), problems))
    for file, (_, height, width, image) in files:
        with atomic_write(file) as stream:
            for label in image.labels:
                if label.ignore:
                    problems.add("ignore region, for which YOLO has no place", image.where)
                    continue
                x1, y1, x2, y2 = label.box
                parts = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
                score = [] if label.score is None else [f"{label.score:.5f}"]
                stream.write(" ".join(["0", *(f"{part:.7f}" for part in parts), *score]) + "\n")
                count += 1
    with atomic_write(path / "data.yaml") as stream:
        stream.write(f"names: {json.dumps([class_name])}\n")
    return Written(count, len(files))


def write_voc(
    path: Path, images: Sequence[LabelledImage], pictures: Pictures, class_name: str, problems: Problems
) -> Written:
    """`path` is a folder of XML files, one an image. A detection has a `confidence`."""
    count = 0
    files = list(_with_files(path, ".xml", _to_write(images, pictures, problems), problems))
    for file, (name, height, width, image) in files:
        root = Element("annotation")
        place = PurePosixPath(name)
        SubElement(root, "folder").text = str(place.parent)
        SubElement(root, "filename").text = place.name
        size = SubElement(root, "size")
        for key, value in (("width", width), ("height", height), ("depth", 3)):
            SubElement(size, key).text = str(value)
        for label in image.labels:
            entry = SubElement(root, "object")
            SubElement(entry, "name").text = class_name
            SubElement(entry, "difficult").text = str(int(label.ignore))
            if label.score is not None:
                SubElement(entry, "confidence").text = f"{label.score:.5f}"
            bounds = SubElement(entry, "bndbox")
            for key, corner in zip(("xmin", "ymin", "xmax", "ymax"), label.box, strict=True):
                SubElement(bounds, key).text = str(_short(corner))
            count += 1
        indent(root)
        with atomic_write(file, "wb") as stream:
            ElementTree(root).write(stream, encoding="utf-8", xml_declaration=True)
    return Written(count, len(files))


def write_csv(
    path: Path, images: Sequence[LabelledImage], pictures: Pictures, class_name: str, problems: Problems
) -> Written:
    """`path` is a table: a row a box, and a row with no box for an image without."""
    count = 0
    found = _to_write(images, pictures, problems)
    with atomic_write(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["image", "x_min", "y_min", "x_max", "y_max", "class", "ignore", "score"])
        for name, _, _, image in found:
            for label in image.labels:
                score = "" if label.score is None else round(label.score, 5)
                table.writerow([name, *map(_short, label.box), class_name, int(label.ignore), score])
                count += 1
            if not image.labels:
                table.writerow([name, *[""] * 7])
    return Written(count, len(found))


WRITERS: dict[str, Writer] = {"coco": write_coco, "yolo": write_yolo, "voc": write_voc, "csv": write_csv}
"""By the name of the format."""

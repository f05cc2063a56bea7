"""Readers of other programs' labels. A bad entry is named in `Problems` and left out; the others are read.

Supervision 0.31 reads three of the formats, datumaro 1.13 brings pandas, pyarrow, shapely
and pycocotools, pinned to their newest versions.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from ssh_tf.datasets.labels.items import FACE_NAME, NO_LABELS, Box, Label, LabelledImage, Pictures, files_below, truth
from ssh_tf.datasets.labels.shapes import box_around, box_around_ellipse, box_around_turned
from ssh_tf.datasets.labels.via import ATTRIBUTES_COLUMN, SHAPE_COLUMN, VIA_3, box_of, class_of, is_json_of_via
from ssh_tf.datasets.labels.xml_files import read_xml
from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.wider_split import read_split
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.images import IMAGE_SUFFIXES
from ssh_tf.utils.reading import read_json, read_lines, read_yaml, reader, reading
from ssh_tf.utils.types import JsonObject

BAD_ENTRY, BAD_FILE = "entry that cannot be read", "file that cannot be read"

Reader = Callable[[Path, Pictures, Problems], list[LabelledImage]]

_INVALID = 7  # column of WIDER FACE's flag
_IGNORE_FLAGS = ("ignore", "iscrowd", "crowd", "difficult", "invalid")


@contextmanager
def _entry(problems: Problems, where: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        problems.add(BAD_ENTRY, f"{where} ({reason[:100]})")


def _numbers(values: Iterable[Any]) -> list[float]:
    numbers = [float(value) for value in values]
    if not np.isfinite(numbers).all():
        raise ValueError("a number is not finite")
    return numbers


def _box(values: Iterable[Any]) -> Box:
    """Four corners; ValueError for another count."""
    x1, y1, x2, y2 = _numbers(values)
    return x1, y1, x2, y2


def _cornered(values: Iterable[Any], inclusive: bool = False) -> Box:
    """From x, y, width, height; `inclusive`: to the last pixel, as tools/prepare_wider.py has it."""
    x, y, width, height = _numbers(values)
    return x, y, x + width - inclusive, y + height - inclusive


def _flagged(flags: object) -> bool:
    return isinstance(flags, Mapping) and any(truth(flags.get(flag)) for flag in _IGNORE_FLAGS)


@reader("a COCO file of 'images', 'annotations' and 'categories'")
def read_coco(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """COCO's instances as JSON. `iscrowd`, and `ignore` of some descendants, make ignore regions."""
    content = read_json(path)
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise DataError(f"{path}: not a COCO file: it has no lists 'images' and 'annotations'{_advice(content)}")
    # Identifiers as texts: in some files they are numbers here and texts there.
    classes: dict[str, str] = {}
    for at, entry in enumerate(content.get("categories", [])):
        with _entry(problems, f"{path}: categories[{at}]"):
            classes[str(entry["id"])] = str(entry["name"])
    images: dict[str, tuple[str, list[Label], str]] = {}
    for at, entry in enumerate(content["images"]):
        where = f"{path}: images[{at}]"
        with _entry(problems, where):
            if str(entry["id"]) in images:
                raise ValueError(f"the id {entry['id']} is that of another image")
            images[str(entry["id"])] = (str(entry["file_name"]), [], where)
    for at, entry in enumerate(content["annotations"]):
        where = f"{path}: annotations[{at}]"
        with _entry(problems, where):
            if str(entry["image_id"]) not in images:
                raise ValueError(f"there is no image of the id {entry['image_id']}")
            ignore = _flagged(entry) or _flagged(entry.get("attributes"))
            category = str(entry.get("category_id", FACE_NAME))
            label = Label(_cornered(entry["bbox"]), classes.get(category, category), ignore, None, where)
            images[str(entry["image_id"])][1].append(label)
    return [LabelledImage(*image) for image in images.values()]


def _advice(content: object) -> str:
    """What to do with the JSON of a program that has better to give."""
    if is_json_of_via(content):
        return "; it looks like VIA's own JSON: export CSV there, for --from csv"
    if isinstance(content, list) and content and isinstance(content[0], dict) and {"data", "image"} & content[0].keys():
        return "; it looks like Label Studio's own JSON: export COCO there, or YOLO"
    return ""


_NO_LABELS = {"classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt"}
"""Lists of classes and images that lie among YOLO's labels."""


@reader("a folder of YOLO's text files")
def read_yolo(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """A folder of text files under the images' names, class and box in parts of the picture; polygons too.

    An image without a file has no faces, as Ultralytics has it. Classes are named by data.yaml, obj.names or
    classes.txt in the folder or the two above.
    """
    if path.name == "data.yaml":
        path = path.parent
    _check_folder(path)
    folder = path / "labels" if (path / "labels").is_dir() else path
    classes = _yolo_classes(path, problems)
    images = []
    files = {file.relative_to(folder).with_suffix("").as_posix(): file for file in files_below(folder, "*.txt")}
    if not files:
        raise DataError(f"{folder}: no files that end in .txt")
    places = _yolo_places(pictures, files)
    for name in pictures.names:
        file = places.get(name)
        if file is None:
            problems.add(NO_LABELS, name)
            images.append(LabelledImage(name, [], name))
            continue
        labels: list[Label] = []
        with _label_file(file, problems):
            if size := pictures.size(name):
                lines = read_lines(file)
                for at, line in lines:
                    where = f"{file}:{at}"
                    with _entry(problems, where):
                        labels.append(_yolo_label(line.split(), size, classes, where))
                # Its image would be one without faces.
                if lines and not labels:
                    raise DataError(f"{file}: no line of it can be read")
            images.append(LabelledImage(name, labels, str(file)))
    used = set(places.values())
    for file in files.values():
        if file not in used and file.name not in _NO_LABELS:
            problems.add("label file without an image", str(file))
    return images


def _yolo_places(pictures: Pictures, files: Mapping[str, Path]) -> dict[str, Path]:
    """The label file of each image that has one: by its place, or, of the others, by a name that fits no other."""
    stems = {name: next((stem for stem in _yolo_stems(name) if stem in files), None) for name in pictures.names}
    places = {name: files[stem] for name, stem in stems.items() if stem is not None}
    used = set(places.values())
    others: dict[str, list[Path]] = {}
    for stem, file in files.items():
        if file not in used and (name := pictures.find(stem)) is not None and name not in places:
            others.setdefault(name, []).append(file)
    return places | {name: found[0] for name, found in others.items() if len(found) == 1}


def _yolo_stems(name: str) -> tuple[str, str, str]:
    """Where labels of `name` may be: train/a, also for train/images/a.jpg; train/labels/a, as Ultralytics has it."""
    stem = PurePosixPath(name).with_suffix("").as_posix()
    above, _, below = f"/{stem}".rpartition("/images/")
    return stem, stem.replace("images/", "", 1), f"{above}/labels/{below}".removeprefix("/")


def _yolo_label(fields: list[str], size: tuple[int, int], classes: Mapping[str, str], where: str) -> Label:
    height, width = size
    if len(fields) in (5, 6):
        x, y, w, h = _numbers(fields[1:5])
        box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    elif len(fields) >= 7 and len(fields) % 2:
        values = _numbers(fields[1:])
        box = box_around(zip(values[::2], values[1::2], strict=True))
    else:
        raise ValueError("neither class and box nor class and polygon")
    if max(map(abs, box)) > 2:
        raise ValueError("not parts of the picture: YOLO's numbers lie between 0 and 1")
    scaled = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    return Label(scaled, classes.get(fields[0], fields[0]), where=where)


def _yolo_classes(path: Path, problems: Problems) -> dict[str, str]:
    for folder in (path, *list(path.parents)[:2]):
        if (file := folder / "data.yaml").is_file():
            with _label_file(file, problems):
                settings = next(iter(read_yaml(file)), None)
                names = settings.get("names", []) if isinstance(settings, dict) else []
                listed = names.items() if isinstance(names, dict) else enumerate(names)
                return {str(number): str(name) for number, name in listed}
        for file in (folder / "obj.names", folder / "classes.txt"):
            if file.is_file():
                with _label_file(file, problems):
                    return {str(number): name for number, (_, name) in enumerate(read_lines(file))}
    return {}


def _root(path: Path, tag: str, program: str) -> Element:
    root = read_xml(path)
    if root.tag != tag:
        raise DataError(f"{path}: not of {program}: its outermost element is <{root.tag[:50]}>, not <{tag}>")
    return root


@reader("a folder of Pascal VOC's XML files")
def read_voc(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """A folder of XML files, or one. `difficult` makes ignore regions. Coordinates are taken as they are, from 0."""
    images = []
    for file in _files(path, ".xml"):
        with _label_file(file, problems):
            root = _root(file, "annotation", "Pascal VOC")
            labels: list[Label] = []
            for at, entry in enumerate(root.iter("object"), 1):
                where = f"{file}: object {at}"
                with _entry(problems, where):
                    bounds = {child.tag: child.text for child in entry.iterfind("bndbox/*")}
                    box = _box(bounds[key] for key in ("xmin", "ymin", "xmax", "ymax"))
                    ignore = any(truth(entry.findtext(flag)) for flag in _IGNORE_FLAGS)
                    labels.append(Label(box, (entry.findtext("name") or FACE_NAME).strip(), ignore, None, where))
            images.append(LabelledImage(_beside(file, path, root.findtext("filename"), pictures), labels, str(file)))
    return images


@reader("CVAT's XML for images")
def read_cvat(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """ "CVAT for images": boxes and polygons. An attribute ignore, crowd, difficult or invalid makes ignore regions."""
    images = []
    root = _root(path, "annotations", "CVAT")
    if root.find("track") is not None:
        raise DataError(f"{path}: CVAT for video; export the task as CVAT for images")
    for number, image in enumerate(root.iter("image"), 1):
        labels: list[Label] = []
        for at, shape in enumerate(image, 1):
            where = f"{path}: image {number} ({image.get('name', '')[:60]}), shape {at}"
            # A tag is about the whole image.
            if shape.tag == "tag":
                continue
            with _entry(problems, where):
                ignore = any(a.get("name", "").lower() in _IGNORE_FLAGS and truth(a.text) for a in shape)
                labels.append(Label(_cvat_box(shape), shape.get("label", FACE_NAME), ignore, None, where))
        with _entry(problems, f"{path}: image {number}"):
            images.append(LabelledImage(image.attrib["name"], labels, f"{path}: image {number}"))
    return images


def _cvat_box(shape: Element) -> Box:
    angle = np.deg2rad(float(shape.get("rotation", 0)))
    match shape.tag:
        case "box":
            return box_around_turned(_box(shape.attrib[key] for key in ("xtl", "ytl", "xbr", "ybr")), angle)
        case "ellipse":
            x, y, rx, ry = _numbers(shape.attrib[key] for key in ("cx", "cy", "rx", "ry"))
            return box_around_ellipse(x, y, rx, ry, angle)
        case "mask":
            return _cornered(shape.attrib[key] for key in ("left", "top", "width", "height"))
        case "polygon" | "polyline" | "points":
            points = [pair.split(",") for pair in shape.attrib["points"].split(";")]
            return box_around((*_numbers([x, y]),) for x, y in points)  # type: ignore[misc]
    raise ValueError(f"a {shape.tag} has no box")


@reader("a folder of LabelMe's JSON files")
def read_labelme(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """A folder of JSON files, or one: rectangles, polygons, circles. Flags like difficult make ignore regions."""
    images = []
    for file in _files(path, ".json"):
        with _label_file(file, problems):
            content = _read_labelme(file)
            labels: list[Label] = []
            for at, shape in enumerate(content["shapes"]):
                where = f"{file}: shapes[{at}]"
                with _entry(problems, where):
                    points = [(*_numbers([x, y]),) for x, y in shape["points"]]
                    if shape.get("shape_type") == "circle":
                        (x, y), (other_x, other_y) = points
                        radius = float(np.hypot(other_x - x, other_y - y))
                        points = [(x - radius, y - radius), (x + radius, y + radius)]
                    box = box_around(points)  # type: ignore[arg-type]
                    ignore = _flagged(shape.get("flags")) or _flagged(shape)
                    labels.append(Label(box, str(shape.get("label", FACE_NAME)), ignore, None, where))
            name = content.get("imagePath")
            images.append(LabelledImage(_beside(file, path, name, pictures), labels, str(file)))
    return images


@reader("a LabelMe file of 'shapes'")
def _read_labelme(path: Path) -> JsonObject:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise DataError(f"{path}: not a LabelMe file: it has no list 'shapes'")
    return content


@reader("WIDER FACE's wider_face_…_bbx_gt.txt or .mat")
def read_wider(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """WIDER FACE's official files. Boxes that are flagged as invalid make ignore regions."""
    if path.suffix == ".mat":
        return [
            LabelledImage(
                image.name,
                [
                    Label(_cornered(box, inclusive=True), FACE_NAME, bool(invalid), None, f"{path}: {image.name}")
                    for box, invalid in zip(image.boxes, image.invalid, strict=True)
                ],
                f"{path}: {image.name}",
            )
            for image in read_split(path)
        ]
    images: list[LabelledImage] = []
    labels: list[Label] = []
    count: int | None = None
    rows = 0
    for at, line in read_lines(path):
        where = f"{path}:{at}"
        if _is_image(line):
            _check_count(images, count, rows, problems)
            labels, count, rows = [], None, 0
            images.append(LabelledImage(line, labels, where))
        elif images and count is None and line.isdecimal() and len(line) < 7:
            count = int(line)
        else:
            with _entry(problems, where):
                rows += 1
                values = _numbers(line.split())
                if not images or len(values) < 4:
                    raise ValueError("neither an image's name, nor a count, nor a box")
                # An image without faces has a row of zeros.
                if count or any(values):
                    invalid = len(values) > _INVALID and values[_INVALID] != 0
                    labels.append(Label(_cornered(values[:4], inclusive=True), FACE_NAME, invalid, None, where))
    _check_count(images, count, rows, problems)
    return images


def _check_count(images: Sequence[LabelledImage], count: int | None, rows: int, problems: Problems) -> None:
    # An image without faces has the count 0, and a row of zeros all the same.
    if images and count != rows and (count, rows) != (0, 1):
        problems.add("count that is not that of the boxes", f"{images[-1].where} (count {count}, boxes {rows})")


@reader("RetinaFace's label.txt")
def read_retinaface(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """Lines ``# image``, and below each one ``x y width height`` with landmarks or without."""
    images: list[LabelledImage] = []
    for at, line in read_lines(path):
        where = f"{path}:{at}"
        if line.startswith("#"):
            images.append(LabelledImage(line[1:].strip(), [], where))
            continue
        with _entry(problems, where):
            box = _cornered(line.split()[:4], inclusive=True)
            if not images:
                raise ValueError("a box before the first image")
            labels = images[-1].labels
            assert isinstance(labels, list)
            labels.append(Label(box, where=where))
    return images


_COLUMNS = {
    "image": ("image", "filename", "file_name", "file", "path", "image_path", "name"),
    "x1": ("x_min", "xmin", "x1", "left", "xtl"),
    "y1": ("y_min", "ymin", "y1", "top", "ytl"),
    "x2": ("x_max", "xmax", "x2", "right", "xbr"),
    "y2": ("y_max", "ymax", "y2", "bottom", "ybr"),
    "x": ("x", "bbox_x", "left", "x1", "x_min"),
    "y": ("y", "bbox_y", "top", "y1", "y_min"),
    "width": ("w", "bbox_w", "bbox_width", "width"),
    "height": ("h", "bbox_h", "bbox_height", "height"),
    "class": ("class", "label", "category", "class_name"),
    "ignore": ("ignore", "difficult", "iscrowd", "crowd"),
    "score": ("score", "confidence"),
    "shape": (SHAPE_COLUMN,),
    "attributes": (ATTRIBUTES_COLUMN,),
}


@reader("a table of comma-separated values")
def read_csv(path: Path, pictures: Pictures, problems: Problems) -> list[LabelledImage]:
    """A row a box: image, four corners, class; or columns named in the first row, also with x, y, width, height.

    A row with no box is an image without faces. Commas, semicolons or tabs are told apart by the first row; between
    the latter two a number may have a decimal comma. The table of the VGG Image Annotator is known by its first row.
    """
    lines = read_lines(path)
    if any(line.startswith("#") and VIA_3 in line for _, line in lines[:20]):
        raise DataError(f"{path}: the table of VIA 3; that of VIA 1 or 2 is read, and COCO (--from coco)")
    # Where commas are in numbers, as many of them as semicolons are no delimiters.
    delimiter = max(";\t,", key=lines[0][1].count) if lines else ","
    decimal = "." if delimiter == "," else ","
    columns: dict[str, int] = {}
    images: dict[str, list[Label]] = {}
    places: dict[str, str] = {}
    for at, line in lines:
        where = f"{path}:{at}"
        try:
            # Each line alone: a quote that is not closed would take the rest of the file with it.
            row = next(csv.reader([line], delimiter=delimiter, strict=True))
        except csv.Error as error:
            problems.add(BAD_ENTRY, f"{where} ({error})")
            continue
        if not columns:
            columns = _csv_columns(path, row)
            if columns.pop("header"):
                continue
        with _entry(problems, where):
            name = row[columns["image"]].strip()
            if not name:
                raise ValueError("no name of an image")
            labels = images.setdefault(name, [])
            places.setdefault(name, where)
            label = _via_label(row, columns, where) if "shape" in columns else _csv_label(row, columns, decimal, where)
            if label:
                labels.append(label)
    return [LabelledImage(name, labels, places[name]) for name, labels in images.items()]


def _csv_columns(path: Path, row: Sequence[str]) -> dict[str, int]:
    """Which column is which; "header" says whether `row` named them."""
    names = [re.sub(r"[\s-]+", "_", name.strip().lower().lstrip("#")) for name in row]
    found = {
        key: names.index(next(name for name in known if name in names))
        for key, known in _COLUMNS.items()
        if any(name in names for name in known)
    }
    if {"image", "shape", "attributes"} <= found.keys():
        return {key: found[key] for key in ("image", "shape", "attributes")} | {"header": 1}
    if "image" in found:
        corners = {"x1", "y1", "x2", "y2"} <= found.keys()
        if not corners and not {"x", "y", "width", "height"} <= found.keys():
            raise DataError(f"{path}:1: no columns for the box among {', '.join(names)[:200]}; x_min y_min x_max y_max")
        unused = {"x", "y", "width", "height"} if corners else {"x1", "y1", "x2", "y2"}
        return {key: at for key, at in found.items() if key not in unused} | {"header": 1}
    return {"image": 0, "x1": 1, "y1": 2, "x2": 3, "y2": 4, "class": 5, "score": 6, "header": 0}


def _csv_label(row: Sequence[str], columns: Mapping[str, int], decimal: str, where: str) -> Label | None:
    def field(key: str) -> str:
        at = columns.get(key, len(row))
        return row[at].strip() if at < len(row) else ""

    keys = ("x1", "y1", "x2", "y2") if "x1" in columns else ("x", "y", "width", "height")
    values = [field(key).replace(decimal, ".") for key in keys]
    if not any(values):
        return None
    box = _box(values) if "x1" in columns else _cornered(values)
    score = float(field("score").replace(decimal, ".")) if field("score") else None
    return Label(box, field("class") or FACE_NAME, truth(field("ignore")), score, where)


def _via_label(row: Sequence[str], columns: Mapping[str, int], where: str) -> Label | None:
    shape, attributes = (json.loads(row[columns[key]] or "{}") for key in ("shape", "attributes"))
    if not shape:
        return None
    ignore = any(map(_flagged, (attributes, *attributes.values())))
    return Label(_box(box_of(shape)), class_of(attributes, _IGNORE_FLAGS), ignore, None, where)


def _is_image(text: str) -> bool:
    return PurePosixPath(text).suffix.lower() in IMAGE_SUFFIXES


@contextmanager
def _label_file(file: Path, problems: Problems) -> Iterator[None]:
    """One of many files: what is wrong with it as a whole is reported, and the others are read."""
    try:
        with reading(file, "a file of labels"):
            yield
    except DataError as error:
        problems.add(BAD_FILE, str(error))


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise DataError(f"{path}: no such folder")


def _files(path: Path, suffix: str) -> list[Path]:
    if path.is_file():
        return [path]
    _check_folder(path)
    files = files_below(path, f"*{suffix}")
    if not files:
        raise DataError(f"{path}: no files that end in {suffix}")
    return files


def _beside(file: Path, path: Path, name: object, pictures: Pictures) -> str:
    """The image that a label file of its own is about: under the label file's place and name, or what it says."""
    place = file.relative_to(path if path.is_dir() else path.parent)
    own = place.with_suffix("").as_posix()
    named = str(name or "").replace("\\", "/")
    return pictures.find(f"{place.parent.as_posix()}/{PurePosixPath(named).name}", own, named) or named or own


READERS: dict[str, Reader] = {
    "coco": read_coco,
    "yolo": read_yolo,
    "voc": read_voc,
    "cvat": read_cvat,
    "labelme": read_labelme,
    "wider": read_wider,
    "retinaface": read_retinaface,
    "csv": read_csv,
}
"""By the name of the format."""

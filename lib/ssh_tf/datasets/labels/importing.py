"""From what a reader gave to a folder that training takes: checked, one class, train and val apart."""

import hashlib
import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ssh_tf.datasets.annotation_lines import join_line
from ssh_tf.datasets.labels.items import (
    LISTS,
    NO_LABELS,
    REGIONS,
    Box,
    Label,
    LabelledImage,
    Pictures,
    sized_images,
)
from ssh_tf.datasets.problems import Problems
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import atomic_write

_SAME = 0.5  # pixels: corners as near as this are one box drawn twice


class Checked(NamedTuple):
    """An image whose file is there, with boxes inside of it."""

    name: str
    height: int
    width: int
    boxes: list[Box]
    ignore: list[Box]


def choose_class(images: Iterable[LabelledImage], wanted: str | None, ignored: Collection[str]) -> str | None:
    """The class whose boxes are faces; None if nothing has a box.

    Raises:
        DataError: `wanted` is not among the classes, or is not given where there are several.
    """
    counts = Counter(label.name for image in images for label in image.labels)
    aside = {name.casefold() for name in ignored}
    classes = [name for name in counts if name.casefold() not in aside]
    found = ", ".join(f"{name!r} ({count} boxes)" for name, count in counts.most_common(20))
    if wanted is not None:
        if counts and not any(name.casefold() == wanted.casefold() for name in classes):
            raise DataError(f"--class {wanted}: no box has this class; there are {found}")
        return wanted
    if len(classes) > 1:
        raise DataError(f"several classes: {found}; choose the one that is a face by --class")
    return classes[0] if classes else None


def check_labels(
    images: Iterable[LabelledImage],
    pictures: Pictures,
    problems: Problems,
    wanted: str | None,
    ignored: Collection[str] = (),
) -> list[Checked]:
    """Keep what can be trained on; name the rest in `problems`.

    Boxes of other classes than `wanted` are left out; those of the classes `ignored`, and what is flagged, become
    ignore regions. Boxes that stand out of the picture are cut at its edge.
    """
    kept = []
    aside = {name.casefold() for name in ignored}
    for name, height, width, image in sized_images(images, pictures, problems):
        checked = Checked(name, height, width, [], [])
        kept.append(checked)
        for label in image.labels:
            name_aside = label.name.casefold() in aside
            if not name_aside and wanted is not None and label.name.casefold() != wanted.casefold():
                problems.add("box of another class", label.where)
                continue
            _keep(label, checked, label.ignore or name_aside, problems)
    return kept


def _keep(label: Label, image: Checked, ignore: bool, problems: Problems) -> None:
    x1, y1, x2, y2 = label.box
    if not all(map(math.isfinite, label.box)):
        problems.add("box that is not of finite numbers", label.where)
        return
    if x2 < x1 or y2 < y1:
        problems.add("box whose corners are the wrong way round", label.where)
        return
    if x2 == x1 or y2 == y1:
        problems.add("box without area", label.where)
        return
    box = (max(x1, 0.0), max(y1, 0.0), min(x2, float(image.width)), min(y2, float(image.height)))
    if box[2] <= box[0] or box[3] <= box[1]:
        problems.add("box outside its image", f"{label.where} (the image has {image.width}x{image.height} pixels)")
        return
    if max(abs(a - b) for a, b in zip(box, label.box, strict=True)) > 1:
        problems.add("box cut at the edge of its image", label.where)
    place = image.ignore if ignore else image.boxes
    if any(max(abs(a - b) for a, b in zip(box, other, strict=True)) <= _SAME for other in place):
        problems.add("box drawn twice", label.where)
        return
    place.append(box)


def split(images: Sequence[Checked], share: float) -> tuple[list[Checked], list[Checked]]:
    """Those to train on and those to validate on, by the hash of their names: `share` of them, at least one if not 0.

    An image stays where it was when others join, but for a few at the border.
    """
    count = min(max(round(share * len(images)), 1), len(images) - 1) if share else 0
    drawn = sorted(images, key=lambda image: hashlib.sha256(image.name.encode(errors="surrogateescape")).digest())[
        :count
    ]
    names = {image.name for image in drawn}
    return [i for i in images if i.name not in names], [i for i in images if i.name in names]


def write_folder(
    folder: Path, train: Sequence[Checked], val: Sequence[Checked], pictures: Pictures, problems: Problems, copy: bool
) -> tuple[list[Checked], list[Checked]]:
    """Write `train.txt`, `val.txt` (if there is something for it), `labels.jsonl` and `images`, a link or a copy.

    Returns what was written: without images whose names no line can hold.

    Raises:
        DataError: there is nothing to write, all labels were left out, `images` is something else already, or `folder`
            lies in the images' own folder.
    """
    both = [[image for image in images if _writable(image, problems)] for images in (train, val)]
    if not both[0]:
        raise DataError(
            f"{folder}: nothing to train on is left; " + ("; ".join(problems.lines()) or "no image had labels")
        )
    lost = problems.counts().keys() - {NO_LABELS}
    if lost and not any(image.boxes for images in both for image in images):
        raise DataError(f"{folder}: no face is left; " + "; ".join(problems.lines()))
    _place_images(folder / "images", pictures, [image for images in both for image in images], copy)
    for name, images in zip(LISTS, both, strict=True):
        path = folder / name
        if not images:
            path.unlink(missing_ok=True)
            continue
        with atomic_write(path) as stream:
            stream.writelines(join_line(image.name, [x for box in image.boxes for x in box]) + "\n" for image in images)
    with atomic_write(folder / REGIONS) as stream:
        for images in both:
            for image in images:
                entry = {"image": image.name, "width": image.width, "height": image.height, "ignore": image.ignore}
                stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return both[0], both[1]


def _writable(image: Checked, problems: Problems) -> bool:
    try:
        join_line(image.name, [])
    except ValueError as error:
        problems.add("name that an annotation file cannot hold", str(error))
        return False
    return True


def _place_images(place: Path, pictures: Pictures, images: Sequence[Checked], copy: bool) -> None:
    if place.exists() and os.path.realpath(place) == os.path.realpath(pictures.folder):
        return
    if Path(os.path.realpath(place)).is_relative_to(os.path.realpath(pictures.folder)):
        # A link there would lead into itself; copies would be images of the next import.
        raise DataError(f"{place.parent}: lies in the folder of the images, {pictures.folder}; give another --output")
    if not copy:
        if place.is_symlink():
            place.unlink()
        elif place.exists():
            raise DataError(f"{place}: is there already and is not {pictures.folder}; give another --output, or --copy")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.path.realpath(pictures.folder), target_is_directory=True)
        return
    if place.is_symlink():
        place.unlink()
    for image in images:
        target = place / image.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with (pictures.folder / image.name).open("rb") as stream, atomic_write(target, "wb") as copied:
            shutil.copyfileobj(stream, copied)

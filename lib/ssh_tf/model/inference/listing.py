"""The list that a run leaves, `detections.jsonl`, and what other programs read: CSV and COCO.

A JSON object a line. The first is ``{"run": …}``: model, version, settings. Then one for each picture or frame::

    {"file": "a.jpg", "width": 640, "height": 480, "faces": [{"box": [x1, y1, x2, y2], "score": 0.98}], "ms": 95.1}
    {"file": "b.mp4", "frame": 7, "seconds": 0.28, "width": …, "faces": [{"box": …, "score": …, "track": 3}], "ms": …}
    {"file": "c.jpg", "error": "c.jpg: the picture is cut off before its end"}
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from ssh_tf.model.inference.detect_files import Detected
from ssh_tf.model.inference.result import faces_as_dicts
from ssh_tf.utils.errors import utf8
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.media import Picture
from ssh_tf.utils.types import JsonObject

FORMATS = ("jsonl", "csv", "coco")
"""How a run's list can be written; the first always is."""

_COLUMNS = ("file", "frame", "seconds", "width", "height", "x1", "y1", "x2", "y2", "score", "track", "error")


def run_line(about: JsonObject) -> str:
    """The first line of a list."""
    return json.dumps({"run": about})


def found_line(picture: Picture, found: Detected, tracks: Sequence[int | None] | None = None) -> str:
    """The line of a picture that faces were detected in; `tracks` numbers its faces."""
    height, width = found.image.shape[:2]
    faces = faces_as_dicts(found.faces)
    for face, track in zip(faces, tracks or [None] * len(faces), strict=True):
        if track is not None:
            face["track"] = track
    return json.dumps(
        {
            **_place(picture),
            "width": width,
            "height": height,
            "faces": faces,
            "ms": round(found.milliseconds, 1),
        }
    )


def failed_line(picture: Picture, reason: str) -> str:
    """The line of a picture that could not be used."""
    return json.dumps({**_place(picture), "error": reason})


def _place(picture: Picture) -> JsonObject:
    place: JsonObject = {"file": picture.file}
    if picture.frame is not None:
        place["frame"] = picture.frame
    if picture.seconds is not None:
        place["seconds"] = round(picture.seconds, 3)
    return place


def read_list(path: Path) -> Iterator[JsonObject]:
    """The pictures of the list at `path`, one by one."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            entry = json.loads(line)
            if "file" in entry:
                yield entry


def write_as(name: str, path: Path) -> Path:
    """Write the list at `path` again, beside it, in the format `name` of `FORMATS`; return where.

    Raises:
        OSError: it cannot be written.
    """
    if name == "csv":
        return _write_csv(path)
    return _write_coco(path) if name == "coco" else path


def _write_csv(path: Path) -> Path:
    """A row a face. A picture without faces, or that failed, has one row without a box."""
    target = path.with_suffix(".csv")
    with atomic_write(target) as stream:
        writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        for entry in read_list(path):
            texts = {key: utf8(entry[key]) for key in ("file", "error") if key in entry}
            common = {key: entry[key] for key in _COLUMNS if key in entry} | texts
            for face in entry.get("faces") or [{}]:
                corners = dict(zip(("x1", "y1", "x2", "y2"), face.get("box", ()), strict=False))
                numbers = {key: face[key] for key in ("score", "track") if key in face}
                writer.writerow({**common, **corners, **numbers})
    return target


def _write_coco(path: Path) -> Path:
    """An image for each picture without an error, an annotation for each face; read twice, to hold no list at once."""
    target = path.with_name("detections.coco.json")
    with atomic_write(target) as stream:
        stream.write('{"categories": [{"id": 1, "name": "face"}],\n"images": [')
        _write_items(stream, _coco_images(path))
        stream.write('],\n"annotations": [')
        _write_items(stream, _coco_annotations(path))
        stream.write("]}\n")
    return target


def _write_items(stream: IO[str], items: Iterator[JsonObject]) -> None:
    for number, item in enumerate(items):
        stream.write((",\n" if number else "\n") + json.dumps(item))


def _looked_at(path: Path) -> Iterator[tuple[int, JsonObject]]:
    return enumerate((entry for entry in read_list(path) if "faces" in entry), start=1)


def _coco_images(path: Path) -> Iterator[JsonObject]:
    for number, entry in _looked_at(path):
        frame: JsonObject = {key: entry[key] for key in ("frame", "seconds") if key in entry}
        name = entry["file"]
        yield {"id": number, "file_name": name, "width": entry["width"], "height": entry["height"], **frame}


def _coco_annotations(path: Path) -> Iterator[JsonObject]:
    number = 0
    for image, entry in _looked_at(path):
        for face in entry["faces"]:
            number += 1
            x1, y1, x2, y2 = face["box"]
            width, height = round(x2 - x1, 2), round(y2 - y1, 2)
            track = {"track_id": face["track"]} if "track" in face else {}
            yield {
                "id": number,
                "image_id": image,
                "category_id": 1,
                "bbox": [x1, y1, width, height],
                "area": round(width * height, 2),
                "iscrowd": 0,
                "score": face["score"],
                **track,
            }

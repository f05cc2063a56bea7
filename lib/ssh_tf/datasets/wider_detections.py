"""Detections of a set of images: WIDER FACE's official text files, and one ``detections.npz``.

`M` images, `N` detections of one image. A *row* is x, y, width, height, score as the official text files have it. Their
widths count pixels (x2 - x1 + 1, as the ground truth does), and have two decimals here. A row is made in one place,
`official_rows`, so that the text files and the .npz of a run give the same figures to the last bit.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.names import file_name
from ssh_tf.datasets.problems import Problems
from ssh_tf.utils.arrays import read_npz
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import atomic_write, inside
from ssh_tf.utils.reading import read_text, reader
from ssh_tf.utils.types import FloatArray

#: Decimals of a coordinate in the text files.
DECIMALS = 2

_SUFFIXES = (".jpg", ".jpeg", ".png", ".txt")

NO_FILE = "no detection file (counted as no detections)"
MALFORMED = "malformed detection file (the image's detections are dropped)"
ANOTHER_NAME = "detection file that names another image"
HAS_NAN = "NaN or infinity among the detections"
NOT_IN_SET = "detections of an image that is not in the set (unused)"


def official_rows(detections: npt.ArrayLike) -> FloatArray:
    """(N, 5) x1, y1, x2, y2, score in pixels → (N, 5) float64 x, y, width, height, score as in the text files."""
    boxes = np.asarray(detections, dtype=np.float64).reshape(-1, 5)
    corners = np.round(boxes[:, :4], DECIMALS)
    sizes = np.round(corners[:, 2:] - corners[:, :2] + 1.0, DECIMALS)
    return np.concatenate([corners[:, :2], sizes, boxes[:, 4:]], axis=1)


def corner_boxes(rows: npt.ArrayLike) -> FloatArray:
    """(N, 5) x, y, width, height, score → (N, 5) x1, y1, x2, y2, score: `official_rows` taken back."""
    boxes = np.array(rows, dtype=np.float64).reshape(-1, 5)
    boxes[:, 2:4] += boxes[:, :2] - 1.0
    return boxes


def write_text(folder: str | os.PathLike[str], name: str, detections: npt.ArrayLike) -> Path:
    """Write one image's official file ``folder/<event>/<image>.txt``: name, count, a row a line.

    Args:
        name: "event/image", without its suffix if that is ``.jpg``.
        detections: (N, 5) x1, y1, x2, y2, score, float32.
    """
    path = inside(folder, f"{name}.txt", str(folder))
    lines = [file_name(Path(name).name)]
    rows = official_rows(detections)
    lines.append(str(len(rows)))
    # 9 significant digits give a float32 score back exactly.
    lines += [f"{x:.2f} {y:.2f} {width:.2f} {height:.2f} {score:.9g}" for x, y, width, height, score in rows.tolist()]
    with atomic_write(path) as stream:
        stream.write("\n".join(lines) + "\n")
    return path


def parse_text(text: str) -> FloatArray | None:
    """(N, 5) rows of one official file, or None where the toolbox would drop the image (``read_pred.m``).

    It drops one with too few lines, a row of less than five columns, text in a row or a blank line between the rows.
    Lines after the counted rows and columns after the fifth are skipped; commas, tabs, CRLF and a count of ``2.0``
    are read.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    try:
        count = float(lines[1])
        if not count.is_integer() or count > len(lines) - 2:
            return None
        rows = [[float(value) for value in line.replace(",", " ").split()] for line in lines[2 : 2 + int(count)]]
    except (ValueError, IndexError):
        return None
    if any(len(row) < 5 for row in rows):
        return None
    return np.array([row[:5] for row in rows], dtype=np.float64).reshape(-1, 5)


def read_detections_text(folder: str | os.PathLike[str], names: Sequence[str], problems: Problems) -> list[FloatArray]:
    """The (N, 5) rows of each image from a folder of official text files.

    What the toolbox drops or skips is dropped or skipped here as well, and named in `problems`.

    Raises:
        DataError: there is no such folder, or it holds not one file of the set.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of detections")
    present = set(_text_files(root))
    wanted = set(names)
    if not present & wanted:
        found = f"{len(present)} text files, none of an image of this set" if present else "no text files"
        raise DataError(f"{root}: {found}; expected <event>/<image>.txt, such as {_example(names)}.txt")
    for extra in sorted(present - wanted):
        problems.add(NOT_IN_SET, extra)
    return [_read_one(root, name, problems) if name in present else _missing(name, problems) for name in names]


def _example(names: Sequence[str]) -> str:
    """The name of an image, for a message; a set can be empty."""
    return names[0] if names else "a/b"


def _text_files(root: Path) -> Iterable[str]:
    """ "event/image" of each text file in the folder of an event."""
    for event in os.scandir(root):
        yield from (f"{event.name}/{name[:-4]}" for name in _listed(event) if name.endswith(".txt"))


def _listed(event: os.DirEntry[str]) -> list[str]:
    """What lies in a folder; nothing where it is none or cannot be read, so that its images are told as missing."""
    try:
        return os.listdir(event.path) if event.is_dir() else []
    except OSError:  # a link to itself, too
        return []


def _missing(name: str, problems: Problems) -> FloatArray:
    problems.add(NO_FILE, name)
    return np.zeros((0, 5))


def _read_one(root: Path, name: str, problems: Problems) -> FloatArray:
    try:
        text = _content(root / f"{name}.txt")
    except DataError:
        return _missing(name, problems)
    rows = parse_text(text)
    if rows is None:
        problems.add(MALFORMED, f"{name}.txt")
        return np.zeros((0, 5))
    if not _names(text.split("\n", 1)[0], name.rsplit("/", 1)[-1]):
        problems.add(ANOTHER_NAME, f"{name}.txt")
    if not np.isfinite(rows).all():
        problems.add(HAS_NAN, f"{name}.txt")
    return rows


@reader("a detection file")
def _content(path: Path) -> str:
    return read_text(path, errors="replace")


def _names(first_line: str, image: str) -> bool:
    """Whether a file's first line means `image`: with or without its suffix and the folders before it."""
    return first_line.strip().replace("\\", "/").rsplit("/", 1)[-1] in {image, *(image + end for end in _SUFFIXES)}


class StoredDetections(NamedTuple):
    """What a ``detections.npz`` holds: M names, and M arrays (N, 5) float32 x1, y1, x2, y2, score."""

    names: tuple[str, ...]
    detections: list[npt.NDArray[np.float32]]


def save_npz(path: str | os.PathLike[str], names: Sequence[str], detections: Sequence[npt.ArrayLike]) -> None:
    """Write ``names`` (M,), ``counts`` (M,) and ``detections`` (sum of counts, 5) float32 x1, y1, x2, y2, score."""
    arrays = [np.asarray(image, dtype=np.float32).reshape(-1, 5) for image in detections]
    if len(arrays) != len(names):
        raise ValueError(f"{len(names)} names, {len(arrays)} images of detections")
    with atomic_write(path, "wb") as stream:
        np.savez_compressed(
            stream,
            names=np.array(names, dtype=np.str_),
            counts=np.array([len(image) for image in arrays], dtype=np.int64),
            detections=np.concatenate([np.zeros((0, 5), np.float32), *arrays]),
        )


@reader("a detections.npz with names, counts and detections")
def load_npz(path: str | os.PathLike[str]) -> StoredDetections:
    """Read what `save_npz` wrote.

    Raises:
        DataError: the file is missing, is no .npz, or its arrays do not fit each other.
    """
    stored = read_npz(path)
    names, counts, rows = stored["names"], stored["counts"], stored["detections"]
    fits = (
        names.dtype.kind == "U"
        and names.ndim == 1
        and names.shape == counts.shape
        and counts.dtype.kind in "iu"
        and rows.dtype.kind == "f"
        and ((counts >= 0) & (counts <= len(rows))).all()
        and rows.shape == (counts.sum(), 5)
    )
    if not fits:
        raise DataError(
            f"{path}: names {names.shape}, counts {counts.shape} and detections {rows.shape} do not fit;"
            " expected (M,), (M,) and (sum of counts, 5)"
        )
    if len(set(names.tolist())) != len(names):
        raise DataError(f"{path}: an image is there twice")
    images = np.split(rows.astype(np.float32), np.cumsum(counts)[:-1]) if len(counts) else []
    return StoredDetections(tuple(names.tolist()), images)


def read_detections_npz(path: str | os.PathLike[str], names: Sequence[str], problems: Problems) -> list[FloatArray]:
    """The (N, 5) rows of each image from a ``detections.npz``, as `read_detections_text` gives them.

    Raises:
        DataError: as `load_npz`; or the file holds not one image of the set.
    """
    stored = load_npz(path)
    by_name = dict(zip(stored.names, stored.detections, strict=True))
    if not by_name.keys() & set(names):
        raise DataError(f"{path}: {len(by_name)} images, none of this set; expected names such as {_example(names)}")
    for extra in sorted(by_name.keys() - set(names)):
        problems.add(NOT_IN_SET, extra)
    rows = []
    for name in names:
        if name not in by_name:
            problems.add(NO_FILE, name)
        elif not np.isfinite(by_name[name]).all():
            problems.add(HAS_NAN, name)
        rows.append(official_rows(by_name.get(name, np.zeros((0, 5)))))
    return rows


def read_wider_detections(path: str | os.PathLike[str], names: Sequence[str], problems: Problems) -> list[FloatArray]:
    """The (N, 5) rows of each image from a folder of text files or a ``detections.npz``.

    Raises:
        DataError: as `read_detections_text` and `read_detections_npz`.
    """
    return (
        read_detections_npz(path, names, problems)
        if Path(path).suffix == ".npz"
        else read_detections_text(path, names, problems)
    )

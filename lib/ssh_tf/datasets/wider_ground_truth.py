"""The official ground truth of WIDER FACE's validation set, from the toolbox's .mat files.

`M` images, `B` boxes in all. ``wider_face_val.mat`` holds the images and their boxes;
``wider_{easy,medium,hard}_val.mat`` hold ``gt_list``: for each image, the boxes that count at that level.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.wider_mat import boxes_by_image, image_names, load_cells, whole_numbers
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.reading import reader

LEVELS = ("easy", "medium", "hard")
#: The official validation set: images, and faces that count at each level.
OFFICIAL_IMAGES = 3226
OFFICIAL_FACES = {"easy": 7211, "medium": 13319, "hard": 31958}


class GroundTruth(NamedTuple):
    """Boxes of all images, one after another.

    Attributes:
        names: M x "event/image", without a suffix.
        boxes: (B, 4) int32 x, y, width, height, pixels.
        starts: (M + 1,) image m has the boxes starts[m]:starts[m + 1].
        evaluated: for each level, (B,) whether a box counts.
        faces: for each level, the number of faces that recall is divided by.
    """

    names: tuple[str, ...]
    boxes: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    evaluated: dict[str, npt.NDArray[np.bool_]]
    faces: dict[str, int]


def read_ground_truth(folder: str | os.PathLike[str], problems: Problems | None = None) -> GroundTruth:
    """Read the four .mat files of the toolbox's ``ground_truth`` folder.

    A set of another size than the official one is used as it is, and noted in `problems`.

    Raises:
        DataError: a file is missing or unreadable, lacks a list, or does not fit the others.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; it should hold wider_face_val.mat (see README, data)")
    names, boxes = _images(folder / "wider_face_val.mat")
    starts = np.cumsum([0, *map(len, boxes)], dtype=np.int64)
    evaluated, faces = {}, {}
    for level in LEVELS:
        path = folder / f"wider_{level}_val.mat"
        evaluated[level], faces[level] = _evaluated(path, names, starts)
    truth = GroundTruth(names, np.concatenate([np.zeros((0, 4), np.int32), *boxes]), starts, evaluated, faces)
    if problems is not None and (len(names), faces) != (OFFICIAL_IMAGES, OFFICIAL_FACES):
        counts = ", ".join(f"{count} {level}" for level, count in faces.items())
        problems.add("ground truth that is not the official validation set", f"{folder}: {len(names)} images, {counts}")
    return truth


@reader("WIDER FACE's list of images and boxes")
def _images(path: Path) -> tuple[tuple[str, ...], list[npt.NDArray[np.int32]]]:
    """The names of the images, and (B, 4) boxes of each."""
    images = load_cells(path, "event_list", "file_list", "face_bbx_list")
    names = image_names(images, path)
    boxes = [whole_numbers(image).astype(np.int32).reshape(-1, 4) for image in boxes_by_image(images["face_bbx_list"])]
    if len(boxes) != len(names):
        raise DataError(f"{path}: {len(names)} images, but boxes for {len(boxes)}")
    return names, boxes


@reader("WIDER FACE's list of the faces of a level")
def _evaluated(path: Path, names: tuple[str, ...], starts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.bool_], int]:
    """(B,) whether a box counts at the level of `path`, and how many faces the level has."""
    lists = boxes_by_image(load_cells(path, "gt_list")["gt_list"])
    if len(lists) != len(names):
        raise DataError(f"{path}: lists for {len(lists)} images, but wider_face_val.mat has {len(names)}")
    flags = np.zeros(starts[-1], dtype=bool)
    faces = 0
    for name, start, end, chosen in zip(names, starts[:-1], starts[1:], lists, strict=True):
        # uint8 or uint16, counted from 1: cast before any arithmetic.
        places = whole_numbers(chosen).ravel() - 1
        if places.size and (places.min() < 0 or places.max() >= end - start):
            raise DataError(f"{path}: {name} lists a box that it does not have ({end - start} boxes)")
        flags[start + places] = True
        faces += len(places)
    return flags, faces

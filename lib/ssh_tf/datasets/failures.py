"""A contact sheet of a detector's failures on a set: the largest faces missed, the most confident false positives."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.average_precision import FALSE_POSITIVE, judge_image
from ssh_tf.datasets.records import ImageRecord
from ssh_tf.utils.contact_sheet import Tile, contact_sheet, crop_around
from ssh_tf.utils.drawing import draw_boxes, draw_faces, draw_truth
from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import read_image
from ssh_tf.utils.types import Image

_FAILURE_COLOUR = (0, 0, 255)  # BGR


class Failure(NamedTuple):
    """A missed face or a false positive: image `at` of the set, its box [x1, y1, x2, y2], and what it is ranked by."""

    at: int
    box: npt.NDArray[np.float64]
    rank: float


def missed_faces(
    records: Sequence[ImageRecord], detections: Sequence[npt.NDArray[np.float32]], threshold: float
) -> list[Failure]:
    """The faces that no detection with at least the score `threshold` hits at IoU 0.5; largest first, by sqrt(area)."""
    missed = []
    for at, (record, rows) in enumerate(zip(records, detections, strict=True)):
        outcome = judge_image(rows[rows[:, 4] >= threshold], record.boxes, record.ignore)
        for box in record.boxes[~outcome.found].astype(np.float64):
            missed.append(Failure(at, box, float(np.sqrt(np.prod(box[2:] - box[:2])))))
    return sorted(missed, key=lambda failure: -failure.rank)


def false_positives(records: Sequence[ImageRecord], detections: Sequence[npt.NDArray[np.float32]]) -> list[Failure]:
    """The detections that hit no face and lie in no ignore region; highest score first."""
    alarms = []
    for at, (record, rows) in enumerate(zip(records, detections, strict=True)):
        outcome = judge_image(rows, record.boxes, record.ignore)
        for row in rows[outcome.detections == FALSE_POSITIVE].astype(np.float64):
            alarms.append(Failure(at, row[:4], float(row[4])))
    return sorted(alarms, key=lambda failure: -failure.rank)


def failure_sheet(
    records: Sequence[ImageRecord],
    detections: Sequence[npt.NDArray[np.float32]],
    threshold: float = 0.5,
    count: int = 24,
) -> Image:
    """A sheet of the worst `count` missed faces, then as many false positives, with all boxes around them drawn.

    The failure is red, faces are blue, ignore regions grey, detections from `threshold` on green.
    """
    missed = missed_faces(records, detections, threshold)[:count]
    alarms = false_positives(records, detections)[:count]
    tiles = [
        *_tiles(records, detections, missed, "missed, {:.0f} px", threshold),
        *_tiles(records, detections, alarms, "false, {:.2f}", threshold),
    ]
    return contact_sheet(tiles)


def _tiles(
    records: Sequence[ImageRecord],
    detections: Sequence[npt.NDArray[np.float32]],
    failures: Sequence[Failure],
    caption: str,
    threshold: float,
) -> Iterator[Tile]:
    for failure in failures:
        record, rows = records[failure.at], detections[failure.at]
        try:
            image = read_image(record.path)
        except ImageError:  # an image that failed has all its faces missed, and nothing to show
            continue
        drawn = draw_faces(draw_truth(image, record.boxes, record.ignore), rows, threshold)
        drawn = draw_boxes(drawn, [failure.box], _FAILURE_COLOUR)
        name = PurePosixPath(record.name).stem
        yield Tile(crop_around(drawn, failure.box), f"{caption.format(failure.rank)} {name}"[:28])

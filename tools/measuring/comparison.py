"""Detectors side by side on the same images: average precision by face size, and speed.

`M` images, `N` detections of one image.
"""

import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ssh_tf.datasets.average_precision import Evaluation, evaluate_detections
from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.records import ImageRecord
from ssh_tf.utils.errors import CheckpointError, DataError, ImageError, one_line, reason_of
from ssh_tf.utils.images import read_image
from ssh_tools.measuring.peers import Detect

UNREADABLE_IMAGE = "image that cannot be read (left out)"
REFUSED = "image that a detector refuses (its faces count as missed)"

OVERLAPS = (0.5, 0.3)
"""IoU from which a detection counts. The classic detectors were made for boxes of another cut than the annotations',
looser or square, which at 0.5 can cost them faces that they did find."""


_SECONDS_BETWEEN_LOG_LINES = 30


class Contestant(NamedTuple):
    """A detector in the comparison: what the table calls it, how it detects, the bytes of its model."""

    name: str
    detect: Detect
    size: int


class ComparedDetector(NamedTuple):
    """What a contestant gave: an evaluation for each of `OVERLAPS`, and how fast it was."""

    name: str
    size: int
    images_per_second: float
    evaluations: tuple[Evaluation, ...]


class Comparison(NamedTuple):
    """`results` in the order of the contestants; `images` that they all saw; `problems` with others."""

    results: tuple[ComparedDetector, ...]
    images: int
    problems: Problems


def compare_contestants(contestants: Sequence[Contestant], records: Sequence[ImageRecord]) -> Comparison:
    """Run every contestant on the images of `records`, and evaluate what it found.

    The contestants take turns image by image, so that other load of the machine falls on all of them. The clock runs
    from the decoded picture to the final boxes; the first picture is shown to each once before, off the clock.

    Raises:
        DataError: none of the images can be read.
        CheckpointError: a model fails as it runs. Whatever else a contestant raises costs it that image alone.
    """
    problems = Problems()
    seen: list[ImageRecord] = []
    found: list[list[npt.NDArray[np.floating]]] = [[] for _ in contestants]
    seconds = [0.0] * len(contestants)
    interval = 0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LOG_LINES
    with tqdm(total=len(records), unit="image", mininterval=interval) as bar:
        for record in records:
            try:
                image = read_image(record.path)
            except ImageError as error:
                problems.add(UNREADABLE_IMAGE, str(error))
                bar.update()
                continue
            for at, contestant in enumerate(contestants):
                if not seen:
                    _detect(contestant, record, image, Problems())
                started = time.perf_counter()
                found[at].append(_detect(contestant, record, image, problems))
                seconds[at] += time.perf_counter() - started
            seen.append(record)
            bar.update()
    if not seen:
        raise DataError(f"none of the {len(records)} images can be read: {problems.items(UNREADABLE_IMAGE)[0]}")
    boxes, ignore = [record.boxes for record in seen], [record.ignore for record in seen]
    results = [
        ComparedDetector(
            contestant.name,
            contestant.size,
            len(seen) / taken,
            tuple(evaluate_detections(rows, boxes, ignore, thresholds=[overlap]) for overlap in OVERLAPS),
        )
        for contestant, rows, taken in zip(contestants, found, seconds, strict=True)
    ]
    return Comparison(tuple(results), len(seen), problems)


def _detect(
    contestant: Contestant, record: ImageRecord, image: npt.NDArray[np.uint8], problems: Problems
) -> npt.NDArray[np.floating]:
    """What the contestant finds in one image; nothing where it fails, and `problems` says why.

    Raises:
        CheckpointError: the model itself does not work, so it would on no image.
    """
    try:
        return contestant.detect(image)
    except CheckpointError:
        raise
    except Exception as error:  # the others' packages raise whatever they like
        problems.add(REFUSED, one_line(f"{contestant.name}: {record.name}: {reason_of(error)}"))
        return np.zeros((0, 5))

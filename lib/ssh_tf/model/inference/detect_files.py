"""Faces in many pictures: while the network works on one, the next ones are read and resized.

Letters: `H, W` size of a picture, `N` faces.
"""

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.model.inference.detection import THRESHOLD, Detector, Level
from ssh_tf.utils.errors import CheckpointError, one_line, reason_of
from ssh_tf.utils.media import Picture
from ssh_tf.utils.prefetch import prefetched


class Detected(NamedTuple):
    """What was found in a picture that could be used."""

    image: npt.NDArray[np.uint8]
    """(H, W, 3) BGR."""
    faces: npt.NDArray[np.float32]
    """(N, 5) [x1, y1, x2, y2, score] in the picture's pixels, best first."""
    milliseconds: float
    """Time in the network and after it; pictures are read and resized meanwhile."""


def detect_pictures(
    detector: Detector, pictures: Iterable[Picture], threshold: float = THRESHOLD
) -> Iterator[tuple[Picture, Detected | str]]:
    """Detect faces in `pictures`, in their order. One that cannot be used comes with the reason; the others follow.

    Raises:
        CheckpointError: the network's graph fails.
    """

    def prepared(picture: Picture) -> tuple[npt.NDArray[np.uint8], list[Level]]:
        image = picture.load()
        return image, detector.prepare(image)

    for picture, future in prefetched(prepared, pictures, size=lambda picture: picture.size()):
        try:
            image, levels = future.result()
            started = perf_counter()
            faces = detector.detect_prepared([levels], threshold)[0]
            yield picture, Detected(image, faces, 1000 * (perf_counter() - started))
        except CheckpointError:
            raise
        except Exception as error:  # one picture must not end the run
            yield picture, failure(picture, error)


def failure(picture: Picture, error: BaseException) -> str:
    """One line that says what went wrong with `picture`."""
    reason = reason_of(error)
    # In a message of ours, what cannot be shown of a name is escaped.
    is_named = reason.startswith((f"{picture.file}: ", f"{one_line(picture.file)}: "))
    return reason if is_named else f"{picture.file}: {reason}"

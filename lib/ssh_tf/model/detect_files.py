"""Faces in many pictures: while the network works on some, the next ones are read and resized.

Letters: `H, W` size of a picture, `N` faces.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from time import perf_counter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.model.detector import THRESHOLD, FaceDetector, Level
from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.media import Picture

_READERS = 2


class Detected(NamedTuple):
    """What came of a picture: an `error`, or the picture and its faces."""

    picture: Picture
    image: npt.NDArray[np.uint8] | None
    """(H, W, 3) BGR."""
    faces: npt.NDArray[np.float32] | None
    """(N, 5) [x1, y1, x2, y2, score] in the picture's pixels, best first."""
    milliseconds: float
    """Time in the network and behind it; reading and resizing went on beside that of other pictures."""
    error: str | None


class _Ready(NamedTuple):
    picture: Picture
    image: npt.NDArray[np.uint8] | None
    levels: list[Level]
    error: str | None


def detect_pictures(
    detector: FaceDetector, pictures: Iterable[Picture], threshold: float = THRESHOLD, batch_size: int = 1
) -> Iterator[Detected]:
    """Detect faces in `pictures`, in their order; a picture that cannot be used does not end the run.

    Up to `batch_size` neighbours of equal size go through the network together.
    """
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="read")
    waiting: deque[Future[_Ready]] = deque()
    pictures = iter(pictures)

    def read_ahead() -> None:
        wanted = batch_size + _READERS - len(waiting)
        waiting.extend(pool.submit(_prepare, detector, picture) for picture in islice(pictures, wanted))

    try:
        read_ahead()
        while waiting:
            batch = [waiting.popleft().result() for _ in range(min(batch_size, len(waiting)))]
            read_ahead()
            yield from _detect(detector, batch, threshold)
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare(detector: FaceDetector, picture: Picture) -> _Ready:
    try:
        image = picture.load()
        return _Ready(picture, image, detector.prepare(image), None)
    except SSHError as error:
        return _Ready(picture, None, [], _named(picture, str(error)))
    except MemoryError:
        return _Ready(picture, None, [], _named(picture, "not enough memory to read it"))


def _detect(detector: FaceDetector, batch: list[_Ready], threshold: float) -> Iterator[Detected]:
    started = perf_counter()
    usable = [ready.levels for ready in batch if ready.error is None]
    failure = None
    try:
        found = iter(detector.detect_prepared(usable, threshold))
    except SSHError as error:
        failure = str(error)
    milliseconds = 1000 * (perf_counter() - started) / max(1, len(usable))
    for ready in batch:
        if ready.error is not None:
            yield Detected(ready.picture, None, None, 0.0, ready.error)
        elif failure is not None:
            yield Detected(ready.picture, ready.image, None, milliseconds, _named(ready.picture, failure))
        else:
            yield Detected(ready.picture, ready.image, next(found), milliseconds, None)


def _named(picture: Picture, message: str) -> str:
    return message if message.startswith(picture.file) else f"{picture.file}: {message}"

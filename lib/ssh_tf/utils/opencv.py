"""OpenCV, imported when first used. The only module that imports it.

from ssh_tf.utils.opencv import cv2
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ssh_tf.utils.lazy import LazyModule

if TYPE_CHECKING:
    import cv2
else:
    cv2 = LazyModule("cv2")


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Keep OpenCV to the thread that calls it: where pictures are worked on side by side, its own would fight."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


__all__ = ["cv2", "single_threaded_opencv"]

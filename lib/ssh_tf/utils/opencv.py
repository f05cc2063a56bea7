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
    """Keep OpenCV to the thread that calls it: where several threads work on pictures, its own would compete."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


__all__ = ["cv2", "single_threaded_opencv"]

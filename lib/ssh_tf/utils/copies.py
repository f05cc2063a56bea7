"""Pictures out: image files and videos that are either whole or absent."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import write_image

# What OpenCV writes everywhere; other pictures become JPEG.
_IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_VIDEO_SUFFIX = ".mp4"
_VIDEO_CODE = "mp4v"


def copy_name(name: Path, is_video: bool) -> Path:
    """`name` with a suffix of a format that `Copies` writes."""
    if is_video:
        return name.with_suffix(_VIDEO_SUFFIX)
    return name if name.suffix.lower() in _IMAGE_SUFFIXES else name.with_suffix(".jpg")


class Copies:
    """Writes pictures; frames that follow each other with one name become a video. Use it in a `with` block."""

    def __init__(self) -> None:
        self._target: Path | None = None
        self._video: Any = None

    def __enter__(self) -> "Copies":
        return self

    def __exit__(self, *_: object) -> None:
        self._end_video()

    def write(self, target: Path, image: npt.NDArray[np.uint8], rate: float | None = None) -> None:
        """Write `image` (H, W, 3) BGR to `target`: a file of its own, or a frame at `rate` frames a second.

        Raises:
            ImageError: OpenCV writes no such format, or the file cannot be written.
        """
        if target != self._target:
            self._end_video()
        if rate is None:
            write_image(target, image)
            return
        if self._video is None:
            self._begin_video(target, rate, image.shape)
        self._video.write(image)

    def _begin_video(self, target: Path, rate: float, shape: tuple[int, ...]) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        code = cv2.VideoWriter.fourcc(*_VIDEO_CODE)
        self._target = target
        self._video = cv2.VideoWriter(str(_part(target)), code, rate, (shape[1], shape[0]))
        if not self._video.isOpened():
            self._video = None
            raise ImageError(f"{target}: OpenCV cannot write videos here")

    def _end_video(self) -> None:
        if self._video is not None and self._target is not None:
            self._video.release()
            with suppress(FileNotFoundError):
                _part(self._target).replace(self._target)
        self._target = self._video = None


def _part(target: Path) -> Path:
    return target.with_name(f".part-{target.name}")

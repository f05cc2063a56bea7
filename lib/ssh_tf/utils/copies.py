"""Pictures out: image files and videos that are either whole or absent."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import write_image
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.sound import add_sound

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
        self._video: cv2.VideoWriter | None = None
        self._origin: str | None = None
        self._shape: tuple[int, ...] = ()
        self._frames = 0
        self._rate = 1.0

    def __enter__(self) -> "Copies":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # What has ended the block is not to be hidden by what the video ends with.
        with suppress(*([] if kind is None else [ImageError])):
            self.end_video()

    def write(
        self, target: Path, image: npt.NDArray[np.uint8], rate: float | None = None, origin: str | None = None
    ) -> None:
        """Write `image` (H, W, 3) BGR to `target`: a file of its own, or a frame at `rate` frames a second.

        A video gets the sound of the file `origin`, see `add_sound`.

        Raises:
            ImageError: OpenCV writes no such format, the file cannot be written, or a frame is of another size than the
                first; of the video before, see `end_video`.
            FullDiskError: the disk has no room left.
        """
        if target != self._target:
            self.end_video()
        if rate is None:
            write_image(target, image)
            return
        video = self._video
        if video is None:
            video = self._begin_video(target, rate, image.shape)
            self._origin = origin
        if image.shape != self._shape:
            raise ImageError(f"{target}: a frame is of another size than the first, and left out")
        video.write(image)
        self._frames += 1

    def end_video(self) -> None:
        """Close the video that is being written, if one is, and give it its name.

        Raises:
            ImageError: it could not be written whole; what there is of it keeps its temporary name. Or it was, but
                without its sound.
        """
        video, target = self._video, self._target
        self._video = self._target = None
        if video is None or target is None:
            return
        video.release()
        if not _is_whole(_part(target), self._frames):
            raise ImageError(f"{target}: could not be written whole (is the disk full?); see {_part(target).name}")
        try:
            if self._origin is not None:
                add_sound(_part(target), self._origin, self._frames / self._rate)
        finally:
            try:
                _part(target).replace(target)
            except OSError as error:
                raise ImageError(f"{target}: {error.strerror}") from error

    def _begin_video(self, target: Path, rate: float, shape: tuple[int, ...]) -> "cv2.VideoWriter":
        try:
            str(target).encode()
            target.parent.mkdir(parents=True, exist_ok=True)
            code = cv2.VideoWriter.fourcc(*_VIDEO_CODE)
            video = cv2.VideoWriter(str(_part(target)), code, rate, (shape[1], shape[0]))
        except (OSError, UnicodeEncodeError, cv2.error) as error:
            raise ImageError(f"{target}: OpenCV cannot write a video there ({error})") from error
        if not video.isOpened():
            raise ImageError(f"{target}: OpenCV cannot write videos here")
        self._target, self._video, self._shape = target, video, shape
        self._frames, self._rate = 0, rate
        return video


def _part(target: Path) -> Path:
    # OpenCV takes the format from the suffix; a long name leaves no room for more.
    return target.with_name(f".part-{target.stem[:50]}{target.suffix}")


def _is_whole(path: Path, frames: int) -> bool:
    """Whether an MP4 file holds `frames` frames. OpenCV does not report what it failed to write."""
    try:
        boxes, position, size = set(), 0, os.path.getsize(path)
        with path.open("rb") as stream:
            while position < size:
                stream.seek(position)
                head = stream.read(16)
                length = int.from_bytes(head[:4], "big")
                if length == 1:
                    length = int.from_bytes(head[8:16], "big")
                if length < 8:
                    return False
                boxes.add(head[4:8])
                position += length
    except OSError:
        return False
    capture = cv2.VideoCapture(str(path))
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    return position == size and {b"ftyp", b"mdat", b"moov"} <= boxes and count == frames

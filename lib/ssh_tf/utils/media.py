"""Where pictures come from: image files, folders, patterns, videos, cameras."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import IMAGE_SUFFIXES, read_image

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})

_DEFAULT_RATE = 25.0


class Picture(NamedTuple):
    """A picture that has yet to be read: `load()` gives (H, W, 3) uint8 BGR or raises ImageError."""

    file: str
    frame: int | None
    """Number of the frame in a video, from 0."""
    load: Callable[[], npt.NDArray[np.uint8]]


class Source(NamedTuple):
    """One image, video or camera, or what had been asked for and is not there."""

    file: str
    place: Path
    """Where it stands below the folder it was found in: what a result is to be called."""
    frames: int
    """How many pictures to expect: 1 for an image, 0 if unknown."""
    rate: float | None
    """Frames a second of a video, else None."""
    pictures: Callable[[], Iterator[Picture]]


def find_sources(inputs: Sequence[str | os.PathLike[str]]) -> list[Source]:
    """Resolve what a user named: files, folders (with all below them), patterns with `*`, `?`, `[`, camera numbers.

    What is not there becomes a source whose only picture fails to load, so that the rest is still worked on.
    """
    return [source for given in inputs for source in _resolve(os.fspath(given))]


def _resolve(given: str) -> list[Source]:
    path = Path(given)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES)
        sources = [_file(file, file.relative_to(path)) for file in found if file.is_file()]
        return sources or [_absent(given, "no images or videos in this folder")]
    if not path.exists() and glob.has_magic(given):
        matches = [Path(match) for match in sorted(glob.glob(given, recursive=True))]
        sources = [_file(match, Path(match.name)) for match in matches if match.is_file()]
        return sources or [_absent(given, "no file matches this pattern")]
    if not path.exists() and given.isdecimal():
        return [Source(f"camera {given}", Path(f"camera_{given}.mp4"), 0, _DEFAULT_RATE, partial(_frames, int(given)))]
    return [_file(path, Path(path.name))]


def _file(path: Path, place: Path) -> Source:
    if path.suffix.lower() in VIDEO_SUFFIXES:
        capture = cv2.VideoCapture(str(path))
        count, rate = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
        capture.release()
        # Containers without an index give negative counts, some give rates of thousands.
        rate = rate if 1 <= rate <= 240 else _DEFAULT_RATE
        return Source(str(path), place, max(0, int(count)), rate, partial(_frames, str(path)))
    picture = Picture(str(path), None, partial(read_image, path))
    return Source(str(path), place, 1, None, lambda: iter([picture]))


def _absent(given: str, reason: str) -> Source:
    def load() -> npt.NDArray[np.uint8]:
        raise ImageError(f"{given}: {reason}")

    return Source(given, Path(given), 1, None, lambda: iter([Picture(given, None, load)]))


def _frames(device: str | int) -> Iterator[Picture]:
    name = f"camera {device}" if isinstance(device, int) else device
    capture = cv2.VideoCapture(device)
    try:
        number = 0
        while True:
            more, frame = capture.read()
            if not more:
                break
            yield Picture(name, number, partial(np.asarray, frame))
            number += 1
    finally:
        capture.release()
    if number == 0:
        reason = "no such camera" if isinstance(device, int) else "not a video that OpenCV can read"
        yield from _absent(name, reason).pictures()

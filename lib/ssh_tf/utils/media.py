"""Where pictures come from: image files, folders, patterns, videos, streams, cameras."""

import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.errors import ImageError, reason_of
from ssh_tf.utils.images import IMAGE_SUFFIXES, bytes_to_read, read_image
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.reading import Refused, check_file, reader
from ssh_tf.utils.result_marks import are_results

# Their containers say how many frames there are; of others OpenCV works it out from the length and the frame rate.
_COUNTED_SUFFIXES = frozenset({".3gp", ".avi", ".m4v", ".mov", ".mp4"})
VIDEO_SUFFIXES = _COUNTED_SUFFIXES | {
    *(".flv", ".m2ts", ".mkv", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"),
}

_ADDRESS = re.compile(r"((?:rtsps?|rtmp|https?)://)(?:[^/@]*@)?(.+)", re.IGNORECASE)

_DEFAULT_RATE = 25.0
_RATES = (0.01, 999.0)
"""Frames a second that a video may have; some containers give rates of thousands, or none."""


class Picture(NamedTuple):
    """A picture that has yet to be read: `load()` gives (H, W, 3) uint8 BGR or raises ImageError."""

    file: str
    frame: int | None
    """Number of the frame in a video, from 0."""
    load: Callable[[], npt.NDArray[np.uint8]]
    size: Callable[[], int] = int
    """About how many bytes of memory `load` takes; 0 if unknown."""
    seconds: float | None = None
    """Of a frame: the time at which it is shown, from the video's beginning."""


class MediaSource(NamedTuple):
    """One image, video or camera, or what had been asked for and is not there."""

    file: str
    place: Path
    """Where it stands below the folder it was found in: what a result is to be called."""
    frames: int
    """How many pictures to expect: 1 for an image, 0 if unknown."""
    rate: float | None
    """Frames a second of a video, else None."""
    pictures: Callable[[], Iterator[Picture]]


def find_sources(
    inputs: Sequence[str | os.PathLike[str]],
    without: str | os.PathLike[str] | None = None,
    pass_over: Callable[[str], object] | None = None,
) -> list[MediaSource]:
    """Resolve what a user named: files, folders (with all below them), patterns with `*`, `?`, `[`, addresses of
    streams, camera numbers.

    Below a folder, what begins with a dot is skipped, and so is the folder `without`, where the results go, and what
    holds results of other runs; `pass_over` is told the names of the latter. What is not there, or cannot be read,
    becomes a source whose only picture fails to load, so that the rest is still worked on.
    """
    hidden = None if without is None else os.path.realpath(without)

    def search(folder: Path) -> list[MediaSource]:
        return _below(folder, hidden, pass_over)

    return [source for given in inputs for source in _guarded(os.fspath(given), search)]


def _guarded(given: str, search: Callable[[Path], list[MediaSource]]) -> list[MediaSource]:
    try:
        return _resolve(given, search)
    except (ImageError, OSError, ValueError, RuntimeError) as error:
        return [_absent(given, reason_of(error))]


def _resolve(given: str, search: Callable[[Path], list[MediaSource]]) -> list[MediaSource]:
    if not given:
        return [_absent("''", "an empty name")]
    if found := _ADDRESS.fullmatch(given):
        return [_stream(given, found[1] + found[2])]
    path = Path(given)
    if path.is_dir():
        return search(path) or [_absent(given, "no images or videos in this folder")]
    if not path.exists() and glob.has_magic(given):
        matches = [Path(match) for match in sorted(glob.glob(given, recursive=True))]
        sources = [_file(match, Path(match.name)) for match in matches if not match.is_dir()]
        return sources or [_absent(given, "no file matches this pattern")]
    if not path.exists() and given.isdecimal():
        return [
            MediaSource(f"camera {given}", Path(f"camera_{given}.mp4"), 0, _DEFAULT_RATE, partial(_frames, given, None))
        ]
    return [_file(path, Path(path.name))]


def _below(folder: Path, without: str | None, pass_over: Callable[[str], object] | None) -> list[MediaSource]:
    """The pictures and videos below `folder`, and the folders that cannot be read."""
    found: list[Path] = []
    unreadable: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=unreadable.append):
        if Path(place) != folder and are_results(files):
            folders.clear()
            if pass_over and os.path.realpath(place) != without:
                pass_over(place)
            continue
        folders[:] = [name for name in folders if name[0] != "." and os.path.realpath(Path(place, name)) != without]
        found += [Path(place, name) for name in files if name[0] != "." and _is_wanted(name)]
    sources = [_file(file, file.relative_to(folder)) for file in sorted(found)]
    return sources + [_absent(str(error.filename), reason_of(error)) for error in unreadable]


def _is_wanted(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES


def _file(path: Path, place: Path) -> MediaSource:
    if path.suffix.lower() in VIDEO_SUFFIXES:
        try:
            _check_video(path)
        except ImageError as error:
            return _absent(str(path), str(error))
        count, rate = _probed(str(path))
        return MediaSource(str(path), place, count, rate, partial(_frames, str(path), count))
    picture = Picture(str(path), None, partial(read_image, path), partial(bytes_to_read, path))
    return MediaSource(str(path), place, 1, None, lambda: iter([picture]))


def _stream(address: str, shown: str) -> MediaSource:
    """A video behind an address. `shown` is it without a password."""
    name = re.sub(r"\W+", "_", shown.partition("://")[2]).strip("_")[:100] or "stream"
    _, rate = _probed(address)
    return MediaSource(shown, Path(f"{name}.mp4"), 0, rate, partial(_frames, address, None, shown))


def _absent(given: str, reason: str) -> MediaSource:
    message = reason if reason.startswith(f"{given}: ") else f"{given}: {reason}"

    def load() -> npt.NDArray[np.uint8]:
        raise ImageError(message)

    return MediaSource(given, Path(given), 1, None, lambda: iter([Picture(given, None, load)]))


@reader("a video", ImageError)
def _check_video(path: Path) -> None:
    check_file(path, None)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        # OpenCV is given the name in UTF-8, and some versions crash on what is not.
        raise Refused("the name of a video has to be UTF-8; rename it") from None


def _probed(video: str) -> tuple[int, float]:
    """How many frames a video says it has, 0 if unknown, and its frame rate."""
    capture = _opened(video)
    count, rate = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    # Containers without an index give negative or endless counts.
    return int(count) if 0 < count < 2**31 else 0, rate if _RATES[0] <= rate <= _RATES[1] else _DEFAULT_RATE


def _opened(device: str) -> "cv2.VideoCapture":
    """A video, or the camera of that number."""
    try:
        return cv2.VideoCapture(int(device) if device.isdecimal() else device)
    except (cv2.error, OverflowError, ValueError):
        return cv2.VideoCapture()


def _frames(device: str, expected: int | None, shown: str | None = None) -> Iterator[Picture]:
    """The frames of a video or a camera; one that fails to load if they are fewer than `expected` (None: unknown)."""
    is_camera = device.isdecimal()
    name = f"camera {device}" if is_camera else shown or device
    capture = _opened(device)
    number, seconds, rate = 0, 0.0, capture.get(cv2.CAP_PROP_FPS)
    try:
        while True:
            try:
                more, frame = capture.read()
            except cv2.error:
                more = False
            if not more:
                break
            seconds = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            # With the float copy that it is resized in.
            yield Picture(name, number, partial(np.asarray, frame), partial(int, 5 * frame.nbytes), seconds)
            number += 1
    finally:
        capture.release()
    if number == 0:
        reason = "no such camera" if is_camera else "not a video that OpenCV can read"
        yield from _absent(name, reason).pictures()
    elif expected and _reached(device, number, seconds * rate) < expected - _uncounted(device, expected):
        reason = f"the video ends after {number} of {expected} frames: it is damaged or cut off"
        yield from _absent(name, reason).pictures()


def _reached(device: str, number: int, last: float) -> float:
    """How many frames a video came to, if the last of `number` is shown at `last`, in frames of its rate.

    Where OpenCV works out how many there should be, they are counted by their time: a rate may vary.
    """
    if Path(device).suffix.lower() in _COUNTED_SUFFIXES:
        return number
    return max(number, last * number / max(number - 1, 1))


def _uncounted(device: str, expected: int) -> int:
    """How far a count of frames may be off."""
    return 0 if Path(device).suffix.lower() in _COUNTED_SUFFIXES else max(2, expected // 20)

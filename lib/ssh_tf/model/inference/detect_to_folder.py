"""Detect faces in whatever a user names; leave copies and a list of boxes in a folder."""

import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ssh_tf.model.inference.detect_files import Detected, detect_pictures, failure
from ssh_tf.model.inference.detection import Detector
from ssh_tf.model.inference.keeping import COPIED, FolderJob, Keeper
from ssh_tf.model.inference.listing import failed_line, found_line, run_line, write_as
from ssh_tf.model.inference.tracking import FaceTracker, check_tracking
from ssh_tf.utils.copies import Copies, copy_name
from ssh_tf.utils.errors import FullDiskError, ImageError, SSHError, one_line, unwritable
from ssh_tf.utils.growing import GrowingLines
from ssh_tf.utils.locks import claimed
from ssh_tf.utils.media import MediaSource, Picture, find_sources
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.result_marks import LIST_NAME, tell_passed_over
from ssh_tf.utils.signals import stop_signals
from ssh_tf.utils.sound import find_ffmpeg
from ssh_tf.utils.types import JsonObject

_WINDOW = "faces: any key shows the next, q ends"
_SILENT = (
    "no program ffmpeg here: copies of videos will have no sound (apt install ffmpeg, or pip install "
    "'ssh-face-detector[sound]')"
)
_FAILED = 1
_ENDED_BY = {"SIGINT": 130, "SIGTERM": 143}


def detect_to_folder(
    detector: Detector,
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    threshold: float,
    show: bool = False,
    max_frames: int | None = None,
    job: FolderJob | None = None,
) -> int:
    """Detect faces in `inputs` (see `find_sources`); write what `job` says and `detections.jsonl` into `output`.

    A picture that fails is named on standard error and in the list, and the run continues. `show` opens a window;
    `max_frames` ends videos and cameras early. However a run ends, what was found so far is kept; if no picture was
    done, so is the list of an earlier run.

    Returns:
        Exit code: 0, 1 if anything failed, 130 if interrupted, 143 if asked to end by SIGTERM.

    Raises:
        SSHError: the output folder cannot be written, is in use by another run or is itself to be searched; the graph
            fails; there is no screen to show on, or nothing to track faces with.
    """
    output = Path(output)
    job = job or FolderJob()
    if job.track:
        check_tracking()
    if show:
        _check_screen()
    for given in inputs:
        if os.path.isdir(given) and os.path.realpath(given) == os.path.realpath(output):
            raise SSHError(f"{output}: both searched for pictures and given as output; name another output folder")
    sources = find_sources(inputs, output, tell_passed_over)
    if job.save in COPIED and any(s.rate and os.path.isfile(s.file) for s in sources) and find_ffmpeg() is None:
        print(_SILENT, file=sys.stderr)
    targets = _targets(sources, output, job.save == "crops")
    origins: deque[int] = deque()

    def pictures() -> Iterator[Picture]:
        for number, source in enumerate(sources):
            for picture in islice(source.pictures(), max_frames if source.rate else None):
                origins.append(number)
                yield picture

    tally = _Tally()
    code = 0
    try:
        with (
            claimed(output),
            tally.told(output),
            GrowingLines(output / LIST_NAME) as listing,
            Copies() as copies,
            tqdm(total=_expected(sources, max_frames), unit="image", disable=None) as progress,
            stop_signals() as signals,
        ):
            before = None
            keeper = Keeper(job, copies, sources)
            record = _Record(listing, job.about)
            tracker: FaceTracker | None = None
            try:
                for picture, found in detect_pictures(detector, pictures(), threshold):
                    progress.update()
                    number = origins.popleft()
                    if number != before:
                        _end_video(copies, tally)
                        before = number
                        rate = sources[number].rate
                        tracker = FaceTracker(rate, threshold) if job.track and rate else None
                    if isinstance(found, str):
                        tally.fail(found)
                        record.failed(failed_line(picture, found))
                    else:
                        tracks = _tracked(tracker, picture, found, tally)
                        record.found(found_line(picture, found, tracks))
                        tally.add(found)
                        try:
                            copy = keeper.keep(sources[number], targets[number], picture, found, tracks)
                            if show and _key(copy, sources[number]) == "q":
                                break
                        except FullDiskError:
                            raise
                        except Exception as error:  # its faces are in the list; the others are still to be done
                            tally.fail(failure(picture, error))
                    if signals:
                        code = _ENDED_BY[signals[0]]
                        break
            except KeyboardInterrupt:
                code = _ENDED_BY["SIGINT"]
            _end_video(copies, tally)
        if tally.pictures:
            write_as(job.form, output / LIST_NAME)
    except OSError as error:
        raise SSHError(unwritable(error, output)) from error
    return code or (_FAILED if tally.failed else 0)


class _Record:
    """Lines of the list. None is written until a picture is done: an earlier run's list is worth more."""

    def __init__(self, listing: GrowingLines, about: JsonObject) -> None:
        self._listing = listing
        self._waiting = [run_line(about)]
        self._begun = False

    def failed(self, line: str) -> None:
        """Add the line of a picture that failed."""
        self._waiting.append(line)
        if self._begun:
            self._flush()

    def found(self, line: str) -> None:
        """Add the line of a picture that is done."""
        self._waiting.append(line)
        self._begun = True
        self._flush()

    def _flush(self) -> None:
        while self._waiting:
            self._listing.write(self._waiting[0])
            del self._waiting[0]


class _Tally:
    """What a run has done so far."""

    def __init__(self) -> None:
        self.pictures = self.faces = self.failed = 0

    def add(self, found: Detected) -> None:
        """Count a picture that is done."""
        self.pictures += 1
        self.faces += len(found.faces)

    def fail(self, message: str) -> None:
        """Count and tell what went wrong."""
        self.failed += 1
        tqdm.write(one_line(f"error: {message}"), file=sys.stderr)

    @contextmanager
    def told(self, output: Path) -> Iterator[None]:
        """Tell all of it when the block ends, in whatever way."""
        started = perf_counter()
        try:
            yield
        finally:
            speed = self.pictures / (perf_counter() - started)
            counts = f"{_counted(self.pictures, 'picture')}, {_counted(self.faces, 'face')}, {self.failed} failed"
            place = f"results in {output}" if self.pictures else "no results"
            print(one_line(f"{counts}; {speed:.1f} pictures a second; {place}"))


def _tracked(tracker: FaceTracker | None, picture: Picture, found: Detected, tally: _Tally) -> list[int | None] | None:
    try:
        return None if tracker is None else tracker(found.faces)
    except Exception as error:  # the faces are known, if not which is which
        tally.fail(failure(picture, error))
        return None


def _end_video(copies: Copies, tally: _Tally) -> None:
    try:
        copies.end_video()
    except ImageError as error:
        tally.fail(str(error))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _targets(sources: Sequence[MediaSource], output: Path, crops: bool) -> list[Path | None]:
    """Where each source's copy goes: no two to one place, none below another, and none over an input.

    With `crops` a video has a folder for itself, of its name without the suffix. None for a source whose name is none
    that a copy could have.
    """
    places = _Places()
    for source in sources:
        with suppress(OSError, ValueError):
            places.files.add(os.path.realpath(source.file))

    def free(place: Path, is_video: bool) -> Path:
        path = output
        for part in place.parts[:-1]:
            path = places.unused(path / part, places.files)
            places.folders.add(os.path.realpath(path))
        if is_video and crops:
            folder = places.unused(path / place.stem, places.files, places.folders)
            places.files.add(os.path.realpath(folder))
            return folder.with_name(folder.name + place.suffix)
        path = places.unused(path / place.name, places.files, places.folders)
        places.files.add(os.path.realpath(path))
        return path

    targets: list[Path | None] = []
    for source in sources:
        is_video = source.rate is not None
        try:
            targets.append(free(copy_name(source.place, is_video), is_video))
        except (OSError, ValueError):
            targets.append(None)
    return targets


class _Places:
    """Which paths are taken, by files (or what nothing else may go into) and by folders."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self._numbers: dict[Path, int] = {}

    def unused(self, path: Path, *taken: Set[str]) -> Path:
        """`path`, numbered if one of `taken`, which only grow, has it."""
        number = self._numbers.get(path, 1)
        candidate = path if number == 1 else _numbered(path, number)
        while any(os.path.realpath(candidate) in places for places in taken):
            number += 1
            candidate = _numbered(path, number)
        # Of thousands of one name each would begin to count from 2 again.
        self._numbers[path] = number
        return candidate


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}_{number}{path.suffix}")


def _expected(sources: Sequence[MediaSource], max_frames: int | None) -> int | None:
    """Pictures to come, None if a video or camera does not say."""
    total = 0
    for source in sources:
        frames = source.frames or max_frames
        if frames is None:
            return None
        total += min(frames, max_frames or frames) if source.rate else frames
    return total


def _check_screen() -> None:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise SSHError("--show needs a screen, and there is none (DISPLAY is not set)")
    try:
        cv2.namedWindow(_WINDOW)
    except cv2.error as error:
        raise SSHError("--show needs an OpenCV with windows: pip install opencv-python") from error


def _key(image: npt.NDArray[np.uint8], source: MediaSource) -> str:
    """Show `image`; a still picture stays until a key is pressed. Returns the key."""
    cv2.imshow(_WINDOW, image)
    return chr(cv2.waitKey(1 if source.rate else 0) & 0xFF)

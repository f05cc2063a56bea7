"""Detect faces in whatever a user names; leave annotated copies and a list of boxes in a folder."""

import json
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ssh_tf.model.inference.detect_files import Detected, detect_pictures
from ssh_tf.model.inference.detection import Detector
from ssh_tf.utils.copies import Copies, copy_name
from ssh_tf.utils.drawing import draw_faces
from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.media import Picture, Source, find_sources

LIST_NAME = "detections.jsonl"

_WINDOW = "faces: any key goes on, q ends"
_FAILED, _INTERRUPTED = 1, 130


def detect_to_folder(
    detector: Detector,
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    threshold: float,
    show: bool = False,
    max_frames: int | None = None,
) -> int:
    """Detect faces in `inputs` (see `find_sources`); write copies with boxes and `detections.jsonl` into `output`.

    A picture that fails is named on standard error and the run goes on. `show` opens a window; `max_frames` ends videos
    and cameras early. Ctrl-C keeps what was found so far.

    Returns:
        Exit code: 0, 1 if any picture failed, 130 if interrupted.

    Raises:
        SSHError: the output folder cannot be written, or there is no screen to show on.
    """
    output = Path(output)
    if show:
        _check_screen()
    sources = find_sources(inputs)
    targets = _targets(sources, output)
    origins: deque[int] = deque()

    def pictures() -> Iterator[Picture]:
        for number, source in enumerate(sources):
            for picture in islice(source.pictures(), max_frames if source.rate else None):
                origins.append(number)
                yield picture

    done = faces = failed = code = 0
    started = perf_counter()
    try:
        with (
            atomic_write(output / LIST_NAME) as listing,
            Copies() as copies,
            tqdm(total=_expected(sources, max_frames), unit="image", disable=None) as progress,
        ):
            try:
                for picture, found in detect_pictures(detector, pictures(), threshold):
                    done += 1
                    progress.update()
                    number = origins.popleft()
                    if isinstance(found, str):
                        failed += 1
                        tqdm.write(f"error: {found}", file=sys.stderr)
                        continue
                    faces += len(found.faces)
                    listing.write(json.dumps(_line(picture, found)) + "\n")
                    copy = draw_faces(found.image, found.faces)
                    copies.write(targets[number], copy, sources[number].rate)
                    if show and _key(copy, sources[number]) == "q":
                        break
            except KeyboardInterrupt:
                code = _INTERRUPTED
    except OSError as error:
        raise SSHError(f"{output}: cannot be written: {error.strerror}") from error
    speed = done / (perf_counter() - started)
    counts = f"{_counted(done, 'picture')}, {_counted(faces, 'face')}, {failed} failed"
    print(f"{counts}; {speed:.1f} pictures a second; results in {output}")
    return code or (_FAILED if failed else 0)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(picture: Picture, found: Detected) -> dict[str, Any]:
    frame = {} if picture.frame is None else {"frame": picture.frame}
    height, width = found.image.shape[:2]
    faces = [{"box": [round(float(x), 2) for x in row[:4]], "score": round(float(row[4]), 5)} for row in found.faces]
    return {
        "file": picture.file,
        **frame,
        "width": width,
        "height": height,
        "faces": faces,
        "ms": round(found.milliseconds, 1),
    }


def _targets(sources: Sequence[Source], output: Path) -> list[Path]:
    """Where each source's copy goes: no two to one place, and none over an input."""
    taken = {Path(source.file).resolve() for source in sources}
    targets = []
    for source in sources:
        first = target = output / copy_name(source.place, source.rate is not None)
        number = 2
        while target.resolve() in taken:
            target = first.with_name(f"{first.stem}_{number}{first.suffix}")
            number += 1
        taken.add(target.resolve())
        targets.append(target)
    return targets


def _expected(sources: Sequence[Source], max_frames: int | None) -> int | None:
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


def _key(image: npt.NDArray[np.uint8], source: Source) -> str:
    """Show `image`; a still picture stays until a key is pressed. Returns the key."""
    cv2.imshow(_WINDOW, image)
    return chr(cv2.waitKey(1 if source.rate else 0) & 0xFF)

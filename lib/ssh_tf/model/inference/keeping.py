"""What a run leaves of each picture: a copy with boxes, crops of the faces, a copy that shows none, or nothing."""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.model.inference.detect_files import Detected
from ssh_tf.utils.copies import Copies
from ssh_tf.utils.crops import HIDING, hide_faces, square_crop
from ssh_tf.utils.drawing import draw_faces
from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.media import MediaSource, Picture
from ssh_tf.utils.types import JsonObject

COPIED = ("boxes", *HIDING)
"""What leaves a copy of a picture or video."""

SAVES = (*COPIED, "crops", "none")
"""What can be left of a picture."""

_HIDDEN_FRAMES = 3
"""A face of a video that is not found in one frame stays hidden for the next ones."""


@dataclass(frozen=True)
class FolderJob:
    """What `detect_to_folder` leaves."""

    save: str = "boxes"
    """One of `SAVES`."""
    form: str = "jsonl"
    """Of the list: one of `FORMATS`."""
    track: bool = False
    """Number the faces of videos."""
    crop_margin: float = 0.3
    """Around a crop, as a part of the longer side of its face."""
    crop_side: int | None = None
    """Pixels of a crop; None leaves them as they are."""
    about: JsonObject = field(default_factory=dict)
    """What the list's first line says: model, version, settings."""


class Keeper:
    """Writes what a `FolderJob` leaves of pictures, one after the other."""

    def __init__(self, job: FolderJob, copies: Copies, sources: Sequence[MediaSource]) -> None:
        self._job, self._copies = job, copies
        self._inputs = {os.path.realpath(source.file) for source in sources if "\0" not in source.file}
        self._recent: deque[npt.NDArray[np.float32]] = deque(maxlen=_HIDDEN_FRAMES)
        self._source: MediaSource | None = None

    def keep(
        self,
        source: MediaSource,
        target: Path | None,
        picture: Picture,
        found: Detected,
        tracks: Sequence[int | None] | None,
    ) -> npt.NDArray[np.uint8]:
        """Write what is left of `picture` to `target`, or beside it; return (H, W, 3) to be shown on a screen.

        Raises:
            ImageError: it cannot be written, or there is no `target`.
            FullDiskError: the disk has no room left.
        """
        if source is not self._source:
            self._recent.clear()
            self._source = source
        if self._job.save in HIDING:
            self._recent.append(found.faces)
            shown = hide_faces(found.image, np.concatenate(self._recent), self._job.save)
        else:
            shown = draw_faces(found.image, found.faces, tracks=tracks)
        if self._job.save == "none":
            return shown
        if target is None:
            raise ImageError("there is no name for its copy")
        if self._job.save == "crops":
            self._write_crops(target, picture, found, tracks)
        else:
            self._copies.write(target, shown, source.rate, source.file)
        return shown

    def _write_crops(
        self, target: Path, picture: Picture, found: Detected, tracks: Sequence[int | None] | None
    ) -> None:
        """`NAME_1.jpg` … of a picture; in the folder `NAME`, `000012_1.jpg` … of a frame, or `track3_000012.jpg`."""
        for number, box in enumerate(found.faces):
            track = tracks[number] if tracks else None
            if picture.frame is None:
                path = target.with_name(f"{target.stem}_{number + 1}{target.suffix}")
            elif track is None:
                path = target.with_suffix("") / f"{picture.frame:06d}_{number + 1}.jpg"
            else:
                path = target.with_suffix("") / f"track{track}_{picture.frame:06d}.jpg"
            if os.path.realpath(path) in self._inputs:
                raise ImageError(f"{path}: a crop would replace this picture; name another output folder")
            self._copies.write(path, square_crop(found.image, box, self._job.crop_margin, self._job.crop_side))

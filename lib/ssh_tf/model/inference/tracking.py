"""Faces that keep a number over the frames of a video, by the `trackers` package. Letters: `N` faces of a frame."""

from types import ModuleType

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.errors import SSHError

_MISSING = "--track needs the package trackers: pip install 'ssh-face-detector[track]'"


class FaceTracker:
    """Numbers the faces of one video, frame by frame (ByteTrack: overlap with where each face should be by now)."""

    def __init__(self, rate: float, threshold: float) -> None:
        """Begin a video of `rate` frames a second; faces of a higher score than `threshold` get numbers of their own.

        Raises:
            SSHError: the package is not there.
        """
        self._supervision, trackers = _packages()
        self._tracker = trackers.ByteTrackTracker(
            frame_rate=rate,
            minimum_consecutive_frames=1,
            track_activation_threshold=threshold,
            high_conf_det_threshold=threshold,
        )

    def __call__(self, rows: npt.NDArray[np.float32]) -> list[int | None]:
        """The number of each of `rows` (N, 5) [x1, y1, x2, y2, score] of the next frame; None in its first frame."""
        found = self._supervision.Detections(
            xyxy=rows[:, :4].astype(np.float64), confidence=rows[:, 4], data={"row": np.arange(len(rows))}
        )
        numbers: list[int | None] = [None] * len(rows)
        tracked = self._tracker.update(found)
        for row, number in zip(tracked.data.get("row", ()), tracked.tracker_id, strict=True):
            numbers[int(row)] = int(number) if number >= 0 else None
        return numbers


def check_tracking() -> None:
    """Raise an SSHError that says what to install, unless `FaceTracker` can be used."""
    _packages()


def _packages() -> tuple[ModuleType, ModuleType]:
    try:
        import supervision
        import trackers
    except ImportError as error:
        raise SSHError(f"{_MISSING} ({error})") from error
    return supervision, trackers

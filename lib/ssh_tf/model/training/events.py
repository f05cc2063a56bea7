"""Files of events, which TensorBoard reads.

Not TensorFlow's own `FileWriter`: that writes in a thread, which dies with a traceback where the disk is full.
"""

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ssh_tf.utils.errors import SSHError, first_line
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.tf1 import tf

_VERSION = "brain.Event:2"


class EventFile:
    """A new file of events; each is in it when the call returns. The errors of all calls are `SSHError`."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Begin a file in `folder`. What earlier files there tell of `first_step` on is lost work: it is not shown.

        Raises:
            SSHError: it cannot be written; the message names it.
        """
        self._path = folder / f"events.out.tfevents.{time.time():.3f}.{socket.gethostname()}"
        with self._writing():
            self._records = tf.python_io.TFRecordWriter(str(self._path))
        self._add(file_version=_VERSION)
        self._add(step=first_step, session_log=tf.SessionLog(status=tf.SessionLog.START))

    def add(self, step: int, values: Mapping[str, float], pictures: Sequence[np.ndarray] = ()) -> None:
        """Points of curves, and pictures (H, W, 3) BGR, of `step`."""
        summary = [tf.Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        for number, picture in enumerate(pictures):
            coded = cv2.imencode(".jpg", picture)[1].tobytes()
            image = tf.Summary.Image(height=picture.shape[0], width=picture.shape[1], encoded_image_string=coded)
            summary.append(tf.Summary.Value(tag=f"faces/{number}", image=image))
        self._add(step=step, summary=tf.Summary(value=summary))

    def close(self) -> None:
        """Close the file."""
        with self._writing():
            self._records.close()

    def _add(self, **fields: object) -> None:
        with self._writing():
            self._records.write(tf.Event(wall_time=time.time(), **fields).SerializeToString())
            self._records.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            reason = first_line(error).rpartition("; ")[2]
            raise SSHError(f"{self._path}: {reason}; the snapshots are as they were") from error

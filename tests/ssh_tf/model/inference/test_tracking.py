"""Faces keep their numbers from frame to frame."""

import numpy as np
import pytest

pytest.importorskip("trackers", reason="the extra track is not installed")

from ssh_tf.model.inference.tracking import FaceTracker

NOBODY = np.zeros((0, 5), np.float32)


def frame(number, order=(0, 1)):
    """Two faces that pass each other at a distance, in any order."""
    rows = np.array(
        [[10 + 3 * number, 10, 60 + 3 * number, 60, 0.9], [200 - 3 * number, 130, 250 - 3 * number, 180, 0.8]]
    )
    return rows[list(order)].astype(np.float32)


def begun():
    """A tracker that has seen two frames, and the numbers of the second."""
    tracker = FaceTracker(25.0, 0.5)
    assert tracker(frame(0)) == [None, None]
    return tracker, tracker(frame(1))


def test_numbers_stay_with_their_faces_whatever_the_order():
    tracker, first = begun()
    assert None not in first
    assert first[0] != first[1]
    for number in range(2, 30):
        assert tracker(frame(number, (1, 0))) == [first[1], first[0]]


def test_a_face_that_was_gone_for_some_frames_comes_back_with_its_number():
    tracker, first = begun()
    for number in range(2, 5):
        tracker(frame(number))
    for _ in range(3):
        assert tracker(NOBODY) == []
    assert tracker(frame(8)) == first


def test_videos_are_numbered_apart():
    assert begun()[1] == begun()[1]

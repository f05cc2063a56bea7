"""Detection by MindSpore."""

import numpy as np
import pytest

from ssh_ms.detector import FaceDetector
from ssh_ms.framework import ms
from ssh_ms.proposals import DetectionOptions
from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes, map_anchors
from ssh_tf.utils.errors import CheckpointError, ImageError

SMALL = DetectionOptions(shortest=48, longest=64)


def one_face(images):
    """A network that finds the third anchor of the second cell of M1's first row, moved by half its width."""
    height, width = images.shape[2:]
    count = sum(2 * h * w for h, w in branch_sizes(height, width, pool_deep=True))
    logits, deltas = np.full((1, count), -9.0, np.float32), np.zeros((1, count, 4), np.float32)
    logits[0, 3], deltas[0, 3, 0] = 2.0, 0.5
    return ms.Tensor(logits), ms.Tensor(deltas)


def test_boxes_are_in_pixels_of_the_picture():
    image = np.zeros((96, 128, 3), np.uint8)
    found = FaceDetector(one_face, SMALL)(image, 0.5)
    anchor = map_anchors(6, 8, BRANCHES[0])[3]
    centre = (anchor[:2] + anchor[2:] + 1) / 2 + [16, 0]
    box = np.clip(np.concatenate([centre - 16, centre + 16]), 0, [63, 47, 63, 47])
    np.testing.assert_allclose(found, [[*(box * 2), 1 / (1 + np.exp(-2))]], rtol=1e-6)


def test_the_threshold():
    image = np.zeros((96, 128, 3), np.uint8)
    assert FaceDetector(one_face, SMALL)(image, 0.9).shape == (0, 5)


def test_pictures_that_are_too_narrow():
    with pytest.raises(ImageError, match="128x8 pixels are too narrow"):
        FaceDetector(one_face, SMALL)(np.zeros((8, 128, 3), np.uint8), 0.5)


def test_a_checkpoint_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        FaceDetector.from_checkpoint(tmp_path / "a.ckpt")

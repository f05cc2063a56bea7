"""Detection by MindSpore."""

import numpy as np
import pytest

from ssh_ms.detector import NetworkRunner, load_detector
from ssh_ms.framework import ms
from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes, map_anchors
from ssh_tf.layer_utils.proposal_options import ProposalOptions
from ssh_tf.model.config import load_config
from ssh_tf.model.inference.detection import Detector
from ssh_tf.utils.errors import CheckpointError


def one_face(images):
    """A network that finds one face: the larger anchor of M1's second cell, moved by half its width."""
    height, width = images.shape[2:]
    count = sum(2 * h * w for h, w in branch_sizes(height, width, pool_deep=True))
    logits, deltas = np.full((1, count), -9.0, np.float32), np.zeros((1, count, 4), np.float32)
    # The brighter the image's corner is, the surer.
    logits[0, 3], deltas[0, 3, 0] = images.asnumpy()[0, 0, 0, 0] / 100, 0.5
    return ms.Tensor(logits), ms.Tensor(deltas)


def expected_box(height, width):
    anchor = map_anchors(-(-height // 8), -(-width // 8), BRANCHES[0])[3]
    centre = (anchor[:2] + anchor[2:] + 1) / 2 + [16, 0]
    return np.clip(np.concatenate([centre - 16, centre + 16]), 0, [width - 1, height - 1] * 2)


def test_every_image_of_a_batch_has_its_own_proposals():
    images = np.zeros((2, 48, 64, 3), np.float32)
    images[1] = 100
    found = NetworkRunner(one_face, ProposalOptions())(images, 1.0)
    assert len(found) == 2
    for proposals, logit in zip(found, (0, 1), strict=True):
        np.testing.assert_allclose(proposals.boxes, [expected_box(48, 64)])
        np.testing.assert_allclose(proposals.scores, [1 / (1 + np.exp(-logit))], rtol=1e-6)


def test_boxes_are_in_pixels_of_the_picture():
    config = load_config(None, ["TEST.SCALES", "[48]", "TEST.MAX_SIZE", "64"])
    detector = Detector(NetworkRunner(one_face, ProposalOptions()), config)
    found = detector(np.full((96, 128, 3), 255, np.uint8), 0.5)
    np.testing.assert_allclose(found[:, :4], [2 * expected_box(48, 64)])


def test_a_checkpoint_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        load_detector(tmp_path / "a.ckpt", load_config())

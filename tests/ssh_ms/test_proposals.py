"""Proposals in NumPy against the TensorFlow graph's."""

import numpy as np
import pytest

from ssh_ms.proposals import propose
from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes, map_anchors
from ssh_tf.layer_utils.proposal_options import ProposalOptions
from ssh_tf.layer_utils.proposals import propose as propose_in_graph
from ssh_tf.utils.tf1 import tf


@pytest.mark.parametrize("mode", ["nms", "top"])
@pytest.mark.parametrize(("height", "width"), [(131, 203), (300, 400), (16, 500)])
def test_proposals_are_those_of_the_graph(height, width, mode):
    options = ProposalOptions(mode=mode, keep=100, top_n=300)
    sizes = branch_sizes(height, width, pool_deep=True)
    grids = [map_anchors(*size, branch) for size, branch in zip(sizes, BRANCHES, strict=True)]
    rng = np.random.default_rng(height)
    count = sum(map(len, grids))
    logits = rng.normal(-1, 2, count).astype(np.float32)
    deltas = rng.normal(0, 0.3, (count, 4)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        rows = [tf.constant(part) for part in (np.concatenate(grids), logits, deltas)]
        counts = [len(grid) for grid in grids]
        wanted = session.run(propose_in_graph(*rows, counts, float(height), float(width), options))
    found = propose(logits, deltas, height, width, options)
    assert len(found.scores) > 50
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=1e-3)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)
    np.testing.assert_array_equal(found.branches, wanted.branches)


def test_logits_without_bound():
    logits = np.full(12, -1000, np.float32)
    logits[3] = 1000
    found = propose(logits, np.zeros((12, 4), np.float32), 16, 16, ProposalOptions())
    np.testing.assert_array_equal(found.boxes, [[0, 0, 15, 15]])
    assert (found.scores, found.branches) == (1, 0)


def test_nothing_found():
    found = propose(np.full(12, -9, np.float32), np.zeros((12, 4), np.float32), 16, 16, ProposalOptions())
    assert (found.boxes.shape, found.scores.shape, found.branches.shape) == ((0, 4), (0,), (0,))

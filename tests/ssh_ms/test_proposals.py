"""Proposals in NumPy against the TensorFlow graph's."""

import numpy as np
import pytest

from ssh_ms.proposals import DetectionOptions, merge, propose
from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes, map_anchors
from ssh_tf.layer_utils.proposals import ProposalOptions
from ssh_tf.layer_utils.proposals import propose as propose_in_graph
from ssh_tf.utils.tf1 import tf


@pytest.mark.parametrize(("height", "width"), [(131, 203), (300, 400), (16, 500)])
def test_proposals_are_those_of_the_graph(height, width):
    sizes = branch_sizes(height, width, pool_deep=True)
    grids = [map_anchors(*size, branch) for size, branch in zip(sizes, BRANCHES, strict=True)]
    rng = np.random.default_rng(height)
    count = sum(map(len, grids))
    logits = rng.normal(-1, 2, count).astype(np.float32)
    deltas = rng.normal(0, 0.3, (count, 4)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        anchors, counts = np.concatenate(grids), [len(grid) for grid in grids]
        graph = propose_in_graph(
            tf.constant(anchors),
            tf.constant(logits),
            tf.constant(deltas),
            counts,
            float(height),
            float(width),
            ProposalOptions(keep=100),
        )
        wanted = session.run(graph)
    found = propose(logits, deltas, height, width, DetectionOptions(branch_keep=100))
    assert len(found) > 50
    np.testing.assert_allclose(found[:, :4], wanted.boxes, atol=1e-3)
    np.testing.assert_allclose(found[:, 4], wanted.scores, atol=1e-6)


def test_logits_without_bound():
    logits = np.full(12, -1000, np.float32)
    logits[3] = 1000
    found = propose(logits, np.zeros((12, 4), np.float32), 16, 16, DetectionOptions())
    np.testing.assert_array_equal(found, [[0, 0, 15, 15, 1]])


def test_merging_over_branches():
    rows = np.array([[0, 0, 20, 20, 0.6], [2, 0, 22, 20, 0.9], [50, 50, 60, 60, 0.4], [80, 0, 90, 10, 0.5]], np.float32)
    found = merge(rows, scale=2.0, threshold=0.45, overlap=0.3)
    np.testing.assert_array_equal(found, np.array([[1, 0, 11, 10, 0.9], [40, 0, 45, 5, 0.5]], np.float32))

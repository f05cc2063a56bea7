"""Proposals against a slow oracle. K anchors, R proposals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssh_tf.layer_utils.box_coding import clip, decode
from ssh_tf.layer_utils.proposals import PROPOSAL_MODES, ProposalOptions, propose
from ssh_tf.utils.tf1 import tf

HEIGHT, WIDTH = 300.0, 400.0
COUNTS = (60, 30, 10)


class Graph:
    """`propose` in a session of its own."""

    def __init__(self, options):
        with tf.Graph().as_default() as graph:
            self.inputs = [tf.placeholder(tf.float32, shape) for shape in ((None, 4), (None,), (None, 4))]
            self.counts = tf.placeholder(tf.int32, (3,))
            found = propose(*self.inputs, self.counts, HEIGHT, WIDTH, options)
            self.run = tf.Session(graph=graph).make_callable(found, [*self.inputs, self.counts])

    def __call__(self, rows, counts=COUNTS):
        return self.run(*rows, np.array(counts, np.int32))


GRAPHS = {
    "nms": Graph(ProposalOptions(keep=12)),
    "top": Graph(ProposalOptions(mode="top", top_n=20)),
    "all": Graph(ProposalOptions(score_threshold=-1.0)),
}


def random_rows(seed, count=100):
    generator = np.random.default_rng(seed)
    corner = generator.uniform(-20, 350, (count, 2))
    anchors = np.hstack([corner, corner + generator.uniform(8, 60, (count, 2))]).astype(np.float32)
    return (
        anchors,
        generator.normal(-2, 2, count).astype(np.float32),
        generator.normal(0, 0.2, (count, 4)).astype(np.float32),
    )


def oracle(rows, counts, threshold, overlap, keep):
    """Branch by branch: best first, equal scores in order, no box over `overlap` with a better one (no +1)."""
    found = []
    start = 0
    for branch, count in enumerate(counts):
        anchors, logits, deltas = (part[start : start + count] for part in rows)
        start += count
        scores = 1 / (1 + np.exp(-logits.astype(np.float64)))
        boxes = clip(decode(anchors, deltas), HEIGHT, WIDTH)
        kept = []
        for row in sorted(np.flatnonzero(scores > threshold), key=lambda row: (-scores[row], row)):
            if len(kept) < keep and all(plain_overlap(boxes[row], boxes[other]) <= overlap for other in kept):
                kept.append(row)
        found += [(*boxes[row], scores[row], branch) for row in kept]
    return np.array(found).reshape(-1, 6)


def plain_overlap(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return w * h / (sum(area) - w * h)


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_nms_mode_is_greedy_suppression_by_branch(seed):
    rows = random_rows(seed)
    found = GRAPHS["nms"](rows)
    wanted = oracle(rows, COUNTS, 0.05, 0.3, 12)
    np.testing.assert_allclose(np.column_stack([found.boxes, found.scores, found.branches]), wanted, atol=1e-3)


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_the_threshold_leaves_what_is_above_it_as_it_was(seed):
    rows = random_rows(seed)
    without = GRAPHS["all"](rows)
    wanted = without.scores > 0.05
    keep_all = oracle(rows, COUNTS, 0.05, 0.3, 300)
    np.testing.assert_allclose(without.boxes[wanted], keep_all[:, :4], atol=1e-3)


def test_top_mode_takes_the_best_as_they_are():
    rows = random_rows(5)
    found = GRAPHS["top"](rows)
    edges = np.cumsum((0, *COUNTS))
    for branch in range(3):
        scores = 1 / (1 + np.exp(-rows[1][edges[branch] : edges[branch + 1]]))
        wanted = np.sort(scores[scores > 0.05])[::-1][:20]
        np.testing.assert_allclose(found.scores[found.branches == branch], wanted, rtol=1e-5)


@pytest.mark.parametrize("mode", list(PROPOSAL_MODES))
def test_no_anchor_or_no_score_gives_no_proposal(mode):
    for rows, counts in ((random_rows(1, 0), (0, 0, 0)), ((*random_rows(1)[:1], *_hopeless()), COUNTS)):
        found = GRAPHS[mode](rows, counts)
        assert found.boxes.shape == (0, 4)
        assert found.scores.shape == found.branches.shape == (0,)


def _hopeless():
    return np.full(sum(COUNTS), -9, np.float32), np.zeros((sum(COUNTS), 4), np.float32)


def test_one_branch_may_be_empty():
    found = GRAPHS["all"](random_rows(2, 50), (0, 50, 0))
    assert set(found.branches) == {1}

"""Losses of a branch: literal cases, and any sample against a slow oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssh_tf.layer_utils.losses import branch_loss, smooth_l1
from ssh_tf.utils.tf1 import tf
from training_oracles import loss_oracle


@pytest.fixture(scope="module")
def loss():
    """A function of logits, deltas, labels, targets, weights (N, S, …): the losses, and their gradients."""
    with tf.Graph().as_default(), tf.Session() as session:
        shapes = ((None, None), (None, None, 4), (None, None), (None, None, 4), (None, None))
        inputs = [tf.placeholder(tf.float32, shape) for shape in shapes]
        outputs = branch_loss(*inputs, 3.0)
        gradients = tf.gradients(outputs.classes + outputs.boxes, inputs[:2])
        yield session.make_callable((outputs, gradients), inputs)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [(0, 0), (0.1, 0.045), (-0.1, 0.045), (1 / 9, 1 / 18), (1, 1 - 1 / 18), (-2, 2 - 1 / 18)],
)
def test_smooth_l1(difference, expected):
    with tf.Graph().as_default(), tf.Session() as session:
        assert session.run(smooth_l1(tf.constant(float(difference)), 3.0)) == pytest.approx(expected, abs=1e-7)


def test_literal_case(loss):
    # Two images of two sampled anchors each, and an empty place.
    logits = [[0, np.log(3), 9], [0, 0, 0]]
    labels = [[1, 0, 0], [0, 0, 1]]
    weights = [[1, 1, 0], [1, 1, 0]]
    deltas = np.zeros((2, 3, 4))
    targets = np.zeros((2, 3, 4))
    deltas[0, 0] = [1, 0, 0, 0.1]
    deltas[0, 1] = 5  # background: its box does not count
    (classes, boxes), _ = loss(logits, deltas, labels, targets, weights)
    first = (np.log(2) - np.log(1 - 0.75)) / 2
    assert classes == pytest.approx((first + np.log(2)) / 2, rel=1e-6)
    assert boxes == pytest.approx((1 - 1 / 18 + 0.045) / 2 / 2, rel=1e-6)


def test_an_image_without_samples_costs_nothing(loss):
    zeros, boxes = np.zeros((1, 2)), np.ones((1, 2, 4))
    losses, gradients = loss(zeros, boxes, zeros, 0 * boxes, zeros)
    assert losses == (0, 0)
    assert not any(gradient.any() for gradient in gradients)


def test_far_scores_stay_finite(loss):
    boxes = np.zeros((1, 2, 4))
    (classes, _), gradients = loss([[1e4, -1e4]], boxes, [[0, 1]], boxes, [[1, 1]])
    assert classes == pytest.approx(1e4)
    np.testing.assert_allclose(gradients[0], [[0.5, -0.5]])


SMALL = st.integers(-30, 30).map(lambda value: value / 10)
BIT = st.integers(0, 1)


@given(data=st.data(), count=st.integers(1, 6))
def test_like_the_oracle(loss, data, count):
    def draw(element, *shape):
        return data.draw(arrays(np.float64, shape, elements=element))

    logits, deltas, targets = draw(SMALL, count), draw(SMALL, count, 4), draw(SMALL, count, 4)
    labels, weights = draw(BIT, count), draw(BIT, count)
    (classes, boxes), _ = loss(*(part[None] for part in (logits, deltas, labels, targets, weights)))
    positives, negatives = (np.flatnonzero((labels == kind) & (weights == 1)) for kind in (1, 0))
    expected = loss_oracle(logits, deltas, targets, positives, negatives, 3.0)
    assert (classes, boxes) == pytest.approx(expected, rel=1e-5, abs=1e-6)

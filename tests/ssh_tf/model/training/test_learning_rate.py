"""Learning rates and branches of an iteration."""

import math

import numpy as np
import pytest

from ssh_tf.model.train_val import draw_branch_weights
from ssh_tf.model.training.learning_rate import learning_rate


@pytest.mark.parametrize(
    ("iteration", "expected"),
    [(0, 0.001), (119_999, 0.001), (120_000, 0.0001), (199_999, 0.0001), (200_000, 0.00001), (300_000, 0.00001)],
)
def test_step_decay(iteration, expected):
    assert learning_rate(iteration, 0.001, [120_000, 200_000], 0.1) == pytest.approx(expected)


def test_cosine():
    rates = [learning_rate(done, 2.0, [5], 0.1, schedule="cosine", iterations=100) for done in (0, 25, 50, 100, 150)]
    assert rates == pytest.approx([2, 1 + math.sqrt(0.5), 1, 0, 0])


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_warm_up(schedule):
    def rate(iteration, warmup):
        return learning_rate(iteration, 1.0, [50], 0.1, warmup, schedule, 100)

    shares = [rate(done, 10) / rate(done, 0) for done in (0, 5, 9, 10, 60)]
    assert shares == pytest.approx([0.1, 0.55, 0.91, 1, 1])


def test_group_training_takes_all_branches():
    np.testing.assert_array_equal(draw_branch_weights("group", 3, 17), [1, 1, 1])


def test_random_training_draws_one_branch_uniformly():
    drawn = np.array([draw_branch_weights("random", 3, iteration) for iteration in range(6000)])
    assert (np.sort(drawn, axis=1) == [0, 0, 1]).all()
    # Four standard deviations.
    np.testing.assert_allclose(drawn.sum(axis=0), 2000, atol=4 * math.sqrt(6000 * 2 / 9))
    following = drawn[:-1][:, :, None] * drawn[1:][:, None, :]
    np.testing.assert_allclose(following.sum(axis=0), 6000 / 9, atol=4 * math.sqrt(6000 * 8 / 81))
    np.testing.assert_array_equal(draw_branch_weights("random", 3, 42), drawn[42])
    assert any((draw_branch_weights("random", 4, iteration) != drawn[iteration]).any() for iteration in range(20))

"""What a step does to the variables."""

import numpy as np
import pytest

from networks import plain_session
from ssh_tf.nets.optimizer import OptimizerOptions, apply_gradients, without_optimizer
from ssh_tf.utils.tf1 import tf

NAMES = ("net/conv/weights", "net/conv/biases", "net/conv/depthwise_weights")


def steps(options, gradients, rate):
    """Values of three variables that begin with 1, 2, 3 after each of the steps; and what is left of all variables."""
    with tf.Graph().as_default(), tf.variable_scope("", use_resource=True):
        made = [tf.get_variable(name, initializer=value) for name, value in zip(NAMES, (1.0, 2.0, 3.0), strict=True)]
        gradient = tf.placeholder(tf.float32, (3,))
        pairs = list(zip(tf.unstack(gradient), made, strict=True))
        step = apply_gradients(pairs, tf.constant(rate), options)
        left = [variable.op.name for variable in without_optimizer(tf.global_variables())]
        session = plain_session()
        session.run(tf.global_variables_initializer())
        found = []
        for row in gradients:
            session.run(step, {gradient: row})
            found.append(session.run(made))
    return np.array(found), left


@pytest.mark.parametrize("kind", ["momentum", "adamw"])
def test_like_the_formula(kind):
    gradients = np.random.default_rng(0).normal(0, 1, (5, 3))
    found, left = steps(OptimizerOptions(kind, momentum=0.8, decay=0.3), gradients, 0.1)
    value, first, second = np.array([1.0, 2.0, 3.0]), np.zeros(3), np.zeros(3)
    for count, (gradient, after) in enumerate(zip(gradients, found, strict=True), start=1):
        if kind == "momentum":
            first = 0.8 * first + gradient
            value = value - 0.1 * first
        else:
            # Loshchilov and Hutter, algorithm 2; the first variable alone decays.
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            value = value - 0.1 * 0.3 * value * [1, 0, 0]
            value = value - 0.1 * (first / (1 - 0.9**count)) / (np.sqrt(second / (1 - 0.999**count)) + 1e-8)
        np.testing.assert_allclose(after, value, rtol=1e-4)
    assert left == list(NAMES)

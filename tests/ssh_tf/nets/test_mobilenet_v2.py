"""MobileNetV2, the one backbone whose normalisation is trained with the batch's statistics: one network, on images of
any size, with its losses and a training step."""

import numpy as np
import pytest

from networks import load_weights, outputs_of, plain_session, weight
from ssh_tf.layer_utils.anchors import BRANCHES, map_anchors
from ssh_tf.nets import network
from ssh_tf.nets.network import map_sizes
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.nets.training_graph import SamplingOptions, Targets, joint_gradients, training_losses
from ssh_tf.utils.tf1 import tf
from training_oracles import random_targets

SIDE, IMAGES = 64, 4


class Network:
    """At a third of the channels, in a session of its own."""

    def __init__(self):
        self._generator = np.random.default_rng(1)
        cells = map_sizes(SIDE, SIDE, "mobile_v2")
        anchors = np.concatenate([map_anchors(*cell, branch) for cell, branch in zip(cells, BRANCHES, strict=True)])
        targets = Targets(*map(tf.constant, random_targets(self._generator, anchors, IMAGES)))
        options = NetworkOptions("mobile_v2", depth_multiplier=0.35, min_depth=16, train_bn=True)
        self.images = tf.placeholder(tf.float32, (None, None, None, 3))
        with outputs_of(network, "network_heads") as heads:
            self.losses = training_losses(self.images, targets, tf.ones(3), options, SamplingOptions(32))
        self.scores = [head.scores for head in heads[0]]
        self.variables = {variable.op.name: variable for variable in tf.global_variables()}
        self.updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        self.session = plain_session()

    def run(self, tensors, images):
        return self.session.run(tensors, {self.images: images})

    def training(self):
        """A batch of images, and what a step does."""
        pairs = joint_gradients(self.losses.total, tf.trainable_variables(), True, 0.0)
        with tf.control_dependencies(self.updates):
            train = tf.train.GradientDescentOptimizer(0.05).apply_gradients(pairs, skip_gradients_aggregation=True)
        return self._generator.uniform(-100, 100, (IMAGES, SIDE, SIDE, 3)).astype(np.float32), train


@pytest.fixture(scope="module")
def built():
    with tf.Graph().as_default():
        yield Network()


def test_multiplier_keeps_the_last_layer_and_the_least_depth(built):
    shapes = {name: variable.shape.as_list() for name, variable in built.variables.items()}
    assert shapes["MobilenetV2/Conv/weights"][3] == 16
    assert shapes["MobilenetV2/expanded_conv_1/project/weights"][3] == 16
    assert shapes["MobilenetV2/Conv_1/weights"][3] == 1280


def test_statistics_are_updated_where_they_are_trained(built):
    statistics = [name for name in built.variables if "/BatchNorm/moving_" in name]
    assert len(built.updates) == len(statistics) == 2 * 52


def test_training_statistics_move_towards_those_of_the_batch(built):
    load_weights(built.session)
    mean = built.variables["MobilenetV2/Conv/BatchNorm/moving_mean"]
    before = built.session.run(mean)
    weights = weight("MobilenetV2/Conv/weights", [3, 3, 3, before.size])
    # A constant image: away from the border every output is the image times the sum of the weights.
    built.run(built.updates, np.full((2, 160, 160, 3), 50, np.float32))
    moved = built.session.run(mean) - before
    batch = 50 * weights.sum((0, 1, 2))
    np.testing.assert_allclose(moved, (1 - 0.9997) * (batch - before), rtol=0.05, atol=2e-5)


def test_sizes_of_the_maps(built):
    load_weights(built.session)
    for height, width in [(16, 16), (16, 40), (17, 31), (32, 33), (47, 97), (64, 130)]:
        found = built.run(built.scores, np.ones((1, height, width, 3)))
        assert [scores.shape[1:3] for scores in found] == map_sizes(height, width, "mobile_v2")


def test_batch_normalisation_is_trained_on_request(built):
    """With TRAIN_BN the batch's statistics normalise, and the moving ones move with a step."""
    images, train = built.training()
    statistics = [variable for name, variable in built.variables.items() if "/BatchNorm/moving_" in name]
    built.session.run(tf.global_variables_initializer())
    before = built.session.run(statistics)
    losses = [built.run((built.losses.total, train), images)[0] for _ in range(8)]
    after = built.session.run(statistics)
    assert losses[-1] < 0.9 * losses[0]
    assert all(np.isfinite(value).all() for value in after)
    assert all((first != last).any() for first, last in zip(before, after, strict=True))

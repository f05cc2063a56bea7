"""Which variables are trained and decayed, and how many channels they have, by the options of a network."""

from typing import NamedTuple

import numpy as np
import pytest

from networks import load_weights, plain_session, weight
from ssh_tf.nets.layers import weight_decay
from ssh_tf.nets.network import network_heads
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import tf


class Built(NamedTuple):
    """A network that was built."""

    variables: dict
    """{name: (shape, trainable)}"""
    decay: float
    """The term of the loss, with the `weight`s of the recorded runs."""


def build(backbone, **options):
    """The network in the default graph; {name: (shape, trainable)}."""
    network_heads(tf.placeholder(tf.float32, (None, None, None, 3)), NetworkOptions(backbone, **options))
    trained = {variable.op.name for variable in tf.trainable_variables()}
    return {
        variable.op.name: (variable.shape.as_list(), variable.op.name in trained) for variable in tf.global_variables()
    }


def mobile(**options):
    """MobileNetV1 at a quarter of the channels."""
    with tf.Graph().as_default(), plain_session() as session:
        variables = build("mobile", weight_decay=1e-4, mobile_weight_decay=4e-5, depth_multiplier=0.25, **options)
        load_weights(session)
        return Built(variables, session.run(weight_decay()))


@pytest.fixture(scope="module")
def affine():
    """One of which normalisation is trained and biases are decayed."""
    return mobile(fixed_layers=3, train_affine=True, bias_decay=True)


@pytest.fixture(scope="module")
def open_to_the_input():
    """One of which all layers are trained, and weights alone are decayed."""
    return mobile(fixed_layers=0, bias_decay=False)


def layers(variables, trained):
    return {name.split("/")[1] for name, (_, trains) in variables.items() if trains == trained}


@pytest.mark.parametrize(("fixed", "frozen"), [(0, {"conv1"}), (3, {"conv1", "block1", "block2", "block3"})])
def test_fixed_blocks_of_resnets(fixed, frozen, monkeypatch):
    monkeypatch.setattr("ssh_tf.nets.resnet_v1._UNITS", {50: (2, 2, 2, 2)})
    with tf.Graph().as_default():
        variables = build("res50", fixed_blocks=fixed)
    weights = {name: row for name, row in variables.items() if name.endswith("weights")}
    assert layers(weights, False) == frozen


def test_affine_part_of_mobilenets_normalisation(affine):
    rows = {name: row for name, row in affine.variables.items() if name.endswith(("/gamma", "/beta"))}
    parts = [f"Conv2d_{layer}_{part}" for layer in (1, 2) for part in ("depthwise", "pointwise")]
    assert layers(rows, False) == {"Conv2d_0", *parts}
    assert len(layers(rows, True)) == 2 * 11
    assert not any(trained for name, (_, trained) in affine.variables.items() if "/moving_" in name)


def test_fixed_layers_of_mobilenet(open_to_the_input):
    assert {name.rpartition("/")[2] for name, (_, trained) in open_to_the_input.variables.items() if not trained} == {
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
    }


def test_a_quarter_of_the_channels(affine):
    assert affine.variables["MobilenetV1/Conv2d_0/weights"][0] == [3, 3, 3, 8]
    assert affine.variables["MobilenetV1/Conv2d_13_pointwise/weights"][0] == [1, 1, 256, 256]


@pytest.mark.parametrize(
    ("network", "endings"), [("open_to_the_input", ("/weights",)), ("affine", ("/weights", "/biases"))]
)
def test_weight_decay_of_mobilenet_and_of_the_modules(network, endings, request):
    variables, total = request.getfixturevalue(network)
    decays = {"Conv2d": 4e-5, "M1": 1e-4, "M2": 1e-4, "M3": 1e-4}
    decayed = [name for name in variables if name.endswith(endings)]
    squares = {name: np.square(weight(name, variables[name][0]).astype(np.float64)).sum() for name in decayed}
    expected = sum(decays[name.split("/")[1].partition("_")[0]] * 0.5 * squares[name] for name in decayed)
    assert total == pytest.approx(expected, rel=1e-6)

"""Names, shapes, training and regularisation of variables: checkpoints of the reference load as they are."""

import numpy as np
import pytest

from networks import built, load_weights, variable_contract, weight
from ssh_tf.nets.layers import weight_decay
from ssh_tf.nets.network import network_heads
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import tf


def build(backbone, **options):
    """The network in the default graph; {name: (shape, trainable)}."""
    network_heads(tf.placeholder(tf.float32, (None, None, None, 3)), NetworkOptions(backbone, **options))
    trained = {variable.op.name for variable in tf.trainable_variables()}
    return {
        variable.op.name: (variable.shape.as_list(), variable.op.name in trained) for variable in tf.global_variables()
    }


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


@pytest.mark.parametrize("backbone", ["vgg16", "res50", "res101", "res152", "mobile", "mobile_v2"])
def test_variables_are_the_references(backbone):
    assert built(backbone).variables == variable_contract(backbone)


def test_variables_of_darknet53():
    variables = built("darknet53").variables
    body = {name.split("/")[1] for name in variables if name.startswith("Darknet53/conv_")}
    assert body == {f"conv_{number}" for number in range(52)}
    assert variables["Darknet53/conv_0/weights"] == ([3, 3, 3, 32], True)
    assert variables["Darknet53/conv_51/weights"] == ([3, 3, 512, 1024], True)
    assert variables["Darknet53/conv_51/BatchNorm/gamma"] == ([1024], False)
    modules = {name.partition("/")[2] for name in variables if name.split("/")[1].startswith("M")}
    assert modules == {
        name.partition("/")[2] for name in variable_contract("vgg16") if name.split("/")[1].startswith("M")
    }


def layers(variables, trained):
    return {name.split("/")[1] for name, (_, trains) in variables.items() if trains == trained}


@pytest.mark.parametrize(("fixed", "frozen"), [(0, {"conv1"}), (3, {"conv1", "block1", "block2", "block3"})])
def test_fixed_blocks_of_resnets(fixed, frozen):
    variables = build("res50", fixed_blocks=fixed)
    weights = {name: row for name, row in variables.items() if name.endswith("weights")}
    assert layers(weights, False) == frozen


def test_affine_part_of_mobilenets_normalisation():
    variables = build("mobile", fixed_layers=3, train_affine=True)
    affine = {name: row for name, row in variables.items() if name.endswith(("/gamma", "/beta"))}
    parts = [f"Conv2d_{layer}_{part}" for layer in (1, 2) for part in ("depthwise", "pointwise")]
    assert layers(affine, False) == {"Conv2d_0", *parts}
    assert len(layers(affine, True)) == 2 * 11
    assert not any(trained for name, (_, trained) in variables.items() if "/moving_" in name)


def test_fixed_layers_of_mobilenet():
    variables = build("mobile", fixed_layers=0)
    assert {name.rpartition("/")[2] for name, (_, trained) in variables.items() if not trained} == {
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
    }


def test_a_quarter_of_the_channels():
    variables = build("mobile", depth_multiplier=0.25)
    assert variables["MobilenetV1/Conv2d_0/weights"][0] == [3, 3, 3, 8]
    assert variables["MobilenetV1/Conv2d_13_pointwise/weights"][0] == [1, 1, 256, 256]


def test_multiplier_of_mobilenet_v2_keeps_the_last_layer_and_the_least_depth():
    variables = build("mobile_v2", depth_multiplier=0.35, min_depth=16)
    assert variables["MobilenetV2/Conv/weights"][0][3] == 16
    assert variables["MobilenetV2/expanded_conv_1/project/weights"][0][3] == 16
    assert variables["MobilenetV2/Conv_1/weights"][0][3] == 1280


@pytest.mark.parametrize(("train_bn", "updates"), [(False, 0), (True, 2 * 52)])
def test_statistics_are_updated_only_where_they_are_trained(train_bn, updates):
    build("mobile_v2", train_bn=train_bn)
    assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == updates


def test_training_statistics_move_towards_those_of_the_batch():
    options = NetworkOptions("mobile_v2", train_bn=True, depth_multiplier=0.25)
    images = tf.placeholder(tf.float32, (None, None, None, 3))
    network_heads(images, options)
    mean = next(
        variable for variable in tf.global_variables() if variable.op.name.endswith("Conv/BatchNorm/moving_mean")
    )
    with tf.Session() as session:
        load_weights(session)
        before = session.run(mean)
        weights = weight("MobilenetV2/Conv/weights", [3, 3, 3, before.size])
        # A constant image: away from the border every output is the image times the sum of the weights.
        session.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS), {images: np.full((2, 160, 160, 3), 50, np.float32)})
        moved = session.run(mean) - before
    batch = 50 * weights.sum((0, 1, 2))
    np.testing.assert_allclose(moved, (1 - 0.9997) * (batch - before), rtol=0.05, atol=2e-5)


@pytest.mark.parametrize(("bias_decay", "endings"), [(False, ("/weights",)), (True, ("/weights", "/biases"))])
def test_weight_decay_of_mobilenet_and_of_the_modules(bias_decay, endings):
    options = {"weight_decay": 1e-4, "mobile_weight_decay": 4e-5, "bias_decay": bias_decay, "depth_multiplier": 0.25}
    variables = build("mobile", **options)
    with tf.Session() as session:
        load_weights(session)
        total = session.run(weight_decay())
    decays = {"Conv2d": 4e-5, "M1": 1e-4, "M2": 1e-4, "M3": 1e-4}
    decayed = [name for name in variables if name.endswith(endings)]
    squares = {name: np.square(weight(name, variables[name][0]).astype(np.float64)).sum() for name in decayed}
    expected = sum(decays[name.split("/")[1].partition("_")[0]] * 0.5 * squares[name] for name in decayed)
    assert total == pytest.approx(expected, rel=1e-6)

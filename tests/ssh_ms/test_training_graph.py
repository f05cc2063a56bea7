"""Losses, gradients and steps in MindSpore against the recorded runs of the reference's own graph."""

import numpy as np
import pytest

from networks import DATA, golden_image
from ssh_ms.checkpoints import load_network
from ssh_ms.framework import ms, set_up
from ssh_ms.names import read_name_table
from ssh_ms.network import SSHNetwork
from ssh_ms.training_data import CanvasOptions, ExampleMaker
from ssh_ms.training_graph import LossOptions, TrainingLoss, TrainStep, freeze_early_layers
from ssh_ms_weights import NAMES, parameters
from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.roi_data_layer.samples import FACE

GOLDEN = np.load(DATA / "golden/vgg16_train.npz", allow_pickle=False)


def batch(image, boxes):
    """The targets of `boxes` (G, 4) on `image` (1, H, W, 3), mean subtracted: a batch of one."""
    height, width = image.shape[1:3]
    maker = ExampleMaker(CanvasOptions(height, width), MatchOptions())
    kinds = np.full(len(boxes), FACE, np.float32)
    example = maker.example(np.random.default_rng(0), np.zeros((height, width, 3), np.uint8), boxes, kinds)
    example = example._replace(image=np.ascontiguousarray(image[0].transpose(2, 0, 1)))
    return height, width, [ms.Tensor(column[None]) for column in example]


def recorded(number):
    """The recorded run's input."""
    return batch(golden_image(number), np.ascontiguousarray(GOLDEN[f"{number}/gt"][:, :4], np.float32))


@pytest.fixture(scope="module")
def network(checkpoint):
    network = SSHNetwork()
    load_network(network, checkpoint)
    freeze_early_layers(network)
    return network


@pytest.mark.parametrize("mode", ["graph", "pynative"])
def test_losses_are_those_of_the_reference(network, mode):
    set_up(mode)
    for number in {"graph": [1], "pynative": [0, 1]}[mode]:
        height, width, columns = recorded(number)
        total, parts = TrainingLoss(network, height, width, LossOptions(weight_decay=1e-4))(*columns)
        wanted = [
            float(GOLDEN[f"{number}/{branch.name}/{name}"])
            for branch in BRANCHES
            for name in ("rpn_cross_entropy", "rpn_loss_box")
        ]
        np.testing.assert_allclose(parts.asnumpy()[:-1], wanted, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(float(total), GOLDEN[f"{number}/total"], rtol=1e-4)
    set_up("pynative")


def test_gradients_are_those_of_the_reference(network):
    height, width, columns = recorded(0)
    loss = TrainingLoss(network, height, width, LossOptions(weight_decay=1e-4))
    trained = ms.ParameterTuple(loss.trainable_params())
    _, gradients = ms.value_and_grad(loss, None, trained, has_aux=True)(*columns)
    norms = {p.name: np.linalg.norm(g.asnumpy()) for p, g in zip(trained, gradients, strict=True)}
    names = read_name_table(NAMES)
    wanted = {
        names[str(name).removesuffix(":0")]: norm
        for name, norm in zip(GOLDEN["0/gradnames"], GOLDEN["0/gradnorms"], strict=True)
    }
    assert set(norms) == set(wanted)
    for name, norm in wanted.items():
        np.testing.assert_allclose(norms[name], norm, rtol=1e-3, err_msg=name)


def test_a_step_moves_weights_by_momentum_and_biases_twice_as_far(checkpoint):
    network = SSHNetwork()
    load_network(network, checkpoint)
    freeze_early_layers(network)
    faces = np.array([[8, 8, 24, 24], [20, 10, 50, 44]], np.float32)
    height, width, columns = batch(golden_image(0)[:, :48, :64], faces)
    loss = TrainingLoss(network, height, width, LossOptions(weight_decay=0.0))
    trained = ms.ParameterTuple(loss.trainable_params())
    step = TrainStep(loss, learning_rate=1e-3, momentum=0.5, double_bias=True)
    gradient_of = ms.value_and_grad(loss, None, trained, has_aux=True)
    names = [parameter.name for parameter in trained]
    speed = dict.fromkeys(names, 0.0)
    expected = {name: parameters()[name].astype(np.float64) for name in names}
    for _ in range(2):
        _, gradients = gradient_of(*columns)
        for name, gradient in zip(names, gradients, strict=True):
            factor = 2.0 if name.endswith(".bias") else 1.0
            speed[name] = 0.5 * speed[name] + factor * gradient.asnumpy()
            expected[name] -= 1e-3 * speed[name]
        step(*columns)
    found = {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6, err_msg=name)
    for name in set(found) - set(names):
        np.testing.assert_array_equal(found[name], parameters()[name], err_msg=name)


def rows(*values):
    return ms.Tensor(np.array([values], np.float32))


@pytest.mark.parametrize(
    ("hard_mining", "sampled"),
    [
        # Two places, one for a face: the least likely face, and the likeliest background.
        (True, {1, 3}),
        # By the random numbers, the same way.
        (False, {0, 4}),
    ],
)
def test_sampling(network, hard_mining, sampled):
    logits = np.array([2.0, -2.0, 0.0, 1.0, -1.0, 3.0], np.float32)
    random = rows(0.1, 0.9, 0.5, 0.2, 0.8, 0.99)
    options = LossOptions(weight_decay=1e-4, batch_size=2, hard_mining=hard_mining)
    loss = TrainingLoss(network, 16, 16, options)
    labels = ms.Tensor(np.array([[1, 1, -1, 0, 0, -1]], np.int32))
    hardness = rows(*(1 / (1 + np.exp(-logits)))) if hard_mining else random
    zeros = ms.Tensor(np.zeros((1, 6, 4), np.float32))
    targets = ms.Tensor(np.arange(24, dtype=np.float32).reshape(1, 6, 4) / 100)
    classes, boxes = loss._branch(ms.Tensor(logits[None]), zeros, labels, targets, hardness)
    signs = np.array([-1, -1, 0, 1, 1, 0])
    entropy = sum(np.log1p(np.exp(signs[at] * logits[at])) for at in sampled)
    np.testing.assert_allclose(float(classes), entropy / 2, rtol=1e-5)
    (face,) = sampled & {0, 1}
    offsets = (np.arange(24).reshape(6, 4) / 100)[face]
    np.testing.assert_allclose(float(boxes), (0.5 * 9 * offsets**2).sum() / 2, rtol=1e-5)


def test_an_image_that_teaches_nothing(network):
    loss = TrainingLoss(network, 16, 16, LossOptions(weight_decay=1e-4))
    ignored = ms.Tensor(np.full((1, 6), -1, np.int32))
    zeros = ms.Tensor(np.zeros((1, 6, 4), np.float32))
    found = loss._branch(rows(*range(6)), zeros, ignored, zeros, rows(*[0.5] * 6))
    assert [float(value) for value in found] == [0.0, 0.0]

"""The network in MindSpore against the recorded runs of the reference's own graph."""

from pathlib import Path

import numpy as np
import pytest

from networks import DATA, golden_image
from ssh_ms.checkpoints import load_network
from ssh_ms.framework import ms, set_up
from ssh_ms.network import SSHNetwork, any_size
from ssh_ms_weights import parameters
from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes


@pytest.fixture(scope="module", params=["graph", "pynative"])
def network(request, checkpoint: Path):
    """The network with the recorded weights, compiled once for all sizes, or run operation by operation."""
    set_up(request.param)
    network = SSHNetwork()
    load_network(network, checkpoint)
    network.set_train(False)
    yield any_size(network)
    set_up("pynative")


def test_parameters_are_the_ports():
    network = SSHNetwork()
    assert {parameter.name: parameter.shape for parameter in network.get_parameters()} == {
        name: value.shape for name, value in parameters().items()
    }


def test_rows_are_those_of_the_reference(network):
    golden = np.load(DATA / "golden/vgg16_test.npz", allow_pickle=False)
    for number in range(2):
        image = golden_image(number).transpose(0, 3, 1, 2)
        logits, deltas = (rows.asnumpy() for rows in network(ms.Tensor(np.ascontiguousarray(image))))
        faces = [golden[f"{number}/{branch.name}/rpn_cls_prob"][..., 2:].ravel() for branch in BRANCHES]
        boxes = [golden[f"{number}/{branch.name}/bbox"].reshape(-1, 4) for branch in BRANCHES]
        np.testing.assert_allclose(1 / (1 + np.exp(-logits[0])), np.concatenate(faces), atol=1e-5)
        np.testing.assert_allclose(deltas[0], np.concatenate(boxes), atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 100), (33, 97)])
def test_any_size(network, height, width):
    logits, deltas = network(ms.Tensor(np.zeros((1, 3, height, width), np.float32)))
    count = sum(2 * h * w for h, w in branch_sizes(height, width, pool_deep=True))
    assert logits.shape == (1, count)
    assert deltas.shape == (1, count, 4)


def test_initial_weights_carry_a_signal():
    """Without batch normalisation, weights that are too small would leave nothing at the end of 13 layers."""
    ms.set_seed(1)
    image = golden_image(1).transpose(0, 3, 1, 2)
    _, high = SSHNetwork().ssh.vgg(ms.Tensor(np.ascontiguousarray(image)))
    assert 0.01 < high.asnumpy().std() < 100

"""Exported networks."""

import numpy as np
import onnxruntime
import pytest

from networks import DATA, golden_image
from ssh_ms.checkpoints import load_network
from ssh_ms.export import export
from ssh_ms.framework import ms, nn
from ssh_ms.network import SSHNetwork
from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.utils.errors import CheckpointError, ConfigError


@pytest.fixture(scope="module")
def network(checkpoint):
    network = SSHNetwork()
    load_network(network, checkpoint)
    return network


def run_mindir(path, images):
    return [rows.asnumpy() for rows in nn.GraphCell(ms.load(str(path)))(ms.Tensor(images))]


def run_onnx(path, images):
    return onnxruntime.InferenceSession(path).run(["logits", "deltas"], {"images": images})


@pytest.mark.parametrize(("suffix", "run"), [("mindir", run_mindir), ("onnx", run_onnx)])
def test_files_compute_what_the_reference_does(tmp_path, network, suffix, run):
    path = tmp_path / f"sub/ssh.{suffix}"
    assert export(network, path) < 1e-5
    golden = np.load(DATA / "golden/vgg16_test.npz", allow_pickle=False)
    for number in range(2):
        logits, deltas = run(path, np.ascontiguousarray(golden_image(number).transpose(0, 3, 1, 2)))
        faces = [golden[f"{number}/{branch.name}/rpn_cls_prob"][..., 2:].ravel() for branch in BRANCHES]
        boxes = [golden[f"{number}/{branch.name}/bbox"].reshape(-1, 4) for branch in BRANCHES]
        np.testing.assert_allclose(1 / (1 + np.exp(-logits[0])), np.concatenate(faces), atol=1e-5)
        np.testing.assert_allclose(deltas[0], np.concatenate(boxes), atol=1e-4)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_that_computes_something_else_is_not_kept(tmp_path, network, monkeypatch):
    def write(network, path):
        path.write_bytes(b"wrong")
        return lambda images: tuple(rows.asnumpy() + 1 for rows in network(ms.Tensor(images)))

    monkeypatch.setattr("ssh_ms.export._WRITERS", {".mindir": write})
    with pytest.raises(CheckpointError, match="differs from the network"):
        export(network, tmp_path / "ssh.mindir")
    assert not list(tmp_path.iterdir())


def test_other_suffixes(tmp_path, network):
    with pytest.raises(ConfigError, match=r"the suffix is one of \.mindir, \.onnx"):
        export(network, tmp_path / "ssh.pb")

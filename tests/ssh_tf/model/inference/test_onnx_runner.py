"""ONNX files: they find what the graph finds; what is refused."""

import numpy as np
import pytest

from networks import SMALL
from ssh_tf.layer_utils.proposals import ProposalOptions
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.files.agreement import compare_proposals
from ssh_tf.model.files.frozen_graphs import load_graph
from ssh_tf.model.inference.graph_runner import GraphRunner
from ssh_tf.model.inference.onnx_runner import OnnxRunner
from ssh_tf.utils.errors import CheckpointError, SSHError

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


@pytest.fixture(scope="module")
def runners(frozen_model, onnx_model):
    """The graph's and the ONNX file's."""
    return GraphRunner(load_graph(frozen_model), ProposalOptions(), "fp32"), OnnxRunner(onnx_model)


@pytest.mark.parametrize("size", [(120, 160), (131, 97), (16, 16)])
def test_proposals_are_those_of_tensorflow(runners, size):
    images = np.random.default_rng(1).uniform(-110, 130, (2, *size, 3)).astype(np.float32)
    wanted, found = (runner(images, 1.0) for runner in runners)
    assert len(found) == 2
    for one, other in zip(wanted, found, strict=True):
        agreement = compare_proposals(one.boxes, one.scores, other.boxes, other.scores)
        assert agreement.is_close
        assert agreement.wanted > 0
        assert agreement.pixels < 0.01
        assert agreement.score < 1e-4
        assert set(other.branches) <= {0, 1, 2}


def test_detector_takes_the_file(frozen_model, onnx_model, caplog):
    config = load_config(None, SMALL)
    image = np.random.default_rng(2).integers(0, 256, (90, 120, 3), np.uint8)
    wanted = FaceDetector.from_frozen(frozen_model, config, "fp32")(image)
    found = FaceDetector.from_frozen(onnx_model, config, "bf16")(image)
    np.testing.assert_allclose(found, wanted, atol=0.01)
    assert "fp32" in caplog.text


def changed(onnx_model, tmp_path, change):
    model = onnx.load(str(onnx_model))
    change(model)
    path = tmp_path / "changed.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def foreign_operation(model):
    model.graph.node[0].domain = "com.example"


def foreign_operation_in_a_branch(model):
    inner = onnx.helper.make_graph([onnx.helper.make_node("Steal", [], ["x"], domain="com.example")], "then", [], [])
    model.graph.node.append(onnx.helper.make_node("If", ["never"], ["x"], then_branch=inner, else_branch=inner))


def weights_elsewhere(model):
    weights = model.graph.initializer[0]
    weights.external_data.add(key="location", value="/etc/hostname")
    weights.data_location = onnx.TensorProto.EXTERNAL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (foreign_operation, r"refused.*com\.example"),
        (foreign_operation_in_a_branch, r"refused.*com\.example\.Steal"),
        (weights_elsewhere, "refused.*other files"),
        (lambda model: model.graph.output.pop(0), "it has no rois:0"),
        (lambda model: model.graph.node.pop(0), "ONNX Runtime cannot load it"),
    ],
)
def test_refusals(onnx_model, tmp_path, change, words):
    with pytest.raises(CheckpointError, match=words) as refused:
        OnnxRunner(changed(onnx_model, tmp_path, change))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"certainly no model"])
def test_corrupt_file(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.onnx"):
        OnnxRunner(path)


def test_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        OnnxRunner(tmp_path / "none.onnx")


def test_missing_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(SSHError, match=r"pip install 'ssh-face-detector\[onnx\]'"):
        OnnxRunner(tmp_path / "model.onnx")

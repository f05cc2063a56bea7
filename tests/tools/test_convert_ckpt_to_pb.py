"""Freezing a checkpoint."""

import re
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from networks import SMALL
from ssh_tf.model.files.frozen_graphs import load_graph
from ssh_tf.model.inference.graph_runner import GraphRunner
from ssh_tf.model.inference.onnx_runner import OnnxRunner
from ssh_tf.utils.errors import CheckpointError, DataError, ImageError
from ssh_tf.utils.tf1 import tf
from ssh_tools import convert_ckpt_to_pb
from ssh_tools.convert_ckpt_to_pb import main


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A small one to compare on."""
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8))
    return path


@pytest.fixture(scope="module")
def arguments(picture):
    """A function of a model, the file that becomes of it, and more: a command line."""

    def of(model, output, *more):
        common = ["--backbone", "tiny", "--model", str(model), "--output", str(output), "--image", str(picture)]
        return [*common, *map(str, more), "--set", *SMALL]

    return of


class Converted(NamedTuple):
    """A checkpoint in all forms, and its frozen graph in half precision; what the tool said of each run."""

    folder: Path
    single: list
    half: list


@pytest.fixture(scope="module")
def converted(checkpoint, arguments, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted")
    single, half = (["--onnx", folder / f"{name}.onnx"] if find_spec("tf2onnx") else [] for name in ("single", "half"))
    said = []
    for model, output, *more in (
        (checkpoint, "new/single.pb", "--saved_model", folder / "saved", *single),
        (folder / "new/single.pb", "half.pb", "--half", *half),
    ):
        with redirect_stdout(StringIO()) as output_of_run:
            assert main(arguments(model, folder / output, *more)) == 0
        said.append(output_of_run.getvalue().splitlines())
    return Converted(folder, *said)


def test_all_forms_are_written_and_compared(converted):
    pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    for report, path in zip(converted.single, ("new/single.pb", "saved", "single.onnx"), strict=True):
        found = re.fullmatch(r"(.+): [\d.]+ MB; (\d+) of (\d+) proposals agree, .*", report)
        assert found is not None
        assert found[1] == str(converted.folder / path)
        assert found[2] == found[3]
        assert int(found[2]) > 20
    nodes = {node.name: node for node in load_graph(converted.folder / "new/single.pb").node}
    inputs = {name: [side.size for side in nodes[name].attr["shape"].shape.dim] for name in ("image_tensor", "im_info")}
    assert inputs == {"image_tensor": [1, -1, -1, 3], "im_info": [3]}
    assert {"rois", "roi_scores", "roi_branches"} <= nodes.keys()


def read_weights(path):
    constants = {node.name: node.attr["value"].tensor for node in load_graph(path).node if node.op == "Const"}
    return {name: np.frombuffer(t.tensor_content, np.float32) for name, t in constants.items() if "weights" in name}


def test_half_of_a_graph_is_half_its_size_and_finds_nearly_the_same(converted):
    single, half = converted.folder / "new/single.pb", converted.folder / "half.pb"
    wanted, found = read_weights(single), read_weights(half)
    assert len(wanted) > 10
    for name, weights in wanted.items():
        np.testing.assert_allclose(found[name], weights, rtol=1e-3, atol=1e-6)
    assert half.stat().st_size < 0.6 * single.stat().st_size
    assert "proposals agree" in converted.half[0]


def test_a_graph_is_not_written_over_itself(converted, arguments):
    single = converted.folder / "new/single.pb"
    before = single.read_bytes()
    with pytest.raises(DataError, match=r"single\.pb"):
        main(arguments(single, single))
    assert single.read_bytes() == before


def test_half_onnx_holds_the_weights_of_the_half_graph(converted):
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    assert len(converted.half) == 2
    graph, path = converted.folder / "half.pb", converted.folder / "half.onnx"
    assert path.stat().st_size < 1.05 * graph.stat().st_size
    model = onnx.load(str(path))
    assert {value.name for value in model.graph.input} == {"image_tensor:0", "im_info:0"}
    stored = {tensor.name for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    nodes = tf.GraphDef.FromString(graph.read_bytes()).node
    assert stored == {f"{node.name}:0" for node in nodes if node.attr["dtype"].type == tf.float16}
    assert len(stored) > 5
    images = np.random.default_rng(0).uniform(-110, 130, (1, 120, 160, 3)).astype(np.float32)
    wanted = GraphRunner(load_graph(graph), None, "fp32")(images, 1.0)[0]
    found = OnnxRunner(path)(images, 1.0)[0]
    assert len(wanted.scores) > 20
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=1e-3)


def test_a_model_that_finds_something_else_is_reported(checkpoint, arguments, tmp_path, monkeypatch):
    def broken(graph_def):
        for node in graph_def.node:
            if node.name.endswith("M1_rpn_bbox_pred/weights"):
                node.attr["value"].tensor.tensor_content = bytes(len(node.attr["value"].tensor.tensor_content))
        return graph_def

    monkeypatch.setattr(convert_ckpt_to_pb, "with_half_weights", broken)
    with pytest.raises(CheckpointError, match="does not find what the checkpoint finds"):
        main(arguments(checkpoint, tmp_path / "half.pb", "--half"))


def test_image_to_compare_on(checkpoint, tmp_path, monkeypatch):
    common = ["--backbone", "tiny", "--model", checkpoint, "--output", str(tmp_path / "model.pb")]
    with pytest.raises(ImageError, match="no such file"):
        main([*common, "--image", str(tmp_path / "none.jpg"), "--set", *SMALL])
    # An installed package has no demo images.
    monkeypatch.setattr(convert_ckpt_to_pb, "_DEMO_IMAGE", tmp_path / "none.jpg")
    assert main([*common, "--set", *SMALL]) == 0


def test_checkpoint_for_another_backbone(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="for the backbone tiny"):
        main(["--backbone", "vgg16", "--model", checkpoint, "--output", str(tmp_path / "model.pb")])
    assert not (tmp_path / "model.pb").exists()


def test_int8_wants_pictures_to_calibrate_with(checkpoint, arguments, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(arguments(checkpoint, tmp_path / "model.pb", "--int8", str(tmp_path / "int8.onnx")))
    assert "--int8 and --calibration go together" in capsys.readouterr().err
    more = ["--int8", str(tmp_path / "int8.onnx"), "--calibration", str(tmp_path)]
    with pytest.raises(DataError, match="no pictures to calibrate with"):
        main(arguments(checkpoint, tmp_path / "model.pb", *more))
    assert not (tmp_path / "model.pb").exists()

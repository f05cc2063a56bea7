"""Networks in 8 bits: what is quantised, how near they come, and what they are calibrated with."""

import cv2
import numpy as np
import pytest

from ssh_tf.model.files.agreement import INT8, compare_proposals
from ssh_tf.model.files.onnx_files import read_onnx
from ssh_tf.model.files.quantisation import calibration_pictures, calibration_windows, save_int8
from ssh_tf.model.inference.onnx_runner import OnnxRunner
from ssh_tf.utils.errors import CheckpointError, DataError
from ssh_tf.utils.resources import INT8_FORM, model_forms

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


def windows(count):
    generator = np.random.default_rng(0)
    return [(generator.uniform(-110, 130, (96, 128, 3)).astype(np.float32), 1.0) for _ in range(count)]


def convolutions(path):
    """Names of the convolutions of a file whose weights are float32, and of those whose weights are 8 bits."""
    graph = onnx.load(str(path)).graph
    constants = {tensor.name for tensor in graph.initializer}
    producers = {output: node for node in graph.node for output in node.output}
    activations = {node.input[0]: node.output[0] for node in graph.node if node.op_type == "Clip"}
    names: dict[str, list[str]] = {"float": [], "DequantizeLinear": []}
    for node in graph.node:
        if node.op_type == "Conv":
            kind = "float" if node.input[1] in constants else producers[node.input[1]].op_type
            names[kind].append(activations.get(node.output[0], node.output[0]))
    return names["float"], names["DequantizeLinear"]


@pytest.fixture(scope="module")
def int8_model(onnx_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "small_int8.onnx"
    save_int8(onnx_model, path, windows(4))
    return path


def test_finds_nearly_what_single_precision_finds(onnx_model, int8_model):
    single, int8 = OnnxRunner(onnx_model), OnnxRunner(int8_model, "int8")
    image = np.random.default_rng(1).uniform(-110, 130, (1, 120, 160, 3)).astype(np.float32)
    wanted, found = single(image, 1.0)[0], int8(image, 1.0)[0]
    agreement = compare_proposals(wanted.boxes, wanted.scores, found.boxes, found.scores, INT8)
    assert agreement.wanted > 20
    assert agreement.is_close, str(agreement)


def test_weights_are_stored_in_8_bits_but_for_the_heads(onnx_model, int8_model):
    assert not read_onnx(onnx_model).is_int8
    assert read_onnx(int8_model).is_int8
    assert int8_model.stat().st_size < 0.4 * onnx_model.stat().st_size
    in_float, in_8_bits = convolutions(int8_model)
    assert len(in_float) == 6
    assert all("_rpn_" in name for name in in_float)
    assert in_8_bits
    assert not any("_rpn_" in name for name in in_8_bits)


def test_first_layers_of_the_shipped_file_are_in_float():
    in_float, in_8_bits = convolutions(model_forms("mobile_ssh")[INT8_FORM])
    first = {"Conv2d_0", *(f"Conv2d_{at}_{kind}" for at in (1, 2, 3) for kind in ("depthwise", "pointwise"))}
    assert {name.split("/")[1] for name in in_float if "_rpn_" not in name} == first
    assert len(in_8_bits) == 51 - 7 - 6


def test_a_file_without_8_bits_is_refused(onnx_model):
    with pytest.raises(CheckpointError, match=r"holds no 8-bit weights; tools/convert_ckpt_to_pb\.py --int8"):
        OnnxRunner(onnx_model, "int8")


def test_another_precision_is_warned_of(int8_model, caplog):
    OnnxRunner(int8_model, "fp32")
    assert "computes this file in int8, not in fp32" in caplog.text


def test_a_network_without_convolutions(tmp_path):
    node = onnx.helper.make_node("Relu", ["x"], ["y"], name="relu")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([node], "none", [value("x", 1, [1])], [value("y", 1, [1])])
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "none.onnx"))
    with pytest.raises(CheckpointError, match="no convolutions that can be quantised"):
        save_int8(tmp_path / "none.onnx", tmp_path / "int8.onnx", windows(1))
    assert not (tmp_path / "int8.onnx").exists()


def test_windows_are_the_same_each_time_and_of_several_sizes(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), generator.integers(0, 256, (60, 90, 3), np.uint8))
    (tmp_path / "notes.txt").touch()
    first, again = ([*calibration_windows(calibration_pictures(tmp_path), 4)] for _ in range(2))
    assert len(first) == 4
    assert len({scale for _, scale in first}) == 4
    for (image, scale), (other, other_scale) in zip(first, again, strict=True):
        assert max(image.shape[:2]) <= 640
        assert scale == other_scale
        np.testing.assert_array_equal(image, other)


def test_pictures_that_cannot_be_read_are_named_and_left_out(tmp_path, capsys):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"none of 1 pictures can be read .*broken\.jpg"):
        list(calibration_windows(calibration_pictures(tmp_path)))
    cv2.imwrite(str(tmp_path / "whole.png"), np.zeros((60, 90, 3), np.uint8))
    assert len([*calibration_windows(calibration_pictures(tmp_path))]) == 1
    assert "broken.jpg" in capsys.readouterr().err


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(DataError, match="no pictures to calibrate with"):
        calibration_pictures(tmp_path)

"""A checkpoint out of a frozen graph."""

import numpy as np
import pytest

from networks import SMALL
from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.model.files.frozen_graphs import load_graph, save_graph, with_half_weights
from ssh_tf.utils.errors import CheckpointError
from ssh_tools.convert_pb_to_ckpt import main


def arguments(model, output, backbone="tiny"):
    return ["--model", str(model), "--backbone", backbone, "--output", str(output), "--set", *SMALL]


def test_every_variable_comes_back(checkpoint, frozen_model, tmp_path):
    assert main(arguments(frozen_model, tmp_path / "new" / "back.ckpt")) == 0
    before, after = Checkpoint(checkpoint), Checkpoint(tmp_path / "new" / "back.ckpt")
    assert after.shapes == {name: shape for name, shape in before.shapes.items() if "/" in name}
    for name in after.shapes:
        np.testing.assert_array_equal(after.value(name), before.value(name))


def test_half_precision_comes_back_as_float32(checkpoint, frozen_model, tmp_path):
    half = tmp_path / "half.pb"
    save_graph(with_half_weights(load_graph(frozen_model)), half)
    assert main(arguments(half, tmp_path / "back.ckpt")) == 0
    before, after = Checkpoint(checkpoint), Checkpoint(tmp_path / "back.ckpt")
    for name in after.shapes:
        assert after.value(name).dtype == np.float32
        np.testing.assert_allclose(after.value(name), before.value(name), rtol=2**-11, atol=1e-7)


def test_other_files_and_other_networks_are_named(frozen_model, tmp_path):
    with pytest.raises(CheckpointError, match=r"lacks vgg_16/conv1/conv1_1/weights"):
        main(arguments(frozen_model, tmp_path / "back.ckpt", "vgg16"))
    with pytest.raises(CheckpointError, match=r"not a \.pb file"):
        main(arguments(tmp_path / "model.onnx", tmp_path / "back.ckpt"))
    with pytest.raises(CheckpointError, match="no such file"):
        main(arguments(tmp_path / "none.pb", tmp_path / "back.ckpt"))
    assert not list(tmp_path.glob("back*"))

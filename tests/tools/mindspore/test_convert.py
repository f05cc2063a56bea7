"""HDF5 to MindSpore, and MindSpore to TensorFlow."""

import numpy as np
import pytest

from ssh_ms.checkpoints import read_checkpoint, write_checkpoint
from ssh_ms.hdf5 import to_channels_first, write_hdf5
from ssh_ms_weights import NAMES, parameters, variables
from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.utils.errors import CheckpointError
from ssh_tools.mindspore import ckpt2tf, h52ckpt


def hdf5(path, **changes):
    arrays = {**variables(), **changes}
    write_hdf5(path, {name: to_channels_first(value) for name, value in arrays.items() if value is not None})
    return str(path)


def test_to_mindspore(tmp_path, capsys):
    slots = {"vgg_16/M1/conv1/biases/Momentum": np.zeros(128, np.float32), "global_step": np.int64(7)}
    target = tmp_path / "out/ssh.ckpt"
    assert h52ckpt.main(["--infile", hdf5(tmp_path / "ssh.h5", **slots), "--outfile", str(target)]) == 0
    found = read_checkpoint(target)
    assert set(found) == set(parameters())
    for name, value in parameters().items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["left out: global_step", "left out: vgg_16/M1/conv1/biases/Momentum"]
    assert lines[2] == f"{target}: SSH network, 74 parameters"


def test_vgg16_alone(tmp_path, capsys):
    modules = {name: None for name in variables() if name.startswith("vgg_16/M")}
    classifier = {"vgg_16/fc8/weights": np.zeros((1, 1, 4, 3), np.float32)}
    target = tmp_path / "vgg.ckpt"
    infile = hdf5(tmp_path / "vgg.h5", **modules, **classifier)
    assert h52ckpt.main(["--infile", infile, "--outfile", str(target)]) == 0
    assert len(read_checkpoint(target)) == 26
    shown = capsys.readouterr().out
    assert "left out: vgg_16/fc8/weights" in shown
    assert "VGG16 alone" in shown


def test_files_that_do_not_fit(tmp_path):
    def convert(*more, **changes):
        infile = hdf5(tmp_path / "ssh.h5", **changes)
        h52ckpt.main(["--infile", infile, "--outfile", str(tmp_path / "ssh.ckpt"), *more])

    with pytest.raises(CheckpointError, match="lacks vgg_16/M3/conv1/biases of 74 variables"):
        convert(**{"vgg_16/M3/conv1/biases": None})
    with pytest.raises(CheckpointError, match=r"m3_detect_model\.conv1\.bias has shape \[3\], expected \[256\]"):
        convert(**{"vgg_16/M3/conv1/biases": np.zeros(3, np.float32)})
    # The table of the port's first version: no header, and M1's `conv1` and `conv2` changed for each other.
    table = tmp_path / "map.csv"
    table.write_text(NAMES.read_text().split("\n", 1)[1])
    with pytest.raises(CheckpointError, match="expected the header"):
        convert("--map", str(table))
    assert not (tmp_path / "ssh.ckpt").exists()


def test_back_to_tensorflow(tmp_path, capsys):
    infile = tmp_path / "ssh.ckpt"
    write_checkpoint(infile, {**parameters(), "moments.ssh.m1_conv.0.bias": np.zeros(128, np.float32)})
    target = tmp_path / "out/ssh_iter_1.ckpt"
    assert ckpt2tf.main(["--infile", str(infile), "--outfile", str(target)]) == 0
    checkpoint = Checkpoint(target)
    assert checkpoint.backbone() == "vgg16"
    assert set(checkpoint.shapes) == set(variables())
    for name, value in variables().items():
        np.testing.assert_array_equal(checkpoint.value(name), value, err_msg=name)
    assert capsys.readouterr().out.splitlines()[0] == "left out: moments.ssh.m1_conv.0.bias"


def test_another_network_does_not_go_back(tmp_path):
    write_checkpoint(tmp_path / "a.ckpt", {"fc.weight": np.zeros(3, np.float32)})
    with pytest.raises(CheckpointError, match="is it a checkpoint of another network"):
        ckpt2tf.main(["--infile", str(tmp_path / "a.ckpt"), "--outfile", str(tmp_path / "b.ckpt")])
    assert not list(tmp_path.glob("b.ckpt*"))

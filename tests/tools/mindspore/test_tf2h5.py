"""From TensorFlow's checkpoint to HDF5."""

import h5py
import numpy as np
import pytest

import networks
from ssh_tf.utils.errors import CheckpointError
from ssh_tools.mindspore.tf2h5 import main


def test_every_variable_but_the_optimisers(tmp_path, capsys):
    checkpoint = networks.write_checkpoint(tmp_path / "ssh.ckpt", "vgg16")
    target = tmp_path / "out/ssh.h5"
    assert main(["--infile", checkpoint, "--outfile", str(target)]) == 0
    contract = networks.variable_contract("vgg16")
    with h5py.File(target) as file:
        assert set(file) == {name.replace("/", "_and_") for name in contract}
        name = "vgg_16/M2/context_module/conv3/weights"
        wanted = networks.weight(name, contract[name][0]).transpose(3, 2, 0, 1)
        np.testing.assert_array_equal(file[name.replace("/", "_and_")][()], wanted)
    assert capsys.readouterr().out.splitlines() == [
        "left out: Momentum",
        "left out: global_step",
        f"{target}: 74 arrays; 2 others left out",
    ]


def test_another_backbone(tmp_path):
    checkpoint = networks.write_checkpoint(tmp_path / "ssh.ckpt", "tiny", networks.SMALL)
    with pytest.raises(CheckpointError, match="holds a network with the backbone tiny; the port has vgg16 alone"):
        main(["--infile", checkpoint, "--outfile", str(tmp_path / "ssh.h5")])
    assert not (tmp_path / "ssh.h5").exists()


def test_vgg16_in_an_npz(tmp_path):
    weights = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    np.savez(tmp_path / "vgg.npz", **{"vgg_16/conv1/conv1_1/weights": weights})
    assert main(["--infile", str(tmp_path / "vgg.npz"), "--outfile", str(tmp_path / "vgg.h5")]) == 0
    with h5py.File(tmp_path / "vgg.h5") as file:
        np.testing.assert_array_equal(file["vgg_16_and_conv1_and_conv1_1_and_weights"], weights.transpose(3, 2, 0, 1))


def test_arrays_of_something_else(tmp_path):
    np.savez(tmp_path / "a.npz", weights=np.zeros(3))
    with pytest.raises(CheckpointError, match="holds no network of this project"):
        main(["--infile", str(tmp_path / "a.npz"), "--outfile", str(tmp_path / "a.h5")])


def test_what_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint there"):
        main(["--infile", str(tmp_path / "none"), "--outfile", str(tmp_path / "ssh.h5")])


@pytest.mark.parametrize("flag", ["--infile", "--outfile"])
def test_both_files_are_needed(flag, capsys):
    with pytest.raises(SystemExit) as leaving:
        main([flag, "a"])
    assert leaving.value.code == 2
    assert "required" in capsys.readouterr().err

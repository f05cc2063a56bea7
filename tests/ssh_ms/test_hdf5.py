"""The HDF5 layout of the port."""

import h5py
import numpy as np
import pytest

from ssh_ms.hdf5 import read_weights_hdf5, sort_names, to_channels_first, to_channels_last, write_hdf5
from ssh_tf.utils.errors import CheckpointError


def test_layout_in_the_file(tmp_path):
    weights = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    path = tmp_path / "a.h5"
    write_hdf5(path, {"vgg_16/conv1/conv1_1/weights": to_channels_first(weights)})
    with h5py.File(path) as file:
        assert list(file) == ["vgg_16_and_conv1_and_conv1_1_and_weights"]
        stored = file["vgg_16_and_conv1_and_conv1_1_and_weights"]
        assert stored.shape == (5, 4, 2, 3)
        assert stored[4, 3, 1, 2] == weights[1, 2, 3, 4]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_axes_come_back(shape):
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    there = to_channels_first(array)
    assert there.shape == {2: (3, 2), 4: (5, 4, 2, 3)}.get(len(shape), shape)
    np.testing.assert_array_equal(to_channels_last(there), array)


def test_round_trip(tmp_path):
    arrays = {"a/b": np.ones((2, 1), np.float32), "global_step": np.int64(7), "c_and": np.zeros(0, np.float32)}
    write_hdf5(tmp_path / "a.h5", arrays)
    found = read_weights_hdf5(tmp_path / "a.h5")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_names_of_the_optimiser():
    found = sort_names(["a/weights", "a/weights/Momentum", "global_step", "a/Adam_1", "Momentum/weights"])
    assert found.model == ["Momentum/weights", "a/weights"]
    assert found.optimizer == ["a/Adam_1", "a/weights/Momentum", "global_step"]
    # A training with TRAIN.EMA keeps the raw weights there; the mean, which is the model, has the plain name.
    found = sort_names(["a/weights", "a/weights/Other", "a/weights/Momentum", "Other/weights"])
    assert found.model == ["Other/weights", "a/weights"]
    assert found.optimizer == ["a/weights/Momentum", "a/weights/Other"]


def test_what_is_no_such_file(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        read_weights_hdf5(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_bytes(b"no HDF5")
    with pytest.raises(CheckpointError, match="not an HDF5 file"):
        read_weights_hdf5(tmp_path / "b.h5")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_group("layer")
    with pytest.raises(CheckpointError, match="layer is no array of numbers"):
        read_weights_hdf5(tmp_path / "c.h5")


def test_a_file_that_was_cut_off(tmp_path):
    path = tmp_path / "a.h5"
    write_hdf5(path, {"a": np.ones(10000, np.float32)})
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(CheckpointError, match="damaged"):
        read_weights_hdf5(path)

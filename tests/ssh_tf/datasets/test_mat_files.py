"""MATLAB's files are read as SciPy reads them, and no further than memory allows."""

import zlib

import numpy as np
import pytest
import scipy.io

from ssh_tf.datasets.mat_files import read_mat
from ssh_tf.utils.reading import Refused
from wider_cases import column

ARRAYS = {
    "doubles": np.array([[1.5, -2.0], [3.0, 1e300]]),
    "small": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "flat": np.arange(3, dtype=np.int32),
    "cube": np.arange(24, dtype=np.uint16).reshape(2, 3, 4),
    "empty": np.zeros((0, 4)),
    "text": "0--Parade",
    "german": "Gesichter ü",
    "cells": column([np.arange(4, dtype=np.int32).reshape(2, 2), column(["a", "b"]), np.zeros((0, 0))]),
}


def same(one, other):
    if one.dtype == object:
        return one.shape == other.shape and all(map(same, one.ravel(), other.ravel()))
    return one.shape == other.shape and (one == other).all()


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_those_that_scipy_reads(tmp_path, compressed):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, ARRAYS, do_compression=compressed)
    wanted, found = scipy.io.loadmat(path), read_mat(path, ARRAYS)
    assert found.keys() == ARRAYS.keys()
    for name, array in found.items():
        assert same(array, wanted[name]), name
    assert read_mat(path, ["flat", "absent"]).keys() == {"flat"}


@pytest.mark.parametrize(
    "array", [{"a": 1}, np.ones(3) * 1j, scipy.sparse.eye(3).tocsc(), np.array([{"b": 2}], object)]
)
def test_other_kinds_are_refused(tmp_path, array):
    scipy.io.savemat(tmp_path / "a.mat", {"x": array})
    with pytest.raises(Refused):
        read_mat(tmp_path / "a.mat", ["x"])


def test_what_grows_without_bound_is_refused(tmp_path):
    """A quarter of a megabyte of zeros, compressed, stands for 256."""
    scipy.io.savemat(tmp_path / "a.mat", {"x": 1})
    packed = zlib.compress(bytes(2**28 + 1), 1)
    element = (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed
    (tmp_path / "a.mat").write_bytes((tmp_path / "a.mat").read_bytes()[:128] + element)
    with pytest.raises(Refused, match="once it is decompressed"):
        read_mat(tmp_path / "a.mat", ["x"])

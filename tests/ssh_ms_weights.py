"""Weights of the port's network for tests: those of the recorded runs of the reference (tests/data/golden)."""

from functools import cache
from pathlib import Path

from networks import variable_contract, weight
from ssh_ms.hdf5 import to_channels_first
from ssh_ms.names import read_name_table

NAMES = Path(__file__).parents[1] / "tools/mindspore/map.csv"


@cache
def variables():
    """{variable: value}, axes in TensorFlow's order."""
    return {name: weight(name, shape) for name, (shape, _) in variable_contract("vgg16").items()}


@cache
def parameters():
    """{parameter: value}, axes in MindSpore's order."""
    names = read_name_table(NAMES)
    return {names[name]: to_channels_first(value) for name, value in variables().items()}

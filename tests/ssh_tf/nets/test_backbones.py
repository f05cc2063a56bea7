"""The table of backbones: each network is built once, and read for its variables and for the strides of its maps.

Letters: `h, w` map of a branch.
"""

import functools
from typing import NamedTuple
from unittest.mock import patch

import pytest

from networks import REAL_BACKBONES, variable_contract
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.nets.network import map_sizes, network_heads
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import tf

SIZE = (173, 251)


class Built(NamedTuple):
    """A network on an image of `SIZE` pixels."""

    variables: dict
    """{name: (shape, trainable)}"""
    updates: list
    """Operations that move statistics."""
    image: object
    ends: list
    """The maps that the backbone gives the branches: low, high, deep."""


@functools.cache
def built(backbone):
    """The network `backbone` with its default options."""
    row, ends = BACKBONES[backbone], []

    def build(images, options):
        found = row.build(images, options)
        ends.extend(found)
        return found

    with tf.Graph().as_default(), patch.dict(BACKBONES, {backbone: row._replace(build=build)}):
        image = tf.placeholder(tf.float32, (1, *SIZE, 3))
        network_heads(image, NetworkOptions(backbone))
        trained = {variable.op.name for variable in tf.trainable_variables()}
        variables = {
            variable.op.name: (variable.shape.as_list(), variable.op.name in trained)
            for variable in tf.global_variables()
        }
        return Built(variables, tf.get_collection(tf.GraphKeys.UPDATE_OPS), image, ends)


def maps(backbone, size):
    """(h, w) of the maps of an image of `size`: the graph is as it was built, the shapes are found anew."""
    network = built(backbone)
    names = [end.op.name for end in network.ends]
    graph_def = tf.graph_util.extract_sub_graph(network.image.graph.as_graph_def(), names)
    with tf.Graph().as_default():
        image = {network.image.name: tf.placeholder(tf.float32, (1, *size, 3))}
        ends = tf.import_graph_def(graph_def, image, [end.name for end in network.ends])
    return [tuple(end.shape.as_list()[1:3]) for end in ends]


def assert_strides(backbone, size, found):
    (height, width), row = size, BACKBONES[backbone]
    low, high, deep = found
    assert low == (-(-height // 8), -(-width // 8))
    assert high == (-(-height // 16), -(-width // 16))
    m3 = (max(1, deep[0] // 2), max(1, deep[1] // 2)) if row.pool_deep else deep
    assert row.pool_deep == (deep == high) or high == (1, 1)
    assert map_sizes(height, width, backbone) == [low, high, m3]


@pytest.mark.parametrize("backbone", REAL_BACKBONES)
def test_strides_of_the_backbones(backbone):
    assert_strides(backbone, SIZE, [tuple(end.shape.as_list()[1:3]) for end in built(backbone).ends])


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (1200, 1600)])
@pytest.mark.parametrize("backbone", ["vgg16", "res50", "mobile", "mobile_v2", "darknet53"])
def test_strides_at_other_sizes(backbone, size):
    assert_strides(backbone, size, maps(backbone, size))


@pytest.mark.parametrize("backbone", ["vgg16", "res50", "res101", "res152", "mobile", "mobile_v2"])
def test_variables_are_the_references(backbone):
    assert built(backbone).variables == variable_contract(backbone)


def test_variables_of_darknet53():
    variables = built("darknet53").variables
    body = {name.split("/")[1] for name in variables if name.startswith("Darknet53/conv_")}
    assert body == {f"conv_{number}" for number in range(52)}
    assert variables["Darknet53/conv_0/weights"] == ([3, 3, 3, 32], True)
    assert variables["Darknet53/conv_51/weights"] == ([3, 3, 512, 1024], True)
    assert variables["Darknet53/conv_51/BatchNorm/gamma"] == ([1024], False)
    modules = {name.partition("/")[2] for name in variables if name.split("/")[1].startswith("M")}
    assert modules == {
        name.partition("/")[2] for name in variable_contract("vgg16") if name.split("/")[1].startswith("M")
    }


@pytest.mark.parametrize("backbone", REAL_BACKBONES)
def test_statistics_stay_where_nothing_is_asked(backbone):
    assert built(backbone).updates == []

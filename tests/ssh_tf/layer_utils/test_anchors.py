"""Anchors against the numbers of the paper's branches."""

import numpy as np
import pytest

from ssh_tf.layer_utils.anchors import BRANCHES, base_anchors, branch_sizes, grid_anchors, map_anchors
from ssh_tf.utils.tf1 import tf

SIDES = {1: (0, 15), 2: (-8, 23), 4: (-24, 39), 8: (-56, 71), 16: (-120, 135), 32: (-248, 263)}


@pytest.mark.parametrize(("scale", "ends"), SIDES.items())
def test_base_anchors(scale, ends):
    low, high = ends
    assert base_anchors((scale,)).tolist() == [[low, low, high, high]]
    assert high - low + 1 == 16 * scale


def test_branches():
    rows = [(branch.name, branch.stride, branch.scales, branch.border) for branch in BRANCHES]
    assert rows == [("M1", 8, (1, 2), 0), ("M2", 16, (4, 8), 0), ("M3", 32, (16, 32), 512)]


def test_order_is_row_column_anchor():
    expected = [
        [0, 0, 15, 15],
        [-8, -8, 23, 23],
        [8, 0, 23, 15],
        [0, -8, 31, 23],
        [16, 0, 31, 15],
        [8, -8, 39, 23],
        [0, 8, 15, 23],
        [-8, 0, 23, 31],
        [8, 8, 23, 23],
        [0, 0, 31, 31],
        [16, 8, 31, 23],
        [8, 0, 39, 31],
    ]
    assert map_anchors(2, 3, BRANCHES[0]).tolist() == expected


def test_tensorflow_gives_the_same_anchors():
    for branch in BRANCHES:
        with tf.Graph().as_default(), tf.Session() as session:
            rows, columns = tf.range(5.0), tf.range(7.0)
            anchors = session.run(grid_anchors(rows, columns, branch.stride, branch.scales, xp=tf))
        np.testing.assert_array_equal(anchors, map_anchors(5, 7, branch))
        assert anchors.dtype == np.float32


def test_empty_map_has_no_anchors():
    assert map_anchors(0, 4, BRANCHES[2]).shape == (0, 4)


@pytest.mark.parametrize(
    ("size", "pooled", "expected"),
    [
        ((1200, 1600), True, [(150, 200), (75, 100), (37, 50)]),
        ((1200, 1600), False, [(150, 200), (75, 100), (38, 50)]),
        ((16, 17), True, [(2, 3), (1, 2), (1, 1)]),
        ((16, 17), False, [(2, 3), (1, 2), (1, 1)]),
    ],
)
def test_sizes_of_the_maps(size, pooled, expected):
    assert branch_sizes(*size, pool_deep=pooled) == expected

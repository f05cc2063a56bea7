"""Cuts around boxes, and sheets of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssh_tf.utils.contact_sheet import Tile, contact_sheet, crop_around

IMAGE = np.arange(100 * 80 * 3, dtype=np.uint32).reshape(100, 80, 3).astype(np.uint8)


def test_crop_is_centred():
    np.testing.assert_array_equal(crop_around(IMAGE, (30, 40, 50, 60), context=2, least=1), IMAGE[30:70, 20:60])


def test_outside_is_black():
    crop = crop_around(IMAGE, (-5, -5, 5, 5), context=2, least=20)
    assert crop.shape == (20, 20, 3)
    np.testing.assert_array_equal(crop[10:, 10:], IMAGE[:10, :10])
    assert not crop[:10].any()
    assert not crop_around(IMAGE, (500, 500, 510, 510)).any()


@pytest.mark.parametrize("box", [(5, 5, 1e7, 1e7), (-1e7, 5, 1e7, 10), (1e6, 1e6, 1e7, 1e7)])
def test_a_box_far_larger_than_its_picture_takes_no_more_memory(box):
    assert max(crop_around(IMAGE, box).shape) <= 2.5 * max(IMAGE.shape)


@given(st.tuples(*[st.floats(-150, 250)] * 2), st.tuples(*[st.floats(0, 150)] * 2))
def test_crops_are_square(corner, sides):
    crop = crop_around(IMAGE, (*corner, corner[0] + sides[0], corner[1] + sides[1]))
    assert crop.shape[0] == crop.shape[1] >= 64


@pytest.mark.parametrize(("count", "rows"), [(0, 1), (1, 1), (3, 1), (4, 2), (7, 3)])
def test_sheet_has_a_place_for_each_tile(count, rows):
    tiles = [Tile(np.full((10, 20, 3), 200, np.uint8), "caption")] * count
    sheet = contact_sheet(tiles, columns=3, side=100)
    assert sheet.shape == (rows * 118, 300, 3)
    for at in range(rows * 3):
        top, left = at // 3 * 118, at % 3 * 100
        tile = sheet[top : top + 118, left : left + 100]
        assert (tile[:50] == 200).all() == (at < count)
        # Letters below it, and only there.
        assert (tile[100:].std() > 0) == (at < count)
        assert tile[52:100].std() == 0

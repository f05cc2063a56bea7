"""Crops by literal cases; hidden faces by what is left of them."""

import math

import numpy as np
import pytest

from ssh_tf.utils.crops import HIDING, hide_faces, square_crop
from ssh_tf.utils.errors import ConfigError

NOISE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)


def test_a_square_crop_has_the_margin_on_each_side():
    crop = square_crop(NOISE, [50, 40, 70, 80], margin=0.25)
    # 40 px is the longer side, 10 px are added on each; the centre is (60, 60).
    np.testing.assert_array_equal(crop, NOISE[30:90, 30:90])


def test_without_margin_a_square_box_is_the_crop():
    np.testing.assert_array_equal(square_crop(NOISE, [10, 20, 40, 50, 0.9], 0.0), NOISE[20:50, 10:40])


def test_a_crop_over_the_border_repeats_it():
    crop = square_crop(NOISE, [-10, 0, 10, 20], 0.0)
    np.testing.assert_array_equal(crop[:, 10:], NOISE[:20, :10])
    np.testing.assert_array_equal(crop[:, :10], np.repeat(NOISE[:20, :1], 10, axis=1))


@pytest.mark.parametrize("side", [1, 32, 112])
def test_a_crop_has_the_side_that_was_asked_for(side):
    assert square_crop(NOISE, [50, 40, 70, 80], side=side).shape == (side, side, 3)


@pytest.mark.parametrize("box", [[5, 5, 5, 5], [-50, -50, -40, -40], [500, 500, 900, 700], [0, 0, 160, 120]])
def test_any_box_gives_a_square(box):
    height, width, channels = square_crop(NOISE, box).shape
    assert height == width >= 1
    assert channels == 3


@pytest.mark.parametrize("how", HIDING)
@pytest.mark.parametrize("box", [[60, 40, 100, 90], [0, 0, 40, 50], [120, 80, 160, 120], [-20, -20, 20, 20]])
def test_within_the_box_no_detail_is_left_and_outside_nothing_changes(how, box):
    hidden = hide_faces(NOISE, [box], how)
    x1, y1, x2, y2 = box
    inside = np.s_[max(0, y1) : y2, max(0, x1) : x2]
    # Of noise from pixel to pixel, nothing survives a reduction to few pixels.
    assert hidden[inside].std() < 0.25 * NOISE[inside].std()
    outside = np.ones(NOISE.shape[:2], bool)
    outside[max(0, y1 - 20) : y2 + 20, max(0, x1 - 20) : x2 + 20] = False
    np.testing.assert_array_equal(hidden[outside], NOISE[outside])


def test_black_leaves_nothing_of_the_box():
    hidden = hide_faces(NOISE, [[60, 40, 100, 90, 0.9]], "black")
    assert not hidden[40:91, 60:101].any()


def test_hidden_faces_are_those_of_a_copy():
    before = NOISE.copy()
    hide_faces(NOISE, [[60, 40, 100, 90]])
    np.testing.assert_array_equal(NOISE, before)


def test_no_faces_and_faces_outside_change_nothing():
    np.testing.assert_array_equal(hide_faces(NOISE, np.zeros((0, 5))), NOISE)
    np.testing.assert_array_equal(hide_faces(NOISE, [[500, 500, 600, 600]]), NOISE)


def test_no_such_way_to_hide():
    with pytest.raises(ValueError, match="how: expected one of blur, pixels, black, got 'fog'"):
        hide_faces(NOISE, [], "fog")


@pytest.mark.parametrize(
    "wrong", [{"margin": -1}, {"margin": math.nan}, {"margin": 1e308}, {"side": 0}, {"side": 10**9}]
)
def test_margins_and_sides_that_are_none(wrong):
    with pytest.raises(ConfigError, match=r"a crop's (margin|side) lies between"):
        square_crop(np.zeros((20, 20, 3), np.uint8), [2, 2, 9, 9], **wrong)

"""Augmentation, piece by piece: by literal case and by law."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssh_tf.roi_data_layer.augmentation import (
    MEAN_COLOUR,
    Window,
    change_colours,
    clip_boxes,
    cut_window,
    draw_face_side,
    draw_window,
    expose,
    face_side,
    fill_regions,
    flip,
    make_coarse,
    motion_blur,
    pad_to_square,
    recompress,
    rotate,
)
from ssh_tf.roi_data_layer.pipeline_options import FaceSides


def noise(height=60, width=80):
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def boxes(*rows):
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def test_flip_literally():
    image = np.zeros((4, 10, 3), np.uint8)
    image[1, 2] = 255
    flipped, moved = flip(image, boxes([2, 1, 2, 1], [0, 0, 9, 3], [1.5, 0, 4, 2]))
    assert flipped[1, 7].tolist() == [255, 255, 255]
    assert moved.tolist() == [[7, 1, 7, 1], [0, 0, 9, 3], [5, 0, 7.5, 2]]


@given(st.lists(st.tuples(*[st.integers(-20, 100)] * 4), max_size=5))
def test_flipping_twice_changes_nothing(corners):
    image, before = noise(), boxes(*corners)
    again, after = flip(*flip(image, before))
    np.testing.assert_array_equal(again, image)
    np.testing.assert_array_equal(after, before)


def test_face_side():
    assert face_side(boxes([0, 0, 4, 9], [5, 5, 5, 5], [-1, -1, 1, 1])).tolist() == [6, 1, 2]


TABLE = (FaceSides(8.0, 32.0, 3.0), FaceSides(32.0, 512.0, 1.0))


def drawn_sides(table, low, high, count=4000):
    rng = np.random.default_rng(1)
    return np.array([draw_face_side(rng, table, low, high) for _ in range(count)])


def test_face_sides_follow_the_table():
    sides = drawn_sides(TABLE, 1.0, 1000.0)
    assert sides.min() >= 8
    assert sides.max() <= 512
    assert (sides < 32).mean() == pytest.approx(0.75, abs=0.03)
    # Uniform in the logarithm: each octave of a range alike.
    assert (sides < 16).mean() == pytest.approx(0.375, abs=0.03)
    assert (sides >= 128).mean() == pytest.approx(0.125, abs=0.02)


def test_a_cut_range_keeps_its_density():
    sides = drawn_sides(TABLE, 16.0, 64.0)
    assert sides.min() >= 16
    assert sides.max() <= 64
    # 1.5 for an octave of the first range, 0.25 for one of the second.
    assert (sides < 32).mean() == pytest.approx(1.5 / 1.75, abs=0.03)


@pytest.mark.parametrize(("low", "high", "expected"), [(1.0, 5.0, 5.0), (600.0, 900.0, 600.0), (20.0, 20.0, 20.0)])
def test_bounds_that_leave_nothing_of_the_table(low, high, expected):
    assert draw_face_side(np.random.default_rng(0), TABLE, low, high) == expected


SIZE = 96


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.lists(st.tuples(*[st.floats(0, 1)] * 4), max_size=3),
    st.floats(0.05, 1.5),
    st.floats(0.5, 4.0),
    st.integers(0, 2**32 - 1),
)
def test_window_by_law(height, width, corners, min_fill, max_upscale, seed):
    faces = boxes(
        *[(min(a, b) * width, min(c, d) * height, max(a, b) * width, max(c, d) * height) for a, b, c, d in corners]
    )
    window = draw_window(
        np.random.default_rng(seed), height, width, faces, SIZE, (FaceSides(4.0, 60.0),), max_upscale, min_fill
    )
    left, top, columns, rows = window.source
    assert left >= 0
    assert top >= 0
    assert left + columns <= width
    assert top + rows <= height
    assert min(columns, rows) >= 1
    x, y, wide, high = window.target
    assert min(x, y) >= 0
    assert min(wide, high) >= 1
    assert x + wide <= SIZE
    assert y + high <= SIZE
    # Mean colour only beside a picture that is smaller than the window.
    assert wide == SIZE or columns == width
    assert high == SIZE or rows == height
    # Whole pixels blur the scale by half a pixel of either side.
    for extent, shown in ((columns, wide), (rows, high)):
        assert (shown - 0.5) / (extent + 0.5) <= max_upscale
    if len(faces):
        moved = cut_window(np.zeros((height, width, 3), np.uint8), faces, window)[1]
        sizes = moved[:, 2:] - moved[:, :2]
        fits = (sizes + 2 * max_upscale + 2 < (wide, high)).all(axis=1)
        inside = ((moved[:, :2] >= (x - 0.01, y - 0.01)) & (moved[:, 2:] <= (x + wide + 0.01, y + high + 0.01))).all(
            axis=1
        )
        assert inside.any() or not fits.all()


def test_window_of_an_image_without_faces_varies():
    windows = {
        draw_window(np.random.default_rng(seed), 200, 300, boxes(), SIZE, TABLE, 3.0, 0.5).source for seed in range(20)
    }
    assert len(windows) > 15


@pytest.mark.parametrize(
    "window",
    [
        Window((10, 5, 48, 48), (0, 0, 96, 96)),
        Window((0, 0, 80, 60), (8, 20, 80, 60)),
        Window((0, 0, 80, 60), (50, 7, 20, 15)),
        Window((0, 4, 80, 32), (0, 0, 96, 38)),
    ],
)
def test_boxes_follow_the_window(window):
    """A box in continuous coordinates coincides with the pixels painted in it, to half a pixel."""
    box = (20, 10, 44, 30)
    image = np.zeros((60, 80, 3), np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = 255
    part, (moved,) = cut_window(image, boxes(box), window)
    square = pad_to_square(part, window, SIZE)
    assert square.shape == (SIZE, SIZE, 3)
    rows, columns = np.nonzero(square[..., 0] >= 128)
    extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(moved, extent, atol=0.51)


def test_padding_has_the_mean_colour():
    window = Window((0, 0, 80, 60), (50, 7, 20, 15))
    square = pad_to_square(cut_window(noise(), boxes(), window)[0], window, SIZE)
    outside = np.ones((SIZE, SIZE), bool)
    outside[7:22, 50:70] = False
    assert (square[outside] == MEAN_COLOUR).all()
    assert not (square[~outside] == MEAN_COLOUR).all(axis=1).any()


def test_shrinking_averages():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    part, _ = cut_window(stripes, boxes(), Window((0, 0, 64, 64), (0, 0, 16, 16)))
    assert (part == 100).all()


def test_clip_boxes():
    given_boxes = boxes(
        [10, 10, 19, 19], [-5, 0, 4, 9], [95, 95, 104, 104], [-20, 0, -1, 9], [100, 0, 109, 9], [3, 3, 3, 3]
    )
    clipped, visible = clip_boxes(given_boxes, 100, 100)
    assert clipped[:3].tolist() == [[10, 10, 19, 19], [0, 0, 4, 9], [95, 95, 99, 99]]
    np.testing.assert_allclose(visible, [1, 0.5, 0.25, 0, 0, 1])
    assert clip_boxes(boxes(), 10, 10)[1].shape == (0,)


def test_fill_regions_spares_faces():
    image = noise()
    filled = fill_regions(image, boxes([10, 10, 29, 29], [-5, 50, 5, 99]), boxes([20, 20, 40, 40]))
    painted = (filled == MEAN_COLOUR).all(axis=2)
    expected = np.zeros((60, 80), bool)
    expected[10:30, 10:30] = True
    expected[50:, :6] = True
    expected[20:41, 20:41] = False
    np.testing.assert_array_equal(painted, expected)
    np.testing.assert_array_equal(filled[~expected], image[~expected])
    assert not (image == filled).all()


@pytest.mark.parametrize("region", [(-30, -20, -8, -9), (-30, 5, -8, 9), (5, -30, 9, -2), (80, 60, 99, 99)])
def test_regions_outside_paint_nothing(region):
    np.testing.assert_array_equal(fill_regions(noise(), boxes(region), boxes()), noise())


def test_colours_unchanged():
    np.testing.assert_array_equal(change_colours(noise(), 0.0, 1.0, 1.0, 0.0), noise())
    assert np.abs(change_colours(noise(), 0.0, 1.0, 1.0, 360.0).astype(int) - noise()).max() <= 1


def test_brightness_and_contrast():
    image = np.array([[[100, 128, 240]]], np.uint8)
    assert change_colours(image, 0.1, 1.0, 1.0, 0.0).tolist() == [[[126, 154, 255]]]
    assert change_colours(image, 0.0, 0.5, 1.0, 0.0).tolist() == [[[114, 128, 184]]]


def test_no_saturation_is_grey_of_the_same_luminance():
    image = noise()
    grey = change_colours(image, 0.0, 1.0, 0.0, 77.0)
    np.testing.assert_array_equal(grey, grey[..., :1].repeat(3, axis=2))
    assert np.abs(grey[..., 0] - image @ np.array([0.114, 0.587, 0.299])).max() <= 1


def test_hue_turns_about_grey():
    # A third of a turn takes each channel's deviation from grey to the next channel.
    image = np.array([[[90, 100, 140], [80, 80, 80]]], np.uint8)
    turned = change_colours(image, 0.0, 1.0, 1.0, 120.0)[0]
    assert sorted(turned[0].tolist()) == [90, 100, 140]
    assert turned[0].tolist() != [90, 100, 140]
    assert turned[1].tolist() == [80, 80, 80]


@pytest.mark.parametrize("length", [3, 4, 7])
@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0])
def test_motion_blur_keeps_the_mean(length, angle):
    flat = np.full((20, 20, 3), 77, np.uint8)
    np.testing.assert_array_equal(motion_blur(flat, length, angle), flat)
    assert motion_blur(noise(), length, angle).std() < 0.8 * noise().std()


def test_motion_blur_follows_its_direction():
    stripes = np.zeros((20, 20, 3), np.uint8)
    stripes[:, ::2] = 200
    np.testing.assert_array_equal(motion_blur(stripes, 5, 90.0), stripes)
    assert np.ptp(motion_blur(stripes, 5, 0.0)[:, 4:-4].astype(int)) <= 40


def test_recompression_loses_by_quality():
    image = noise()
    losses = [np.abs(recompress(image, quality).astype(int) - image).mean() for quality in (90, 30)]
    assert 0 < losses[0] < losses[1]


def test_light_literally():
    row = np.array([[[0, 51, 102], [153, 204, 255]]], np.uint8)
    np.testing.assert_array_equal(expose(row, 1.0, 1.0), row)
    np.testing.assert_array_equal(expose(row, 0.1, 1.0), [[[0, 5, 10], [15, 20, 26]]])
    np.testing.assert_array_equal(expose(row, 2.0, 1.0), [[[0, 102, 204], [255, 255, 255]]])
    np.testing.assert_array_equal(expose(row, 1.0, 2.0), [[[0, 10, 41], [92, 163, 255]]])


@pytest.mark.parametrize("factor", [1.2, 2.1, 100.0])
def test_coarse_images_keep_size_and_mean_and_lose_detail(factor):
    image = noise()
    coarse = make_coarse(image, factor)
    assert coarse.shape == image.shape
    assert abs(coarse.mean() - image.mean()) < 6
    assert coarse.std() < 0.8 * image.std()
    np.testing.assert_array_equal(make_coarse(image, 1.0), image)
    flat = np.full((9, 31, 3), 77, np.uint8)
    np.testing.assert_array_equal(make_coarse(flat, factor), flat)


ROUND = np.ones(3, bool)


@pytest.mark.parametrize("angle", [-170, -45, 5, 30, 77, 120])
def test_a_rotated_region_covers_all_of_itself(angle):
    """Faces in the corners of a crowd that is not judged would be background otherwise."""
    image = np.zeros((201, 201, 3), np.uint8)
    image[60:121, 70:141] = 255
    rotated, after = rotate(image, boxes([70, 60, 140, 120]), ~ROUND[:1], angle)
    rotated[(rotated == MEAN_COLOUR).all(axis=2)] = 0
    rows, columns = np.nonzero(rotated[..., 0] >= 128)
    np.testing.assert_allclose(after[0], [columns.min(), rows.min(), columns.max(), rows.max()], atol=1.5)


def test_rotating_by_right_angles_literally():
    image, before = noise(40, 40), boxes([3, 5, 9, 25], [0, 0, 39, 39], [-4, 10, 0, 12])
    quarter, after = rotate(image, before, ROUND[:3], 90.0)
    np.testing.assert_array_equal(quarter, np.rot90(image, -1))
    np.testing.assert_allclose(after, [[14, 3, 34, 9], [0, 0, 39, 39], [27, -4, 29, 0]], atol=1e-4)
    same, unmoved = rotate(image, before, ROUND[:3], 0.0)
    np.testing.assert_array_equal(same, image)
    np.testing.assert_allclose(unmoved, before, atol=1e-4)


@given(st.floats(-180, 180), st.floats(-30, 90), st.floats(-30, 90), st.floats(0, 60), st.floats(0, 60))
def test_rotation_keeps_centres_apart_and_the_ellipse_within(angle, x, y, width, height):
    """And back again, the centre is where it was; the sum of the squared sides is the same at every angle."""
    square, before = noise(60, 60), boxes([x, y, x + width, y + height])
    after = rotate(square, before, ROUND[:1], angle)[1]
    again = rotate(square, after, ROUND[:1], -angle)[1]
    np.testing.assert_allclose((again[:, :2] + again[:, 2:]) / 2, (before[:, :2] + before[:, 2:]) / 2, atol=1e-3)
    sides = [((b[:, 2:] - b[:, :2]).astype(np.float64) ** 2).sum() for b in (before, after)]
    np.testing.assert_allclose(sides[1], sides[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("angle", [-170, -45, -10, 5, 30, 77, 120])
def test_a_rotated_box_lies_on_its_ellipse(angle):
    image = np.zeros((201, 201, 3), np.uint8)
    cv2.ellipse(image, (120, 70), (20, 45), 0, 0, 360, (255, 255, 255), -1)
    rotated, after = rotate(image, boxes([100, 25, 140, 115]), ROUND[:1], angle)
    rotated[(rotated == MEAN_COLOUR).all(axis=2)] = 0
    rows, columns = np.nonzero(rotated[..., 0] >= 128)
    np.testing.assert_allclose(after[0], [columns.min(), rows.min(), columns.max(), rows.max()], atol=1.5)

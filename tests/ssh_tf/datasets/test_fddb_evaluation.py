"""FDDB's rules: each by a case made by hand, and the curves against a slow oracle."""

import itertools
import math
import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssh_tf.datasets.fddb_evaluation import (
    continuous_text,
    discrete_text,
    ellipse,
    image_curve,
    rate_at,
    rectangle,
    roc,
)
from ssh_tf.datasets.fddb_files import Shape

SIZE = (60, 50)  # width, height


def pixels(region, size=SIZE):
    """The region on the whole grid."""
    grid = np.zeros((size[1], size[0]), bool)
    height, width = region.mask.shape
    grid[region.top : region.top + height, region.left : region.left + width] = region.mask
    assert grid.sum() == region.area
    return grid


def window(left, top, right, bottom):
    """The grid with the pixels of an inclusive window."""
    grid = np.zeros((SIZE[1], SIZE[0]), bool)
    grid[top : bottom + 1, left : right + 1] = True
    return grid


# Rule 1: pixels.


@pytest.mark.parametrize(
    ("row", "corners"),
    [
        ((2, 3, 4, 5), (2, 3, 6, 8)),
        # Halves go to the even pixel: 2.5 to 2, 3.5 to 4; x + w = 6.5 to 6, y + h = 7.5 to 8.
        ((2.5, 3.5, 4, 4), (2, 4, 6, 8)),
        # In float32 2.4999999999 is 2.5, and 3.4999999999 is 3.5.
        ((2.4999999999, 3.4999999999, 4, 4), (2, 4, 6, 8)),
        ((-5, -7, 9, 9), (0, 0, 4, 2)),
        ((55, 45, 100, 100), (55, 45, 59, 49)),
        ((4, 4, 0, 0), (4, 4, 4, 4)),
    ],
)
def test_rectangles(row, corners):
    np.testing.assert_array_equal(pixels(rectangle(row, SIZE)), window(*corners))


@pytest.mark.parametrize("row", [(70, 3, 4, 5), (-20, 3, 4, 5), (5, 60, 4, 5), (5, 5, -3, 4)])
def test_rectangles_without_pixels(row):
    assert rectangle(row, SIZE).area == 0


def test_ellipse_is_turned_and_cut_to_whole_radii():
    """Major axis along x at angle 0 and along y at a right angle; radii 12.9 and 5.9 count as 12 and 5."""
    flat = pixels(ellipse((12.9, 5.9, 0.0, 30.4, 24.6), SIZE))
    assert (np.flatnonzero(flat.any(axis=0))[[0, -1]].tolist(), np.flatnonzero(flat.any(axis=1))[[0, -1]].tolist()) == (
        [18, 42],
        [20, 30],
    )
    upright = pixels(ellipse((12.9, 5.9, math.pi / 2, 30, 25), SIZE))
    assert np.flatnonzero(upright.any(axis=1))[[0, -1]].tolist() == [13, 37]


@pytest.mark.parametrize("row", [(12, 7, 1.3, 30, 25), (20, 9, -1.2, 3, 48), (9, 9, 0.004, 59, 0), (8, 4, 1.0, -3, -3)])
def test_ellipses_are_those_of_opencv(row):
    major, minor, angle, x, y = row
    grid = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.ellipse(grid, (x, y), (major, minor), round(math.degrees(angle)), 0, 360, 1, -1)
    np.testing.assert_array_equal(pixels(ellipse(row, SIZE)), grid.astype(bool))


def test_ellipse_outside_the_image_has_no_pixels():
    assert ellipse((5, 4, 0.3, 500, 500), SIZE).area == 0


# Rules 2 and 3: matching.

# An ellipse without radii is the one pixel of its centre; "faces" below are such pixels or discs.
DISC = (10.0, 10.0, 0.0, 30.0, 25.0)
DISC_BOX = (20.0, 15.0, 20.0, 20.0)  # its 21 x 21 pixels


def curve(detections, ellipses, shape=Shape.RECTANGLE):
    return image_curve(
        np.array(detections, float).reshape(-1, len(shape.value)), np.array(ellipses).reshape(-1, 5), SIZE, shape
    )


def test_a_ratio_is_pixels_in_common_over_pixels_of_either():
    disc = pixels(ellipse(DISC, SIZE))
    result = curve([(*DISC_BOX, 0.9)], [DISC])
    assert result.overlap.tolist() == [disc.sum() / 441]
    assert result.matched.tolist() == [1]


def test_ratio_of_one_half_is_no_match():
    """A rectangle of 2 pixels over a face of 1: 0.5 is not over 0.5."""
    pixel = (0.0, 0.0, 0.0, 30.0, 25.0)
    half = curve([(30, 25, 1, 0, 0.9)], [pixel])
    assert (half.matched.tolist(), half.overlap.tolist()) == ([0], [0.5])
    whole = curve([(30, 25, 0, 0, 0.9)], [pixel])
    assert (whole.matched.tolist(), whole.overlap.tolist()) == ([1], [1.0])


def test_one_detection_a_face():
    result = curve([(*DISC_BOX, 0.9), (*DISC_BOX, 0.8)], [DISC])
    assert result.scores.tolist() == [0.9, 0.8]
    assert result.matched.tolist() == [1, 1]
    assert result.detections.tolist() == [1, 2]


def test_the_sum_is_the_greatest():
    """The best pair alone is not taken if the other two together have more in common."""
    near, far = (10.0, 10.0, 0.0, 25.0, 25.0), (10.0, 10.0, 0.0, 34.0, 25.0)
    between, left = (18.0, 15.0, 20.0, 20.0), (8.0, 15.0, 20.0, 20.0)
    result = curve([(*between, 0.9), (*left, 0.9)], [near, far])
    ratios = [[one_ratio(box, face) for face in (near, far)] for box in (between, left)]
    assert max(map(max, ratios)) == ratios[0][0]
    assert result.overlap.tolist() == [ratios[0][1] + ratios[1][0]]


def test_equal_scores_are_one_point():
    result = curve([(*DISC_BOX, 0.9), (0, 0, 3, 3, 0.9)], [DISC])
    assert (result.scores.tolist(), result.detections.tolist()) == ([0.9], [2])


def test_elliptic_detections():
    result = curve([(*DISC, 0.9)], [DISC], Shape.ELLIPSE)
    assert result.overlap.tolist() == [1.0]


def test_images_without_faces_or_detections():
    assert curve([(*DISC_BOX, 0.9)], []).matched.tolist() == [0]
    assert curve([], [DISC]).scores.size == 0


# Rule 4: the curve.


def test_curve_of_two_images():
    """First image: hit at 0.9, false positive at 0.5. Second: false positive at 0.7."""
    first = curve([(*DISC_BOX, 0.9), (0, 0, 3, 3, 0.5)], [DISC])
    second = curve([(0, 0, 3, 3, 0.7)], [DISC])
    result = roc([first, second], faces=2)
    assert discrete_text(result) == "0.5 2 0.5\n0.5 1 0.7\n0.5 0 0.9\n"
    ratio = first.overlap[0] / 2
    assert continuous_text(result) == f"{ratio:g} 2\n{ratio:g} 1\n{ratio:g} 0\n"


def test_image_without_detections_adds_a_last_line():
    """Several such images add one line all the same, and their faces count."""
    result = roc([curve([(*DISC_BOX, 0.9)], [DISC]), curve([], [DISC]), curve([], [])], faces=2)
    assert discrete_text(result) == "0.5 0 0.9\n0 0 1.79769e+308\n"
    assert continuous_text(result).splitlines()[-1] == "0 0"


def test_numbers_are_written_as_by_c():
    result = roc([curve([(*DISC_BOX, 0.123456789)], [DISC])], faces=3)
    assert discrete_text(result) == "0.333333 0 0.123457\n"


def test_no_images_and_no_faces():
    assert discrete_text(roc([], 0)) == ""
    assert math.isnan(roc([curve([(*DISC_BOX, 0.9)], [])], 0).discrete[0])


def test_rate_at_a_number_of_false_positives():
    rates, false = np.array([0.9, 0.8, 0.5]), np.array([1200, 1000, 3])
    assert [rate_at(rates, false, allowed) for allowed in (2000, 1000, 999, 2)] == [0.9, 0.8, 0.5, 0.0]


# Against an oracle that tries every matching.


def one_ratio(box, face):
    first, second = pixels(rectangle(box, SIZE)), pixels(ellipse(face, SIZE))
    return (first & second).sum() / max((first | second).sum(), 1)


def slow_matching(detections, faces):
    """All one-to-one matchings tried: hits and sum of the best."""
    ratios = [[one_ratio(box[:4], face) for face in faces] for box in detections]
    slots = list(range(len(faces))) + [None] * len(detections)
    best = (0.0, 0)
    for chosen in set(itertools.permutations(slots, len(detections))):
        values = [ratios[at][face] for at, face in enumerate(chosen) if face is not None]
        best = max(best, (sum(values), sum(value > 0.5 for value in values)))
    return best


def slow_texts(images, faces):
    scores = sorted({box[4] for detections, _ in images for box in detections})
    discrete, continuous = [], []
    for threshold in scores:
        total, hits, count = 0.0, 0, 0
        for detections, ellipses in images:
            above = [box for box in detections if box[4] >= threshold]
            one_total, one_hits = slow_matching(above, ellipses)
            total, hits, count = total + one_total, hits + one_hits, count + len(above)
        discrete.append((hits / faces, count - hits, threshold))
        continuous.append((total / faces, count - hits))
    if any(not detections for detections, _ in images):
        discrete.append((0, 0, np.finfo(float).max))
        continuous.append((0, 0))
    return discrete, continuous


side = st.integers(2, 20)
boxes = st.tuples(st.integers(-3, 50), st.integers(-3, 40), side, side, st.sampled_from([0.2, 0.5, 0.9]))
ellipses = st.tuples(side.map(float), side.map(float), st.floats(-1.5, 1.5), st.integers(5, 55), st.integers(5, 45))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(boxes, max_size=3), st.lists(ellipses, max_size=2)), min_size=1, max_size=2))
def test_equals_the_slow_oracle(images):
    faces = sum(len(image[1]) for image in images)
    if faces == 0:
        return
    result = roc([curve(*image) for image in images], faces)
    discrete, continuous = slow_texts(images, faces)
    np.testing.assert_allclose(np.column_stack([result.discrete, result.false_positives, result.thresholds]), discrete)
    np.testing.assert_allclose(np.column_stack([result.continuous, result.false_positives]), continuous, atol=1e-12)
    assert re.fullmatch(r"(\S+ \S+ \S+\n)+", discrete_text(result))

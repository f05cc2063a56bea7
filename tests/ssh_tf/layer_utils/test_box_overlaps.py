"""Box overlaps by literal cases and against the NumPy oracle."""

import numpy as np
import pytest
from hypothesis import given

from oracles import best_anchors_oracle, coverage_oracle, overlap_oracle
from ssh_tf.layer_utils.box_overlaps import best_anchors, box_overlaps, max_coverage, max_overlaps
from strategies import boxes

NONE = np.zeros((0, 4), np.float32)
FUNCTIONS = (box_overlaps, max_overlaps, max_coverage, best_anchors)


# Literal cases.


@pytest.mark.parametrize(
    ("box", "query", "expected"),
    [
        ((0, 0, 9, 9), (0, 0, 9, 9), 1.0),
        ((0, 0, 9, 9), (10, 0, 19, 9), 0.0),  # Neighbours share no pixel.
        ((0, 0, 9, 9), (9, 9, 18, 18), 1 / 199),  # One pixel is shared: an end belongs to its box.
        ((0, 0, 9, 9), (0, 0, 9, 4), 0.5),
        ((0, 0, 9, 9), (5, 0, 14, 9), 1 / 3),
        ((0, 0, 0, 0), (0, 0, 0, 0), 1.0),  # One pixel.
        ((0, 0, 9, 9), (9, 9, 0, 0), 0.0),  # Inside out.
        ((0, 0, 9, 9), (0, 0, np.nan, 9), 0.0),
        ((0, 0, 9, 9), (np.nan, 0, 9, 9), 0.0),
        ((0, 0, 9, 9), (-np.inf, -np.inf, np.inf, np.inf), 0.0),
        ((-np.inf, 0, np.inf, 9), (-np.inf, 0, np.inf, 9), 0.0),
    ],
)
def test_overlap_of_two(box, query, expected):
    assert box_overlaps([box], [query])[0, 0] == np.float32(expected)
    assert box_overlaps([query], [box])[0, 0] == np.float32(expected)
    assert max_overlaps([box], [query])[0][0] == np.float32(expected)


def test_first_of_equal_boxes_is_the_best():
    best, which = max_overlaps([(0, 0, 9, 9)], [(50, 50, 60, 60), (5, 0, 14, 9), (-5, 0, 4, 9), (5, 0, 14, 9)])
    assert best == np.float32(1 / 3)
    assert which == 1


def test_without_boxes_there_is_no_best_box():
    best, which = max_overlaps([(0, 0, 9, 9)] * 2, NONE)
    np.testing.assert_array_equal(best, [0, 0])
    np.testing.assert_array_equal(which, [-1, -1])
    assert best_anchors([(0, 0, 9, 9)], NONE).size == 0
    assert max_coverage([(0, 0, 9, 9)], NONE) == 0


def test_all_anchors_that_reach_the_best_overlap_are_named():
    anchors = [(0, 0, 9, 9), (100, 0, 109, 9), (5, 0, 14, 9), (0, 50, 9, 59)]
    face_between_the_first_and_the_third = (2.5, 0, 11.5, 9)
    face_far_from_all = (300, 300, 320, 320)
    found = best_anchors(anchors, [face_between_the_first_and_the_third, face_far_from_all])
    np.testing.assert_array_equal(found, [0, 2])


def test_of_anchors_within_a_large_face_the_middle_one_is_its_best():
    """They all overlap it equally, and so do all that hold a small face."""
    anchors = [(x, y, x + 9, y + 9) for y in range(0, 91, 5) for x in range(0, 91, 5)]
    np.testing.assert_array_equal(best_anchors(anchors, [(0, 0, 99, 99)]), [anchors.index((45, 45, 54, 54))])
    np.testing.assert_array_equal(best_anchors(anchors, [(23, 42, 27, 46)]), [anchors.index((20, 40, 29, 49))])


def test_coverage_is_of_the_anchor_and_of_one_region():
    anchor = [(0, 0, 9, 9)]
    assert max_coverage(anchor, [(0, 0, 99, 4)]) == 0.5
    assert max_coverage(anchor, [(0, 0, 9, 4), (0, 5, 9, 9)]) == 0.5
    assert max_coverage(anchor, [(-1, -1, 10, 10), (0, 0, 9, 4)]) == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_wrong_shape_is_named(function):
    with pytest.raises(ValueError, match=r"expected shape \(K, 4\), got \(2, 5\)"):
        function(np.zeros((2, 5)), NONE)
    with pytest.raises(ValueError, match=r"expected shape \([GI], 4\), got \(4,\)"):
        function(NONE, np.zeros(4))


def test_types_and_memory_order_do_not_matter():
    anchors = np.array([(0, 0, 9, 9), (3, 3, 12, 12)])
    expected = box_overlaps(anchors, anchors)
    for same in (anchors.tolist(), anchors.astype(np.float64), np.asfortranarray(anchors), anchors.astype(np.uint8)):
        np.testing.assert_array_equal(box_overlaps(same, same), expected)
    frozen = anchors.astype(np.float32)
    frozen.flags.writeable = False
    np.testing.assert_array_equal(box_overlaps(frozen, frozen), expected)


# Against the oracle.


@given(boxes(), boxes())
def test_overlaps(anchors, faces):
    np.testing.assert_array_equal(box_overlaps(anchors, faces), overlap_oracle(anchors, faces).astype(np.float32))


@given(boxes(), boxes())
def test_best_boxes(anchors, faces):
    overlaps = overlap_oracle(anchors, faces).astype(np.float32)
    best, which = max_overlaps(anchors, faces)
    assert (best.dtype, which.dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(best, overlaps.max(axis=1, initial=0))
    np.testing.assert_array_equal(which, overlaps.argmax(axis=1) if len(faces) else np.full(len(anchors), -1))


@given(boxes(), boxes())
def test_best_anchors(anchors, faces):
    np.testing.assert_array_equal(best_anchors(anchors, faces), best_anchors_oracle(anchors, faces))


@given(boxes(), boxes())
def test_coverage(anchors, regions):
    expected = coverage_oracle(anchors, regions).astype(np.float32).max(axis=1, initial=0)
    np.testing.assert_array_equal(max_coverage(anchors, regions), expected)


def test_thousands_of_boxes(random_boxes):
    anchors, faces = random_boxes(2000), random_boxes(300)
    overlaps = overlap_oracle(anchors, faces).astype(np.float32)
    best, which = max_overlaps(anchors, faces)
    np.testing.assert_array_equal(box_overlaps(anchors, faces), overlaps)
    np.testing.assert_array_equal(best, overlaps.max(axis=1))
    np.testing.assert_array_equal(which, overlaps.argmax(axis=1))
    np.testing.assert_array_equal(best_anchors(anchors, faces), best_anchors_oracle(anchors, faces))


def test_other_threads_run_meanwhile(random_boxes, longest_pause):
    anchors, faces = random_boxes(20_000), random_boxes(1500)
    assert longest_pause(lambda: box_overlaps(anchors, faces)) < 0.5

"""Average precision by literal cases, by laws and against a slow oracle."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssh_tf.datasets.average_precision import (
    FALSE_POSITIVE,
    HIT,
    IOU_THRESHOLDS,
    NEITHER,
    evaluate_detections,
    judge_image,
    size_bins,
)
from ssh_tf.datasets.precision_recall import average_precision
from ssh_tf.utils.errors import DataError

FACE = (0, 0, 20, 20)


def ap50(detections, boxes, ignore=None, **options):
    return evaluate_detections([detections], [boxes], None if ignore is None else [ignore], **options).overall.ap50


# Literal cases.


def test_perfect_detections():
    result = evaluate_detections([[(*FACE, 0.9)], [(5, 5, 9, 9, 0.8)]], [[FACE], [(5, 5, 9, 9)]])
    assert result.overall.ap50 == result.overall.ap == 1.0
    assert result.overall.faces == 2
    assert result.thresholds.tolist() == list(IOU_THRESHOLDS) == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]


def test_boxes_are_continuous():
    """20x20 against its 20x10 half: 0.5 exactly. With +1 it would be 0.524, and 9.9 high would still pass."""
    assert ap50([(0, 0, 20, 10, 0.9)], [FACE]) == 1.0
    assert ap50([(0, 0, 20, 9.9, 0.9)], [FACE]) == 0.0


def test_ap_is_the_mean_over_thresholds():
    """IoU 0.7: a hit at 0.5, 0.55, 0.6, 0.65 and 0.7."""
    result = evaluate_detections([[(0, 0, 20, 14, 0.9)]], [[FACE]]).overall
    assert result.ap_by_threshold.tolist() == [1.0] * 5 + [0.0] * 5
    assert result.ap == pytest.approx(0.5)


def test_second_detection_of_a_face_is_a_false_positive():
    outcome = judge_image([(0, 0, 20, 19, 0.5), (*FACE, 0.4)], [FACE])
    assert outcome.detections.tolist() == [HIT, FALSE_POSITIVE]
    assert outcome.found.tolist() == [True]


def test_best_overlap_is_taken_and_not_the_first():
    outcome = judge_image([(0, 0, 20, 20, 0.9), (0, 0, 20, 14, 0.8)], [(0, 0, 20, 13), FACE])
    assert outcome.detections.tolist() == [HIT, HIT]


def test_judgements_come_in_the_order_given():
    outcome = judge_image([(50, 50, 60, 60, 0.1), (*FACE, 0.9)], [FACE])
    assert outcome.detections.tolist() == [FALSE_POSITIVE, HIT]


def test_missed_face_and_false_positive():
    result = evaluate_detections([[(*FACE, 0.9), (100, 100, 120, 120, 0.8)]], [[FACE, (50, 50, 70, 70)]]).overall
    assert result.recall.tolist() == [0.5, 0.5]
    assert result.precision.tolist() == [1.0, 0.5]
    assert result.scores.tolist() == [0.9, 0.8]
    assert result.ap50 == 0.5


def test_detection_half_inside_an_ignore_region_is_not_judged():
    face, region = (100, 100, 120, 120), (0, 0, 10, 40)
    assert judge_image([(0, 0, 20, 20, 0.9)], [face], [region]).detections.tolist() == [NEITHER]
    assert judge_image([(0, 0, 20.5, 20, 0.9)], [face], [region]).detections.tolist() == [FALSE_POSITIVE]
    # Many may lie in one region; a face in the region is still a face.
    outcome = judge_image([(*FACE, 0.9), (1, 1, 9, 9, 0.8), (2, 2, 9, 9, 0.7)], [FACE], [(0, 0, 50, 50)])
    assert outcome.detections.tolist() == [HIT, NEITHER, NEITHER]


def test_two_ignore_regions_are_not_added():
    assert judge_image([(0, 0, 20, 20, 0.9)], [], [(0, 0, 20, 9), (0, 9, 20, 18)]).detections.tolist() == [
        FALSE_POSITIVE
    ]


def test_sizes():
    """A face of 4, one of 10 (missed) and one of 20 px; a false positive of 10 px with the highest score."""
    small, medium, large = (0, 0, 4, 4), (20, 20, 30, 30), (50, 50, 70, 70)
    detections = [(100, 100, 110, 110, 0.9), (*small, 0.8), (*large, 0.7)]
    result = evaluate_detections([detections], [[small, medium, large]], bounds=(8, 16, 32))
    assert [part.size.name for part in result.by_size] == ["<8", "8-16", "16-32", ">=32"]
    assert [part.faces for part in result.by_size] == [1, 1, 1, 0]
    # The false positive weighs on its own bin alone; detections on faces of other sizes weigh on none.
    assert [part.ap50 for part in result.by_size[:3]] == [1.0, 0.0, 1.0]
    assert math.isnan(result.by_size[3].ap50)
    assert result.overall.ap50 == pytest.approx(2 / 3 * 2 / 3)


def test_a_bin_holds_its_lower_bound():
    result = evaluate_detections([[]], [[(0, 0, 8, 8), (0, 0, 16, 16)]], bounds=(8, 16))
    assert [part.faces for part in result.by_size] == [0, 1, 1]


def test_face_outside_the_bin_absorbs_a_detection_inside_it():
    """The detection is 15 px, its face 17: in the 8-16 bin it is neither, in the 16-32 bin a hit."""
    result = evaluate_detections([[(0, 0, 15, 15, 0.9)]], [[(0, 0, 17, 17), (50, 50, 60, 60)]], bounds=(8, 16, 32))
    in_8_16, in_16_32 = result.by_size[1:3]
    assert in_8_16.scores.size == 0
    assert in_16_32.ap50 == 1.0


def test_face_of_the_bin_is_preferred_to_a_nearer_one_outside():
    face_in, face_out = (0, 0, 17, 17), (0, 0, 15, 15)
    result = evaluate_detections([[(0, 0, 15.5, 15.5, 0.9)]], [[face_out, face_in]], bounds=(16,))
    assert result.by_size[1].ap50 == 1.0


def test_equal_scores_enter_together():
    one_way = evaluate_detections([[(*FACE, 0.5)], [(*FACE, 0.5)]], [[FACE], []])
    other_way = evaluate_detections([[(*FACE, 0.5)], [(*FACE, 0.5)]], [[], [FACE]])
    assert one_way.overall.ap50 == other_way.overall.ap50 == 0.5


def test_empty_sets():
    result = evaluate_detections([], [])
    assert math.isnan(result.overall.ap50)
    assert result.overall.faces == 0
    result = evaluate_detections([np.zeros((0, 5), np.float32)], [np.array([FACE], np.float32)])
    assert result.overall.ap50 == result.overall.ap == 0.0
    assert math.isnan(evaluate_detections([[(*FACE, 0.5)]], [[]]).overall.ap50)


def test_boxes_without_area_match_nothing():
    assert ap50([(5, 5, 5, 5, 0.9)], [(5, 5, 5, 5)]) == 0.0
    assert ap50([(9, 9, 5, 5, 0.9)], [(5, 5, 9, 9)]) == 0.0


@pytest.mark.parametrize(
    ("detections", "boxes", "ignore", "words"),
    [
        ([], [[FACE]], None, "0 detection lists, 1 box lists"),
        ([[]], [[]], [], "0 ignore lists"),
        ([[(1, 2, 3, 4)]], [[]], None, r"detections of image 0: shape \(1, 4\)"),
        ([[]], [[(1, 2, 3)]], None, r"boxes of image 0"),
        ([[], [(*FACE, 1), (*FACE, math.nan)]], [[], []], None, "detections of image 1: row 1"),
        ([[]], [[(0, 0, math.inf, 2)]], None, "boxes of image 0: row 0"),
    ],
)
def test_bad_input_is_named(detections, boxes, ignore, words):
    with pytest.raises(DataError, match=words):
        evaluate_detections(detections, boxes, ignore)


def test_bounds_must_rise():
    with pytest.raises(ValueError, match="rising"):
        size_bins((16, 8))


# Against a slow oracle, over grids small enough for ties and for shared faces.


def slow_iou(first, second):
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0, 0.0
    area, other = ((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return width * height / (area + other - width * height), width * height / area


def slow_curve_area(images, low, high, threshold):
    """The area under the curve, computed score by score."""
    judged, faces = [], 0
    for detections, boxes, ignore in images:
        sizes = [math.sqrt((box[2] - box[0]) * (box[3] - box[1])) for box in boxes]
        inside = [low <= size < high for size in sizes]
        faces += sum(inside)
        free = set(range(len(boxes)))
        for _, detection in sorted(enumerate(detections), key=lambda pair: (-pair[1][4], pair[0])):
            overlaps = [(inside[at], slow_iou(detection, boxes[at])[0], -at) for at in free]
            overlaps = [overlap for overlap in overlaps if overlap[1] >= threshold]
            if overlaps:
                chosen = -max(overlaps)[2]
                free.remove(chosen)
                if inside[chosen]:
                    judged.append((detection[4], 1))
                continue
            size = math.sqrt((detection[2] - detection[0]) * (detection[3] - detection[1]))
            if low <= size < high and not any(slow_iou(detection, region)[1] >= 0.5 for region in ignore):
                judged.append((detection[4], 0))
    if not faces:
        return math.nan
    recall, precision = [], []
    for score in sorted({score for score, _ in judged}, reverse=True):
        hits = [hit for other, hit in judged if other >= score]
        recall.append(sum(hits) / faces)
        precision.append(sum(hits) / len(hits))
    return average_precision(recall, precision)


corners = st.integers(0, 12)
sides = st.integers(1, 12)
boxes_strategy = st.tuples(corners, corners, sides, sides).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
scored = st.tuples(boxes_strategy, st.integers(1, 4)).map(lambda pair: (*pair[0], pair[1] / 4))
images_strategy = st.lists(
    st.tuples(st.lists(scored, max_size=6), st.lists(boxes_strategy, max_size=5), st.lists(boxes_strategy, max_size=2)),
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(images_strategy)
def test_equals_the_slow_oracle(images):
    result = (
        evaluate_detections(*(list(column) for column in zip(*images, strict=True)), bounds=(4, 8)) if images else None
    )
    if result is None:
        return
    bins = [result.overall, *result.by_size]
    for part, (low, high) in zip(bins, [(0, math.inf), (0, 4), (4, 8), (8, math.inf)], strict=True):
        expected = [slow_curve_area(images, low, high, threshold) for threshold in IOU_THRESHOLDS]
        np.testing.assert_allclose(part.ap_by_threshold, expected, rtol=0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(images_strategy.filter(len), st.randoms(use_true_random=False))
def test_order_of_images_is_without_effect(images, random):
    shuffled = list(images)
    random.shuffle(shuffled)
    one, other = (
        evaluate_detections(*(list(c) for c in zip(*order, strict=True))).overall for order in (images, shuffled)
    )
    np.testing.assert_array_equal(one.recall, other.recall)
    np.testing.assert_array_equal(one.precision, other.precision)

"""The toolbox's rules for WIDER FACE: each by a case made by hand, and all together against a slow literal oracle."""

import math
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.wider_evaluation import (
    THRESHOLDS,
    as_int32,
    evaluate_wider,
    first_match,
    legend_number,
    normalised_scores,
)
from ssh_tf.datasets.wider_ground_truth import OFFICIAL_FACES, OFFICIAL_IMAGES, read_ground_truth
from wider_cases import ground_truth

INT32_MAX, INT32_MIN = 2**31 - 1, -(2**31)


def curve(detections, boxes, evaluated=None, level="easy"):
    """The curve of images given as lists of rows and boxes."""
    names = [f"event/{at}" for at in range(len(boxes))]
    levels = {} if evaluated is None else {level: dict(zip(names, evaluated, strict=True))}
    return evaluate_wider(detections, ground_truth(dict(zip(names, boxes, strict=True)), **levels))[level]


def match(detection, boxes):
    return first_match(np.array([detection], float), np.array(boxes, np.int32)).tolist()[0]


# Rule 1: int32 overlaps, first match.


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (0.5, 1), (1.5, 2), (2.5, 3), (-0.5, -1), (-2.5, -3), (2.4999, 2), (0.49999999999999994, 0),
        (math.nan, 0), (math.inf, INT32_MAX), (-math.inf, INT32_MIN), (3e9, INT32_MAX), (-1e300, INT32_MIN),
    ],
)  # fmt: skip
def test_int32_rounds_halves_away_from_zero_and_saturates(value, rounded):
    assert as_int32(np.array([value])).tolist() == [rounded]


def test_boxes_include_their_last_pixel():
    """Box 0…9 (100 pixels) against 0…9 by 0…4 (50): IoU 0.5 is a hit. A row less, 40 of 100, is not."""
    assert match((0, 0, 9, 4), [(0, 0, 9, 9)]) == 0
    assert match((0, 0, 9, 3), [(0, 0, 9, 9)]) == -1


def test_corners_are_rounded_but_the_area_is_not():
    """Corner 3.5 becomes 4: 50 pixels in common; the area stays 10 x 4.5 = 45: union 95, IoU over 0.5."""
    assert match((0, 0, 9, 3.5), [(0, 0, 9, 9)]) == 0
    # 3.49 stays 3: 40 pixels in common, and 2 x 40 < 100 + 44.9 - 40.
    assert match((0, 0, 9, 3.49), [(0, 0, 9, 9)]) == -1


def test_union_is_rounded():
    """10 pixels in common, areas 20 + 10.4: the sum becomes 30 and the union 20, just reached; 20 + 10.6 does not."""
    box = [(0, 0, 19, 0)]
    assert match((0, 0, 9, 0.04), box) == 0
    assert match((0, 0, 9, 0.06), box) == -1


def test_boxes_that_only_touch_do_not_overlap():
    assert match((10, 0, 9, 9), [(0, 0, 9, 9)]) == -1
    # Without area they still hold a pixel.
    assert match((5, 5, 0, 0), [(5, 5, 0, 0)]) == 0


def test_first_box_is_matched_and_not_the_best():
    boxes = [(50, 50, 9, 9), (0, 0, 9, 6), (0, 0, 9, 9)]
    assert match((0, 0, 9, 9), boxes) == 1
    assert match((0, 0, 9, 9), boxes[::-1]) == 0


def test_overlap_rounded_to_two_wins_over_an_earlier_one():
    """Corners 9.49 and 10.5 become 9 and 11, 9 pixels, while the area is 2.01 x 2.01, about 4.

    With a box of 3 x 3 the union is 13 - 9 and 9/4 is rounded to 2; with one of 4 x 4 it is 20 - 9, and 9/11 to 1.
    """
    detection, three, four = (9.49, 9.49, 1.01, 1.01), (9, 9, 2, 2), (9, 9, 3, 3)
    assert match(detection, [four, three]) == 1
    assert match(detection, [three, four]) == 0
    assert match(detection, [four]) == 0


@pytest.mark.parametrize(
    "row", [(math.nan, 0, 9, 9), (0, 0, math.nan, 9), (0, 0, math.inf, 9), (-math.inf, 0, math.inf, 9)]
)
def test_detections_without_numbers_match_nothing(row):
    """NaN corners become 0 and so overlap a box at the border; the union is then negative, and the quotient too."""
    assert match(row, [(0, 0, 9, 9)]) == -1


# Rule 2: scores.


def test_scores_are_float32():
    """Two scores that differ in double alone become one."""
    first, second = normalised_scores([np.array([0.9, 0.9 + 1e-9]), np.array([0.1])])[0].tolist()
    assert first == second == 1.0
    low, middle, high = normalised_scores([np.array([0.1, 0.3, 0.9])])[0].tolist()
    assert (low, high) == (0.0, 1.0)
    f = np.float32
    assert middle == float((f(0.3) - f(0.1)) / (f(0.9) - f(0.1)))
    assert middle != (0.3 - 0.1) / (0.9 - 0.1)


def test_bounds_start_from_the_limits_of_float32():
    """Scores all negative: the maximum stays the smallest positive normal float32."""
    scores = normalised_scores([np.array([-1.0, -3.0])])[0]
    assert scores.tolist() == [float(np.float32(2.0) / np.float32(3.0)), 0.0]


def test_bounds_pass_over_nan():
    assert normalised_scores([np.array([math.nan, 0.2]), np.array([0.4])])[1].tolist() == [1.0]


def test_constant_scores_give_no_recall():
    result = curve([[(0, 0, 9, 9, 0.7)], [(0, 0, 9, 9, 0.7)]], [[(0, 0, 9, 9)], [(0, 0, 9, 9)]])
    assert result.ap == 0.0
    assert result.recall.tolist() == [0.0] * 1000
    assert np.isnan(result.precision).all()


def test_thresholds():
    """A score just at a threshold counts there: 0.75 of the range at t = 250."""
    rows = [[(0, 0, 9, 9, 1.0), (50, 50, 9, 9, 0.75), (90, 90, 9, 9, 0.0)]]
    result = curve(rows, [[(0, 0, 9, 9), (50, 50, 9, 9)]])
    assert result.recall[[0, 248, 249, 999]].tolist() == [0.5, 0.5, 1.0, 1.0]
    assert result.precision[[0, 248, 249, 998, 999]].tolist() == [1.0, 1.0, 1.0, 1.0, 2 / 3]


# Rule 3: order.


def test_rows_are_sorted_by_score():
    """The row that the file has second goes first: it alone counts at the first threshold."""
    result = curve([[(50, 50, 9, 9, 0.1), (0, 0, 9, 9, 0.9)]], [[(0, 0, 9, 9)]])
    assert result.precision[[0, 998, 999]].tolist() == [1.0, 1.0, 0.5]


def test_nan_score_goes_first_and_enters_with_the_next():
    """The NaN row is a false positive that counts as soon as the image's best other row does."""
    result = curve(
        [[(0, 0, 9, 9, 0.9), (50, 50, 9, 9, math.nan)], [(90, 90, 9, 9, 0.1)]], [[(0, 0, 9, 9)], [(0, 0, 9, 9)]]
    )
    assert result.precision[0] == 0.5
    assert result.recall[0] == 0.5


def test_image_with_nan_scores_alone_never_counts():
    result = curve([[(0, 0, 9, 9, math.nan)], [(0, 0, 9, 9, 0.9), (50, 50, 9, 9, 0.1)]], [[(0, 0, 9, 9)]] * 2)
    assert result.recall[-1] == 0.5
    assert result.precision[-1] == 0.5


# Rule 4: what counts.


def test_hit_on_a_box_that_is_not_evaluated_is_no_proposal():
    rows = [[(0, 0, 9, 9, 0.9), (50, 50, 9, 9, 0.8), (90, 90, 9, 9, 0.1)]]
    result = curve(rows, [[(0, 0, 9, 9), (50, 50, 9, 9)]], evaluated=[[1]])
    assert result.faces == 1
    assert np.isnan(result.precision[0])
    assert result.precision[500] == 1.0
    assert result.precision[999] == 0.5


def test_second_hit_on_an_evaluated_box_is_false():
    rows = [[(0, 0, 9, 9, 0.9), (0, 0, 9, 9, 0.1)]]
    result = curve(rows, [[(0, 0, 9, 9)]])
    assert result.precision[[0, 999]].tolist() == [1.0, 0.5]


# Rule 5: what is counted.


def test_faces_of_images_without_detections_count():
    result = curve([[(0, 0, 9, 9, 0.9), (0, 0, 1, 1, 0.1)], []], [[(0, 0, 9, 9)], [(0, 0, 9, 9), (50, 0, 9, 9)]])
    assert result.faces == 3
    assert result.recall[0] == 1 / 3


def test_images_without_evaluated_boxes_add_their_proposals():
    rows = [[(0, 0, 9, 9, 0.9), (99, 0, 9, 9, 0.1)], [(50, 50, 9, 9, 0.95)]]
    result = curve(rows, [[(0, 0, 9, 9)], [(0, 0, 9, 9)]], evaluated=[[0], []])
    assert result.precision[500] == 0.5


def test_images_without_boxes_add_nothing():
    result = curve([[(0, 0, 9, 9, 0.9), (99, 0, 9, 9, 0.1)], [(50, 50, 9, 9, 0.95)]], [[(0, 0, 9, 9)], []])
    assert result.precision[500] == 1.0


def test_levels_are_evaluated_apart():
    truth = ground_truth(
        {"e/a": [(0, 0, 9, 9), (50, 50, 9, 9)]}, easy={"e/a": [0]}, medium={"e/a": [1]}, hard={"e/a": [0, 1]}
    )
    result = evaluate_wider([[(0, 0, 9, 9, 0.9), (0, 90, 9, 9, 0.1)]], truth)
    assert {level: result[level].ap for level in result} == {"easy": 1.0, "medium": 0.0, "hard": 0.5}


# Rules 6 and 7: the area.


def test_leading_thresholds_without_proposals_do_not_spoil_the_area():
    rows = [[(50, 50, 9, 9, 1.0), (0, 0, 9, 9, 0.5), (90, 0, 9, 9, 0.0)]]
    result = curve(rows, [[(0, 0, 9, 9), (50, 50, 9, 9)]], evaluated=[[0]])
    assert np.isnan(result.precision[:499]).all()
    assert result.ap == 1.0


def test_no_detections_and_no_faces():
    assert curve([[], []], [[(0, 0, 9, 9)], []]).ap == 0.0
    assert math.isnan(curve([[(0, 0, 9, 9, 0.5)]], [[]]).ap)


@pytest.mark.parametrize(
    ("ap", "legend"),
    [
        (0.69347343, "0.693"),
        (0.9197, "0.919"),
        (0.90999, "0.909"),
        (1.0, "1.000"),
        (0.0, "0.000"),
        (0.91, "0.910"),
        (0.90001, "0.900"),
    ],
)
def test_legend_is_cut_and_not_rounded(ap, legend):
    assert legend_number(ap) == legend


def test_rows_must_be_as_many_as_the_images():
    with pytest.raises(ValueError, match="2 images of detections, 1 in the ground truth"):
        evaluate_wider([[], []], ground_truth({"e/a": []}))


# All rules against an oracle that does one step at a time, in Python's own numbers.


def int32(value):
    if math.isnan(value):
        return 0
    if math.isinf(value):
        return INT32_MAX if value > 0 else INT32_MIN
    return min(max(int(Decimal(value).quantize(Decimal(1), ROUND_HALF_UP)), INT32_MIN), INT32_MAX)


def overlap(detection, box):
    """boxoverlap.m for one pair."""
    x, y, width, height = detection
    bx, by, bw, bh = box
    right, bottom = x + width, y + height
    w = min(bx + bw, int32(right)) - max(bx, int32(x)) + 1
    h = min(by + bh, int32(bottom)) - max(by, int32(y)) + 1
    if w <= 0 or h <= 0:
        return 0
    area = (right - x + 1) * (bottom - y + 1)
    union = int32((bw + 1) * (bh + 1) + area) - w * h
    return INT32_MAX if union == 0 else int32(w * h / union)


def first_greatest(detection, boxes):
    overlaps = [overlap(detection, box) for box in boxes]
    return overlaps.index(max(overlaps)) if overlaps and max(overlaps) >= 0.5 else -1


def slow_curve(images, boxes, evaluated):
    """(1000,) precision and recall, threshold by threshold and row by row."""
    singles = [np.float32(row[4]) for rows in images for row in rows if not math.isnan(row[4])]
    high = max([np.finfo(np.float32).tiny, *singles])
    low = min([np.finfo(np.float32).max, *singles])
    faces = sum(map(len, evaluated))
    prepared = []
    for rows, image_boxes, counted in zip(images, boxes, evaluated, strict=True):
        if not rows or not image_boxes:
            continue
        rows = sorted(rows, key=lambda row: -math.inf if math.isnan(row[4]) else -row[4])
        recalled, steps = set(), []
        for row in rows:
            at = first_greatest(row[:4], image_boxes)
            proposal = not (at >= 0 and at not in counted)
            if at in counted:
                recalled.add(at)
            with np.errstate(invalid="ignore", divide="ignore"):
                score = float((np.float32(row[4]) - low) / (high - low))
            steps.append((score, proposal, len(recalled)))
        prepared.append(steps)
    precision, recall = [], []
    for t in range(1, 1001):
        proposals = hits = 0
        for steps in prepared:
            last = max((at for at, step in enumerate(steps) if step[0] >= 1 - t / 1000), default=None)
            if last is not None:
                proposals += sum(step[1] for step in steps[: last + 1])
                hits += steps[last][2]
        precision.append(hits / proposals if proposals else math.nan)
        recall.append(hits / faces if faces else math.nan)
    return precision, recall


coordinates = st.integers(-4, 24).map(lambda value: value / 2) | st.sampled_from([math.nan, math.inf, -math.inf, 3e9])
plain = st.integers(-2, 24).map(lambda value: value / 2)
scores = st.sampled_from([0.1, 0.25, 0.5, 0.50000001, 0.9]) | st.sampled_from([math.nan, -0.5])
rows_strategy = st.tuples(plain, plain, plain, plain, scores) | st.tuples(*[coordinates] * 4, scores)
box_strategy = st.tuples(*[st.integers(0, 10)] * 4)


@st.composite
def images_strategy(draw):
    images = []
    for _ in range(draw(st.integers(1, 3))):
        boxes = draw(st.lists(box_strategy, max_size=4))
        counted = draw(st.sets(st.integers(0, max(len(boxes) - 1, 0)))) if boxes else set()
        images.append((draw(st.lists(rows_strategy, max_size=6)), boxes, sorted(counted)))
    return images


@settings(max_examples=120, deadline=None)
@given(images_strategy())
def test_equals_the_slow_oracle(images):
    rows, boxes, evaluated = (list(column) for column in zip(*images, strict=True))
    result = curve(rows, boxes, evaluated)
    precision, recall = slow_curve(rows, boxes, evaluated)
    np.testing.assert_array_equal(result.precision, precision)
    np.testing.assert_array_equal(result.recall, recall)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(*[coordinates] * 4), min_size=1, max_size=5), st.lists(box_strategy, min_size=1, max_size=5))
def test_matches_equal_the_slow_oracle(detections, boxes):
    found = first_match(np.array(detections, float), np.array(boxes, np.int32)).tolist()
    assert found == [first_greatest(detection, boxes) for detection in detections]


def test_thresholds_are_those_of_the_toolbox():
    assert THRESHOLDS.tolist() == [1 - t / 1000 for t in range(1, 1001)]


# The official files, where they have been downloaded.

OFFICIAL = Path(__file__).parents[3] / "data" / "WIDER" / "ground_truth"

if OFFICIAL.is_dir():

    def test_official_ground_truth():
        problems = Problems()
        truth = read_ground_truth(OFFICIAL, problems)
        assert (len(truth.names), truth.faces) == (OFFICIAL_IMAGES, OFFICIAL_FACES)
        assert len(problems) == 0
        assert np.count_nonzero((truth.boxes[:, 2:] <= 0).any(axis=1)) == 11

    def test_official_ground_truth_as_detections():
        """The boxes that count, given as detections with falling scores, are found all: AP 1 at the hard level."""
        truth = read_ground_truth(OFFICIAL)
        rows = []
        for start, end in zip(truth.starts[:-1], truth.starts[1:], strict=True):
            scores = 1.0 - np.arange(end - start) / 4000
            rows.append(np.column_stack([truth.boxes[start:end], scores])[truth.evaluated["hard"][start:end]])
        assert evaluate_wider(rows, truth)["hard"].ap > 0.99

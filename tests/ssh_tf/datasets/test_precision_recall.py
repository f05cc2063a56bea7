"""The area under the curve, by literal cases and against a slow sum."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssh_tf.datasets.precision_recall import average_precision


def slow_area(recall, precision):
    """The devkit's loop, word for word."""
    recall = [0.0, *recall, 1.0]
    precision = [0.0, *precision, 0.0]
    for at in range(len(precision) - 2, -1, -1):
        if math.isnan(precision[at]) or precision[at + 1] > precision[at]:
            precision[at] = precision[at + 1]
    return sum(
        (recall[at] - recall[at - 1]) * precision[at] for at in range(1, len(recall)) if recall[at] != recall[at - 1]
    )


@pytest.mark.parametrize(
    ("recall", "precision", "area"),
    [
        ([], [], 0.0),
        ([1.0], [1.0], 1.0),
        ([0.5], [1.0], 0.5),
        ([0.5, 0.5, 1.0], [1.0, 0.5, 2 / 3], 0.5 + 0.5 * 2 / 3),
        # The envelope lifts the dip at recall 0.25.
        ([0.25, 0.5], [0.5, 0.75], 0.375),
        # 0/0 before the first detection does not count; an all-NaN curve has no area.
        ([0.0, 0.5], [math.nan, 1.0], 0.5),
        ([0.0, 0.0], [math.nan, math.nan], 0.0),
    ],
)
def test_literal_areas(recall, precision, area):
    assert average_precision(recall, precision) == pytest.approx(area, abs=1e-15)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1) | st.just(math.nan)), max_size=30))
def test_area_equals_the_slow_sum(points):
    recall = sorted(point[0] for point in points)
    precision = [point[1] for point in points]
    assert average_precision(recall, precision) == pytest.approx(slow_area(recall, precision), abs=1e-12)

"""How agreement of proposals is counted."""

import numpy as np

from ssh_tf.model.files.agreement import compare_proposals

BOXES = np.array([[0, 0, 10, 10], [20, 20, 40, 40], [100, 0, 120, 30]], np.float32)
SCORES = np.array([0.9, 0.5, 0.2], np.float32)


def test_equal_ones_agree_in_any_order():
    agreement = compare_proposals(BOXES, SCORES, BOXES[::-1], SCORES[::-1])
    assert (agreement.paired, agreement.pixels, agreement.score) == (3, 0.0, 0.0)
    assert agreement.is_close


def test_small_differences_are_told():
    agreement = compare_proposals(BOXES, SCORES, BOXES + 0.25, SCORES - np.float32(0.01))
    assert agreement.paired == 3
    assert agreement.pixels == 0.25
    assert abs(agreement.score - 0.01) < 1e-6
    assert "3 of 3 proposals agree" in str(agreement)


def test_another_place_or_score_is_no_partner():
    assert compare_proposals(BOXES, SCORES, BOXES + 2, SCORES).paired == 0
    assert compare_proposals(BOXES, SCORES, BOXES, SCORES + np.float32(0.1)).paired == 0


def test_one_box_serves_as_one_partner():
    twice = np.repeat(BOXES[:1], 3, axis=0)
    agreement = compare_proposals(twice, np.repeat(SCORES[:1], 3), BOXES[:1], SCORES[:1])
    assert agreement.paired == 1
    assert not agreement.is_close


def test_missing_and_surplus_ones_count():
    assert not compare_proposals(BOXES, SCORES, BOXES[:2], SCORES[:2]).is_close
    assert not compare_proposals(BOXES[:2], SCORES[:2], BOXES, SCORES).is_close


def test_nothing_agrees_with_nothing_alone():
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    assert compare_proposals(*nothing, *nothing).is_close
    assert not compare_proposals(*nothing, BOXES, SCORES).is_close

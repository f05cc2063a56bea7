"""Labels of anchors: literal cases, and any boxes against a slow oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssh_tf.layer_utils.anchors import BRANCHES, map_anchors
from ssh_tf.layer_utils.matching import MatchOptions, UsedAnchors, inside_image, match_anchors, used_anchors
from strategies import boxes
from training_oracles import match_oracle

NONE = np.zeros((0, 4), np.float32)


def match(anchors, faces, ignored=NONE, **options):
    anchors = np.asarray(anchors, np.float32)
    used = UsedAnchors(anchors, np.arange(len(anchors)), len(anchors))
    faces, ignored = (np.asarray(part, np.float32).reshape(-1, 4) for part in (faces, ignored))
    return match_anchors(used, faces, ignored, MatchOptions(**options))


# 16 x 16 pixels; as wide and at another place, an overlap of n/(32 - n) columns.
ANCHOR = [0, 0, 15, 15]


@pytest.mark.parametrize(
    ("face", "label"),
    [
        (ANCHOR, 1),
        ([0, 0, 15, 7], 1),  # 0.5 exactly
        ([0, 0, 15, 6], -1),  # 7/16
        ([0, 0, 15, 4], -1),  # 5/16
        ([0, 0, 7, 7], 0),  # 1/4
        ([100, 100, 115, 115], 0),
    ],
)
def test_labels_by_overlap(face, label):
    assert match([ANCHOR], [face]).labels.tolist() == [label]


def test_the_best_face_is_named():
    faces = [[0, 0, 15, 9], [0, 0, 15, 12], [0, 0, 15, 12], [50, 0, 65, 15]]
    found = match([ANCHOR, [50, 0, 65, 15], [200, 0, 215, 15]], faces)
    assert found.labels.tolist() == [1, 1, 0]
    assert found.best.tolist() == [1, 3, 0]


def test_without_faces_all_is_background():
    found = match([ANCHOR, [50, 0, 65, 15]], [])
    assert found.labels.tolist() == [0, 0]
    assert found.best.tolist() == [0, 0]


def test_ignore_regions():
    anchors = [ANCHOR, [8, 0, 23, 15], [9, 0, 24, 15], [100, 0, 115, 15]]
    # Covers 16, 8 and 7 columns of the first three.
    found = match(anchors, [], [[-3, -3, 15, 40]])
    assert found.labels.tolist() == [-1, -1, 0, 0]


def test_a_face_in_an_ignore_region_counts():
    assert match([ANCHOR], [ANCHOR], [[-50, -50, 50, 50]]).labels.tolist() == [1]


def test_forced_matches_of_a_small_face():
    anchors = [ANCHOR, [4, 0, 19, 15], [100, 0, 131, 31]]
    face = [[2, 2, 5, 5]]
    assert match(anchors, face).labels.tolist() == [0, 0, 0]
    assert match(anchors, face, force_match=True).labels.tolist() == [1, 0, 0]


def test_forced_matches_take_the_nearest_of_those_that_tie_and_only_what_overlaps():
    anchors = [ANCHOR, [8, 0, 23, 15], [100, 0, 115, 15]]
    found = match(anchors, [[9, 2, 13, 5], [300, 0, 303, 3]], force_match=True)
    assert found.labels.tolist() == [1, 0, 0]
    equally_near = match(anchors, [[9, 2, 14, 5]], force_match=True)
    assert equally_near.labels.tolist() == [1, 1, 0]


def test_what_is_forced_is_not_ignored():
    assert match([ANCHOR], [[2, 2, 5, 5]], [[-50, -50, 50, 50]], force_match=True).labels.tolist() == [1]


@given(
    anchors=boxes(),
    faces=boxes(8),
    ignored=boxes(4),
    options=st.builds(
        MatchOptions,
        positive_overlap=st.sampled_from([0.5, 0.4, 1.0]),
        negative_overlap=st.sampled_from([0.3, 0.25]),
        ignore_coverage=st.sampled_from([0.5, 1.0]),
        force_match=st.booleans(),
    ),
)
def test_like_the_oracle(anchors, faces, ignored, options):
    found = match(anchors, faces, ignored, **options._asdict())
    labels, best = match_oracle(anchors, faces, ignored, options)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.best, best)


def test_anchors_inside_the_image():
    anchors = np.array([[0, 0, 9, 19], [-1, 0, 8, 19], [0, 1, 9, 20], [-5, -5, 14, 24]], np.float32)
    assert inside_image(anchors, 20, 10, 0).tolist() == [True, False, False, False]
    assert inside_image(anchors, 20, 10, 1).tolist() == [True, True, True, False]
    assert inside_image(anchors, 20, 10, 5).tolist() == [True] * 4
    assert inside_image(anchors, 5, 5, 0).tolist() == [True] * 4


def sizes(height, width):
    return tuple((-(-height // branch.stride), -(-width // branch.stride)) for branch in BRANCHES)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (200, 40), (16, 16)])
def test_anchors_used_of_an_image(height, width):
    own = sizes(height, width)
    used = used_anchors(BRANCHES, own, own, height, width)
    expected, before = [], 0
    for (h, w), branch in zip(own, BRANCHES, strict=True):
        anchors = map_anchors(h, w, branch)
        expected += [before + row for row in np.flatnonzero(inside_image(anchors, height, width, branch.border))]
        before += len(anchors)
    assert used.in_all == before
    assert used.rows.tolist() == expected
    everything = np.concatenate([map_anchors(h, w, branch) for (h, w), branch in zip(own, BRANCHES, strict=True)])
    np.testing.assert_array_equal(used.boxes, everything[expected])


def test_padding_yields_no_anchors():
    """In a larger batch an image uses the very boxes that it uses alone, in rows that the batch has for them."""
    own, batch = sizes(64, 96), sizes(256, 128)
    alone, padded = used_anchors(BRANCHES, own, own, 64, 96), used_anchors(BRANCHES, batch, own, 64, 96)
    np.testing.assert_array_equal(padded.boxes, alone.boxes)
    everything = np.concatenate([map_anchors(h, w, branch) for (h, w), branch in zip(batch, BRANCHES, strict=True)])
    assert padded.in_all == len(everything)
    np.testing.assert_array_equal(everything[padded.rows], padded.boxes)
    labels = match_anchors(padded, np.array([[8, 8, 40, 40]], np.float32), NONE, MatchOptions()).labels
    assert (np.delete(labels, padded.rows) == -1).all()
    assert set(labels[padded.rows]) == {-1, 0, 1}

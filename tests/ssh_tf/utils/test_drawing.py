"""Boxes drawn where they belong, on a copy."""

import numpy as np

from ssh_tf.utils.drawing import DETECTION_COLOUR, IGNORE_COLOUR, TRUTH_COLOUR, draw_boxes, draw_faces, draw_truth

CANVAS = np.zeros((200, 300, 3), dtype=np.uint8)


def has_colour(image, colour):
    return (image == colour).all(axis=2)


def test_box_is_outlined_at_its_corners_on_a_copy():
    drawn = draw_boxes(CANVAS, [[50, 60, 150, 160]], (0, 0, 255))
    assert not CANVAS.any()
    rows, columns = np.nonzero(drawn.any(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (60, 160, 50, 150)
    assert not drawn[62:158, 52:148].any()


def test_only_detections_from_the_threshold_up():
    faces = np.array([[10, 30, 90, 110, 0.5], [110, 30, 190, 110, 0.49]], dtype=np.float32)
    marked = has_colour(draw_faces(CANVAS, faces, 0.5), DETECTION_COLOUR)
    assert marked[:, :105].any()
    assert not marked[:, 105:].any()


def test_score_is_written_above_a_large_box_and_not_on_a_tiny_one():
    large = draw_faces(CANVAS, np.array([[10, 80, 110, 180, 0.9]]))
    assert large[60:79].any()
    tiny = draw_faces(CANVAS, np.array([[10, 80, 16, 86, 0.9]]))
    assert not tiny[60:79].any()


def test_truth_and_ignore_regions_differ():
    drawn = draw_truth(CANVAS, np.array([[10, 10, 50, 50]]), np.array([[100, 100, 150, 150]]))
    assert has_colour(drawn, TRUTH_COLOUR)[:60, :60].any()
    assert has_colour(drawn, IGNORE_COLOUR)[90:160, 90:160].any()


def test_nothing_to_draw_and_boxes_out_of_bounds():
    np.testing.assert_array_equal(draw_faces(CANVAS, np.zeros((0, 5), np.float32)), CANVAS)
    np.testing.assert_array_equal(draw_truth(CANVAS, np.zeros((0, 4)), np.zeros((0, 4))), CANVAS)
    assert draw_faces(CANVAS, np.array([[-50, -50, 500, 100, 1.0]])).shape == CANVAS.shape

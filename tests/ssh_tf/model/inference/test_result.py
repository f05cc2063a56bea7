"""A result gives what its rows and its picture say."""

import json
import subprocess
import sys

import numpy as np

from ssh_tf.model.inference.result import DetectionResult
from ssh_tf.utils.crops import hide_faces, square_crop
from ssh_tf.utils.drawing import draw_faces

IMAGE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
ROWS = np.array([[20, 30, 60, 80, 0.9], [100.126, 30, 140, 70, 0.4]], np.float32)
RESULT = DetectionResult(IMAGE, ROWS)


def test_boxes_and_scores():
    np.testing.assert_array_equal(RESULT.boxes, ROWS[:, :4])
    np.testing.assert_array_equal(RESULT.scores, ROWS[:, 4])
    assert len(RESULT) == 2


def test_printed_it_shows_its_rows_and_no_pixels():
    assert "[ 20." in repr(RESULT)
    assert "image" not in repr(RESULT)


def test_those_above_a_threshold():
    assert RESULT.above(0.5).scores.tolist() == [np.float32(0.9)]
    assert len(RESULT.above(0.9)) == 0


def test_pictures():
    for crop, box in zip(RESULT.crops(0.1, 64), ROWS, strict=True):
        np.testing.assert_array_equal(crop, square_crop(IMAGE, box, 0.1, 64))
    np.testing.assert_array_equal(RESULT.draw(), draw_faces(IMAGE, ROWS))
    np.testing.assert_array_equal(RESULT.hide("black"), hide_faces(IMAGE, ROWS, "black"))


def test_plain_numbers():
    faces = [{"box": [20, 30, 60, 80], "score": 0.9}, {"box": [100.13, 30, 140, 70], "score": 0.4}]
    assert json.loads(json.dumps(RESULT.to_dict())) == {"width": 160, "height": 120, "faces": faces}


def test_nothing_found():
    nothing = DetectionResult(IMAGE, np.zeros((0, 5), np.float32))
    assert nothing.to_dict()["faces"] == nothing.crops() == []
    np.testing.assert_array_equal(nothing.draw(), IMAGE)


def test_no_framework_is_imported():
    program = "import sys, ssh_tf.model.inference.result; print('tensorflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"

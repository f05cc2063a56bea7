"""Training images on their canvas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssh_ms.training_data import CanvasOptions, ExampleMaker, lay_on_canvas
from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes, map_anchors
from ssh_tf.layer_utils.box_coding import decode
from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.roi_data_layer.augmentation import MEAN_COLOUR
from ssh_tf.roi_data_layer.samples import FACE, IGNORE


@given(
    seed=st.integers(0, 1000),
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    expand=st.floats(1, 8),
)
def test_the_picture_lies_where_its_box_says(seed, height, width, expand):
    """A white picture with a box around all of it: white inside, the mean colour outside."""
    options = CanvasOptions(96, 128, 0.5, expand)
    picture = np.full((height, width, 3), 255, np.uint8)
    whole = np.array([[0, 0, width, height]], np.float32)
    canvas, boxes = lay_on_canvas(np.random.default_rng(seed), picture, whole, options)
    assert canvas.shape == (96, 128, 3)
    white = (canvas == 255).all(axis=2)
    assert (canvas[~white] == MEAN_COLOUR).all()
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    assert white.sum() == len(rows) * len(columns)
    # The box ends behind the last pixel; mirrored it begins one before the first.
    x1, y1, x2, y2 = boxes[0]
    assert (y1, y2) == (rows[0], rows[-1] + 1)
    assert (x1, x2) in {(columns[0], columns[-1] + 1), (columns[0] - 1, columns[-1])}


def test_a_picture_fills_the_canvas_if_it_is_not_shrunk():
    options = CanvasOptions(96, 128, 0.0, 1.0)
    for shape, wanted in (((48, 64, 3), (96, 128)), ((200, 100, 3), (96, 48)), ((10, 100, 3), (16, 128))):
        canvas, boxes = lay_on_canvas(
            np.random.default_rng(1), np.full(shape, 255, np.uint8), np.zeros((0, 4), np.float32), options
        )
        assert boxes.shape == (0, 4)
        assert (canvas == 255).all(axis=2).sum() == np.prod(wanted)


def test_flips_and_sizes_are_drawn_as_often_as_asked_for():
    options = CanvasOptions(96, 128, 0.25, 4.0)
    left_half_white = np.zeros((96, 128, 3), np.uint8)
    left_half_white[:, :64] = 255
    rng = np.random.default_rng(5)
    flips, shrinks = 0, []
    for _ in range(400):
        canvas, boxes = lay_on_canvas(rng, left_half_white, np.array([[0, 0, 128, 96]], np.float32), options)
        columns = np.flatnonzero((canvas == 255).all(axis=2).any(axis=0))
        middle = (boxes[0, 0] + boxes[0, 2]) / 2
        flips += columns.mean() > middle
        shrinks.append(128 / (boxes[0, 2] - boxes[0, 0]))
    assert 70 < flips < 130
    assert max(shrinks) < 4.1
    # Log-uniform between 1 and 4.
    assert np.median(shrinks) == pytest.approx(2.0, abs=0.2)


def test_targets_lead_from_anchors_to_faces():
    canvas = CanvasOptions(128, 160)
    maker = ExampleMaker(canvas, MatchOptions())
    face = np.array([[40, 30, 75, 66]], np.float32)
    image = np.full((128, 160, 3), 200, np.uint8)
    example = maker.example(np.random.default_rng(0), image, face, np.array([FACE], np.float32))
    sizes = branch_sizes(128, 160, pool_deep=True)
    anchors = np.concatenate([map_anchors(*size, branch) for size, branch in zip(sizes, BRANCHES, strict=True)])
    assert example.labels.shape == (len(anchors),)
    positive = example.labels == 1
    assert positive.any()
    found = decode(anchors[positive], example.targets[positive])
    # Coding gives x2 and y2 one pixel further.
    np.testing.assert_allclose(found, np.repeat(face + np.array([0, 0, 1, 1]), positive.sum(), 0), atol=1e-3)
    assert not example.targets[~positive].any()
    np.testing.assert_allclose(example.image[:, 5, 5], 200 - np.array([102.9801, 115.9465, 122.7717]), rtol=1e-6)
    assert example.random.min() >= 0
    assert example.random.max() < 1


def test_ignored_regions_teach_nothing():
    maker = ExampleMaker(CanvasOptions(64, 64), MatchOptions())
    everything = np.array([[0, 0, 63, 63]], np.float32)
    image = np.zeros((64, 64, 3), np.uint8)
    count_of_m1 = 8 * 8 * 2
    taught = [
        (maker.example(np.random.default_rng(0), image, boxes, kinds).labels[:count_of_m1] == 0).sum()
        for boxes, kinds in (
            (everything[:0], np.zeros(0, np.float32)),
            (everything, np.array([IGNORE], np.float32)),
        )
    ]
    # 7 × 7 anchors of 16 pixels and 5 × 5 of 32 are inside.
    assert taught == [7 * 7 + 5 * 5, 0]


def test_an_example_depends_on_its_generator_alone():
    maker = ExampleMaker(CanvasOptions(64, 64), MatchOptions())
    picture = np.random.default_rng(2).integers(0, 256, (50, 70, 3), np.uint8)
    truth = np.array([[10, 10, 40, 40, FACE]], np.float32)
    first, same, other = (maker(np.random.default_rng(seed), picture, truth) for seed in (1, 1, 2))
    for a, b in zip(first, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.image != other.image).any()

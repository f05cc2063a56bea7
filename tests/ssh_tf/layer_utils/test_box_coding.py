"""Box coding by literal cases and by laws, in NumPy and in TensorFlow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssh_tf.layer_utils.box_coding import clip, decode, encode
from ssh_tf.utils.tf1 import tf

LAST_PIXEL = np.array([0, 0, 1, 1])

coordinates = st.floats(-500, 2000, width=32)
sides = st.floats(1, 1000, width=32)


@st.composite
def boxes(draw):
    x, y, w, h = draw(coordinates), draw(coordinates), draw(sides), draw(sides)
    return np.array([x, y, x + w - 1, y + h - 1])


def test_encode():
    # Anchor of 16 pixels around 8; a box of 32 x 8 around (24, 4).
    deltas = encode(np.array([0.0, 0.0, 15.0, 15.0]), np.array([8.0, 0.0, 39.0, 7.0]))
    np.testing.assert_allclose(deltas, [1.0, -0.25, np.log(2), -np.log(2)])


def test_decode_takes_no_pixel_off():
    np.testing.assert_allclose(decode(np.array([0.0, 0.0, 15.0, 15.0]), np.zeros(4)), [0, 0, 16, 16])
    shifted = decode(np.array([0.0, 0.0, 15.0, 15.0]), np.array([0.5, -0.25, np.log(2), 0.0]))
    np.testing.assert_allclose(shifted, [0, -4, 32, 12])


@given(boxes(), boxes())
def test_decode_undoes_encode_but_for_the_last_pixel(anchor, box):
    tolerance = 1e-6 * np.abs([anchor, box]).max()
    np.testing.assert_allclose(decode(anchor, encode(anchor, box)), box + LAST_PIXEL, rtol=1e-6, atol=tolerance)


@given(boxes(), st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4))
def test_encode_undoes_decode_but_for_the_last_pixel(anchor, deltas):
    box = decode(anchor, np.array(deltas)) - LAST_PIXEL
    np.testing.assert_allclose(encode(anchor, box), deltas, atol=1e-4 * max(1.0, np.abs(anchor).max() / 16))


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4), st.integers(1, 2000), st.integers(1, 2000))
def test_clipped_corners_are_in_the_image_and_as_near_as_can_be(box, height, width):
    x1, y1, x2, y2 = clip(np.array(box), height, width)
    for found, wanted, limit in ((x1, box[0], width), (y1, box[1], height), (x2, box[2], width), (y2, box[3], height)):
        assert 0 <= found <= limit - 1
        assert found == sorted((0, wanted, limit - 1))[1]


@pytest.mark.parametrize("shape", [(0,), (5,), (2, 3)])
def test_tensorflow_computes_the_same(shape):
    generator = np.random.default_rng(4)
    corner = generator.uniform(-50, 900, (*shape, 2))
    anchors = np.concatenate([corner, corner + generator.uniform(1, 300, (*shape, 2))], -1).astype(np.float32)
    deltas = generator.uniform(-1, 1, (*shape, 4)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        decoded = decode(tf.constant(anchors), tf.constant(deltas), xp=tf)
        found = session.run([decoded, clip(decoded, 600.0, 800.0, xp=tf), encode(tf.constant(anchors), decoded, xp=tf)])
    expected = decode(anchors, deltas)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(found[1], clip(expected, 600.0, 800.0), rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(found[2], encode(anchors, expected), rtol=1e-4, atol=1e-4)

"""Streams of random numbers."""

from itertools import product

import numpy as np

from ssh_tf.utils.random_streams import Stream, random_generator


def numbers(seed, stream, *place):
    return random_generator(seed, stream, *place).integers(2**63, size=4)


def test_a_draw_depends_on_its_place_alone():
    np.testing.assert_array_equal(numbers(3, Stream.SAMPLE, 7, 1), numbers(3, Stream.SAMPLE, 7, 1))


def test_no_two_draws_are_alike():
    """Whatever the seed, the stream and the place; a stream's places have one length."""
    lengths = [[(0,), (1,), (2,)], [(0, 0), (0, 1), (1, 0), (2, 2)]]
    for places in lengths:
        drawn = [tuple(numbers(seed, *of)) for seed in (0, 1, 3) for of in _within(places)]
        assert len(drawn) == 3 * len(Stream) * len(places) == len(set(drawn))


def _within(places):
    return [(stream, *place) for stream, place in product(Stream, places)]

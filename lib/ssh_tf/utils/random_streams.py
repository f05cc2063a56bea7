"""Random numbers: every kind of draw has a stream of its own, so that none repeats another's numbers.

What is drawn is a pure function of the seed, the stream and a place in it: a resumed training draws what an unbroken
one would, and so do several devices and machines.
"""

from enum import IntEnum, unique

import numpy as np


@unique
class Stream(IntEnum):
    """What is drawn, and from which place. A number is never used again for something else."""

    IMAGE_ORDER = 0
    """The order of the images: (epoch)."""
    SAMPLE = 1
    """What is done to a training image: (iteration, slot)."""
    IMAGE_SCALE = 2
    """The scale that the images of a batch share: (iteration)."""
    ANCHORS = 3
    """Which anchors are trained on where none is mined: (iteration, slot)."""
    BRANCH = 4
    """Which branch the "random" method trains: (iteration)."""
    PORT_ORDER = 5
    """MindSpore port, the order of the images: (epoch)."""
    PORT_SHARDS = 6
    """MindSpore port, the order within MindRecord files: (epoch)."""
    PORT_EXAMPLE = 7
    """MindSpore port, what is done to a training image and which anchors are trained on: (epoch, image)."""


def random_generator(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """The generator of `stream` at `place`; of one stream all places have the same length."""
    return np.random.default_rng([seed, int(stream), *place])

"""Which faces a training would learn from with its settings, by the samples that it would see."""

from typing import NamedTuple

import numpy as np

from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.model.training.data import match_image
from ssh_tf.roi_data_layer.samples import FACE, IGNORE, Sampler


class UsedFaces(NamedTuple):
    """Counts over samples.

    Attributes:
        samples: how many were made.
        empty: those without a face.
        faces: faces in them.
        ignored: regions to ignore: too small, cut off by the window, or ignored by their labels.
        unmatched: faces that no anchor stands for: nothing is learnt from them.
    """

    samples: int
    empty: int
    faces: int
    ignored: int
    unmatched: int


def count_used(sampler: Sampler, count: int, batch: int, backbone: str, options: MatchOptions) -> UsedFaces:
    """Make the first `count` samples of a training in batches of `batch`, and match their anchors.

    Raises:
        DataError: an image cannot be read.
    """
    empty = faces = ignored = unmatched = 0
    for number in range(count):
        sample = sampler(*divmod(number, batch))
        height, width = sample.image.shape[:2]
        match = match_image(height, width, sample.im_info, sample.boxes, sample.kinds, backbone, options)
        found = int((sample.kinds == FACE).sum())
        empty += not found
        faces += found
        ignored += int((sample.kinds == IGNORE).sum())
        unmatched += found - len(np.unique(match.best[match.labels == 1]))
    return UsedFaces(count, empty, faces, ignored, unmatched)

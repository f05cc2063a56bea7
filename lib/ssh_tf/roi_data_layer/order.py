"""The order in which images are drawn: a pure function of the seed.

Letters: `n` images, `B` samples of an iteration over all devices and machines, `L` draws of an epoch.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.random_streams import Stream, random_generator

_LOG = logging.getLogger(__name__)


class DrawOrder:
    """Which record each (iteration, slot) takes.

    An epoch draws each image once, in an order of its own. With `group_weights` an image of weight w is drawn about w
    times an epoch: that of its group, or else of its data set, or else 1. With `crowd_power` p that of an image of
    n faces is multiplied by (n + 1) ** p, over the mean of these factors.
    """

    def __init__(
        self,
        records: Sequence[ImageRecord],
        seed: int,
        joint_batch: int,
        aspect_grouping: bool = False,
        group_weights: Mapping[str, float] | None = None,
        crowd_power: float = 0.0,
    ) -> None:
        """Prepare the order of `records` for iterations of `joint_batch` samples.

        Raises:
            DataError: there are no records, a weight is negative or not finite, or all weights are zero.
        """
        weights = group_weights or {}
        # Of a recipe's weights some belong to data that is not at hand here.
        if unknown := sorted(set(weights) - {name for record in records for name in (record.group, record.source)}):
            _LOG.warning("no image belongs to the weighted groups %s; their weights do nothing", ", ".join(unknown))
        if not all(0 <= weight < math.inf for weight in weights.values()):
            raise DataError(f"group weights are finite numbers from 0 up: {dict(weights)}")
        self._weights = np.array(
            [weights.get(record.group, weights.get(record.source, 1.0)) for record in records], dtype=np.float64
        )
        if crowd_power and records:
            crowds = (1.0 + np.array([len(record.boxes) for record in records])) ** crowd_power
            self._weights *= crowds / crowds.mean()
        if not self._weights.sum() > 0:
            raise DataError("no image can be drawn: there are none, or all weights are zero")
        self._chances = self._weights / self._weights.sum()
        self._landscape = np.array([record.width >= record.height for record in records])
        self._seed = seed
        self._joint_batch = joint_batch
        self._draws = self._length = max(1, round(float(self._weights.sum())))
        self._grouped = aspect_grouping and self._length >= joint_batch
        if self._grouped:
            # Whole batches only: what is left over is another part of the images in every epoch.
            self._length -= self._length % joint_batch
        # Two: at an epoch's end parallel readers need both.
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)

    @property
    def epoch_length(self) -> int:
        """Draws of an epoch."""
        return self._length

    def __call__(self, iteration: int, slot: int) -> int:
        """Return the index of the record that `slot` (0 ≤ slot < B) of `iteration` takes."""
        epoch, position = divmod(iteration * self._joint_batch + slot, self._length)
        return int(self._epoch(epoch)[position])

    def draw(self, rng: np.random.Generator) -> int:
        """Draw the index of any record, by its weight; no epoch counts it."""
        return int(rng.choice(len(self._chances), p=self._chances))

    def _draw_epoch(self, epoch: int) -> npt.NDArray[np.int64]:
        """Record indices (L,) of one epoch."""
        rng = random_generator(self._seed, Stream.IMAGE_ORDER, epoch)
        shuffled = rng.permutation(len(self._weights))
        # Systematic sampling: points at equal distances along the weights laid end to end.
        ends = np.cumsum(self._weights[shuffled])
        points = (rng.random() + np.arange(self._draws)) * (ends[-1] / self._draws)
        drawn = shuffled[np.minimum(np.searchsorted(ends, points, side="right"), len(ends) - 1)]
        # The points run along `shuffled`, so repeats of an image are neighbours.
        drawn = rng.permutation(drawn)
        if not self._grouped:
            return drawn
        landscape = self._landscape[drawn]
        batches, rest = [], []
        for part in (drawn[landscape], drawn[~landscape]):
            whole = len(part) - len(part) % self._joint_batch
            batches.extend(part[:whole].reshape(-1, self._joint_batch))
            rest.extend(part[whole:])
        # At most one batch mixes both.
        mixed = len(rest) - len(rest) % self._joint_batch
        batches.extend(np.array(rest[:mixed], dtype=drawn.dtype).reshape(-1, self._joint_batch))
        return np.concatenate([batches[i] for i in rng.permutation(len(batches))])

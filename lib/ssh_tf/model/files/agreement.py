"""How far two sets of proposals of one image agree, when rounding may have tipped a suppression here or there.

Letters: `R` wanted proposals, `S` found ones.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_PIXELS, _SCORE = 1.0, 0.02
_SHARE = 0.9


class Agreement(NamedTuple):
    """Proposals wanted and found, those that pair up, and the largest differences within pairs."""

    wanted: int
    found: int
    paired: int
    pixels: float
    score: float

    @property
    def is_close(self) -> bool:
        """Whether at least nine in ten have a partner."""
        return self.paired >= _SHARE * max(self.wanted, self.found)

    def __str__(self) -> str:
        return (
            f"{self.paired} of {max(self.wanted, self.found)} proposals agree, boxes within {self.pixels:.2g} px, "
            f"scores within {self.score:.2g}"
        )


def compare_proposals(
    wanted_boxes: npt.NDArray[np.float32],
    wanted_scores: npt.NDArray[np.float32],
    found_boxes: npt.NDArray[np.float32],
    found_scores: npt.NDArray[np.float32],
) -> Agreement:
    """Pair boxes (R, 4) and scores (R,) with those (S, 4), (S,) that lie within a pixel and 0.02 of score."""
    pixels = np.abs(wanted_boxes[:, None] - found_boxes[None]).max(axis=2, initial=0.0)
    scores = np.abs(wanted_scores[:, None] - found_scores[None])
    distance = np.where((pixels <= _PIXELS) & (scores <= _SCORE), pixels + scores, np.inf)
    if distance.size == 0:
        return Agreement(len(wanted_boxes), len(found_boxes), 0, 0.0, 0.0)
    nearest = distance.argmin(axis=1)
    rows = np.flatnonzero(np.isfinite(distance.min(axis=1)))
    partners = nearest[rows]
    return Agreement(
        wanted=len(wanted_boxes),
        found=len(found_boxes),
        paired=len(np.unique(partners)),
        pixels=float(pixels[rows, partners].max(initial=0.0)),
        score=float(scores[rows, partners].max(initial=0.0)),
    )

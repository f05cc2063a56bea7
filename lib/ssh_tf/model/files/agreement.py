"""How far two sets of proposals of one image agree, when rounding may have changed a suppression.

Letters: `R` wanted proposals, `S` found ones.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Tolerance(NamedTuple):
    """How far apart two proposals may lie that are one, and which share of all has to find a partner."""

    pixels: float = 1.0
    score: float = 0.02
    share: float = 0.9


FLOAT = Tolerance()
INT8 = Tolerance(pixels=8.0, score=0.2, share=0.5)
"""Of 8-bit weights. Every other proposal is one of a low score, which may fall under the threshold."""


class Agreement(NamedTuple):
    """Proposals wanted and found, those that pair up, and the largest differences within pairs."""

    wanted: int
    found: int
    paired: int
    pixels: float
    score: float
    is_close: bool
    """Whether the share that has a partner is large enough."""

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
    tolerance: Tolerance = FLOAT,
) -> Agreement:
    """Pair boxes (R, 4) and scores (R,) with those (S, 4), (S,) that lie within `tolerance`."""
    longest = max(len(wanted_boxes), len(found_boxes))
    pixels = np.abs(wanted_boxes[:, None] - found_boxes[None]).max(axis=2, initial=0.0)
    scores = np.abs(wanted_scores[:, None] - found_scores[None])
    distance = np.where((pixels <= tolerance.pixels) & (scores <= tolerance.score), pixels + scores, np.inf)
    if distance.size == 0:
        return Agreement(len(wanted_boxes), len(found_boxes), 0, 0.0, 0.0, longest == 0)
    nearest = distance.argmin(axis=1)
    rows = np.flatnonzero(np.isfinite(distance.min(axis=1)))
    partners = nearest[rows]
    paired = len(np.unique(partners))
    return Agreement(
        wanted=len(wanted_boxes),
        found=len(found_boxes),
        paired=paired,
        pixels=float(pixels[rows, partners].max(initial=0.0)),
        score=float(scores[rows, partners].max(initial=0.0)),
        is_close=paired >= tolerance.share * longest,
    )

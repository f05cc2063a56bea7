"""How proposals are chosen, by any framework."""

from typing import NamedTuple


class ProposalOptions(NamedTuple):
    """How proposals are chosen, per branch."""

    mode: str = "nms"
    """"nms": greedy non-maximum suppression; "top": the best `top_n` anchors as they are."""
    nms_overlap: float = 0.3
    keep: int = 300
    score_threshold: float = 0.05
    """Only anchors above it are decoded. Greedy NMS never lets a lower score suppress a higher one, so what is
    found above the threshold does not depend on it."""
    top_n: int = 5000

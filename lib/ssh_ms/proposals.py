"""From the network's rows to proposals, in NumPy, as the TensorFlow graph does it.

Letters: `K` anchors of all branches, `R` candidates or proposals.
"""

import numpy as np
import numpy.typing as npt

from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes, map_anchors
from ssh_tf.layer_utils.box_coding import clip, decode
from ssh_tf.layer_utils.proposal_options import ProposalOptions
from ssh_tf.model.inference.detection import ImageProposals
from ssh_tf.nms import nms

Floats = npt.NDArray[np.float32]


def _by_nms(boxes: Floats, scores: Floats, options: ProposalOptions) -> npt.NDArray[np.int64]:
    # TensorFlow's suppression takes widths as x2 - x1, `nms` as x2 - x1 + 1.
    rows = np.column_stack([boxes - np.array([0, 0, 1, 1], np.float32), scores])
    return nms(rows, options.nms_overlap)[: options.keep]


def _by_score(boxes: Floats, scores: Floats, options: ProposalOptions) -> npt.NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")[: options.top_n]


_MODES = {"nms": _by_nms, "top": _by_score}


def propose(logits: Floats, deltas: Floats, height: int, width: int, options: ProposalOptions) -> ImageProposals:
    """Score, decode and clip the rows of one image and suppress overlapping ones, branch by branch.

    Args:
        logits: (K,) face minus background.
        deltas: (K, 4) offsets.
        height, width: of the network's input in pixels.
        options: how to choose.

    Returns:
        Proposals of the branches one after the other, best first within each.
    """
    chosen, start = [], 0
    for number, (branch, size) in enumerate(zip(BRANCHES, branch_sizes(height, width, pool_deep=True), strict=True)):
        anchors = map_anchors(*size, branch)
        rows = slice(start, start + len(anchors))
        start += len(anchors)
        # A low logit overflows to a score of 0.
        with np.errstate(over="ignore"):
            scores = np.asarray(1 / (1 + np.exp(-logits[rows])), np.float32)
        above = np.flatnonzero(scores > options.score_threshold)
        boxes = clip(decode(anchors[above], deltas[rows][above]), height, width)
        kept = _MODES[options.mode](boxes, scores[above], options)
        chosen.append((boxes[kept], scores[above][kept], np.full(len(kept), number, np.int32)))
    return ImageProposals(*(np.concatenate(column) for column in zip(*chosen, strict=True)))

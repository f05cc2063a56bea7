"""From the network's rows to faces, in NumPy, as the TensorFlow graph and its detector do it.

Letters: `K` anchors of all branches, `R` proposals, `N` faces.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes, map_anchors
from ssh_tf.layer_utils.box_coding import clip, decode
from ssh_tf.nms import nms

Floats = npt.NDArray[np.float32]


class DetectionOptions(NamedTuple):
    """How pictures are resized and boxes thinned out. The defaults are those of the TensorFlow detector."""

    shortest: int = 1200
    """Shortest side in pixels that the network reads, unless the longest passes the next."""
    longest: int = 1600
    score_threshold: float = 0.05
    """Only anchors above it are decoded."""
    branch_overlap: float = 0.3
    """Two proposals of a branch overlap at most this much; of all branches together, the last one."""
    branch_keep: int = 300
    overlap: float = 0.3


def propose(logits: Floats, deltas: Floats, height: int, width: int, options: DetectionOptions) -> Floats:
    """Score, decode, clip and thin out the rows of one image, branch by branch.

    Args:
        logits: (K,) face minus background.
        deltas: (K, 4) offsets.
        height, width: of the network's input in pixels.
        options: how to choose.

    Returns:
        (R, 5) [x1, y1, x2, y2, score] in pixels of the network's input, branch after branch, best first within each.
    """
    chosen, start = [], 0
    for branch, size in zip(BRANCHES, branch_sizes(height, width, pool_deep=True), strict=True):
        anchors = map_anchors(*size, branch)
        rows = slice(start, start + len(anchors))
        start += len(anchors)
        # A low logit overflows to a score of 0.
        with np.errstate(over="ignore"):
            scores = 1 / (1 + np.exp(-logits[rows]))
        above = np.flatnonzero(scores > options.score_threshold)
        boxes = clip(decode(anchors[above], deltas[rows][above]), height, width)
        found = np.column_stack([boxes, scores[above]]).astype(np.float32)
        # TensorFlow's suppression takes widths as x2 - x1, `nms` as x2 - x1 + 1.
        kept = nms(found - np.array([0, 0, 1, 1, 0], np.float32), options.branch_overlap)
        chosen.append(found[kept[: options.branch_keep]])
    return np.concatenate(chosen)


def merge(proposals: Floats, scale: float, threshold: float, overlap: float) -> Floats:
    """Faces (N, 5) in pixels of the picture, best first, from `proposals` (R, 5) of the picture resized by `scale`."""
    rows = proposals[proposals[:, 4] > threshold]
    rows = np.column_stack([rows[:, :4] / np.float32(scale), rows[:, 4]])
    return rows[nms(rows, overlap)]

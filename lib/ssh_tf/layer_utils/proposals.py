"""Proposals of an image, inside the graph, so that they freeze with it (reference, proposal layers).

Letters: `K` anchors of all branches, `B` branches (3), `R` proposals.
"""

from typing import NamedTuple

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.layer_utils.box_coding import clip, decode
from ssh_tf.layer_utils.proposal_options import ProposalOptions
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor


class Proposals(NamedTuple):
    """Boxes (R, 4) in pixels of the network's input, scores (R,), and the branch (R,) int32 each one came from."""

    boxes: Tensor
    scores: Tensor
    branches: Tensor


def _by_nms(boxes: Tensor, scores: Tensor, options: ProposalOptions) -> Tensor:
    return tf.image.non_max_suppression(boxes, scores, options.keep, options.nms_overlap)


def _by_score(boxes: Tensor, scores: Tensor, options: ProposalOptions) -> Tensor:
    return tf.math.top_k(scores, tf.minimum(options.top_n, tf.size(scores))).indices


PROPOSAL_MODES = {"nms": _by_nms, "top": _by_score}


def propose(
    anchors: Tensor,
    logits: Tensor,
    deltas: Tensor,
    counts: Tensor,
    height: Tensor,
    width: Tensor,
    options: ProposalOptions,
) -> Proposals:
    """Score, decode and clip the anchors of one image and suppress overlapping ones, branch by branch.

    Args:
        anchors: (K, 4) boxes.
        logits: (K,) face minus background.
        deltas: (K, 4) offsets.
        counts: (B,) int32 rows of each branch, in order; their sum is K.
        height, width: of the image in pixels, float scalars.
        options: how to choose.

    Returns:
        Proposals of the branches one after the other, best first within each. Overlaps are those of TensorFlow's NMS
        (no +1), as in the reference.
    """
    scores = tf.sigmoid(logits)
    above = scores > options.score_threshold
    candidates = tf.where(above)[:, 0]
    scores = tf.gather(scores, candidates)
    boxes = decode(tf.gather(anchors, candidates), tf.gather(deltas, candidates), xp=tf)
    boxes = clip(boxes, height, width, xp=tf)

    branches = tf.split(tf.cast(above, tf.int32), counts, num=len(BRANCHES))
    found = tf.stack([tf.reduce_sum(of_branch) for of_branch in branches])
    parts = zip(*(tf.split(rows, found, num=len(BRANCHES)) for rows in (boxes, scores)), strict=True)
    chosen: list[Proposals] = []
    for branch, (branch_boxes, branch_scores) in enumerate(parts):
        kept = PROPOSAL_MODES[options.mode](branch_boxes, branch_scores, options)
        of_kept = tf.gather(branch_boxes, kept), tf.gather(branch_scores, kept)
        chosen.append(Proposals(*of_kept, tf.fill(tf.shape(kept), branch)))
    return Proposals(*(tf.concat(column, 0) for column in zip(*chosen, strict=True)))

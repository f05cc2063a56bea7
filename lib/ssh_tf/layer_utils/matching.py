"""Which face an anchor stands for (paper, section 3.5; reference, anchor target layer).

Letters: `K` anchors of all branches, `U` of them used, `A` per cell, `G` faces, `I` ignore regions, `h, w` rows and
columns of a feature map. Boxes are [x1, y1, x2, y2], +1 convention.
The matching depends on boxes alone, not on the network, so it is made ahead of time beside the decoding of images.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ssh_tf.layer_utils.anchors import Branch, map_anchors
from ssh_tf.layer_utils.box_overlaps import best_anchors, max_coverage, max_overlaps


class MatchOptions(NamedTuple):
    """When an anchor is a face and when it is background."""

    positive_overlap: float = 0.5
    negative_overlap: float = 0.3
    ignore_coverage: float = 0.5
    """An anchor of which an ignore region covers this part is neither."""
    force_match: bool = False
    """Each face's best anchor is positive, whatever the overlap: see `best_anchors`."""


class Match(NamedTuple):
    """What the K anchors of an image stand for."""

    labels: np.ndarray
    """(K,) int32: 1 face, 0 background, -1 ignored."""
    best: np.ndarray
    """(K,) int32: the face that an anchor overlaps most, 0 where it overlaps none."""


class UsedAnchors(NamedTuple):
    """The anchors that an image trains: their boxes (U, 4) float32 and their rows (U,) among the K of the batch."""

    boxes: np.ndarray
    rows: np.ndarray
    in_all: int
    """K."""


def inside_image(anchors: np.ndarray, height: float, width: float, border: int) -> np.ndarray:
    """Anchors (K, 4) that stand out of the `height` × `width` image by at most `border` pixels; all, if none does.

    Returns (K,) bool.
    """
    inside = (
        (anchors[:, 0] >= -border)
        & (anchors[:, 1] >= -border)
        & (anchors[:, 2] < width + border)
        & (anchors[:, 3] < height + border)
    )
    return inside if inside.any() else np.ones_like(inside)


# Crops are all of one size; whole images come in a few: memory is worth more than the rest of the hits.
@lru_cache(maxsize=8)
def used_anchors(
    branches: tuple[Branch, ...],
    map_sizes: tuple[tuple[int, int], ...],
    own_sizes: tuple[tuple[int, int], ...],
    height: float,
    width: float,
) -> UsedAnchors:
    """Anchors of an image of `height` × `width` pixels that lies in the corner of a larger batch.

    Args:
        branches: the branches.
        map_sizes: (h, w) of each branch's feature map for the batch, padding included.
        own_sizes: (h, w) that the image alone would have: cells beyond it are padding and yield no anchors.
        height: of the image.
        width: of the image.
    """
    boxes, rows, before = [], [], 0
    for branch, (h, w), own in zip(branches, map_sizes, own_sizes, strict=True):
        anchors = map_anchors(*own, branch)
        of_cells = np.arange(h * w * len(branch.scales)).reshape(h, w, -1)[: own[0], : own[1]].reshape(-1)
        inside = inside_image(anchors, height, width, branch.border)
        boxes.append(anchors[inside])
        rows.append(before + of_cells[inside])
        before += h * w * len(branch.scales)
    return UsedAnchors(np.concatenate(boxes), np.concatenate(rows), before)


def match_anchors(used: UsedAnchors, faces: np.ndarray, ignored: np.ndarray, options: MatchOptions) -> Match:
    """Match the `used` anchors with `faces` (G, 4) and `ignored` (I, 4) regions; all other anchors are ignored.

    An anchor of a face is never ignored because of a region. What is matched by force is the best of all anchors, so
    that a small face is not forced upon the branch of large ones.
    """
    overlaps, best = max_overlaps(used.boxes, faces)
    found = np.full(len(used.boxes), -1, np.int32)
    found[overlaps < options.negative_overlap] = 0
    if len(ignored):
        found[max_coverage(used.boxes, ignored) >= options.ignore_coverage] = -1
    if options.force_match and len(faces):
        found[best_anchors(used.boxes, faces)] = 1
    found[overlaps >= options.positive_overlap] = 1

    labels = np.full(used.in_all, -1, np.int32)
    labels[used.rows] = found
    of_all = np.zeros(used.in_all, np.int32)
    of_all[used.rows] = np.maximum(best, 0)
    return Match(labels, of_all)

"""Which face an anchor stands for (paper, section 3.5; reference, anchor target layer).

Letters: `K` anchors of all branches, `G` faces, `I` ignore regions. Boxes are [x1, y1, x2, y2], +1 convention.
The matching depends on boxes alone, not on the network, so it is made ahead of time beside the decoding of images.
"""

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
    """Each face's best anchors are positive, whatever the overlap."""


class Match(NamedTuple):
    """labels (K,) int32: 1 face, 0 background, -1 ignored; faces (K, 4) float32: the face an anchor overlaps most."""

    labels: np.ndarray
    faces: np.ndarray


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


def match_anchors(
    anchors: np.ndarray, inside: np.ndarray, faces: np.ndarray, ignored: np.ndarray, options: MatchOptions
) -> Match:
    """Match `anchors` (K, 4), of which those `inside` (K,) are used, with `faces` (G, 4) and `ignored` (I, 4) regions.

    An anchor of a face is never ignored because of a region. What is matched by force is the best of all anchors, so
    that a small face is not forced upon the branch of large ones.
    """
    rows = np.flatnonzero(inside)
    used = np.ascontiguousarray(anchors[rows])
    overlaps, best = max_overlaps(used, faces)
    found = np.full(len(used), -1, np.int32)
    found[overlaps < options.negative_overlap] = 0
    if len(ignored):
        found[max_coverage(used, ignored) >= options.ignore_coverage] = -1
    if options.force_match and len(faces):
        found[best_anchors(used, faces)] = 1
    found[overlaps >= options.positive_overlap] = 1

    labels = np.full(len(anchors), -1, np.int32)
    labels[rows] = found
    matched = np.zeros((len(anchors), 4), np.float32)
    if len(faces):
        matched[rows] = faces[best]
    return Match(labels, matched)


def match_maps(
    branches: tuple[Branch, ...],
    map_sizes: list[tuple[int, int]],
    faces: np.ndarray,
    ignored: np.ndarray,
    height: float,
    width: float,
    options: MatchOptions,
) -> Match:
    """`match_anchors` for all branches on maps of `map_sizes` [(h, w), …], in the order of the network's rows."""
    grids = [map_anchors(h, w, branch) for branch, (h, w) in zip(branches, map_sizes, strict=True)]
    inside = [
        inside_image(anchors, height, width, branch.border) for anchors, branch in zip(grids, branches, strict=True)
    ]
    return match_anchors(np.concatenate(grids), np.concatenate(inside), faces, ignored, options)

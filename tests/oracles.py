"""Slow, plain NumPy answers for what is compiled: one loop, one rule, nothing clever.

K, G, N boxes of x1, y1, x2, y2, widths x2 - x1 + 1, float32 coordinates, double arithmetic.
"""

import numpy as np
from numpy.typing import NDArray


def _shared_areas(boxes: NDArray, query: NDArray) -> NDArray[np.float64]:
    """(K, G) areas of intersection, 0 where apart; NaN where a coordinate is."""
    low = np.maximum(boxes[:, None, :2], query[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], query[None, :, 2:])
    sides = high - low + 1.0
    return np.where((sides > 0).all(axis=2), sides.prod(axis=2), 0.0)


def _areas(boxes: NDArray) -> NDArray[np.float64]:
    return (boxes[:, 2] - boxes[:, 0] + 1.0) * (boxes[:, 3] - boxes[:, 1] + 1.0)


def _as_double(boxes: NDArray) -> NDArray[np.float64]:
    """float32 values in double; a box that is not finite becomes one that meets nothing."""
    boxes = np.asarray(boxes, dtype=np.float32).astype(np.float64)
    boxes[~np.isfinite(boxes).all(axis=1)] = (0.0, 0.0, -1.0, -1.0)
    return boxes


def overlap_oracle(boxes: NDArray, query: NDArray) -> NDArray[np.float64]:
    """(K, G) intersection over union."""
    boxes, query = _as_double(boxes), _as_double(query)
    shared = _shared_areas(boxes, query)
    union = _areas(boxes)[:, None] + _areas(query)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)


def coverage_oracle(anchors: NDArray, regions: NDArray) -> NDArray[np.float64]:
    """(K, I) intersection over the anchor's area."""
    anchors, regions = _as_double(anchors), _as_double(regions)
    shared = _shared_areas(anchors, regions)
    areas = np.broadcast_to(_areas(anchors)[:, None], shared.shape)
    return np.divide(shared, areas, out=np.zeros_like(shared), where=shared > 0)


def best_anchors_oracle(anchors: NDArray, faces: NDArray) -> NDArray[np.int64]:
    """Rows of anchors (K, 4) that are some face's (G, 4) best: the largest overlap as float32, the nearest centre."""
    overlaps = overlap_oracle(anchors, faces).astype(np.float32)
    centres, targets = (_as_double(boxes)[:, :2] + _as_double(boxes)[:, 2:] for boxes in (anchors, faces))
    best = set()
    for face, target in enumerate(targets):
        most = overlaps[:, face].max(initial=0)
        tied = np.flatnonzero((overlaps[:, face] == most) & (most > 0))
        distances = ((centres[tied] - target) ** 2).sum(axis=1)
        best |= set(tied[distances == distances.min(initial=np.inf)])
    return np.array(sorted(best), dtype=np.int64)


def nms_oracle(detections: NDArray, threshold: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression: (M,) rows of detections (N, 5) kept, best first, ties by row."""
    rows = np.asarray(detections, dtype=np.float32)
    finite = np.flatnonzero(np.isfinite(rows).all(axis=1))
    order = finite[np.argsort(-rows[finite, 4], kind="stable")]
    kept = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(best)
        overlap = overlap_oracle(rows[best : best + 1, :4], rows[order, :4])[0]
        order = order[overlap <= threshold]
    return np.array(kept, dtype=np.int64)

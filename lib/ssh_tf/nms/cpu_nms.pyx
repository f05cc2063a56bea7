# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Greedy non-maximum suppression on the CPU. N boxes, x1, y1, x2, y2."""

import numpy as np


cdef extern from "box_iou.h" nogil:
    double box_iou(const float *a, const float *b)


def kept(const float[:, ::1] ranked, double threshold):
    """Which boxes survive, given best first.

    Boxes stand by their left edge in memory, and each survivor looks only at those it can suppress: an overlap above
    `threshold` needs a box narrower than width / threshold, so its left edge is in a window around the survivor's.

    Args:
        ranked: (N, 4) float32, finite, best first; threshold: 0 to 1.

    Returns:
        (N,) bool: overlaps no better survivor by more than `threshold`.

    Raises:
        ValueError: another shape.
    """
    if ranked.shape[1] != 4:
        raise ValueError(f"ranked: expected shape (N, 4), got {np.shape(ranked)}")
    cdef Py_ssize_t count = ranked.shape[0]
    by_left = np.argsort(np.asarray(ranked)[:, 0])
    place_of = np.empty(count, dtype=np.int64)
    place_of[by_left] = np.arange(count)
    survives = np.ones(count, dtype=np.uint8)
    cdef const float[:, ::1] boxes = np.asarray(ranked)[by_left]
    cdef const long long[::1] rank = by_left.astype(np.int64, copy=False)
    cdef const long long[::1] place = place_of
    # By place, not by rank: the inner loop walks through it.
    cdef unsigned char[::1] alive = np.ones(count, dtype=np.uint8)
    cdef unsigned char[::1] result = survives
    cdef Py_ssize_t i, j, low, high, middle
    cdef const float *best
    cdef double leftmost, beyond
    with nogil:
        for i in range(count):
            if not alive[place[i]]:
                result[i] = 0
                continue
            best = &ranked[i, 0]
            leftmost = <double>best[0] - (<double>best[2] - <double>best[0] + 1.0) / threshold
            beyond = <double>best[2] + 1.0
            low = 0
            high = count
            while low < high:
                middle = (low + high) // 2
                if boxes[middle, 0] >= leftmost:
                    high = middle
                else:
                    low = middle + 1
            for j in range(low, count):
                if boxes[j, 0] > beyond:
                    break
                if alive[j] and rank[j] > i and box_iou(best, &boxes[j, 0]) > threshold:
                    alive[j] = 0
    return survives.view(bool)

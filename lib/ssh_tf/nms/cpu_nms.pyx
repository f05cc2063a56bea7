# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Greedy non-maximum suppression on the CPU. N boxes, x1, y1, x2, y2."""

import numpy as np


cdef extern from "box_iou.h" nogil:
    double box_iou(const float *a, const float *b)


cdef Py_ssize_t _first_from(const float[:, ::1] boxes, Py_ssize_t count, double left) noexcept nogil:
    """The first of `count` boxes, ordered by left edge, whose left edge is not less than `left`."""
    cdef Py_ssize_t low = 0, high = count, middle
    while low < high:
        middle = (low + high) // 2
        if boxes[middle, 0] >= left:
            high = middle
        else:
            low = middle + 1
    return low


def kept(const float[:, ::1] ranked, double threshold):
    """Which boxes survive, given best first.

    The boxes still open, neither kept nor dropped, stand ordered by left edge, and a box that is kept looks only at a
    window of them: an overlap above `threshold` needs a box narrower than its own width / threshold. Whenever half of
    them are settled, the others move together.

    Args:
        ranked: (N, 4) float32, finite, best first; threshold: 0 to 1.

    Returns:
        (N,) bool: overlaps no better box that is kept by more than `threshold`.

    Raises:
        ValueError: another shape.
    """
    if ranked.shape[1] != 4:
        raise ValueError(f"ranked: expected shape (N, 4), got {np.shape(ranked)}")
    by_left = np.argsort(np.asarray(ranked)[:, 0])
    places = np.empty(len(by_left), dtype=np.int64)
    places[by_left] = np.arange(len(by_left))
    result = np.ones(len(by_left), dtype=np.uint8)

    cdef float[:, ::1] boxes = np.asarray(ranked)[by_left]
    cdef long long[::1] rank = by_left.astype(np.int64)
    cdef unsigned char[::1] is_open = np.ones(len(by_left), dtype=np.uint8)
    cdef long long[::1] place = places
    cdef unsigned char[::1] survives = result
    cdef Py_ssize_t count = ranked.shape[0], settled = 0, i, j, k, c
    cdef const float *best
    cdef double left, right
    with nogil:
        for i in range(ranked.shape[0]):
            if not survives[i]:
                continue
            best = &ranked[i, 0]
            is_open[place[i]] = 0
            settled += 1
            left = best[0] - (<double>best[2] - best[0] + 1.0) / threshold
            right = <double>best[2] + 1.0
            for j in range(_first_from(boxes, count, left), count):
                if boxes[j, 0] > right:
                    break
                if is_open[j] and box_iou(best, &boxes[j, 0]) > threshold:
                    survives[rank[j]] = 0
                    is_open[j] = 0
                    settled += 1
            if 2 * settled > count:
                k = 0
                for j in range(count):
                    if is_open[j]:
                        for c in range(4):
                            boxes[k, c] = boxes[j, c]
                        rank[k] = rank[j]
                        place[rank[j]] = k
                        is_open[k] = 1
                        k += 1
                count = k
                settled = 0
    return result.view(bool)

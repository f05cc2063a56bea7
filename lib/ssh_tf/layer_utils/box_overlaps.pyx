# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Overlaps of many boxes with many: what training targets and the sampling of crops are made from.

K anchors, G boxes. A box is x1, y1, x2, y2 in pixels and its width is x2 - x1 + 1, as in py-faster-rcnn. An overlap is
computed in double precision from float32 coordinates and stored as float32; all comparisons are of the stored numbers,
so that the functions below agree with `box_overlaps` to the last bit. NaN and infinite boxes, and boxes turned inside
out, overlap nothing. The GIL is released while counting.
"""

cimport cython

import numpy as np


cdef extern from "box_iou.h" nogil:
    double box_iou(const float *a, const float *b)
    double box_coverage(const float *a, const float *b)


def _as_boxes(boxes, name, letter):
    array = np.ascontiguousarray(boxes, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{name}: expected shape ({letter}, 4), got {np.shape(boxes)}")
    return array


@cython.final
cdef class _Sorted:
    """Boxes by their left edge, so that those an anchor can meet lie in one short window.

    `reach[j]` is the furthest right edge among the boxes 0 … j; both it and the left edges rise with j.
    """

    cdef const float[:, ::1] boxes
    cdef const float[::1] reach
    cdef readonly object order
    cdef Py_ssize_t size

    def __init__(self, boxes):
        with np.errstate(invalid="ignore"):
            sides = boxes[:, 2:].astype(np.float64) - boxes[:, :2] + 1.0
        usable = np.flatnonzero(np.isfinite(boxes).all(axis=1) & (sides > 0).all(axis=1))
        order = usable[np.argsort(boxes[usable, 0], kind="stable")]
        self.order = order.astype(np.int32)
        self.boxes = boxes[order]
        self.reach = np.maximum.accumulate(boxes[order, 2])
        self.size = order.size

    cdef Py_ssize_t first(self, const float *anchor) noexcept nogil:
        """The first box of the window: the ones before it all end left of the anchor."""
        cdef Py_ssize_t low = 0, high = self.size, middle
        while low < high:
            middle = (low + high) // 2
            if <double>self.reach[middle] - <double>anchor[0] + 1.0 > 0.0:
                high = middle
            else:
                low = middle + 1
        return low

    cdef bint starts_before_end(self, Py_ssize_t j, const float *anchor) noexcept nogil:
        """Whether box j is still in the window: the ones from the first that is not on begin right of the anchor."""
        return <double>anchor[2] - <double>self.boxes[j, 0] + 1.0 > 0.0


def box_overlaps(boxes, query):
    """Intersection over union of every box with every query box.

    Args:
        boxes: (K, 4); query: (G, 4).

    Returns:
        (K, G) float32, 0 to 1.

    Raises:
        ValueError: another shape.
    """
    cdef const float[:, ::1] rows = _as_boxes(boxes, "boxes", "K")
    cdef const float[:, ::1] columns = _as_boxes(query, "query", "G")
    result = np.zeros((rows.shape[0], columns.shape[0]), dtype=np.float32)
    cdef float[:, ::1] overlaps = result
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(rows.shape[0]):
            for j in range(columns.shape[0]):
                overlaps[i, j] = <float>box_iou(&rows[i, 0], &columns[j, 0])
    return result


def max_overlaps(anchors, boxes):
    """Each anchor's best box, without the K × G matrix.

    Args:
        anchors: (K, 4); boxes: (G, 4).

    Returns:
        max_overlap (K,) float32, and argmax (K,) int32, the first box on ties, as `np.argmax` of `box_overlaps` has it
        (so 0 where nothing overlaps); zeros and -1 where there are no boxes.

    Raises:
        ValueError: another shape.
    """
    cdef const float[:, ::1] rows = _as_boxes(anchors, "anchors", "K")
    columns = _as_boxes(boxes, "boxes", "G")
    cdef _Sorted by_left = _Sorted(columns)
    cdef const int[::1] order = by_left.order
    max_overlap = np.zeros(rows.shape[0], dtype=np.float32)
    argmax = np.full(rows.shape[0], 0 if len(columns) else -1, dtype=np.int32)
    cdef float[::1] best = max_overlap
    cdef int[::1] best_box = argmax
    cdef Py_ssize_t i, j
    cdef float overlap
    with nogil:
        for i in range(rows.shape[0]):
            j = by_left.first(&rows[i, 0])
            while j < by_left.size and by_left.starts_before_end(j, &rows[i, 0]):
                overlap = <float>box_iou(&rows[i, 0], &by_left.boxes[j, 0])
                if overlap > best[i] or (overlap == best[i] and overlap > 0.0 and order[j] < best_box[i]):
                    best[i] = overlap
                    best_box[i] = order[j]
                j += 1
    return max_overlap, argmax


def max_coverage(anchors, regions):
    """The largest share of each anchor that one region covers.

    Args:
        anchors: (K, 4); regions: (I, 4), such as the parts of an image to be ignored.

    Returns:
        (K,) float32, 0 to 1: intersection / area of the anchor.

    Raises:
        ValueError: another shape.
    """
    cdef const float[:, ::1] rows = _as_boxes(anchors, "anchors", "K")
    cdef _Sorted by_left = _Sorted(_as_boxes(regions, "regions", "I"))
    covered = np.zeros(rows.shape[0], dtype=np.float32)
    cdef float[::1] best = covered
    cdef Py_ssize_t i, j
    cdef float coverage
    with nogil:
        for i in range(rows.shape[0]):
            j = by_left.first(&rows[i, 0])
            while j < by_left.size and by_left.starts_before_end(j, &rows[i, 0]):
                coverage = <float>box_coverage(&rows[i, 0], &by_left.boxes[j, 0])
                if coverage > best[i]:
                    best[i] = coverage
                j += 1
    return covered


def best_anchors(anchors, boxes):
    """The anchor of each box that overlaps it most: py-faster-rcnn's forced foreground.

    Of anchors that overlap it equally the one counts whose centre is the nearest. All anchors within a box larger than
    they are overlap it equally, and so do all that hold a small one: py-faster-rcnn, which takes them all, teaches that
    any part of a large face is a face. A box that no anchor meets has no best anchor.

    Args:
        anchors: (K, 4); boxes: (G, 4).

    Returns:
        (N,) int64, rising: the best anchors of all boxes, several of one box where their centres are equally near.

    Raises:
        ValueError: another shape.
    """
    cdef const float[:, ::1] rows = _as_boxes(anchors, "anchors", "K")
    cdef _Sorted by_left = _Sorted(_as_boxes(boxes, "boxes", "G"))
    cdef float[::1] best = np.zeros(by_left.size, dtype=np.float32)
    cdef double[::1] nearest = np.zeros(by_left.size, dtype=np.float64)
    chosen = np.zeros(rows.shape[0], dtype=np.uint8)
    cdef unsigned char[::1] is_best = chosen
    cdef Py_ssize_t i, j
    cdef float overlap
    cdef double distance
    with nogil:
        for i in range(rows.shape[0]):
            j = by_left.first(&rows[i, 0])
            while j < by_left.size and by_left.starts_before_end(j, &rows[i, 0]):
                overlap = <float>box_iou(&rows[i, 0], &by_left.boxes[j, 0])
                if overlap > 0.0 and overlap >= best[j]:
                    distance = centre_distance(&rows[i, 0], &by_left.boxes[j, 0])
                    if overlap > best[j] or distance < nearest[j]:
                        best[j] = overlap
                        nearest[j] = distance
                j += 1
        for i in range(rows.shape[0]):
            j = by_left.first(&rows[i, 0])
            while j < by_left.size and by_left.starts_before_end(j, &rows[i, 0]):
                if (
                    best[j] > 0.0
                    and <float>box_iou(&rows[i, 0], &by_left.boxes[j, 0]) == best[j]
                    and centre_distance(&rows[i, 0], &by_left.boxes[j, 0]) == nearest[j]
                ):
                    is_best[i] = 1
                j += 1
    return np.flatnonzero(chosen)


cdef inline double centre_distance(const float* a, const float* b) noexcept nogil:
    """The square of twice the distance of the centres."""
    cdef double dx = (<double>a[0] + a[2]) - (<double>b[0] + b[2])
    cdef double dy = (<double>a[1] + a[3]) - (<double>b[1] + b[3])
    return dx * dx + dy * dy

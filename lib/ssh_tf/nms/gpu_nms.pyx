# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Greedy non-maximum suppression on the GPU. N boxes, x1, y1, x2, y2."""

from libc.stdint cimport int64_t

import numpy as np

# 5,000 boxes take 3 MB in one round, 100,000 take 19 rounds.
_MASK_BYTES = 64 << 20


cdef extern from "nms_kernel.h" nogil:
    int nms_device_count()
    const char *nms_on_device(const float *ranked, int64_t count, double threshold, size_t mask_bytes,
                              unsigned char *survives)


def device_count():
    """GPUs that can be used: 0 without one, or without its driver."""
    cdef int count
    with nogil:
        count = nms_device_count()
    return count


def kept(const float[:, ::1] ranked, double threshold, size_t mask_bytes=_MASK_BYTES):
    """Which boxes survive, given best first: what `cpu_nms.kept` returns.

    Args:
        ranked: (N, 4) float32, finite, best first; threshold: 0 to 1; mask_bytes: device memory to work with.

    Returns:
        (N,) bool: overlaps no better box that is kept by more than `threshold`.

    Raises:
        ValueError: another shape.
        RuntimeError: what CUDA reports: no memory, no GPU, a GPU that the extension was not built for.
    """
    if ranked.shape[1] != 4:
        raise ValueError(f"ranked: expected shape (N, 4), got {np.shape(ranked)}")
    result = np.zeros(ranked.shape[0], dtype=np.uint8)
    if len(result) == 0:
        return result.view(bool)
    cdef unsigned char[::1] survives = result
    cdef const char *problem
    with nogil:
        problem = nms_on_device(&ranked[0, 0], ranked.shape[0], threshold, mask_bytes, &survives[0])
    if problem != NULL:
        raise RuntimeError(f"non-maximum suppression on the GPU: {problem.decode()}")
    return result.view(bool)

"""Non-maximum suppression on arrays. N detections, M kept.

The rule, the same on every processor: take the detections best first, equal scores in the order given; keep one, and
drop all later ones whose intersection over union with it is greater than the threshold (py-faster-rcnn's, which wavers
between `>` and `>=`). A box is x2 - x1 + 1 wide. Rows with a NaN or an infinity are never kept and suppress nothing.
"""

import functools
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssh_tf.nms import cpu_nms

try:
    from ssh_tf.nms import gpu_nms
except ImportError:  # Built only where there is a CUDA toolkit.
    HAS_GPU_EXTENSION = False
else:
    HAS_GPU_EXTENSION = True

Kept = Callable[[NDArray[np.float32], float], NDArray[np.bool_]]
"""From boxes (N, 4), best first, and the threshold to which of them survive, (N,)."""


@functools.cache
def processors() -> dict[str, Kept]:
    """What can do it here, by name: "cpu", and "gpu" where one is present and the extension was built."""
    found: dict[str, Kept] = {"cpu": cpu_nms.kept}
    if HAS_GPU_EXTENSION and gpu_nms.device_count() > 0:
        found["gpu"] = gpu_nms.kept
    return found


def nms(detections: ArrayLike, threshold: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression, on the GPU where there is one.

    What the GPU cannot do (its memory may be in use) is done on the CPU, with a warning.

    Args:
        detections: (N, 5) of x1, y1, x2, y2 in pixels and score; read as float32.
        threshold: largest intersection over union that two kept boxes may have, 0 to 1.

    Returns:
        (M,) rows of `detections` that are kept, best first.

    Raises:
        ValueError: another shape, or a threshold outside 0 to 1.
    """
    rows = np.asarray(detections, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != 5:
        raise ValueError(f"detections: expected shape (N, 5), got {rows.shape}")
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold: expected 0 to 1, got {threshold}")
    finite = np.flatnonzero(np.isfinite(rows).all(axis=1))
    order = finite[_best_first(rows[finite, 4])]
    ranked = np.ascontiguousarray(rows[order, :4])
    gpu = processors().get("gpu")
    if gpu is not None:
        try:
            return order[gpu(ranked, threshold)]
        except RuntimeError as error:
            warnings.warn(f"{error}; done on the CPU", RuntimeWarning, stacklevel=2)
    return order[cpu_nms.kept(ranked, threshold)]


def _best_first(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """`argsort(-scores, kind="stable")`, several times as fast: NumPy sorts integers with vector instructions.

    Read as an integer, a float that is not negative keeps its rank, and a negative one does with its lower bits
    inverted. The index below it settles ties.
    """
    bits = (scores + np.float32(0)).view(np.int32)  # The sum turns -0 into 0.
    rank = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    keys = (~rank).astype(np.int64) << 32 | np.arange(len(scores))
    keys.sort()
    return keys & 0xFFFFFFFF

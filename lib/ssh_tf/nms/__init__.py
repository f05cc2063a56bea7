"""Non-maximum suppression on arrays. N detections, M kept.

The rule (spec of the final detections; py-faster-rcnn's with `>` on every processor): take the detections best first,
equal scores in the order given; keep one, and drop all later ones whose intersection over union with it is greater than
the threshold. A box is as wide as x2 - x1 + 1. Rows with a NaN or an infinity are never kept and suppress nothing.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssh_tf.nms import cpu_nms


def nms(detections: ArrayLike, threshold: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression.

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
    order = finite[np.argsort(-rows[finite, 4], kind="stable")]
    return order[cpu_nms.kept(np.ascontiguousarray(rows[order, :4]), threshold)]

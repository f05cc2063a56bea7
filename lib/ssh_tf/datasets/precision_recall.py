"""The area under a precision-recall curve, one implementation for every benchmark."""

import numpy as np
import numpy.typing as npt


def average_precision(recall: npt.ArrayLike, precision: npt.ArrayLike) -> float:
    """Area under the monotone envelope of a curve, at every point where recall changes.

    The rule of PASCAL VOC 2010 and later (devkit, ``VOCevaldet.m``), which the WIDER FACE toolbox took over
    (``VOCap.m``): recall is padded with 0 and 1, precision with 0 and 0; precision becomes the largest value at any
    equal or greater recall; the area is summed. A NaN precision (0/0, nothing detected yet) counts as absent.

    Args:
        recall: (P,) recall, not falling.
        precision: (P,) precision at those points.

    Returns:
        The area, in [0, 1]; 0 for an empty curve.
    """
    padded_recall = np.concatenate([[0.0], np.asarray(recall, dtype=np.float64), [1.0]])
    padded_precision = np.concatenate([[0.0], np.asarray(precision, dtype=np.float64), [0.0]])
    # fmax and not maximum: MATLAB's max() skips NaN.
    envelope = np.fmax.accumulate(padded_precision[::-1])[::-1]
    steps = np.flatnonzero(padded_recall[1:] != padded_recall[:-1])
    return float(np.sum((padded_recall[steps + 1] - padded_recall[steps]) * envelope[steps + 1]))

"""What hypothesis draws boxes from: integers, so that overlaps tie and meet thresholds, and now and then anything."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

_ANY_FLOAT = st.floats(width=32, allow_nan=True, allow_infinity=True)
_PIXEL = st.integers(-4, 28).map(float)


def _arrays(columns, elements, most):
    shape = st.integers(0, most).map(lambda rows: (rows, columns))
    return shape.flatmap(lambda shape: stnp.arrays(np.float32, shape, elements=elements))


def boxes(most=12):
    """(N, 4): proper boxes, boxes turned inside out, and boxes with NaN or infinities."""
    return st.one_of(
        _arrays(4, _PIXEL, most).map(_in_order),
        _arrays(4, _PIXEL, most),
        _arrays(4, st.one_of(_PIXEL, _ANY_FLOAT), most),
    )


def detections(most=40):
    """(N, 5): such boxes with scores that often tie."""
    scores = _arrays(1, st.sampled_from([0.0, -0.0, 0.25, 0.5, -0.5, 1.0, np.nan, -np.inf]), most)
    return st.tuples(boxes(most), scores).map(_side_by_side)


def _in_order(corners):
    return np.hstack([np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])])


def _side_by_side(parts):
    rows = min(len(part) for part in parts)
    return np.hstack([part[:rows] for part in parts])

"""Boxes as offsets from anchors, and back (R-CNN's coding with the +1 convention of the reference).

Letters: `K` boxes, one a row. Boxes are [x1, y1, x2, y2] in pixels with w = x2 - x1 + 1 and centre x1 + 0.5·w;
deltas are [dx, dy, dw, dh]. ``xp`` is the module that computes: `numpy` or TensorFlow.
"""

from types import ModuleType
from typing import NamedTuple

import numpy as np

from ssh_tf.utils.types import Tensor


class _Columns(NamedTuple):
    x: Tensor
    y: Tensor
    w: Tensor
    h: Tensor


def _centre_size(boxes: Tensor) -> _Columns:
    x1, y1, x2, y2 = (boxes[..., i] for i in range(4))
    w, h = x2 - x1 + 1.0, y2 - y1 + 1.0
    return _Columns(x1 + 0.5 * w, y1 + 0.5 * h, w, h)


def encode(anchors: Tensor, boxes: Tensor, xp: ModuleType = np) -> Tensor:
    """Offsets that lead from `anchors` (…, 4) to `boxes` (…, 4). Returns (…, 4) deltas, not normalised."""
    a, b = _centre_size(anchors), _centre_size(boxes)
    return xp.stack([(b.x - a.x) / a.w, (b.y - a.y) / a.h, xp.log(b.w / a.w), xp.log(b.h / a.h)], -1)


def decode(anchors: Tensor, deltas: Tensor, xp: ModuleType = np) -> Tensor:
    """Apply `deltas` (…, 4) to `anchors` (…, 4). Returns (…, 4) boxes: centre ± half the size.

    As in the reference no 1 is taken off again, so `decode(encode(b))` is `b` with x2 and y2 one pixel further: the
    coding is an identity on [x1, y1, x2 + 1, y2 + 1].
    """
    a = _centre_size(anchors)
    x, y = deltas[..., 0] * a.w + a.x, deltas[..., 1] * a.h + a.y
    half_w, half_h = 0.5 * xp.exp(deltas[..., 2]) * a.w, 0.5 * xp.exp(deltas[..., 3]) * a.h
    return xp.stack([x - half_w, y - half_h, x + half_w, y + half_h], -1)


def clip(boxes: Tensor, height: Tensor, width: Tensor, xp: ModuleType = np) -> Tensor:
    """Move corners of `boxes` (…, 4) into the image: x to [0, width - 1], y to [0, height - 1]."""
    limits = [width - 1.0, height - 1.0] * 2
    return xp.stack([xp.maximum(xp.minimum(boxes[..., i], limits[i]), 0.0) for i in range(4)], -1)

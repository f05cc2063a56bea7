"""Anchors of the three detection branches (paper, section 3.3; spec of the reference: base window 16 px, ratio 1).

Letters: `h, w` rows and columns of a feature map, `A` anchors per cell, `K = h·w·A` anchors of a branch.
Boxes are [x1, y1, x2, y2] in pixels of the network's input and span `x2 - x1 + 1` pixels.

Every function takes ``xp``, the module that does the arithmetic: `numpy`, or TensorFlow inside a graph. Both have
`stack` and `reshape`, so there is one implementation, and this module imports neither framework.
"""

from types import ModuleType
from typing import NamedTuple

import numpy as np

from ssh_tf.utils.types import Tensor

BASE_SIZE = 16


class Branch(NamedTuple):
    """A detection branch: what it is called, how far apart its cells are, and which anchors a cell has."""

    name: str
    stride: int
    scales: tuple[int, ...]
    border: int
    """Pixels by which a training anchor may stand out of the image."""


BRANCHES = (
    Branch("M1", 8, (1, 2), 0),
    Branch("M2", 16, (4, 8), 0),
    Branch("M3", 32, (16, 32), 512),
)


def base_anchors(scales: tuple[int, ...]) -> np.ndarray:
    """Anchors of the cell at the origin: squares of 16·scale pixels around (7.5, 7.5). Returns (A, 4) float32."""
    centre = (BASE_SIZE - 1) / 2
    half_sides = [(BASE_SIZE * scale - 1) / 2 for scale in scales]
    return np.array([[centre - half] * 2 + [centre + half] * 2 for half in half_sides], np.float32)


def grid_anchors(rows: Tensor, columns: Tensor, stride: int, scales: tuple[int, ...], xp: ModuleType = np) -> Tensor:
    """Shift the base anchors over a feature map.

    Args:
        rows: (h,) float, the numbers 0 … h-1.
        columns: (w,) float, the numbers 0 … w-1.
        stride: pixels between neighbouring cells.
        scales: A multiples of the 16-pixel base window.
        xp: the module that computes: `numpy` or TensorFlow.

    Returns:
        (h·w·A, 4) float32 boxes in the order row, column, anchor.
    """
    base = base_anchors(scales)
    zeros_of_rows = 0 * rows[:, None, None]
    zeros_of_columns = 0 * columns[None, :, None]
    x = zeros_of_rows + stride * columns[None, :, None]
    y = stride * rows[:, None, None] + zeros_of_columns
    corners = [x + base[:, 0], y + base[:, 1], x + base[:, 2], y + base[:, 3]]
    return xp.reshape(xp.stack(corners, 3), (-1, 4))


def map_anchors(height: int, width: int, branch: Branch) -> np.ndarray:
    """Anchors of one branch for a feature map of `height` × `width` cells. Returns (K, 4) float32."""
    rows, columns = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    return grid_anchors(rows, columns, branch.stride, branch.scales)


def branch_sizes(height: int, width: int, pool_deep: bool) -> list[tuple[int, int]]:
    """Sizes (h, w) of the feature maps of M1, M2 and M3 for an input of `height` × `width` pixels.

    With `pool_deep` M3's map is M2's after a 2×2 pool that rounds down, but not to 0; else it has stride 32.
    """

    def over(stride: int) -> tuple[int, int]:
        return -(-height // stride), -(-width // stride)

    m2 = over(16)
    return [over(8), m2, (max(m2[0] // 2, 1), max(m2[1] // 2, 1)) if pool_deep else over(32)]

"""The SSH network: from images to one row per anchor (paper, figure 2).

Letters: `N` images of `H × W` pixels, `h, w` map of a branch, `A` anchors per cell, `K` anchors of all branches,
`B` branches (3).
"""

from typing import NamedTuple

from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes, grid_anchors
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.nets.detection_modules import (
    Heads,
    detection_module,
    heads,
    module_style,
    reduce_and_merge,
)
from ssh_tf.nets.layers import max_pool
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor


class Rows(NamedTuple):
    """All branches, flattened once: a row per anchor, M1's first, then M2's and M3's."""

    anchors: Tensor
    """(K, 4) boxes in pixels of the network's input."""
    logits: Tensor
    """(N, K) face score minus background score: its sigmoid is the softmax probability of a face."""
    deltas: Tensor
    """(N, K, 4) offsets from the anchors."""
    counts: Tensor
    """(B,) int32: rows of each branch, which sum to K."""


def ssh_network(images: Tensor, options: NetworkOptions) -> Rows:
    """Build the network on `images` (N, H, W, 3) float32, BGR minus the pixel means. H and W may be unknown, ≥ 16."""
    outputs = network_heads(images, options)
    parts = [_flatten(head, branch.stride, branch.scales) for head, branch in zip(outputs, BRANCHES, strict=True)]
    return Rows(
        anchors=tf.concat([part.anchors for part in parts], 0),
        logits=tf.concat([part.logits for part in parts], 1),
        deltas=tf.concat([part.deltas for part in parts], 1),
        counts=tf.concat([part.counts for part in parts], 0),
    )


def network_heads(images: Tensor, options: NetworkOptions) -> tuple[Heads, ...]:
    """The raw outputs of M1, M2 and M3 as maps; tests alone use them without `ssh_network`."""
    row = BACKBONES[options.backbone]
    with tf.variable_scope(row.scope):
        ends = row.build(images, options)
        deep = _pool_deep(ends.deep) if row.pool_deep else ends.deep
        style = module_style(options.weight_decay, options.bias_decay)
        m3 = detection_module(deep, 256, "M3", style)
        m2 = detection_module(ends.high, 256, "M2", style)
        m1 = detection_module(reduce_and_merge(ends.low, ends.high, 128, "M1", style), 128, "M1", style)
        return tuple(
            heads(features, len(branch.scales), branch.name, style)
            for features, branch in zip((m1, m2, m3), BRANCHES, strict=True)
        )


def _pool_deep(deep: Tensor) -> Tensor:
    """2×2 max-pool of stride 2. A single row or column would vanish: it is padded with zeros, the least of a ReLU."""
    missing = tf.maximum(2 - tf.shape(deep)[1:3], 0)
    padded = tf.pad(deep, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]])
    return max_pool(tf.ensure_shape(padded, [None, None, None, deep.shape[3]]), 2, 2, "VALID")


def _flatten(head: Heads, stride: int, scales: tuple[int, ...]) -> Rows:
    shape = tf.shape(head.scores)
    rows, columns = tf.cast(tf.range(shape[1]), tf.float32), tf.cast(tf.range(shape[2]), tf.float32)
    anchors = grid_anchors(rows, columns, stride, scales, xp=tf)
    count = shape[1] * shape[2] * len(scales)
    background, face = tf.split(tf.cast(head.scores, tf.float32), 2, axis=3)
    logits = tf.reshape(face - background, [shape[0], count])
    deltas = tf.reshape(tf.cast(head.deltas, tf.float32), [shape[0], count, 4])
    return Rows(anchors, logits, deltas, count[None])


def map_sizes(height: int, width: int, backbone: str) -> list[tuple[int, int]]:
    """Feature-map sizes (h, w) of M1, M2 and M3 for an input of `height` × `width` pixels."""
    return branch_sizes(height, width, BACKBONES[backbone].pool_deep)

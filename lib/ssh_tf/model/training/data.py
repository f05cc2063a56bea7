"""Batches ready for the training graph: images beside the labels of their anchors.

Letters: `N` images, `H, W` size of the batch, `K` anchors of all branches, `G` boxes of its richest image.
"""

from typing import NamedTuple

import numpy as np

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.layer_utils.matching import Match, MatchOptions, match_anchors, used_anchors
from ssh_tf.nets.network import map_sizes
from ssh_tf.nets.training_graph import Targets
from ssh_tf.roi_data_layer.pipeline import Batch
from ssh_tf.roi_data_layer.samples import FACE, IGNORE
from ssh_tf.utils.random_streams import Stream, random_generator
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Array, Dataset, Tensor


class TrainingBatch(NamedTuple):
    """Tensors of one batch."""

    image: Tensor
    """(N, H, W, 3) uint8 BGR, anything in the padding."""
    im_info: Tensor
    """(N, 3) float32: height and width of the image within the padding, scale."""
    targets: Targets
    record: Tensor
    """(N,) int64: the records the images come from."""


def match_image(
    height: int,
    width: int,
    im_info: np.ndarray,
    boxes: np.ndarray,
    kinds: np.ndarray,
    backbone: str,
    options: MatchOptions,
) -> Match:
    """Match the anchors of an image that lies in the corner of a batch of `height` × `width` pixels.

    `im_info` (3,) holds its own height and width; `boxes` (G, 4) and `kinds` (G,) are as in `Batch`, and `Match.best`
    counts among these boxes.
    """
    own_height, own_width = float(im_info[0]), float(im_info[1])
    used = used_anchors(
        BRANCHES,
        tuple(map_sizes(height, width, backbone)),
        tuple(map_sizes(int(own_height), int(own_width), backbone)),
        own_height,
        own_width,
    )
    faces = np.flatnonzero(kinds == FACE)
    match = match_anchors(used, boxes[faces], boxes[kinds == IGNORE], options)
    return Match(match.labels, faces.astype(np.int32)[match.best]) if len(faces) else match


def matched(
    dataset: Dataset,
    backbone: str,
    options: MatchOptions,
    all_mined: bool,
    seed: int,
    first_iteration: Tensor,
    first_slot: int,
) -> Dataset:
    """Turn a dataset of `Batch` into one of `TrainingBatch`, ahead of time and in parallel with the training step.

    What is random depends on `seed`, the iteration and the image's place in the joint batch (`first_slot` on) alone.

    Args:
        dataset: yields `Batch`, the first for `first_iteration`, which may be a scalar tensor.
        backbone: key of `BACKBONES`.
        options: when an anchor is a face.
        all_mined: no anchors are sampled at random.
        seed: not negative.
        first_iteration: iteration of the first batch.
        first_slot: place of the batch's first image in the joint batch of all workers.
    """

    def match_batch(
        iteration: Array, height: Array, width: Array, im_info: Array, boxes: Array, kinds: Array
    ) -> tuple[Array, ...]:
        matches = [
            match_image(int(height), int(width), *of_image, backbone, options)
            for of_image in zip(im_info, boxes, kinds, strict=True)
        ]
        labels = np.stack([match.labels for match in matches])
        drawn = 0 if all_mined else labels.shape[1]
        random = [
            random_generator(seed, Stream.ANCHORS, int(iteration), first_slot + slot).random(drawn, np.float32)
            for slot in range(len(labels))
        ]
        return labels, np.stack([match.best for match in matches]), np.stack(random)

    @tf.autograph.experimental.do_not_convert  # which takes half a second
    def add_targets(iteration: Tensor, batch: Batch) -> TrainingBatch:
        shape = tf.shape(batch.image)
        labels, best, random = tf.numpy_function(
            match_batch,
            [iteration, shape[1], shape[2], batch.im_info, batch.boxes, batch.kinds],
            (tf.int32, tf.int32, tf.float32),
        )
        for tensor in (labels, best, random):
            tensor.set_shape([batch.image.shape[0], None])
        return TrainingBatch(batch.image, batch.im_info, Targets(labels, best, batch.boxes, random), batch.record)

    dataset = dataset.enumerate(first_iteration)
    return dataset.map(add_targets, num_parallel_calls=2, deterministic=True).prefetch(2)

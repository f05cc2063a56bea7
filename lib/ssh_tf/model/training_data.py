"""Batches ready for the training graph: images beside the labels of their anchors.

Letters: `N` images, `H, W` size of the batch, `K` anchors of all branches.
"""

from typing import Any, NamedTuple

import numpy as np

from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.layer_utils.matching import MatchOptions, match_maps
from ssh_tf.nets.network import map_sizes
from ssh_tf.roi_data_layer.pipeline import Batch, batch_image
from ssh_tf.roi_data_layer.sampling import FACE, IGNORE
from ssh_tf.utils.tf1 import tf


class TrainingBatch(NamedTuple):
    """Tensors of one batch."""

    image: Any
    """(N, H, W, 3) float32, BGR minus the pixel means, zero in the padding."""
    labels: Any
    """(N, K) int32: 1 face, 0 background, -1 ignored."""
    faces: Any
    """(N, K, 4) float32: the face that an anchor overlaps most."""
    random: Any
    """(N, K) float32 in [0, 1): what anchors are sampled by where nothing is mined."""
    record: Any
    """(N,) int64: the records the images come from."""


def matched(
    dataset: Any,
    backbone: str,
    options: MatchOptions,
    seed: int,
    first_iteration: int,
    first_slot: int,
    parallel_calls: int = 2,
) -> Any:
    """Turn a dataset of `Batch` into one of `TrainingBatch`, ahead of time and in parallel with the training step.

    What is random depends on `seed`, the iteration and the image's place in the joint batch (`first_slot` on) alone.
    """

    def match_batch(iteration: Any, height: Any, width: Any, im_info: Any, boxes: Any, kinds: Any) -> tuple[Any, ...]:
        sizes = map_sizes(int(height), int(width), backbone)
        matches = [
            match_maps(BRANCHES, sizes, box[kind == FACE], box[kind == IGNORE], info[0], info[1], options)
            for info, box, kind in zip(im_info, boxes, kinds, strict=True)
        ]
        labels = np.stack([match.labels for match in matches])
        random = [
            np.random.default_rng([seed, int(iteration), first_slot + slot, 1]).random(labels.shape[1], np.float32)
            for slot in range(len(labels))
        ]
        return labels, np.stack([match.faces for match in matches]), np.stack(random)

    def add_labels(iteration: Any, batch: Batch) -> TrainingBatch:
        shape = tf.shape(batch.image)
        labels, faces, random = tf.numpy_function(
            match_batch,
            [iteration, shape[1], shape[2], batch.im_info, batch.boxes, batch.kinds],
            (tf.int32, tf.float32, tf.float32),
        )
        count = batch.image.shape[0]
        labels.set_shape([count, None])
        faces.set_shape([count, None, 4])
        random.set_shape([count, None])
        return TrainingBatch(batch_image(batch), labels, faces, random, batch.record)

    dataset = dataset.enumerate(first_iteration)
    return dataset.map(add_labels, num_parallel_calls=parallel_calls, deterministic=True).prefetch(2)

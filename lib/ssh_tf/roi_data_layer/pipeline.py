"""Batches for the training graph, read and resized ahead in parallel.

Letters: `N` images of a batch, `H, W` its size, `G` boxes of its richest image.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.roi_data_layer.pipeline_options import PipelineOptions
from ssh_tf.roi_data_layer.samples import PADDING, Sampler, TrainingSample
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.images import PIXEL_MEANS_BGR
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor


class Batch(NamedTuple):
    """Tensors of one batch; images and boxes are padded below and to the right."""

    image: Tensor  # (N, H, W, 3) uint8 BGR
    im_info: Tensor  # (N, 3) float32: height and width of the image within the padding, scale
    boxes: Tensor  # (N, G, 4) float32
    kinds: Tensor  # (N, G) int32: FACE, IGNORE or PADDING
    record: Tensor  # (N,) int64: place of the image in the records


def make_dataset(
    records: Sequence[ImageRecord],
    options: PipelineOptions,
    seed: int,
    first_iteration: "int | tf.Tensor",
    batch_size: int,
    shard_index: int = 0,
    shard_count: int = 1,
    parallel_calls: int = 2,
) -> "tf.data.Dataset":
    """Return an endless `tf.data.Dataset` of `Batch`, beginning with the batch of `first_iteration`.

    The `shard_count` batches of an iteration make one joint batch of `batch_size` · `shard_count` samples: shard 0 has
    its first `batch_size` samples, and so on. What a sample is depends on `seed`, the iteration and its place in the
    joint batch alone: one process with the joint batch sees the same samples, and so does a run resumed at any
    iteration.

    Args:
        records: the images to draw from.
        options: how samples are drawn and made.
        seed: not negative.
        first_iteration: 0 for a new run; an int64 scalar where it is known only when the dataset begins to run.
        batch_size: images of this shard's batch.
        shard_index: which part of the joint batch is wanted, 0 ≤ shard_index < shard_count.
        shard_count: devices or workers that train in step.
        parallel_calls: samples made at the same time.

    Raises:
        DataError: see `Sampler`. While the dataset runs, an unreadable image is an error within TensorFlow: see
            `data_errors`.
    """
    # Known where all windows have it.
    side = options.crop_sizes[0] if len(set(options.crop_sizes)) == 1 else None
    sampler = Sampler(records, options, seed, batch_size * shard_count)

    def make_sample(number: np.int64) -> TrainingSample:
        iteration, slot = divmod(int(number), batch_size)
        return sampler(iteration, shard_index * batch_size + slot)

    @tf.autograph.experimental.do_not_convert  # which takes half a second
    def map_sample(number: "tf.Tensor") -> Batch:
        dtypes = (tf.uint8, tf.float32, tf.float32, tf.int32, tf.int64)
        shapes = ((side, side, 3), (3,), (None, 4), (None,), ())
        tensors = tf.numpy_function(make_sample, [number], dtypes)
        return Batch(*(tf.ensure_shape(tensor, shape) for tensor, shape in zip(tensors, shapes, strict=True)))

    dataset = tf.data.Dataset.range(first_iteration * batch_size, np.iinfo(np.int64).max)
    dataset = dataset.map(map_sample, num_parallel_calls=parallel_calls, deterministic=True)
    paddings = Batch(np.uint8(0), np.float32(0), np.float32(0), np.int32(PADDING), np.int64(0))
    return dataset.padded_batch(batch_size, padding_values=paddings, drop_remainder=True).prefetch(2)


def batch_image(image: "tf.Tensor", im_info: "tf.Tensor") -> "tf.Tensor":
    """Return the network's input (N, H, W, 3) float32: the mean subtracted, and zero in the padding.

    `image` and `im_info` are those of a `Batch`. Where H and W are known before the batch, all images are of that size.
    """
    centred = tf.cast(image, tf.float32) - tf.constant(PIXEL_MEANS_BGR)
    if image.shape[1:3].is_fully_defined():
        return centred
    height, width = tf.shape(image)[1], tf.shape(image)[2]
    rows = tf.sequence_mask(tf.cast(im_info[:, 0], tf.int32), height, dtype=tf.float32)
    columns = tf.sequence_mask(tf.cast(im_info[:, 1], tf.int32), width, dtype=tf.float32)
    return centred * (rows[:, :, None, None] * columns[:, None, :, None])


@contextmanager
def data_errors() -> Iterator[None]:
    """Turn a `DataError` that was raised inside a running dataset back from TensorFlow's error into itself.

    Raises:
        DataError: as it was raised, without TensorFlow's wrapping.
    """
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(r"\bDataError: (.*)", error.message)
        if found is None:
            raise
        raise DataError(found.group(1)) from error

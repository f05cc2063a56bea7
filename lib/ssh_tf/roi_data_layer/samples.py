"""Training samples, each a pure function of (seed, iteration, slot): a resumed run sees what an unbroken one would.

Letters: `H, W` size of the sample, `G` its boxes, `B` samples of an iteration over all devices and machines.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.roi_data_layer import augmentation
from ssh_tf.roi_data_layer.order import DrawOrder
from ssh_tf.roi_data_layer.pipeline_options import PipelineOptions
from ssh_tf.utils.errors import DataError, ImageError
from ssh_tf.utils.images import read_image, resize, shortest_side_scale
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.random_streams import Stream, random_generator

_LOG = logging.getLogger(__name__)

FACE, IGNORE, PADDING = 1, 0, -1

_SUBSTITUTES_AT_MOST = 100


class TrainingSample(NamedTuple):
    """One training image."""

    image: npt.NDArray[np.uint8]  # (H, W, 3) BGR
    im_info: npt.NDArray[np.float32]  # (3,) H, W, scale against the file (the mean of both axes for a crop)
    boxes: npt.NDArray[np.float32]  # (G, 4) x1, y1, x2, y2
    kinds: npt.NDArray[np.int32]  # (G,) FACE or IGNORE
    record: np.int64  # place of the image in the records


class Sampler:
    """Makes the samples of a run from `records`."""

    def __init__(self, records: Sequence[ImageRecord], options: PipelineOptions, seed: int, joint_batch: int) -> None:
        """Prepare samples for iterations of `joint_batch` slots.

        Raises:
            DataError: see `DrawOrder`.
        """
        self.order = DrawOrder(
            records, seed, joint_batch, options.aspect_grouping, options.group_weights, options.crowd_power
        )
        self._records = records
        self._options = options
        self._seed = seed

    def __call__(self, iteration: int, slot: int) -> TrainingSample:
        """Return the sample of `slot` (0 ≤ slot < B) in `iteration`.

        Raises:
            DataError: the image cannot be read, and the options do not allow another in its place.
        """
        rng = random_generator(self._seed, Stream.SAMPLE, iteration, slot)
        index, image = self._read(self.order(iteration + later, slot) for later in range(_SUBSTITUTES_AT_MOST))
        options, side = self._options, self._window_side(iteration)
        if not side:
            part = self._whole(rng, index, image, iteration)
        elif side > 1 and options.mosaic_rate and rng.random() < options.mosaic_rate:
            part = self._mosaic(rng, index, image, side)
        else:
            part = self._window(rng, index, image, side)
        image, boxes = part.image, part.boxes
        if rng.random() < options.flip_rate:
            image, boxes = augmentation.flip(image, boxes)
        im_info = np.array([*image.shape[:2], part.scale], dtype=np.float32)
        return TrainingSample(image, im_info, boxes.astype(np.float32), part.kinds, np.int64(index))

    def _whole(self, rng: np.random.Generator, index: int, image: npt.NDArray[np.uint8], iteration: int) -> "_Part":
        """The whole image, resized as all of an iteration are."""
        options = self._options
        shared = random_generator(self._seed, Stream.IMAGE_SCALE, iteration)
        shortest = options.scales[shared.integers(len(options.scales))]
        scale = shortest_side_scale(image.shape[0], image.shape[1], shortest, options.max_size)
        boxes, kinds = _boxes_and_kinds(self._records[index])
        boxes = boxes * np.float32(scale)
        image = _change_pixels(np.asarray(resize(image, scale), np.uint8), options, rng)
        return _Part(_blank(image, boxes[kinds == IGNORE], boxes[kinds == FACE], options), boxes, kinds, scale)

    def _window(self, rng: np.random.Generator, index: int, image: npt.NDArray[np.uint8], side: int) -> "_Part":
        """A square window of `side` pixels."""
        record, options = self._records[index], self._options
        boxes, kinds = _boxes_and_kinds(record)
        anywhere = rng.random() < options.anywhere_rate
        window = augmentation.draw_window(
            rng,
            image.shape[0],
            image.shape[1],
            record.boxes[:0] if anywhere else record.boxes,
            side,
            options.face_sides,
            options.max_upscale,
            options.min_fill,
            options.stretch,
        )
        image, shown = _cut(image, boxes, kinds, window, side, options)
        scale = (window.target[2] / window.source[2] + window.target[3] / window.source[3]) / 2.0
        if options.coarse_rate and rng.random() < options.coarse_rate and scale < options.coarse_factor[0]:
            image = augmentation.make_coarse(image, rng.uniform(*options.coarse_factor))
        image = augmentation.pad_to_square(_change_pixels(image, options, rng), window, side)
        image = _blank(image, shown.doubtful, shown.boxes[shown.kinds == FACE], options)
        if options.rotate_rate and rng.random() < options.rotate_rate:
            image, shown = _rotate(image, shown, options, rng)
        return _Part(image, shown.boxes, shown.kinds, scale)

    def _mosaic(self, rng: np.random.Generator, index: int, image: npt.NDArray[np.uint8], side: int) -> "_Part":
        """Four windows of half the side, of this image and three others, as one of `side` pixels."""
        half = side // 2
        parts = [self._window(rng, index, image, half)]
        for _ in range(3):
            other, image = self._read(self.order.draw(rng) for _ in range(_SUBSTITUTES_AT_MOST))
            parts.append(self._window(rng, other, image, half))
        corners = np.array([(0, 0), (half, 0), (0, half), (half, half)], np.float32)
        return _Part(
            augmentation.lay_out([part.image for part in parts], corners.astype(int), side),
            np.concatenate([part.boxes + np.tile(corner, 2) for part, corner in zip(parts, corners, strict=True)]),
            np.concatenate([part.kinds for part in parts]),
            sum(part.scale for part in parts) / 4.0,
        )

    def _window_side(self, iteration: int) -> int:
        """The side of the windows of an iteration; 0 for whole images."""
        sides = self._options.crop_sizes
        if len(sides) < 2:
            return sides[0] if sides else 0
        return sides[random_generator(self._seed, Stream.IMAGE_SCALE, iteration).integers(len(sides))]

    def _read(self, indices: Iterable[int]) -> tuple[int, npt.NDArray[np.uint8]]:
        # In the place of an unreadable image comes the one that is named next.
        for index in indices:
            try:
                return index, read_image(self._records[index].path)
            except ImageError as error:
                if not self._options.skip_unreadable:
                    raise DataError(f"training image {error}") from error
                _LOG.warning("training image %s; another one is taken", error)
        raise DataError(f"{_SUBSTITUTES_AT_MOST} training images in a row cannot be read (see the warnings)")


class _Part(NamedTuple):
    """What an image gives to a sample."""

    image: npt.NDArray[np.uint8]  # (H, W, 3) BGR
    boxes: npt.NDArray[np.float32]  # (G, 4)
    kinds: npt.NDArray[np.int32]  # (G,)
    scale: float  # against the file


def _boxes_and_kinds(record: ImageRecord) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    kinds = np.repeat(np.array([FACE, IGNORE], np.int32), [len(record.boxes), len(record.ignore)])
    return np.concatenate([record.boxes, record.ignore]), kinds


def _blank(
    image: npt.NDArray[np.uint8],
    doubtful: npt.NDArray[np.float32],
    faces: npt.NDArray[np.float32],
    options: PipelineOptions,
) -> npt.NDArray[np.uint8]:
    return augmentation.fill_regions(image, doubtful, faces) if options.blank_ignored and len(doubtful) else image


class _Shown(NamedTuple):
    """What shows of boxes in a square, clipped to it; those that do not count are left out."""

    boxes: npt.NDArray[np.float32]  # (G, 4)
    kinds: npt.NDArray[np.int32]  # (G,)
    visible: npt.NDArray[np.float32]  # (G,) the share of each box's area that shows
    doubtful: npt.NDArray[np.float32]  # (D, 4) what is to be painted over


def _cut(
    image: npt.NDArray[np.uint8],
    boxes: npt.NDArray[np.float32],
    kinds: npt.NDArray[np.int32],
    window: augmentation.Window,
    side: int,
    options: PipelineOptions,
) -> tuple[npt.NDArray[np.uint8], _Shown]:
    """Cut `window` out, and see what shows in it."""
    image, boxes = augmentation.cut_window(image, boxes, window)
    large = augmentation.face_side(boxes) >= options.min_face
    kinds = np.where(large, kinds, IGNORE).astype(np.int32)
    return image, _what_shows(boxes, kinds, np.ones(len(boxes), np.float32), side, options)


def _rotate(
    image: npt.NDArray[np.uint8], shown: _Shown, options: PipelineOptions, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], _Shown]:
    """Rotate a window about its centre, and see what still shows."""
    largest = 180.0 if rng.random() < options.any_rotation else options.rotation
    image, boxes = augmentation.rotate(image, shown.boxes, shown.kinds == FACE, rng.uniform(-largest, largest))
    return image, _what_shows(boxes, shown.kinds, shown.visible, len(image), options)


def _what_shows(
    boxes: npt.NDArray[np.float32],
    kinds: npt.NDArray[np.int32],
    before: npt.NDArray[np.float32],
    side: int,
    options: PipelineOptions,
) -> _Shown:
    """What shows of boxes, of which the shares `before` showed until now."""
    boxes, visible = augmentation.clip_boxes(boxes, side, side)
    visible = visible * before
    doubtful = (visible > 0) & (kinds == IGNORE)
    least, enough = options.visible
    counted = doubtful | ((visible > 0) & (visible >= least))
    kinds = np.where(visible >= enough, kinds, IGNORE).astype(np.int32)
    return _Shown(boxes[counted], kinds[counted], visible[counted], boxes[doubtful])


def _change_pixels(
    image: npt.NDArray[np.uint8], options: PipelineOptions, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    # Everything is drawn whether it is used or not: switching one option on leaves the others' draws as they were.
    brightness, contrast, saturation, hue = rng.uniform(-1.0, 1.0, 4) * (
        options.brightness,
        options.contrast,
        options.saturation,
        options.hue,
    )
    grey, blurred, by_motion, coded = rng.random(4) < (
        options.grayscale_rate,
        options.blur_rate,
        0.5,
        options.jpeg_rate,
    )
    sigma, angle = rng.uniform(*options.blur_sigma), rng.uniform(0.0, 180.0)
    length, quality = (int(rng.integers(low, high + 1)) for low, high in (options.motion_length, options.jpeg_quality))
    # Without the option nothing is drawn: samples of a seed are what they were before there was one.
    if options.exposure_rate and rng.random() < options.exposure_rate:
        gains, powers = options.darker if rng.random() < 0.75 else options.brighter
        # By the logarithm, so that the darkest are as many as those a little darker.
        gain = augmentation.log_uniform(rng, *gains)
        image = augmentation.expose(image, gain, rng.uniform(*powers))
        # A shift of the whole range would lift what is dark again.
        brightness *= min(gain, 1.0)
    if grey or any((brightness, contrast, saturation, hue)):
        colourfulness = 0.0 if grey else 1.0 + saturation
        image = augmentation.change_colours(image, brightness, 1.0 + contrast, colourfulness, hue)
    if blurred and by_motion:
        image = augmentation.motion_blur(image, length, angle)
    elif blurred:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    if coded:
        image = augmentation.recompress(image, quality)
    return image

"""Training images on a canvas of fixed size, beside the labels of their anchors.

Letters: `H, W` size of the canvas, `M` boxes of an image, `K` anchors of all branches.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes, map_anchors
from ssh_tf.layer_utils.box_coding import encode
from ssh_tf.layer_utils.matching import MatchOptions, match_anchors, used_anchors
from ssh_tf.roi_data_layer.augmentation import MEAN_COLOUR, Window, clip_boxes, cut_window, flip
from ssh_tf.roi_data_layer.samples import FACE, IGNORE
from ssh_tf.utils.images import subtract_mean
from ssh_tf.utils.types import Boxes, Image

_SMALLEST = 16
"""Shortest side in pixels that a picture is shrunk to, and of a canvas."""


class CanvasOptions(NamedTuple):
    """How a picture is laid on the canvas."""

    height: int = 896
    width: int = 1024
    flip_ratio: float = 0.5
    expand_ratio: float = 4.0
    """A picture is shrunk by up to this factor against what would fill the canvas; the factor is log-uniform."""


class Example(NamedTuple):
    """What a step takes of an image, without the axis of the batch."""

    image: npt.NDArray[np.float32]  # (3, H, W), BGR minus the means
    labels: npt.NDArray[np.int32]  # (K,) 1 face, 0 background, -1 ignored
    targets: npt.NDArray[np.float32]  # (K, 4) offsets from anchor to face; 0 where the label is not 1
    random: npt.NDArray[np.float32]  # (K,) in [0, 1): what anchors are sampled by where nothing is mined


def truth_of(record: ImageRecord) -> npt.NDArray[np.float32]:
    """Boxes and kinds of `record`: (M, 5) x1, y1, x2, y2, FACE or IGNORE."""
    boxes = np.concatenate([record.boxes, record.ignore])
    kinds = np.repeat(np.array([FACE, IGNORE], np.float32), [len(record.boxes), len(record.ignore)])
    return np.column_stack([boxes, kinds]).astype(np.float32)


def lay_on_canvas(rng: np.random.Generator, image: Image, boxes: Boxes, options: CanvasOptions) -> tuple[Image, Boxes]:
    """Resize `image` to fit the canvas or smaller, place it at random on the mean colour, mirror it at random.

    Returns (H, W, 3) and the boxes there.
    """
    height, width = image.shape[:2]
    fitting = min(options.height / height, options.width / width)
    expansion = math.exp(rng.uniform(0.0, math.log(options.expand_ratio)))
    rows, columns = (
        min(bound, max(_SMALLEST, round(fitting / expansion * length)))
        for bound, length in ((options.height, height), (options.width, width))
    )
    top, left = int(rng.integers(options.height - rows + 1)), int(rng.integers(options.width - columns + 1))
    part, boxes = cut_window(image, boxes, Window((0, 0, width, height), (left, top, columns, rows)))
    canvas = np.full((options.height, options.width, 3), MEAN_COLOUR, np.uint8)
    canvas[top : top + rows, left : left + columns] = part
    return flip(canvas, boxes) if rng.random() < options.flip_ratio else (canvas, boxes)


class ExampleMaker:
    """Makes examples of pictures, each a pure function of the picture and of its random generator."""

    def __init__(self, canvas: CanvasOptions, matching: MatchOptions) -> None:
        self._canvas = canvas
        self._matching = matching
        sizes = tuple(branch_sizes(canvas.height, canvas.width, pool_deep=True))
        self._used = used_anchors(BRANCHES, sizes, sizes, canvas.height, canvas.width)
        self._anchors = np.concatenate(
            [map_anchors(*size, branch) for size, branch in zip(sizes, BRANCHES, strict=True)]
        )

    def __call__(self, rng: np.random.Generator, image: Image, truth: npt.NDArray[np.float32]) -> Example:
        """An example of `image` (H', W', 3) BGR with `truth` (M, 5), see `truth_of`."""
        image, boxes = lay_on_canvas(rng, image, truth[:, :4], self._canvas)
        boxes, _ = clip_boxes(boxes, *image.shape[:2])
        return self.example(rng, image, boxes, truth[:, 4])

    def example(self, rng: np.random.Generator, image: Image, boxes: Boxes, kinds: npt.NDArray[np.float32]) -> Example:
        """An example of `image` (H, W, 3) as it is, with `boxes` (M, 4) of `kinds` (M,), FACE or IGNORE."""
        faces, ignored = (np.ascontiguousarray(boxes[kinds == kind]) for kind in (FACE, IGNORE))
        match = match_anchors(self._used, faces, ignored, self._matching)
        targets = np.zeros((len(match.labels), 4), np.float32)
        positive = match.labels == 1
        targets[positive] = encode(self._anchors[positive], faces[match.best[positive]])
        return Example(
            image=np.ascontiguousarray(subtract_mean(image).transpose(2, 0, 1)),
            labels=match.labels,
            targets=targets,
            random=rng.random(len(targets), np.float32),
        )

"""From a picture to boxes, whatever framework runs the network; imports none.

Letters: `H, W` size of a picture, `N` faces (or images of a batch), `R` proposals.
"""

import os
from collections.abc import Iterable, Sequence
from itertools import groupby
from numbers import Real
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from ssh_tf.layer_utils.proposal_options import ProposalOptions
from ssh_tf.model.inference.result import DetectionResult
from ssh_tf.nms import nms
from ssh_tf.utils.errors import ConfigError, ImageError, SSHError
from ssh_tf.utils.images import network_input, shortest_side_scale
from ssh_tf.utils.loose_images import LooseImage, as_bgr, kind_of
from ssh_tf.utils.types import Config

THRESHOLD = 0.5
"""Lowest score worth showing; evaluation asks for less."""

FORKED = (
    "a forked process lacks the threads of the one that it was forked from, and would wait for them without end: start "
    "it by multiprocessing.get_context('spawn') and make the detector there"
)

_MIN_SIDE = 16
_PIXELS_AT_ONCE = 2**23
_FIRST_BRANCH, _LAST_BRANCH = 0, 2

_Self = TypeVar("_Self", bound="Detector")


class ImageProposals(NamedTuple):
    """Of one image: `boxes` (R, 4) in pixels of the network's input, `scores` (R,), `branches` (R,) if known."""

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    branches: npt.NDArray[np.int32] | None


class Runner(Protocol):
    """What the detector asks of a network."""

    def __call__(self, images: npt.NDArray[np.float32], scale: float) -> list[ImageProposals]:
        """Proposals of each of `images` (N, H, W, 3), BGR minus the pixel means, that were resized by `scale`.

        One that leaves out those of a low score has the bound as its attribute `least_score`.
        """

    def close(self) -> None:
        """Give the memory back."""


class Level(NamedTuple):
    """What the network reads of a picture at one scale: `image` (h, w, 3) float32, resized by `scale`."""

    image: npt.NDArray[np.float32]
    scale: float
    unused_branch: int | None
    """The branch whose faces another scale finds better."""


class Detector:
    """Detects faces by the network that a `Runner` runs."""

    def __init__(self, runner: Runner, config: Config) -> None:
        """`config` says at which scales faces are detected and how boxes are suppressed."""
        self.runner = runner
        self.config = config
        self._process = os.getpid()
        self._is_closed = False

    def __call__(
        self, image: LooseImage, threshold: float = THRESHOLD, *, rgb: bool = False
    ) -> npt.NDArray[np.float32]:
        """Find the faces of `image`: (H, W, 3) BGR, or RGB with `rgb`; the path of a file; or a PIL image.

        Returns:
            (N, 5) [x1, y1, x2, y2, score] in the image's pixels, best first; every score is above `threshold`.

        Raises:
            ImageError: it is none of these, the file cannot be read, or a side is under 16 pixels at the
                network's input.
            ConfigError: `threshold` is no number from 0 to 1, or below what the network was told to leave out.
            SSHError: the detector is closed, or was made in another process.
        """
        return self.detect(image, threshold, rgb=rgb).rows

    def detect(self, image: LooseImage, threshold: float = THRESHOLD, *, rgb: bool = False) -> DetectionResult:
        """As calling the detector; the result knows the picture too, and gives crops and drawings of it."""
        bgr = as_bgr(image, rgb)
        return DetectionResult(bgr, self.detect_batch([bgr], threshold)[0])

    def close(self) -> None:
        """Give the network's memory back; the end of a `with` block does so too. The detector cannot be used again."""
        if not self._is_closed:
            self._is_closed = True
            self.runner.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def detect_batch(self, images: Iterable[LooseImage], threshold: float = THRESHOLD) -> list[npt.NDArray[np.float32]]:
        """As calling the detector on each image; neighbours of equal size go through the network together.

        No more are held for it at a time than have 2^23 pixels at the network's input.
        """
        if isinstance(images, str | os.PathLike) or not isinstance(images, Iterable):
            raise ImageError(f"expected several pictures, got {kind_of(images)}")
        self._check(threshold)
        results: list[npt.NDArray[np.float32]] = []
        prepared: list[list[Level]] = []
        pixels = 0
        for image in images:
            levels = self.prepare(as_bgr(image))
            more = sum(level.image.shape[0] * level.image.shape[1] for level in levels)
            if prepared and pixels + more > _PIXELS_AT_ONCE:
                results += self.detect_prepared(prepared, threshold)
                prepared, pixels = [], 0
            prepared.append(levels)
            pixels += more
        return results + self.detect_prepared(prepared, threshold)

    def prepare(self, image: npt.NDArray[np.uint8]) -> list[Level]:
        """Resize `image` (H, W, 3) BGR for the network, once for each of `TEST.SCALES` and for `TEST.CLOSE_UP`.

        Safe to call from a thread.

        Raises:
            ImageError: a side is under 16 pixels at the network's input, or it is not a colour picture of 8 bits.
        """
        self._check_usable()
        if not isinstance(image, np.ndarray):
            raise ImageError(f"expected a picture (H, W, 3), got {kind_of(image)}")
        if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ImageError(f"expected a picture (H, W, 3), got an array of shape {list(image.shape)}")
        if image.dtype != np.uint8:
            raise ImageError(f"expected a picture of uint8, 0 to 255, got an array of {image.dtype}")
        height, width = image.shape[:2]
        levels = []
        scales = self._scales(height, width)
        for scale in scales:
            if round(scale * min(height, width)) < _MIN_SIDE:
                raise ImageError(
                    f"{width}x{height} pixels are too narrow: the network would read "
                    f"{round(scale * width)}x{round(scale * height)}, and needs {_MIN_SIDE} on each side"
                )
            levels.append(Level(network_input(image, scale), scale, self._unused_branch(scale, scales)))
        return levels

    def _unused_branch(self, scale: float, scales: list[float]) -> int | None:
        if len(scales) == 1:
            return None
        if scale == max(scales):
            # M3's anchors are smaller at this scale, in image pixels, than those that the other scales have anyway.
            return _LAST_BRANCH
        # A close-up is there for large faces; what its M1 finds, the scale proper finds with tighter boxes.
        return _FIRST_BRANCH if len(self.config.TEST.SCALES) == 1 else None

    def _scales(self, height: int, width: int) -> list[float]:
        """Factors of the image's resizes (paper, section 4; spec of the image pyramid)."""
        test = self.config.TEST
        if len(test.SCALES) == 1:
            scale = shortest_side_scale(height, width, test.SCALES[0], test.MAX_SIZE)
            close_up = scale * test.CLOSE_UP / test.SCALES[0]
            # A face that fills the image is larger than the largest anchor at most scales.
            is_useful = close_up < scale and round(close_up * min(height, width)) >= _MIN_SIDE
            return [close_up, scale] if is_useful else [scale]
        shortest, longest = test.PYRAMID_BASE
        base = shortest_side_scale(height, width, shortest, longest)
        return [base * scale / shortest for scale in test.SCALES]

    def detect_prepared(
        self, prepared: Sequence[list[Level]], threshold: float = THRESHOLD
    ) -> list[npt.NDArray[np.float32]]:
        """`detect_batch` for what `prepare` returned, all at once."""
        self._check(threshold)

        def shapes(levels: list[Level]) -> list[tuple[tuple[int, ...], float]]:
            return [(level.image.shape, level.scale) for level in levels]

        results = []
        for _, group in groupby(prepared, key=shapes):
            by_level = [self._run_level(levels) for levels in zip(*group, strict=True)]
            results += [self._merge(rows, threshold) for rows in zip(*by_level, strict=True)]
        return results

    def _check(self, threshold: float) -> None:
        self._check_usable()
        if isinstance(threshold, bool) or not isinstance(threshold, Real) or not 0 <= threshold <= 1:
            raise ConfigError(f"the threshold is a number from 0 to 1, not {threshold!r}")
        least = getattr(self.runner, "least_score", 0.0)
        if threshold < least:
            raise ConfigError(
                f"the threshold {threshold} is below TEST.SCORE_THRESH, {least}, under which the network gives none; "
                "make the detector with a configuration that has a lower one"
            )

    def _check_usable(self) -> None:
        if self._is_closed:
            raise SSHError("the detector is closed: make another")
        if os.getpid() != self._process:
            raise SSHError(FORKED)

    def _run_level(self, levels: Sequence[Level]) -> list[npt.NDArray[np.float32]]:
        """Rows (N, 5) in image pixels of each of the equally resized images in `levels`."""
        views = [level.image for level in levels]
        if self.config.TEST.FLIP:
            views += [image[:, ::-1] for image in views]
        batch = views[0][None] if len(views) == 1 else np.stack(views)
        found = self.runner(np.ascontiguousarray(batch), levels[0].scale)
        rows = [self._rows(proposals, levels[0]) for proposals in found]
        if self.config.TEST.FLIP:
            last_column = (batch.shape[2] - 1) / levels[0].scale
            plain, mirrored = rows[: len(levels)], rows[len(levels) :]
            rows = [np.concatenate([a, _mirror(b, last_column)]) for a, b in zip(plain, mirrored, strict=True)]
        return rows

    @staticmethod
    def _rows(proposals: ImageProposals, level: Level) -> npt.NDArray[np.float32]:
        rows = np.column_stack([proposals.boxes / np.float32(level.scale), proposals.scores])
        if level.unused_branch is not None and proposals.branches is not None:
            rows = rows[proposals.branches != level.unused_branch]
        return rows

    def _merge(self, rows: Iterable[npt.NDArray[np.float32]], threshold: float) -> npt.NDArray[np.float32]:
        together = np.concatenate(list(rows))
        together = together[together[:, 4] > threshold]
        return together[nms(together, self.config.TEST.NMS)]


def proposal_options(config: Config) -> ProposalOptions:
    """Numbers of the proposals inside the graph."""
    return ProposalOptions(
        mode=config.TEST.MODE,
        nms_overlap=config.TEST.RPN_NMS_THRESH,
        keep=config.TEST.RPN_POST_NMS_TOP_N,
        score_threshold=config.TEST.SCORE_THRESH,
        top_n=config.TEST.RPN_TOP_N,
    )


def _mirror(rows: npt.NDArray[np.float32], last_column: float) -> npt.NDArray[np.float32]:
    """Boxes found in the mirrored image, as boxes of the image."""
    mirrored = rows.copy()
    mirrored[:, 0] = last_column - rows[:, 2]
    mirrored[:, 2] = last_column - rows[:, 0]
    return mirrored

"""Faces in an image: the one way from a picture to boxes that every tool takes.

Letters: `H, W` size of a picture, `N` faces.
"""

import os
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.model.checkpoints import Checkpoint
from ssh_tf.model.config import load_config
from ssh_tf.model.frozen import is_frozen, load_graph
from ssh_tf.model.graph_runner import GraphRunner, ImageProposals, Runner
from ssh_tf.model.inference_graph import frozen, loaded
from ssh_tf.model.onnx_files import OnnxRunner
from ssh_tf.model.options import network_options, proposal_options
from ssh_tf.model.precision import Precision
from ssh_tf.nms import nms
from ssh_tf.utils.errors import CheckpointError, ImageError
from ssh_tf.utils.images import network_input, shortest_side_scale
from ssh_tf.utils.resources import model_path

THRESHOLD = 0.5
"""Lowest score worth showing; evaluation asks for less."""

DEFAULT_MODEL = "mobile_ssh"

_MIN_SIDE = 16
_LAST_BRANCH = 2


class Level(NamedTuple):
    """What the network reads of a picture at one scale: `image` (h, w, 3) float32, resized by `scale`."""

    image: npt.NDArray[np.float32]
    scale: float
    is_largest_of_many: bool


class FaceDetector:
    """Detects faces: ``FaceDetector()(image)`` with the model that comes with the package."""

    def __init__(self, runner: Runner | None = None, config: Any = None, precision: Precision = "auto") -> None:
        """Take the network that `runner` runs, or else the one that comes with the package, in `precision`.

        `config` says at which scales a picture is looked at and how boxes are thinned out.

        Raises:
            CheckpointError: `runner` is None and no model comes with the package.
        """
        self.config = load_config() if config is None else config
        self.runner = runner or _frozen_runner(_default_model(), self.config, precision)

    @classmethod
    def from_checkpoint(
        cls,
        path: str | os.PathLike[str],
        backbone: str | None = None,
        config: Any = None,
        precision: Precision = "auto",
    ) -> "FaceDetector":
        """Use the checkpoint at `path` of an SSH network with `backbone` (a key of `BACKBONES`; None: see which it is).

        Raises:
            CheckpointError: the checkpoint is not there or does not fit.
        """
        config = load_config() if config is None else config
        backbone = backbone or Checkpoint(path).backbone()
        with loaded(path, backbone, network_options(config, backbone), proposal_options(config)) as session:
            graph_def = frozen(session)
        return cls(GraphRunner(graph_def, proposal_options(config), precision), config)

    @classmethod
    def from_frozen(
        cls, path: str | os.PathLike[str], config: Any = None, precision: Precision = "auto"
    ) -> "FaceDetector":
        """Use a frozen graph: a `.pb` file, the folder of a SavedModel or a `.onnx` file.

        Graphs that `inference_graph` built follow all of `config.TEST`. Of others the proposals are taken as they are
        (`SCORE_THRESH`, `MODE` and the `RPN_…` keys mean nothing), and if they do not say which branch a proposal came
        from, an image pyramid keeps all of the largest scale's.

        Raises:
            CheckpointError: the file is no such graph, or holds operations that are not allowed.
        """
        config = load_config() if config is None else config
        return cls(_frozen_runner(Path(path), config, precision), config)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        backbone: str | None = None,
        config: Any = None,
        precision: Precision = "auto",
    ) -> "FaceDetector":
        """`from_frozen` for what looks like a frozen graph, `from_checkpoint` for anything else."""
        if is_frozen(path):
            return cls.from_frozen(path, config, precision)
        return cls.from_checkpoint(path, backbone, config, precision)

    def __call__(self, image: npt.NDArray[np.uint8], threshold: float = THRESHOLD) -> npt.NDArray[np.float32]:
        """Find the faces of `image` (H, W, 3) BGR.

        Returns:
            (N, 5) [x1, y1, x2, y2, score] in the image's pixels, best first; every score is above `threshold`.

        Raises:
            ImageError: a side is under 16 pixels at the network's input.
        """
        return self.detect_batch([image], threshold)[0]

    def detect_batch(
        self, images: Sequence[npt.NDArray[np.uint8]], threshold: float = THRESHOLD
    ) -> list[npt.NDArray[np.float32]]:
        """As calling the detector on each image; neighbours of equal size go through the network together."""
        return self.detect_prepared([self.prepare(image) for image in images], threshold)

    def prepare(self, image: npt.NDArray[np.uint8]) -> list[Level]:
        """Resize `image` (H, W, 3) BGR for the network, once for each of `TEST.SCALES`. Safe to call from a thread.

        Raises:
            ImageError: a side is under 16 pixels at the network's input, or it is not a colour picture.
        """
        if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ImageError(f"expected a picture (H, W, 3), got an array of shape {list(image.shape)}")
        height, width = image.shape[:2]
        levels = []
        scales = self._scales(height, width)
        for scale in scales:
            if round(scale * min(height, width)) < _MIN_SIDE:
                raise ImageError(
                    f"{width}x{height} pixels are too narrow: the network would read "
                    f"{round(scale * width)}x{round(scale * height)}, and needs {_MIN_SIDE} on each side"
                )
            levels.append(Level(network_input(image, scale), scale, len(scales) > 1 and scale == max(scales)))
        return levels

    def _scales(self, height: int, width: int) -> list[float]:
        """Factors of the image's resizes (paper, section 4; spec of the image pyramid)."""
        test = self.config.TEST
        if len(test.SCALES) == 1:
            return [shortest_side_scale(height, width, test.SCALES[0], test.MAX_SIZE)]
        shortest, longest = test.PYRAMID_BASE
        base = shortest_side_scale(height, width, shortest, longest)
        return [base * scale / shortest for scale in test.SCALES]

    def detect_prepared(
        self, prepared: Sequence[list[Level]], threshold: float = THRESHOLD
    ) -> list[npt.NDArray[np.float32]]:
        """`detect_batch` for what `prepare` returned."""

        def shapes(levels: list[Level]) -> list[Any]:
            return [(level.image.shape, level.scale) for level in levels]

        results = []
        for _, group in groupby(prepared, key=shapes):
            by_level = [self._run_level(levels) for levels in zip(*group, strict=True)]
            results += [self._merge(rows, threshold) for rows in zip(*by_level, strict=True)]
        return results

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
        if level.is_largest_of_many and proposals.branches is not None:
            # M3's anchors are smaller at this scale, in image pixels, than those that the other scales have anyway.
            rows = rows[proposals.branches != _LAST_BRANCH]
        return rows

    def _merge(self, rows: Iterable[npt.NDArray[np.float32]], threshold: float) -> npt.NDArray[np.float32]:
        together = np.concatenate(list(rows))
        together = together[together[:, 4] > threshold]
        return together[nms(together, self.config.TEST.NMS)]


def _default_model() -> Path:
    try:
        return model_path(DEFAULT_MODEL)
    except CheckpointError as error:
        raise CheckpointError(
            f"no trained model comes with this package (data/models/{DEFAULT_MODEL}.pb): name a checkpoint or a frozen "
            "model, such as --model output/…/ssh_iter_40000, or train one with tools/trainval_net.py"
        ) from error


def _frozen_runner(path: Path, config: Any, precision: Precision) -> Runner:
    if path.suffix.lower() == ".onnx":
        return OnnxRunner(path, precision)
    try:
        return GraphRunner(load_graph(path), proposal_options(config), precision)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error


def _mirror(rows: npt.NDArray[np.float32], last_column: float) -> npt.NDArray[np.float32]:
    """Boxes found in the mirrored image, as boxes of the image."""
    mirrored = rows.copy()
    mirrored[:, 0] = last_column - rows[:, 2]
    mirrored[:, 2] = last_column - rows[:, 0]
    return mirrored

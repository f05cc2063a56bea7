"""Implementations of non-maximum suppression side by side. N boxes of x1, y1, x2, y2 and score."""

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.nms import nms, processors
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Array

_THRESHOLD = 0.3
_ORACLES = Path(__file__).resolve().parents[2] / "tests/oracles.py"
_BOXES_PER_FACE = 16

Suppress = Callable[[npt.NDArray[np.float32]], Array]


class MeasuredNms(NamedTuple):
    """Seconds of each repeat, and how many boxes were kept."""

    name: str
    boxes: int
    kept: int
    seconds: list[float]


def measure_nms(counts: list[int], repeats: int) -> list[MeasuredNms]:
    """Time what there is on this machine on `counts` boxes, in turns."""
    results = []
    for count in counts:
        boxes = crowd(count)
        ways = _implementations(count)
        kept = {name: len(suppress(boxes)) for name, suppress in ways.items()}
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, suppress in ways.items():
                started = perf_counter()
                suppress(boxes)
                seconds[name].append(perf_counter() - started)
        results += [MeasuredNms(name, count, kept[name], seconds[name]) for name in ways]
    return results


def crowd(count: int) -> npt.NDArray[np.float32]:
    """`count` boxes (N, 5) as a detector gives them: clusters around faces of 8 to 300 pixels, in 1600 x 1200."""
    generator = np.random.default_rng(20170814)
    faces = -(-count // _BOXES_PER_FACE)
    side = np.exp(generator.uniform(np.log(8), np.log(300), (faces, 1)))
    centre = generator.uniform((0, 0), (1600, 1200), (faces, 2))
    side, centre = (np.repeat(part, _BOXES_PER_FACE, axis=0)[:count] for part in (side, centre))
    centre = centre + 0.15 * side * generator.standard_normal((count, 2))
    half = 0.5 * side * np.exp(0.15 * generator.standard_normal((count, 2)))
    return np.hstack([centre - half, centre + half, generator.random((count, 1))]).astype(np.float32)


def _implementations(count: int) -> dict[str, Suppress]:
    ways: dict[str, Suppress] = {}
    if _ORACLES.is_file():
        specification = importlib.util.spec_from_file_location("oracles", _ORACLES)
        if specification is not None and specification.loader is not None:
            oracles = importlib.util.module_from_spec(specification)
            specification.loader.exec_module(oracles)
            ways["NumPy (tests' oracle)"] = partial(oracles.nms_oracle, threshold=_THRESHOLD)
    ways["Cython"] = partial(nms, threshold=_THRESHOLD)
    if "gpu" in processors():
        ways["CUDA"] = ways["Cython"]
        ways["Cython"] = _cython
    ways["cv2.dnn.NMSBoxes"] = _opencv
    ways["tf.image.non_max_suppression"] = _tensorflow(count)
    return ways


def _cython(boxes: npt.NDArray[np.float32]) -> Array:
    """What `nms` does where there is no GPU."""
    order = np.argsort(-boxes[:, 4], kind="stable")
    return order[processors()["cpu"](np.ascontiguousarray(boxes[order, :4]), _THRESHOLD)]


def _opencv(boxes: npt.NDArray[np.float32]) -> Array:
    # OpenCV's stubs know of lists only; arrays are faster.
    scores: Any = boxes[:, 4]
    corner_and_size: Any = np.hstack([boxes[:, :2], boxes[:, 2:4] - boxes[:, :2] + 1])
    return np.asarray(cv2.dnn.NMSBoxes(corner_and_size, scores, 0.0, _THRESHOLD))


def _tensorflow(count: int) -> Suppress:
    with tf.Graph().as_default() as graph:
        boxes = tf.placeholder(tf.float32, (None, 5))
        kept = tf.image.non_max_suppression(boxes[:, :4], boxes[:, 4], count, _THRESHOLD)
        run = tf.Session(graph=graph).make_callable(kept, [boxes])
    return lambda array: np.asarray(run(array))

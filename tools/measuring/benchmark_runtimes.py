"""What a model costs in processor time under each runtime, from the start of Python to the network's arithmetic.

Letters: `N` images of `H, W` pixels.

Processor time, summed over threads, is what a machine that is shared still measures well. Settings take turns, each in
a process of its own.
"""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import process_time
from typing import NamedTuple

import numpy as np

from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.files.checkpoints import model_files
from ssh_tf.model.files.frozen_graphs import load_graph
from ssh_tf.model.precision import Precision
from ssh_tf.nets.inference_graph import IMAGES
from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.images import read_image
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.tf1 import tf

_PYRAMID = ["TEST.SCALES", "[500,800,1200,1600]"]
"""Settings of an image pyramid."""

_START = """
import json, sys, time
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.utils.images import read_image
from ssh_tf.utils.memory import resident_peak
model, precision, image, settings = json.loads(sys.argv[1])
image = read_image(image)
faces = FaceDetector(model, load_config(None, settings), precision)(image)
print(json.dumps([time.process_time(), resident_peak(), len(faces)]))
"""


class Start(NamedTuple):
    """From the shell to the first faces: processor seconds of each repeat, and the largest resident memory in bytes."""

    seconds: list[float]
    peak_memory: int
    faces: int


class RuntimeSetting(NamedTuple):
    """A model file in a precision, on N pictures of H × W pixels at the network; with a `pyramid` H is not used."""

    model: Path
    precision: Precision
    height: int
    width: int
    images: int = 1
    pyramid: bool = False


class Cost(NamedTuple):
    """Processor seconds of each repeat: the network with its proposals, and all from the picture to its faces."""

    setting: RuntimeSetting
    network: list[float]
    detection: list[float]


def measure_start(
    models: Sequence[tuple[Path, Precision]], image: Path, settings: Sequence[str], repeats: int
) -> list[Start]:
    """Start Python, load each of `models` in turn and detect the faces of `image`, `repeats` times.

    Raises:
        SSHError: a model is not there, which is said before anything is started, or cannot be used.
    """
    for model, _ in models:
        model_files(model)
    rounds = [[_start(*model, image, settings) for model in models] for _ in range(repeats)]
    return [
        Start([one[0] for one in turns], max(int(one[1]) for one in turns), int(turns[0][2]))
        for turns in zip(*rounds, strict=True)
    ]


def _start(model: Path, precision: Precision, image: Path, settings: Sequence[str]) -> list[float]:
    given = json.dumps([str(model), precision, str(image), list(settings)])
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", _START, given]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SSHError(f"{model}: {(done.stderr.strip().splitlines() or ['ended without a word'])[-1]}")
    found: list[float] = json.loads(done.stdout)
    return found


def measure_runtimes(settings: Sequence[RuntimeSetting], image: Path, repeats: int) -> list[Cost]:
    """Measure `settings` side by side on `image`, enlarged or shrunk to each size."""
    with ExitStack() as stack:
        context = multiprocessing.get_context("spawn")
        processes = [
            stack.enter_context(ProcessPoolExecutor(1, context, _open, (setting, image))) for setting in settings
        ]
        # The first run is when a graph is rewritten.
        for process in processes:
            process.submit(_measure).result()
        rounds = [[process.submit(_measure).result() for process in processes] for _ in range(repeats)]
    return [
        Cost(setting, [turn[number][0] for turn in rounds], [turn[number][1] for turn in rounds])
        for number, setting in enumerate(settings)
    ]


class _Network:
    """The detector of a setting, in its process."""

    def __init__(self, setting: RuntimeSetting, image: Path) -> None:
        sides = sorted((setting.height, setting.width))
        scales = ["TEST.SCALES", f"[{sides[0]}]", "TEST.MAX_SIZE", str(sides[1])]
        self._detector = FaceDetector(
            setting.model, load_config(None, _PYRAMID if setting.pyramid else scales), setting.precision
        )
        picture = np.asarray(cv2.resize(read_image(image), (setting.width, setting.height)), np.uint8)
        self._pictures = [picture] * setting.images
        self._levels = [self._detector.prepare(picture) for picture in self._pictures]

    def measure(self) -> tuple[float, float]:
        started = process_time()
        for levels in zip(*self._levels, strict=True):
            batch = np.stack([level.image for level in levels])
            self._detector.runner(batch, levels[0].scale)
        network = process_time() - started
        started = process_time()
        self._detector.detect_batch(self._pictures)
        return network, process_time() - started


def network_operations(model: Path, height: int, width: int) -> int:
    """Floating-point operations of the convolutions of a `.pb` file on one image: two for a product and its sum.

    Raises:
        CheckpointError: it is no frozen graph.
        SSHError: the size of a map is unknown.
    """
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.float32, (1, height, width, 3))
        tf.import_graph_def(load_graph(model), {f"{IMAGES}:0": images}, name="")
        total = 0
        for operation in graph.get_operations():
            if operation.type not in ("Conv2D", "DepthwiseConv2dNative"):
                continue
            kernel, output = operation.inputs[1].shape.as_list(), operation.outputs[0].shape.as_list()
            if None in kernel or None in output:
                raise SSHError(f"{model}: the size of {operation.name} is unknown")
            # A depthwise filter reads one channel, and its kernel is (h, w, C, 1).
            channels = kernel[2] if operation.type == "Conv2D" else 1
            total += 2 * kernel[0] * kernel[1] * channels * int(np.prod(output))
    return total


def peak_operations(side: int = 2048, repeats: int = 5) -> float:
    """Floating-point operations a processor second, fp32, of NumPy's matrix product: what is within reach here."""
    generator = np.random.default_rng(0)
    left, right = (generator.random((side, side), np.float32) for _ in range(2))
    best = 0.0
    for _ in range(repeats):
        started = process_time()
        left @ right
        best = max(best, 2 * side**3 / (process_time() - started))
    return best


# The network of this process, where it is one of `measure_runtimes`'s.
_network: _Network | None = None


def _open(setting: RuntimeSetting, image: Path) -> None:
    global _network
    _network = _Network(setting, image)


def _measure() -> tuple[float, float]:
    assert _network is not None
    return _network.measure()

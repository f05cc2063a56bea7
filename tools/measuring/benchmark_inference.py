"""How long detection takes, stage by stage, and what memory it needs.

Letters: `H, W` size of the network's input in pixels.

The settings take turns within one process, so that what else the machine does falls on all of them; the memory of each
is measured in a process of its own.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.files.checkpoints import assign
from ssh_tf.model.files.freezing import freeze
from ssh_tf.model.files.frozen_graphs import load_graph
from ssh_tf.model.inference.detect_files import detect_pictures
from ssh_tf.model.inference.graph_runner import GraphRunner
from ssh_tf.model.options import network_options, proposal_options
from ssh_tf.model.precision import Precision, session_config
from ssh_tf.nets.inference_graph import IMAGES, ROW_NAMES, build, propose_all
from ssh_tf.nets.network import Rows
from ssh_tf.nms import nms
from ssh_tf.utils.images import read_image
from ssh_tf.utils.media import Picture
from ssh_tf.utils.memory import resident_peak
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.tf1 import cpu_session, tf
from ssh_tf.utils.types import Array, Config, FloatArray, GraphDef, Variable
from ssh_tools.measuring.fresh_process import in_fresh_process

STAGES = ("read", "resize", "network", "proposals", "nms", "python", "detect", "stream")
"""Seconds for an image. "network" ends with the scores and offsets of all anchors, "proposals" decodes and thins them
out inside the graph; "detect" is the detector from resized picture to faces, in one pass through the graph; "python" is
the part of it outside `session.run`, "nms" included; "stream" is the time between images when many are detected in a
row, reading and resizing included."""

GraphFunction = Callable[..., list[Array]]
"""What a session runs: arrays to arrays."""

_SOURCE_SCALE = 0.75
_STREAMED = 4
_NOISE_CELL = 8

# Near the threshold, 0.05 or a logit of -2.9: random weights then give far more candidates than a photograph does.
_FACE_LOGIT = -3.0


class Setting(NamedTuple):
    """What is measured."""

    backbone: str
    height: int
    width: int
    precision: Precision
    model: Path | None
    """A frozen graph; None: random weights."""


class Measured(NamedTuple):
    """Seconds of each repeat by stage, and the largest resident memory in bytes."""

    setting: Setting
    seconds: dict[str, list[float]]
    peak_memory: int


def measure_inference(settings: Sequence[Setting], image: Path | None, repeats: int) -> list[Measured]:
    """Measure `settings` side by side on `image` (None: noise), `repeats` times each.

    The file that is read is JPEG of three quarters of the network's input.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.jpg" for number in range(len(settings))]
        for file, setting in zip(files, settings, strict=True):
            _write_picture(file, image, setting)
        memory = [in_fresh_process(_peak_memory, *pair) for pair in zip(settings, files, strict=True)]
        detectors = [_Stages(*pair) for pair in zip(settings, files, strict=True)]
        # The first run of a graph is when TensorFlow rewrites it.
        for detector in detectors:
            detector.measure()
        rounds = [[detector.measure() for detector in detectors] for _ in range(repeats)]
    return [
        Measured(setting, {stage: [times[number][stage] for times in rounds] for stage in STAGES}, memory[number])
        for number, setting in enumerate(settings)
    ]


def _write_picture(file: Path, image: Path | None, setting: Setting) -> None:
    size = (round(_SOURCE_SCALE * setting.width), round(_SOURCE_SCALE * setting.height))
    if image is None:
        shape = (setting.height // _NOISE_CELL, setting.width // _NOISE_CELL, 3)
        picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    else:
        picture = read_image(image)
    cv2.imwrite(str(file), cv2.resize(picture, size))


def _peak_memory(setting: Setting, file: Path) -> int:
    """The largest resident memory in bytes, where nothing is done but to detect in `file` twice."""
    config = _config(setting)
    detector = FaceDetector(
        GraphRunner(_graph_def(setting, config), proposal_options(config), setting.precision), config
    )
    for _ in range(2):
        detector(read_image(file))
    return resident_peak()


def _config(setting: Setting) -> Config:
    sides = sorted((setting.height, setting.width))
    return load_config(None, ["TEST.SCALES", f"[{sides[0]}]", "TEST.MAX_SIZE", str(sides[1])])


def _graph_def(setting: Setting, config: Config) -> GraphDef:
    """The model of `setting`, or one of random weights."""
    if setting.model:
        return load_graph(setting.model)
    with cpu_session() as session:
        build(network_options(config, setting.backbone), proposal_options(config))
        generator = np.random.default_rng(0)
        assign(session, {variable: lifelike(variable, generator) for variable in tf.global_variables()})
        return freeze(session)


class _Stages:
    """The detector of a setting and the parts of its work."""

    def __init__(self, setting: Setting, file: Path) -> None:
        self._file = file
        self._config = _config(setting)
        graph_def = _graph_def(setting, self._config)
        runner = GraphRunner(graph_def, proposal_options(self._config), setting.precision)
        self._session_seconds = 0.0
        runner.run = self._timed(runner.run)
        self._detector = FaceDetector(runner, self._config)
        self._network, self._propose = self._parts(graph_def, setting.precision)

    def _timed(self, run: GraphFunction) -> GraphFunction:
        def timed(*arguments: Array) -> list[Array]:
            started = perf_counter()
            result = run(*arguments)
            self._session_seconds = perf_counter() - started
            return result

        return timed

    def _parts(self, graph_def: GraphDef, precision: Precision) -> tuple[GraphFunction, GraphFunction]:
        """The graph cut in two: images → rows of anchors, rows of anchors → proposals."""
        with tf.Graph().as_default() as graph:
            images, info = tf.placeholder(tf.float32, (None, None, None, 3)), tf.placeholder(tf.float32, (3,))
            names = [f"{name}:0" for name in ROW_NAMES]
            rows = tf.import_graph_def(graph_def, {f"{IMAGES}:0": images}, names)
            fed = [tf.placeholder(row.dtype, row.shape) for row in rows]
            found = propose_all(Rows(*fed), info, proposal_options(self._config))
            session = tf.Session(graph=graph, config=session_config(precision))
            return session.make_callable(rows, [images]), session.make_callable(list(found), [*fed, info])

    def measure(self) -> dict[str, float]:
        """Seconds by stage."""
        seconds, moment = {}, perf_counter()

        def note(stage: str) -> None:
            nonlocal moment
            now = perf_counter()
            seconds[stage], moment = now - moment, now

        image = read_image(self._file)
        note("read")
        levels = self._detector.prepare(image)
        note("resize")
        rows = self._network(levels[0].image[None])
        note("network")
        found = self._propose(*rows, np.array([*levels[0].image.shape[:2], levels[0].scale], np.float32))
        note("proposals")
        nms(np.hstack([found[0][:, 1:], found[1]]), self._config.TEST.NMS)
        note("nms")
        self._detector.detect_prepared([levels])
        note("detect")
        seconds["python"] = seconds["detect"] - self._session_seconds
        pictures = [Picture(str(self._file), None, lambda: read_image(self._file))] * _STREAMED
        arrivals = [perf_counter() for _ in detect_pictures(self._detector, pictures)]
        seconds["stream"] = (arrivals[-1] - arrivals[0]) / (_STREAMED - 1)
        return seconds


def lifelike(variable: Variable, generator: np.random.Generator) -> FloatArray:
    """Weights that roughly keep the scale of what they are given.

    Initial weights would not do: activations fade to numbers so small that bfloat16 arithmetic slows down on them.
    """
    name, shape = variable.op.name, variable.shape.as_list()
    leaf = name.rpartition("/")[2]
    if leaf in ("gamma", "moving_variance"):
        # What is added to a shortcut is kept faint, or sums would grow from block to block.
        faint = leaf == "gamma" and any(part in name for part in ("/bottleneck_v1/conv3/", "/project/", "Darknet53/"))
        return np.full(shape, 0.3 if faint else 1.0)
    values = np.zeros(shape)
    if leaf.endswith("weights"):
        fan_in = np.prod(shape[:2]) if leaf == "depthwise_weights" else np.prod(shape[:3])
        values = generator.standard_normal(shape) * np.sqrt(2 / fan_in)
        # The first layer sees grey levels, the last gives logits and offsets.
        values *= 1 / 60 if shape[2] == 3 else 0.5 if "_rpn_" in name else 1.0
    elif name.endswith("_rpn_cls_score/biases"):
        values[len(values) // 2 :] = _FACE_LOGIT
    return values

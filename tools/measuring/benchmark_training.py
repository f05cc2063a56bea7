"""How long a training step takes, what of it the data cost, and whether memory stays flat.

Letters: `S` side of the square windows that are trained on in pixels, `N` windows in a batch, `B` branches (3).

What is compared takes turns within one process, so that what else the machine does falls on all of it; memory is
watched in a process of its own.
"""

import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.model.config import load_config
from ssh_tf.model.files.checkpoints import assign
from ssh_tf.model.options import match_options, network_options, pipeline_options, sampling_options
from ssh_tf.model.precision import Precision, session_config
from ssh_tf.model.training.data import TrainingBatch, match_image, matched
from ssh_tf.nets.training_graph import joint_gradients, training_losses
from ssh_tf.roi_data_layer.pipeline import batch_image, make_dataset
from ssh_tf.roi_data_layer.samples import FACE, Sampler
from ssh_tf.utils.images import read_image
from ssh_tf.utils.memory import resident_peak
from ssh_tf.utils.opencv import cv2, single_threaded_opencv
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Config, Session, Tensor
from ssh_tools.measuring.benchmark_inference import lifelike
from ssh_tools.measuring.fresh_process import in_fresh_process

# Windows of a photograph with a dozen faces, changed as a training does: what reading, cutting and matching cost.
_PICTURES = 8
_PICTURE_SIDE = 1024
_FACES = 12
_SETTINGS = {
    "TRAIN.AUGMENT.FACE_SIDES": "[[10.0, 250.0, 1.0]]",
    "TRAIN.AUGMENT.COLOR_JITTER": "0.25",
    "TRAIN.AUGMENT.HUE_JITTER": "10.0",
    "TRAIN.AUGMENT.GRAYSCALE_RATE": "0.1",
    "TRAIN.AUGMENT.BLUR_RATE": "0.1",
    "TRAIN.AUGMENT.JPEG_RATE": "0.2",
    "TRAIN.AUGMENT.BLANK_IGNORED": "True",
}
# So small that random weights stay what they are.
_RATE = 1e-9
_REMEMBERED = 4


class TrainingSetting(NamedTuple):
    """What is measured."""

    backbone: str
    side: int
    """S."""
    images: int
    """N."""
    precision: Precision
    from_memory: bool = True
    """A few batches over and over, or whatever the input pipeline makes."""


class MeasuredSteps(NamedTuple):
    """Seconds of each repeat: a joint step, and, where it was asked for, a pass and a step for each branch in turn."""

    setting: TrainingSetting
    joint: list[float]
    in_turn: list[float]


class MeasuredTargets(NamedTuple):
    """Seconds to match the anchors of a batch, for each repeat."""

    setting: TrainingSetting
    seconds: list[float]


class MeasuredMemory(NamedTuple):
    """Largest resident memory of a training so far in bytes, by the steps it has made."""

    setting: TrainingSetting
    peak: dict[int, int]


class MeasuredMatching(NamedTuple):
    """What matching `boxes` faces in one image takes at most beyond what it is given, in bytes, and how long."""

    height: int
    width: int
    boxes: int
    peak: int
    seconds: float


def measure_steps(
    settings: Sequence[TrainingSetting], image: Path | None, repeats: int, in_turn: bool = False
) -> list[MeasuredSteps]:
    """Measure a step of each of `settings`, `repeats` times, side by side.

    Args:
        settings: what to measure.
        image: photograph that the windows are cut from (None: noise).
        repeats: steps of each setting that count; the first ones, in which TensorFlow rewrites the graph, do not.
        in_turn: measure also one pass through the network for each branch, each with a step of its own.
    """
    with ExitStack() as stack:
        records = stack.enter_context(_pictures(image))
        trainers = [stack.enter_context(_trainer(setting, records, in_turn)) for setting in settings]
        for trainer in trainers:
            trainer.warm_up()
        joint = [[trainer.joint() for trainer in trainers] for _ in range(repeats)]
        turns = [[trainer.in_turn() for trainer in trainers] for _ in range(repeats if in_turn else 0)]
    return [
        MeasuredSteps(setting, [times[number] for times in joint], [times[number] for times in turns])
        for number, setting in enumerate(settings)
    ]


def measure_memory(setting: TrainingSetting, image: Path | None, milestones: Sequence[int]) -> MeasuredMemory:
    """Train as many steps as the last of `milestones` says; note the largest memory at each."""
    return in_fresh_process(_watch_memory, setting, image, milestones)


def _watch_memory(setting: TrainingSetting, image: Path | None, milestones: Sequence[int]) -> MeasuredMemory:
    peak, done = {}, 0
    with _pictures(image) as records, _trainer(setting, records, in_turn=False) as trainer:
        for milestone in milestones:
            for _ in range(milestone - done):
                trainer.joint()
            peak[milestone], done = resident_peak(), milestone
    return MeasuredMemory(setting, peak)


def measure_targets(setting: TrainingSetting, image: Path | None, repeats: int) -> MeasuredTargets:
    """Match the anchors of `repeats` batches of `setting`, as the pipeline does, in this process."""
    config = _config(setting)
    options = match_options(config)
    seconds = []
    with _pictures(image) as records:
        sampler = Sampler(records, pipeline_options(config), 0, setting.images)
        for iteration in range(repeats + 1):
            samples = [sampler(iteration, slot) for slot in range(setting.images)]
            started = perf_counter()
            for sample in samples:
                height, width = sample.image.shape[:2]
                match_image(height, width, sample.im_info, sample.boxes, sample.kinds, setting.backbone, options)
            seconds.append(perf_counter() - started)
    # The first one makes the anchors.
    return MeasuredTargets(setting, seconds[1:])


def measure_matching(height: int, width: int, boxes: int) -> MeasuredMatching:
    """Match `boxes` faces of 8 to 400 px in an image of `height` × `width` px."""
    generator = np.random.default_rng(0)
    corners = generator.uniform(0, (width - 8, height - 8), (boxes, 2))
    faces = np.hstack([corners, corners + generator.uniform(8, 400, (boxes, 1))]).astype(np.float32)
    info, kinds = np.array([height, width, 1.0]), np.full(boxes, FACE)

    def match() -> None:
        match_image(height, width, info, faces, kinds, "mobile", MatchOptions())

    started = perf_counter()
    match()
    seconds = perf_counter() - started
    tracemalloc.start()
    try:
        match()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return MeasuredMatching(height, width, boxes, peak, seconds)


@contextmanager
def _pictures(image: Path | None) -> Iterator[list[ImageRecord]]:
    """Photographs as a data set holds them, with faces anywhere."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (_PICTURE_SIDE // 8, _PICTURE_SIDE // 8, 3), np.uint8)
    picture = noise if image is None else read_image(image)
    scale = _PICTURE_SIDE / max(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=scale, fy=scale)
    height, width = picture.shape[:2]
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_PICTURES):
            path = Path(folder) / f"{number}.jpg"
            cv2.imwrite(str(path), picture)
            corners = generator.uniform(0, (width - 8, height - 8), (_FACES, 2))
            sides = np.exp(generator.uniform(np.log(8), np.log(200), (_FACES, 1)))
            boxes = np.hstack([corners, np.minimum(corners + sides, (width - 1, height - 1))]).astype(np.float32)
            records.append(ImageRecord(path, path.name, height, width, boxes, np.zeros((0, 4), np.float32)))
        yield records


def _config(setting: TrainingSetting) -> Config:
    settings = _SETTINGS | {
        "TRAIN.AUGMENT.CROP_SIZE": str(setting.side),
        "TRAIN.IMS_PER_BATCH": str(setting.images),
    }
    return load_config(None, [text for pair in settings.items() for text in pair])


class _Trainer:
    """The training of a setting, in the session and graph that are current."""

    def __init__(
        self, session: Session, setting: TrainingSetting, records: Sequence[ImageRecord], in_turn: bool
    ) -> None:
        config = _config(setting)
        network, sampling = network_options(config, setting.backbone), sampling_options(config)
        dataset = make_dataset(records, pipeline_options(config), 0, 0, setting.images)
        dataset = matched(dataset, setting.backbone, match_options(config), True, 0, np.int64(0), 0)
        if setting.from_memory:
            dataset = dataset.take(_REMEMBERED).cache().repeat()
        iterator = tf.data.make_initializable_iterator(dataset)
        batch: TrainingBatch = iterator.get_next()
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
            images = batch_image(batch.image, batch.im_info)
            weights = tf.ones(len(BRANCHES))
            losses = training_losses(images, batch.targets, weights, network, sampling)
        model = tf.global_variables()
        self._session = session
        # One, so that all steps have their momentum in the same variables.
        self._optimizer = tf.train.MomentumOptimizer(_RATE, config.TRAIN.MOMENTUM)
        self._joint = self._step(losses.total, config)
        branches = losses.branches if in_turn else ()
        decay = losses.decay / len(BRANCHES)
        self._branches = [self._step(loss.classes + loss.boxes + decay, config) for loss in branches]
        session.run([iterator.initializer, tf.global_variables_initializer()])
        generator = np.random.default_rng(0)
        assign(session, {variable: lifelike(variable, generator) for variable in model})

    def _step(self, loss: Tensor, config: Config) -> Tensor:
        pairs = joint_gradients(loss, tf.trainable_variables(), config.TRAIN.DOUBLE_BIAS, config.TRAIN.CLIP_GRADIENTS)
        return self._optimizer.apply_gradients(pairs)

    def warm_up(self) -> None:
        """Let TensorFlow rewrite the graph, and make the batches that are remembered."""
        for _ in range(_REMEMBERED + 1):
            self.joint()
        self.in_turn()

    def joint(self) -> float:
        """Seconds of one step that trains all branches."""
        return self._seconds([self._joint])

    def in_turn(self) -> float:
        """Seconds of B steps, each through the part of the network that its branch needs."""
        return self._seconds(self._branches)

    def _seconds(self, steps: Sequence[Tensor]) -> float:
        started = perf_counter()
        for step in steps:
            self._session.run(step)
        return perf_counter() - started


@contextmanager
def _trainer(setting: TrainingSetting, records: Sequence[ImageRecord], in_turn: bool) -> Iterator[_Trainer]:
    with (
        single_threaded_opencv(),
        tf.Graph().as_default() as graph,
        tf.Session(graph=graph, config=session_config(setting.precision)) as session,
    ):
        yield _Trainer(session, setting, records, in_turn)

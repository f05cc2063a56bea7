"""The port beside TensorFlow in one run: a pass forward and a training step of the VGG16 network, both in fp32.

Both take turns on the same arrays. Given are medians of the seconds of all processors together, which a busy machine
hardly changes, and of the clock. Weights are random; nothing is said of accuracy.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_ms.training_data import CanvasOptions, ExampleMaker
from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes
from ssh_tf.layer_utils.matching import MatchOptions, match_anchors, used_anchors
from ssh_tf.model.config import load_config
from ssh_tf.model.options import network_options, sampling_options
from ssh_tf.model.precision import session_config
from ssh_tf.nets.network import ssh_network
from ssh_tf.nets.training_graph import Targets, training_losses
from ssh_tf.roi_data_layer.samples import FACE
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.cpu import cpu_name
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.tf1 import tf

_BACKBONE = "vgg16"
_FACES = np.array([[100, 100, 130, 140], [200, 150, 300, 270], [10, 30, 26, 47]], np.float32)


class Case(NamedTuple):
    """What is measured, and how each framework does it once."""

    name: str
    tensorflow: Callable[[], object]
    mindspore: Callable[[], object]


class Seconds(NamedTuple):
    """Medians: of all processors together, and of the clock."""

    processors: float
    clock: float


def noise(height: int, width: int) -> npt.NDArray[np.float32]:
    """An image (1, height, width, 3)."""
    return np.random.default_rng(0).uniform(-110, 130, (1, height, width, 3)).astype(np.float32)


def forward_case(height: int, width: int) -> Case:
    """From an image to logits and offsets of all anchors."""
    from ssh_ms.framework import ms
    from ssh_ms.network import SSHNetwork, any_size

    image = noise(height, width)
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(0)
        images = tf.placeholder(tf.float32, (None, None, None, 3))
        rows = ssh_network(images, network_options(load_config(), _BACKBONE))
        initialize = tf.global_variables_initializer()
    session = tf.Session(graph=graph, config=session_config("fp32"))
    session.run(initialize)
    run = session.make_callable([rows.logits, rows.deltas], [images])
    network = any_size(SSHNetwork().set_train(False))
    tensor = ms.Tensor(np.ascontiguousarray(image.transpose(0, 3, 1, 2)))
    return Case(
        f"forward {height}x{width}",
        lambda: run(image),
        lambda: [part.asnumpy() for part in network(tensor)],
    )


def step_case(height: int, width: int) -> Case:
    """A training step on one image: all branches, conv1 and conv2 frozen."""
    from ssh_ms.framework import ms
    from ssh_ms.network import SSHNetwork
    from ssh_ms.training_graph import LossOptions, TrainingLoss, TrainStep, freeze_early_layers

    image = noise(height, width)
    sizes = tuple(branch_sizes(height, width, pool_deep=True))
    match = match_anchors(
        used_anchors(BRANCHES, sizes, sizes, height, width), _FACES, np.zeros((0, 4), np.float32), MatchOptions()
    )
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(0)
        config = load_config()
        images = tf.placeholder(tf.float32, (1, None, None, 3))
        targets = Targets(
            labels=tf.constant(match.labels[None]),
            best=tf.constant(match.best[None]),
            boxes=tf.constant(_FACES[None]),
            random=tf.zeros((1, 0)),
        )
        network_numbers, sampling = network_options(config, _BACKBONE), sampling_options(config)
        losses = training_losses(images, targets, tf.ones(len(BRANCHES)), network_numbers, sampling)
        train = tf.train.MomentumOptimizer(1e-6, 0.9).minimize(losses.total)
        with tf.control_dependencies([train]):
            done = tf.identity(losses.total)
        initialize = tf.global_variables_initializer()
    session = tf.Session(graph=graph, config=session_config("fp32"))
    session.run(initialize)
    run = session.make_callable(done, [images])

    network = SSHNetwork()
    freeze_early_layers(network)
    step = TrainStep(TrainingLoss(network, height, width, LossOptions(weight_decay=1e-4)), 1e-6, 0.9, double_bias=True)
    step.set_train()
    maker = ExampleMaker(CanvasOptions(height, width), MatchOptions())
    kinds = np.full(len(_FACES), FACE, np.float32)
    example = maker.example(np.random.default_rng(0), np.zeros((height, width, 3), np.uint8), _FACES, kinds)
    example = example._replace(image=image[0].transpose(2, 0, 1))
    columns = [ms.Tensor(np.ascontiguousarray(column[None])) for column in example]
    return Case(f"training step {height}x{width}", lambda: run(image), lambda: step(*columns)[0].asnumpy())


def measure(case: Case, repeats: int) -> tuple[Seconds, Seconds]:
    """Each in turn; a first run, in which graphs are compiled, does not count."""
    taken: list[list[Seconds]] = [[], []]
    for turn in range(repeats + 1):
        for run, found in zip((case.tensorflow, case.mindspore), taken, strict=True):
            processors, clock = time.process_time(), time.perf_counter()
            run()
            if turn:
                found.append(Seconds(time.process_time() - processors, time.perf_counter() - clock))
    medians = [Seconds(*(median(column) for column in zip(*found, strict=True))) for found in taken]
    return medians[0], medians[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0."""
    parser = ToolParser(__doc__)
    parser.add_argument("--forward", nargs="*", type=_size, default=[(400, 800), (1200, 1600)], metavar="HxW")
    parser.add_argument("--train", nargs="*", type=_size, default=[(896, 1024)], metavar="HxW")
    parser.add_argument(
        "--repeats", type=positive, default=5, help="times that each is measured (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    arguments = parser.parse_args(argv)
    # Not before the arguments are known to be right: MindSpore takes seconds.
    # Its own protobuf messages have to be there before TensorFlow's.
    from ssh_ms.framework import set_up

    set_up("graph")
    report = []
    print(cpu_name())
    print(f"{'':26}{'processor seconds':^30}{'clock seconds':^22}")
    print(f"{'':26}{'TensorFlow':>11}{'MindSpore':>11}{'ratio':>8}{'TensorFlow':>11}{'MindSpore':>11}")
    for build, sizes in ((forward_case, arguments.forward), (step_case, arguments.train)):
        for size in sizes:
            case = build(*size)
            tensorflow, mindspore = measure(case, arguments.repeats)
            ratio = mindspore.processors / tensorflow.processors
            print(
                f"{case.name:26}{tensorflow.processors:11.2f}{mindspore.processors:11.2f}{ratio:8.2f}"
                f"{tensorflow.clock:11.2f}{mindspore.clock:11.2f}",
                flush=True,
            )
            report.append(
                {
                    "case": case.name,
                    "tensorflow": tensorflow._asdict(),
                    "mindspore": mindspore._asdict(),
                    "ratio": ratio,
                }
            )
    if arguments.json:
        with atomic_write(arguments.json) as stream:
            json.dump(report, stream, indent=1)
    return 0


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()) or min(int(height), int(width)) < 16:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 400x800, of at least 16 pixels")
    return int(height), int(width)


if __name__ == "__main__":
    run_tool(main)

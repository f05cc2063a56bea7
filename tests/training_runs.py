"""Small trainings for tests: pictures with simple faces, short settings, and a process that trains."""

import json
import multiprocessing
import os
import runpy
import sys
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np

TOOL = Path(__file__).parents[1] / "tools" / "trainval_net.py"

SHORT = {
    "MOBILENET.DEPTH_MULTIPLIER": 0.25,
    "TRAIN.AUGMENT.CROP_SIZE": 96,
    "TRAIN.AUGMENT.FACE_SIDES": [[16.0, 70.0, 1.0]],
    "TRAIN.IMS_PER_BATCH": 2,
    "TRAIN.VAL_ITERS": 0,
    "TRAIN.DISPLAY": 4,
    "TRAIN.SNAPSHOT_ITERS": 10,
}
"""Settings of a training that takes a second for a few steps."""


def settings(**changes):
    """What `--set` is given for `SHORT`; `changes` have __ for the points of a key."""
    table = SHORT | {key.replace("__", "."): value for key, value in changes.items()}
    return [text for key, value in table.items() for text in (key, str(value))]


@contextmanager
def quick_trainings():
    """Meanwhile trainings run graphs as they are built, and draw no plots.

    To optimise a graph, or to draw a plot, takes TensorFlow and Matplotlib as long as all iterations.
    """
    from ssh_tf.model.training import devices
    from ssh_tf.model.training.log import TrainingFiles

    session_config = devices.session_config

    def as_built(precision):
        config = session_config(precision)
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        return config

    with patch.object(devices, "session_config", as_built), patch.object(TrainingFiles, "plot", lambda self: None):
        yield


def draw_face(image, x, y, side):
    """A light disc with two eyes and a mouth in the square of `side` pixels at (x, y)."""
    centre, half = (x + side // 2, y + side // 2), side // 2
    cv2.circle(image, centre, half, (150, 190, 230), -1)
    for dx in (-half // 3, half // 3):
        cv2.circle(image, (centre[0] + dx, centre[1] - half // 4), max(half // 6, 1), (30, 30, 30), -1)
    cv2.ellipse(image, (centre[0], centre[1] + half // 3), (half // 2, half // 5), 0, 0, 180, (40, 40, 120), 2)


def write_pictures(folder, count=6, size=(96, 128), seed=0, splits=("train", "val")):
    """A data folder of `count` noisy PNG pictures of `size` (H, W) with one to three faces of 16 to 32 pixels."""
    generator = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    lines = []
    for number in range(count):
        image = generator.integers(0, 110, (*size, 3), dtype=np.uint8)
        boxes = []
        for place in range(1 + number % 3):
            side = int(generator.integers(16, 33))
            x = 5 + 40 * place + int(generator.integers(0, 5))
            y = int(generator.integers(0, size[0] - side))
            draw_face(image, x, y, side)
            boxes += [x, y, x + side - 1, y + side - 1]
        cv2.imwrite(str(folder / f"images/{number}.png"), image)
        lines.append(" ".join([f"{number}.png", *map(str, boxes)]))
    for split in splits:
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return folder


class TrainingProcess:
    """`tools/trainval_net.py` with `arguments` in a process of its own, after the Python statements `before`.

    It is forked from a process that has TensorFlow imported and nothing else done, which saves most of its start.
    """

    def __init__(self, folder, arguments, environment=None, before=""):
        """`folder` is new: for what it prints."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tensorflow", "tf_slim"])
        folder.mkdir()
        self._outputs = folder / "output", folder / "errors"
        environment = {"CUDA_VISIBLE_DEVICES": ""} | (environment or {})
        work = (list(map(str, arguments)), environment, before, *map(str, self._outputs))
        self._process = context.Process(target=_train, args=work, daemon=True)
        self._process.start()

    def finish(self, seconds=600):
        """Return code and both outputs; it must end by itself."""
        self._process.join(seconds)
        self._process.kill()
        self._process.join()
        return self._process.exitcode, *(path.read_text() for path in self._outputs)


def _train(arguments, environment, before, *outputs):
    for number, (name, path) in enumerate(zip(("stdout", "stderr"), outputs, strict=True), start=1):
        with open(path, "wb") as stream:
            os.dup2(stream.fileno(), number)
        setattr(sys, name, os.fdopen(number, "w", closefd=False))
    os.environ.update(environment)
    import networks  # noqa: F401  (the small backbone)

    exec(before, {})
    sys.argv = [str(TOOL), *arguments]
    with quick_trainings():
        runpy.run_path(sys.argv[0], run_name="__main__")


def cluster(ports, index):
    """`TF_CONFIG` of worker `index` among workers on this machine."""
    workers = [f"localhost:{port}" for port in ports]
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})}

"""A training from random weights learns its few pictures by heart, and the detector finds all their faces."""

import csv

import cv2
import numpy as np
import pytest

from networks import REAL_MODULES, write_checkpoint
from ssh_tf.datasets.average_precision import evaluate_detections
from ssh_tf.datasets.factory import load_folder
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.train_val import TrainingRun, train
from ssh_tf.model.training.devices import choose_devices
from ssh_tf.model.training.log import TrainingFiles
from ssh_tf.nets import network
from ssh_tf.utils.images import PIXEL_MEANS_BGR, read_image
from training_runs import draw_face

SIDE = 160
STEPS = 100
SETTINGS = {
    "MOBILENET.DEPTH_MULTIPLIER": 0.25,
    # Pictures are neither resized nor mirrored: the detector sees what was trained on.
    "TRAIN.SCALES": [SIDE],
    "TEST.SCALES": [SIDE],
    "TRAIN.USE_FLIPPED": False,
    "TRAIN.IMS_PER_BATCH": 2,
    "TRAIN.RPN_BATCHSIZE": 64,
    "TRAIN.LEARNING_RATE": 0.05,
    "TRAIN.WARMUP": 20,
    "TRAIN.SCHEDULE": "cosine",
    "TRAIN.CLIP_GRADIENTS": 10.0,
    "TRAIN.VAL_ITERS": 0,
}


@pytest.fixture(autouse=True)
def real_modules(monkeypatch):
    """What learns here are the real detection modules, a quarter as wide, behind the small backbone."""
    module, merge = REAL_MODULES
    monkeypatch.setattr(network, "detection_module", lambda map_, channels, *rest: module(map_, channels // 4, *rest))
    monkeypatch.setattr(
        network, "reduce_and_merge", lambda low, high, channels, *rest: merge(low, high, channels // 4, *rest)
    )


def write_picture(path, generator, corners, sides, room):
    """A noisy picture with a face in each square of `room` pixels at `corners`, its side within `sides`; the boxes.

    The noise is about the mean colour, which is what convolutions see around a picture: so the anchors that stand out
    of it, which no training of these branches reaches, meet nothing that is new to the network.
    """
    noise = generator.integers(-20, 21, (SIDE, SIDE, 3))
    image = (np.rint(PIXEL_MEANS_BGR) + noise).astype(np.uint8)
    boxes = []
    for corner in corners:
        side = int(generator.integers(*sides))
        x, y = (int(start + generator.integers(0, room - side)) for start in corner)
        draw_face(image, x, y, side)
        boxes += [x, y, x + side - 1, y + side - 1]
    cv2.imwrite(str(path), image)
    return boxes


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Six pictures: three with three small faces, which are M1's to find, and three with a large one, M2's."""
    folder = tmp_path_factory.mktemp("pictures") / "faces"
    (folder / "images").mkdir(parents=True)
    generator = np.random.default_rng(0)
    small = ([(12, 12), (12, 80), (80, 12)], (28, 38), 68)
    large = ([(24, 24)], (56, 81), 112)
    lines = []
    for number in range(6):
        boxes = write_picture(folder / "images" / f"{number}.png", generator, *(large if number % 2 else small))
        lines.append(" ".join([f"{number}.png", *map(str, boxes)]))
    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    return load_folder(folder, "train")


def recall_and_precision(checkpoint, config, records):
    """Of the detections with a score of 0.5 or more, at an IoU of 0.5."""
    detector = FaceDetector.from_checkpoint(checkpoint, "tiny", config, "fp32")
    found = [detector(read_image(record.path), threshold=0.5) for record in records]
    curve = evaluate_detections(found, [record.boxes for record in records], thresholds=[0.5], bounds=[]).overall
    return (float(curve.recall[-1]), float(curve.precision[-1])) if len(curve.scores) else (0.0, 1.0)


def test_a_handful_of_pictures_is_learnt_by_heart(records, tmp_path, monkeypatch):
    # A plot takes as long as many iterations.
    monkeypatch.setattr(TrainingFiles, "plot", lambda self: None)
    settings = [text for key, value in SETTINGS.items() for text in (key, str(value))]
    config = load_config(None, settings)
    first = write_checkpoint(tmp_path / "first.ckpt", "tiny", settings, face_logit=-4.0)
    assert recall_and_precision(first, config, records)[0] < 0.2

    run = TrainingRun("tiny", STEPS, tmp_path / "output", tmp_path / "tensorboard", weight=first)
    assert train(run, config, records, choose_devices("fp32")).iteration == STEPS

    with (run.output / "loss.csv").open(newline="") as stream:
        # The losses of the branches, without weight decay.
        losses = [sum(float(row[name]) for name in row if name[0] == "M") for row in csv.DictReader(stream)]
    assert losses[-1] < 0.1 * losses[0]
    recall, precision = recall_and_precision(run.output / f"tiny_ssh_iter_{STEPS}.ckpt", config, records)
    assert recall >= 0.95
    assert precision >= 0.9

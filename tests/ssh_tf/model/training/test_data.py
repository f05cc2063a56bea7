"""Batches with targets: padding, kinds of boxes, what is random, memory."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.layer_utils.anchors import BRANCHES, map_anchors
from ssh_tf.layer_utils.matching import MatchOptions, inside_image
from ssh_tf.model.training.data import match_image, matched
from ssh_tf.nets.network import map_sizes
from ssh_tf.roi_data_layer.pipeline import make_dataset
from ssh_tf.roi_data_layer.pipeline_options import UNALTERED
from ssh_tf.roi_data_layer.samples import FACE, IGNORE, PADDING
from ssh_tf.utils.tf1 import tf
from training_oracles import match_oracle

OPTIONS = MatchOptions()
BACKBONES = ("mobile", "mobile_v2")  # the one pools for M3, the other does not


def everything(height, width, backbone):
    grids = [
        map_anchors(*size, branch) for size, branch in zip(map_sizes(height, width, backbone), BRANCHES, strict=True)
    ]
    inside = [inside_image(grid, height, width, branch.border) for grid, branch in zip(grids, BRANCHES, strict=True)]
    return np.concatenate(grids), np.concatenate(inside)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize(("height", "width"), [(90, 130), (64, 64)])
def test_like_the_oracle(backbone, height, width):
    boxes = np.array([[5, 5, 25, 25], [40, 8, 55, 24], [0, 0, 60, 60], [9, 40, 40, 62], [0, 0, 0, 0]], np.float32)
    kinds = np.array([IGNORE, FACE, FACE, IGNORE, PADDING])
    found = match_image(height, width, np.array([height, width, 1]), boxes, kinds, backbone, OPTIONS)
    anchors, inside = everything(height, width, backbone)
    labels, best = match_oracle(anchors[inside], boxes[kinds == FACE], boxes[kinds == IGNORE], OPTIONS)
    np.testing.assert_array_equal(found.labels[inside], labels)
    np.testing.assert_array_equal(found.best[inside], np.flatnonzero(kinds == FACE)[best])
    assert (found.labels[~inside] == -1).all()
    assert {0, 1} <= set(found.labels)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_padding_changes_nothing(backbone):
    """In a batch of larger images an image has the labels that it has alone, and no others."""
    boxes, kinds = np.array([[5, 5, 25, 25], [40, 8, 55, 24]], np.float32), np.array([FACE, FACE])
    info = np.array([64, 96, 1], np.float32)
    alone = match_image(64, 96, info, boxes, kinds, backbone, OPTIONS)
    padded = match_image(256, 160, info, boxes, kinds, backbone, OPTIONS)

    def by_box(match, height, width):
        anchors, _ = everything(height, width, backbone)
        used = match.labels >= 0
        return sorted(zip(anchors[used].tolist(), match.labels[used].tolist(), match.best[used].tolist(), strict=True))

    assert by_box(padded, 256, 160) == by_box(alone, 64, 96)


def test_an_image_smaller_than_all_anchors_uses_its_own():
    info = np.array([16, 16, 1], np.float32)
    none = np.zeros((0, 4), np.float32)
    for size in ((16, 16), (128, 128)):
        match = match_image(*size, info, none, np.zeros(0, int), "mobile_v2", OPTIONS)
        # M1 has one anchor inside; M2 has none and uses its two; M3 may stand out.
        assert (match.labels == 0).sum() == 1 + 2 + 2


@pytest.fixture
def records(tmp_path):
    made = []
    for number, (height, width) in enumerate([(64, 96), (96, 64), (80, 80)]):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((height, width, 3), 60 * number, np.uint8))
        faces = np.array([[8, 8, 24, 24]] * number, np.float32).reshape(-1, 4)
        made.append(ImageRecord(path, path.name, height, width, faces, np.zeros((0, 4), np.float32)))
    return made


def batches(records, count, first=0, batch_size=2, all_mined=False, **shard):
    options = UNALTERED._replace(scales=(64,), max_size=128)
    with tf.Graph().as_default(), tf.Session() as session:
        start = tf.placeholder(tf.int64, ())
        dataset = make_dataset(records, options, 3, start, batch_size, **shard)
        slot = shard.get("shard_index", 0) * batch_size
        dataset = matched(dataset, "mobile", OPTIONS, all_mined, 3, start, slot)
        iterator = tf.data.make_initializable_iterator(dataset)
        batch = iterator.get_next()
        session.run(iterator.initializer, {start: first})
        return [session.run(batch) for _ in range(count)]


def test_batches_have_the_targets_of_their_images(records):
    for batch in batches(records, 5):
        height, width = batch.image.shape[1:3]
        for slot, record in enumerate(batch.record):
            count = len(records[record].boxes)
            boxes = batch.targets.boxes[slot]
            kinds = np.array([FACE] * count + [PADDING] * (len(boxes) - count))
            expected = match_image(height, width, batch.im_info[slot], boxes, kinds, "mobile", OPTIONS)
            np.testing.assert_array_equal(batch.targets.labels[slot], expected.labels)
            np.testing.assert_array_equal(batch.targets.best[slot], expected.best)
        assert batch.targets.random.shape == batch.targets.labels.shape
        assert ((batch.targets.random >= 0) & (batch.targets.random < 1)).all()


def test_what_is_random_depends_on_the_iteration_and_the_slot(records):
    unbroken = batches(records, 4)
    resumed = batches(records, 2, first=2)
    for first, second in zip(unbroken[2:], resumed, strict=True):
        np.testing.assert_array_equal(first.targets.random, second.targets.random)
        np.testing.assert_array_equal(first.record, second.record)
    shards = [batches(records, 4, batch_size=1, shard_index=index, shard_count=2) for index in range(2)]
    for joint, *parts in zip(unbroken, *shards, strict=True):
        for slot, part in enumerate(parts):
            assert part.record[0] == joint.record[slot]
            shorter = min(part.targets.random.shape[1], joint.targets.random.shape[1])
            np.testing.assert_array_equal(part.targets.random[0, :shorter], joint.targets.random[slot, :shorter])
    drawn = [tuple(row[:5]) for batch in unbroken for row in batch.targets.random]
    assert len(set(drawn)) == len(drawn)


def test_nothing_is_drawn_where_all_is_mined(records):
    assert batches(records, 1, all_mined=True)[0].targets.random.shape == (2, 0)


MEMORY = """
import numpy as np
from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.model.training.data import match_image
from ssh_tf.utils.memory import resident_peak
generator = np.random.default_rng(0)
corners = generator.uniform(0, 1100, (2000, 2))
boxes = np.hstack([corners, corners + generator.uniform(8, 400, (2000, 1))]).astype(np.float32)
def match(count):
    kinds = np.ones(count, int)
    info = np.array([1200, 1600, 1], np.float32)
    return match_image(1200, 1600, info, boxes[:count], kinds, "vgg16", MatchOptions(force_match=True))
match(1)
before = resident_peak()
labels = match(2000).labels
print(len(labels), (labels == 1).sum(), resident_peak() - before)
"""


def test_memory_for_two_thousand_faces():
    result = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    anchors, positives, grown = map(int, result.stdout.split())
    assert anchors > 75_000
    assert positives > 2000
    # The overlap matrix alone would be 600 MB.
    assert grown < 20e6

"""The dataset in the graph: padding, shards, resuming, errors."""

import cv2
import numpy as np
import pytest

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.roi_data_layer.pipeline import Batch, batch_image, data_errors, make_dataset
from ssh_tf.roi_data_layer.pipeline_options import UNALTERED, FaceSides
from ssh_tf.roi_data_layer.samples import FACE, IGNORE, PADDING, Sampler
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.images import PIXEL_MEANS_BGR
from ssh_tf.utils.tf1 import tf

WHOLE = UNALTERED._replace(scales=(40, 60), max_size=120, flip_rate=0.5)
CROP = UNALTERED._replace(
    crop_sizes=(64,), face_sides=(FaceSides(8.0, 60.0),), flip_rate=0.5, brightness=0.2, jpeg_rate=0.5
)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    made = []
    for number, (height, width) in enumerate([(50, 80), (90, 60), (64, 64), (40, 100), (70, 70)]):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        faces = np.array([[5 + i, 5, 25 + i, 30] for i in range(number)], np.float32).reshape(-1, 4)
        ignore = np.array([[30, 10, 45, 30]] * (number % 2), np.float32).reshape(-1, 4)
        made.append(ImageRecord(path, path.name, height, width, faces, ignore))
    return made


def batches(count, records, options, seed=3, first_iteration=0, batch_size=3, **parts):
    """The first `count` batches, each a `Batch` of arrays with the network's input beside it."""
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = make_dataset(records, options, seed, first_iteration, batch_size, **parts)
        iterator = tf.data.make_initializable_iterator(dataset)
        batch = iterator.get_next()
        assert isinstance(batch, Batch)
        network_input = batch_image(batch.image, batch.im_info)
        session.run(iterator.initializer)
        with data_errors():
            return [session.run((batch, network_input)) for _ in range(count)]


def assert_equal(first, second):
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("options", [WHOLE, CROP])
def test_batches_hold_the_samples_and_padding(records, options):
    sampler = Sampler(records, options, seed=3, joint_batch=3)
    padded = 0
    for iteration, (batch, network_input) in enumerate(batches(6, records, options)):
        samples = [sampler(iteration, slot) for slot in range(3)]
        assert batch.image.shape[1:3] == tuple(np.max([sample.image.shape[:2] for sample in samples], axis=0))
        assert batch.boxes.shape == (3, max(len(sample.boxes) for sample in samples), 4)
        assert network_input.dtype == np.float32
        for slot, sample in enumerate(samples):
            height, width = sample.image.shape[:2]
            count = len(sample.boxes)
            np.testing.assert_array_equal(batch.image[slot, :height, :width], sample.image)
            np.testing.assert_array_equal(batch.im_info[slot], sample.im_info)
            np.testing.assert_array_equal(batch.boxes[slot, :count], sample.boxes)
            np.testing.assert_array_equal(batch.kinds[slot, :count], sample.kinds)
            assert batch.record[slot] == sample.record
            assert (batch.kinds[slot, count:] == PADDING).all()
            assert not batch.boxes[slot, count:].any()
            assert set(sample.kinds.tolist()) <= {FACE, IGNORE}
            np.testing.assert_allclose(
                network_input[slot, :height, :width], sample.image - PIXEL_MEANS_BGR, rtol=0, atol=1e-4
            )
            assert not network_input[slot, height:].any()
            assert not network_input[slot, :, width:].any()
            padded += height < batch.image.shape[1] or width < batch.image.shape[2]
    assert (padded > 0) == (options is WHOLE)


@pytest.mark.parametrize("options", [WHOLE, CROP])
def test_a_resumed_run_sees_what_an_unbroken_one_would(records, options):
    unbroken = batches(7, records, options)
    resumed = batches(3, records, options, first_iteration=4)
    for (left, _), (right, _) in zip(unbroken[4:], resumed, strict=True):
        assert_equal(left, right)


@pytest.mark.parametrize("aspect_grouping", [False, True])
def test_shards_make_the_joint_batch(records, aspect_grouping):
    options = CROP._replace(aspect_grouping=aspect_grouping)
    joint = batches(4, records, options, batch_size=4)
    shards = [batches(4, records, options, batch_size=2, shard_index=i, shard_count=2) for i in range(2)]
    for (whole, _), *parts in zip(joint, *shards, strict=True):
        for name in ("image", "im_info", "record"):
            merged = np.concatenate([getattr(part, name) for part, _ in parts])
            np.testing.assert_array_equal(merged, getattr(whole, name))
        for slot in range(4):
            part = parts[slot // 2][0]
            kept = part.kinds[slot % 2] != PADDING
            expected = whole.kinds[slot] != PADDING
            np.testing.assert_array_equal(part.boxes[slot % 2][kept], whole.boxes[slot][expected])
            np.testing.assert_array_equal(part.kinds[slot % 2][kept], whole.kinds[slot][expected])


def test_parallel_calls_do_not_change_the_order(records):
    for (left, _), (right, _) in zip(
        batches(5, records, CROP, parallel_calls=1), batches(5, records, CROP, parallel_calls=8), strict=True
    ):
        assert_equal(left, right)


def test_static_shapes(records):
    with tf.Graph().as_default():
        crop = make_dataset(records, CROP, 0, 0, 2).element_spec
        whole = make_dataset(records, WHOLE, 0, 0, 2).element_spec
    assert crop.image.shape.as_list() == [2, 64, 64, 3]
    assert whole.image.shape.as_list() == [2, None, None, 3]
    assert crop.boxes.shape.as_list() == [2, None, 4]
    assert crop.image.dtype == tf.uint8


def test_an_unreadable_image_is_named(records, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"")
    broken = [record._replace(path=tmp_path / "broken.jpg") for record in records]
    with pytest.raises(DataError, match=r"^training image .*broken\.jpg: the file is empty$"):
        batches(1, broken, WHOLE)


def test_errors_of_other_kinds_pass():
    with tf.Graph().as_default(), tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError), data_errors():
        session.run(tf.debugging.Assert(tf.constant(False), ["no DataError of ours"]))

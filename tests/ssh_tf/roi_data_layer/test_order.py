"""The order of drawing: epochs, weights and aspect grouping, by law."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.roi_data_layer.order import DrawOrder
from ssh_tf.utils.errors import DataError

NO_BOXES = np.zeros((0, 4), np.float32)


def record(group="a", height=30, width=40):
    return ImageRecord(Path("x.jpg"), f"{group}/x.jpg", height, width, NO_BOXES, NO_BOXES)


def draw(order, joint_batch, count):
    """The first `count` draws."""
    return [order(*divmod(number, joint_batch)) for number in range(count)]


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 2**40))
def test_every_epoch_draws_each_image_once(images, joint_batch, seed):
    order = DrawOrder([record()] * images, seed, joint_batch)
    assert order.epoch_length == images
    drawn = draw(order, joint_batch, 3 * images)
    for epoch in range(3):
        assert sorted(drawn[epoch * images : (epoch + 1) * images]) == list(range(images))


def test_epochs_and_seeds_differ():
    records = [record()] * 50
    first = draw(DrawOrder(records, 0, 5), 5, 100)
    assert first[:50] != first[50:]
    assert first != draw(DrawOrder(records, 1, 5), 5, 100)
    assert first == draw(DrawOrder(records, 0, 5), 5, 100)


def test_the_batch_size_does_not_change_the_order():
    records = [record()] * 17
    assert draw(DrawOrder(records, 3, 4), 4, 100) == draw(DrawOrder(records, 3, 10), 10, 100)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=3, max_size=60), st.integers(0, 1000))
def test_weighted_groups(groups, seed):
    weights = {"a": 0.3, "b": 2.5}
    used = {group: weight for group, weight in weights.items() if group in groups}
    records = [record(group) for group in groups]
    order = DrawOrder(records, seed, 1, group_weights=used)
    weights = np.array([used.get(group, 1.0) for group in groups])
    wanted = weights * (order.epoch_length / weights.sum())
    counts = Counter(draw(order, 1, order.epoch_length))
    assert order.epoch_length == max(1, round(float(weights.sum())))
    assert all(abs(counts[index] - share) < 1 + 1e-9 for index, share in enumerate(wanted))


def test_weights_hold_on_average():
    groups = ["crowd"] * 30 + ["rest"] * 70
    order = DrawOrder([record(group) for group in groups], 5, 1, group_weights={"crowd": 0.1})
    drawn = draw(order, 1, 73 * 40)
    assert sum(groups[index] == "crowd" for index in drawn) / len(drawn) == pytest.approx(3 / 73, abs=0.005)
    assert len(set(drawn)) > 90


def test_groups_that_the_data_lacks_do_nothing_and_are_named(caplog):
    records = [record(group) for group in "aab"]
    order = DrawOrder(records, 0, 1, group_weights={"a": 3.0, "elsewhere": 5.0})
    assert draw(order, 1, 30) == draw(DrawOrder(records, 0, 1, group_weights={"a": 3.0}), 1, 30)
    assert "elsewhere" in caplog.text


def test_a_weight_of_a_data_set_holds_where_the_group_has_none():
    records = [record("a"), record("b")._replace(source="own"), record("c")._replace(source="own")]
    order = DrawOrder(records, 0, 1, group_weights={"own": 2.0, "c": 4.0})
    assert Counter(draw(order, 1, order.epoch_length)) == {0: 1, 1: 2, 2: 4}


def test_crowds_are_drawn_more_often():
    records = [record()._replace(boxes=np.zeros((faces, 4), np.float32)) for faces in (0, 3, 8)]
    drawn = Counter(draw(DrawOrder(records, 0, 1, crowd_power=0.5), 1, 6000))
    assert [drawn[index] for index in range(3)] == pytest.approx([1000, 2000, 3000], abs=100)
    assert DrawOrder(records, 0, 1, crowd_power=0.5).epoch_length == 3


def test_weight_zero_is_never_drawn():
    records = [record("a")] * 5 + [record("b")] * 5
    assert set(draw(DrawOrder(records, 0, 2, group_weights={"a": 0.0}), 2, 50)) == set(range(5, 10))


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 8), st.integers(0, 1000))
def test_aspect_grouping(portrait, joint_batch, seed):
    records = [record(height=50 if tall else 20) for tall in portrait]
    order = DrawOrder(records, seed, joint_batch, aspect_grouping=True)
    batches = np.array(draw(order, joint_batch, order.epoch_length // joint_batch * joint_batch)).reshape(
        -1, joint_batch
    )
    assert len(np.unique(batches)) == batches.size
    mixed = sum(len({portrait[index] for index in batch}) > 1 for batch in batches)
    assert mixed <= 1
    if len(records) >= joint_batch:
        assert batches.size == len(records) - len(records) % joint_batch


def test_what_aspect_grouping_leaves_out_changes():
    order = DrawOrder([record()] * 10, 0, 4, aspect_grouping=True)
    epochs = np.array(draw(order, 4, 8 * 20)).reshape(20, 8)
    assert set(epochs.ravel()) == set(range(10))


@pytest.mark.parametrize(
    ("groups", "weights", "message"),
    [
        ("", {}, "no image can be drawn"),
        ("aa", {"a": 0.0}, "no image can be drawn"),
        ("ab", {"a": -1.0}, "finite numbers from 0 up"),
        ("ab", {"a": float("nan")}, "finite numbers from 0 up"),
        ("ab", {"a": float("inf")}, "finite numbers from 0 up"),
    ],
)
def test_what_cannot_be_drawn(groups, weights, message):
    with pytest.raises(DataError, match=message):
        DrawOrder([record(group) for group in groups], 0, 1, group_weights=weights)

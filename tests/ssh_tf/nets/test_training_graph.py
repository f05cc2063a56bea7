"""Losses of a batch, and the gradients that are applied."""

import numpy as np
import pytest

from networks import load_weights, outputs_of, plain_session, weight
from ssh_tf.layer_utils.anchors import BRANCHES, map_anchors
from ssh_tf.nets import training_graph
from ssh_tf.nets.network import Rows
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.nets.training_graph import SamplingOptions, Targets, branch_losses, joint_gradients, training_losses
from ssh_tf.roi_data_layer.pipeline import batch_image
from ssh_tf.utils.images import PIXEL_MEANS_BGR
from ssh_tf.utils.tf1 import tf
from training_oracles import encode_oracle, loss_oracle, random_targets, sample_oracle

SIZES = ((4, 5), (2, 3), (1, 2))
WEIGHT_DECAY = 2.0**-13


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default():
        yield


@pytest.mark.parametrize("hard_positives", [True, False])
@pytest.mark.parametrize("hard_negatives", [True, False])
def test_branch_losses_like_the_oracle(hard_positives, hard_negatives):
    generator = np.random.default_rng(0)
    grids = [map_anchors(*size, branch) for size, branch in zip(SIZES, BRANCHES, strict=True)]
    anchors = np.concatenate(grids)
    counts = tuple(len(grid) for grid in grids)
    logits = generator.normal(0, 2, (2, len(anchors))).astype(np.float32)
    deltas = generator.normal(0, 1, (2, len(anchors), 4)).astype(np.float32)
    targets = random_targets(generator, anchors, 2)
    options = SamplingOptions(8, 0.5, hard_positives, hard_negatives, sigma=3.0)
    tensors = Targets(*map(tf.constant, targets))
    rows = Rows(tf.constant(anchors), tf.constant(logits), tf.constant(deltas), tf.constant(counts))
    with tf.Session() as session:
        found = session.run(branch_losses(rows, tensors, options))

    edges = np.cumsum((0, *counts))
    for branch, loss in enumerate(found):
        part = slice(edges[branch], edges[branch + 1])
        expected = []
        for image in range(2):
            labels, of_image = targets.labels[image, part], logits[image, part]
            mined = {1: hard_positives, 0: hard_negatives, -1: True}
            keys = np.where([mined[label] for label in labels], of_image, targets.random[image, part])
            positives, negatives = sample_oracle(labels, keys, 8, 0.5)
            faces = targets.boxes[image][targets.best[image, part]]
            codes = [encode_oracle(anchor, face) for anchor, face in zip(anchors[part], faces, strict=True)]
            expected.append(loss_oracle(of_image, deltas[image, part], codes, positives, negatives, 3.0))
        assert loss == pytest.approx(np.mean(expected, axis=0), rel=1e-4)


def test_images_without_faces_are_negatives():
    anchors = np.concatenate([map_anchors(*size, branch) for size, branch in zip(SIZES, BRANCHES, strict=True)])
    count = len(anchors)
    logits = tf.zeros((1, count))
    rows = Rows(tf.constant(anchors), logits, tf.ones((1, count, 4)), tf.constant([2 * h * w for h, w in SIZES]))
    zeros = tf.zeros((1, count), tf.int32)
    losses = branch_losses(rows, Targets(zeros, zeros, tf.zeros((1, 0, 4)), tf.zeros((1, 0))), SamplingOptions())
    gradient = tf.gradients(tf.add_n([loss.classes + loss.boxes for loss in losses]), logits)[0]
    with tf.Session() as session:
        found, slope = session.run((losses, gradient))
    np.testing.assert_allclose(found, [(np.log(2), 0)] * 3, rtol=1e-6)
    assert (slope > 0).all()


class Step:
    """A small network's losses on a random batch, by the weights of the branches; their gradients as the whole loss's
    and as those of each branch alone."""

    def __init__(self):
        generator = np.random.default_rng(1)
        cells = [(8, 8), (4, 4), (2, 2)]
        anchors = np.concatenate([map_anchors(*cell, branch) for cell, branch in zip(cells, BRANCHES, strict=True)])
        weights = tf.placeholder(tf.float32, (3,))
        image = tf.constant(generator.uniform(-100, 100, (2, 64, 64, 3)).astype(np.float32))
        self.targets = Targets(*map(tf.constant, random_targets(generator, anchors, 2)))
        network = NetworkOptions("tiny", depth_multiplier=0.25, weight_decay=WEIGHT_DECAY)
        with outputs_of(training_graph, "ssh_network") as rows, tf.variable_scope("", use_resource=True):
            losses = training_losses(image, self.targets, weights, network, SamplingOptions(32))
        (self.rows,) = rows
        self.variables = [variable.op.name for variable in tf.trainable_variables()]
        gradients = tf.gradients(losses.total, tf.trainable_variables())
        self.session = plain_session()
        load_weights(self.session)
        run = self.session.make_callable((losses, gradients), [weights])
        self.whole, *self.branches = (run(row) for row in (np.ones(3), *np.eye(3)))


@pytest.fixture(scope="module")
def step():
    with tf.Graph().as_default():
        yield Step()


def test_group_training_is_the_sum_of_the_branches(step):
    whole, group = step.whole
    assert whole.total == pytest.approx(sum(losses.total for losses, _ in step.branches), rel=1e-5)
    for branch, (losses, _) in enumerate(step.branches):
        part = losses.branches[branch]
        assert losses.total == pytest.approx(part.classes + part.boxes + losses.decay, rel=1e-6)
    for name, *values in zip(step.variables, group, *(of_branch for _, of_branch in step.branches), strict=True):
        scale = max(np.abs(value).max() for value in values)
        np.testing.assert_allclose(values[0], sum(values[1:]), rtol=0, atol=1e-5 * scale, err_msg=name)


@pytest.mark.parametrize("box_weight", [0.0, 2.5])
def test_the_weight_of_the_boxes(step, box_weight):
    with step.session.graph.as_default():
        weighed = branch_losses(step.rows, step.targets, SamplingOptions(32, box_weight=box_weight))
    found, expected = step.session.run(weighed), step.whole[0].branches
    assert any(loss.boxes > 0 for loss in expected)
    for loss, of_one in zip(found, expected, strict=True):
        assert loss.classes == pytest.approx(of_one.classes)
        assert loss.boxes == pytest.approx(box_weight * of_one.boxes)


def test_a_branch_alone_leaves_the_others_heads_to_weight_decay(step):
    _, values = step.branches[1]
    moved = set()
    for name, value in zip(step.variables, values, strict=True):
        decay = WEIGHT_DECAY if name.endswith("/weights") else 0.0
        left_alone = np.array_equal(value, np.float32(decay) * weight(name, value.shape))
        moved |= set() if left_alone else {name}
    assert any("/M2_box/" in name for name in moved)
    assert not any(part in name for name in moved for part in ("/M1_box/", "/M3_box/", "/M1/", "/M3/"))


def apply(double_bias, clip_norm):
    """Gradients of 3·w + 4·b, w "weights" and b "biases", a variable apart being left out."""
    made = [
        tf.get_variable(name, initializer=1.0, use_resource=True) for name in ("a/weights", "a/biases", "b/weights")
    ]
    pairs = joint_gradients(3 * made[0] + 4 * made[1], made, double_bias, clip_norm)
    assert [variable for _, variable in pairs] == made[:2]
    with tf.Session() as session:
        return session.run([gradient for gradient, _ in pairs])


def test_gradients_as_they_are():
    assert apply(False, 0) == [3, 4]


def test_doubled_biases():
    assert apply(True, 0) == [3, 8]


@pytest.mark.parametrize(("norm", "expected"), [(2.5, [1.5, 2]), (100, [3, 4])])
def test_clipped_to_a_norm(norm, expected):
    assert apply(False, norm) == pytest.approx(expected)


def test_doubling_comes_before_clipping():
    found = apply(True, 1)
    assert found == pytest.approx(np.array([3, 8]) / np.hypot(3, 8))


def test_the_networks_input():
    """The means are taken off and the padding is zero; where the size is fixed nothing is padded."""
    image = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    info = np.array([[3, 4, 1], [2, 3, 1]], np.float32)
    known, unknown = tf.placeholder(tf.uint8, (2, 3, 4, 3)), tf.placeholder(tf.uint8, (2, None, None, 3))
    with tf.Session() as session:
        fixed = session.run(batch_image(known, tf.constant(info)), {known: image})
        padded = session.run(batch_image(unknown, tf.constant(info)), {unknown: image})
    expected = image - PIXEL_MEANS_BGR
    np.testing.assert_allclose(fixed, expected, rtol=0, atol=1e-4)
    expected[1, 2:] = expected[1, :, 3:] = 0
    np.testing.assert_allclose(padded, expected, rtol=0, atol=1e-4)

"""What the network computes: against recorded runs of the reference, and the sizes of its maps.

Letters: `h, w` map of a branch, `R` proposals.
"""

import numpy as np
import pytest

from networks import DATA, REAL_BACKBONES, built, golden_image, load_weights
from ssh_tf.layer_utils.proposals import ProposalOptions, propose
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.nets.network import map_sizes, network_heads, ssh_network
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import tf

BRANCHES = ("M1", "M2", "M3")


class Computed:
    """Heads, rows and proposals of `backbone` with the weights of the recorded runs."""

    def __init__(self, backbone):
        with tf.Graph().as_default() as graph:
            self.images = tf.placeholder(tf.float32, (None, None, None, 3))
            with tf.variable_scope("", reuse=tf.AUTO_REUSE):
                self.heads = network_heads(self.images, NetworkOptions(backbone))
                self.rows = ssh_network(self.images, NetworkOptions(backbone))
            height, width = (tf.cast(tf.shape(self.images)[axis], tf.float32) for axis in (1, 2))
            # The recorded runs kept every score.
            options = ProposalOptions(score_threshold=-1.0)
            self.proposals = propose(
                self.rows.anchors, self.rows.logits[0], self.rows.deltas[0], self.rows.counts, height, width, options
            )
            self.session = tf.Session(graph=graph)
            load_weights(self.session)

    def __call__(self, tensors, image):
        return self.session.run(tensors, {self.images: image})


@pytest.fixture(scope="module", params=["vgg16", "mobile"])
def computed(request):
    return request.param, Computed(request.param)


@pytest.mark.parametrize("number", [0, 1])
def test_heads_are_those_of_the_reference(computed, number):
    backbone, network = computed
    with np.load(DATA / "golden" / f"{backbone}_test.npz") as golden:
        for branch, heads in zip(BRANCHES, network(network.heads, golden_image(number)), strict=True):
            background, face = np.split(heads.scores, 2, axis=3)
            probability = 1 / (1 + np.exp(background - face))
            np.testing.assert_allclose(probability, golden[f"{number}/{branch}/rpn_cls_prob"][..., 2:], atol=1e-5)
            np.testing.assert_allclose(heads.deltas, golden[f"{number}/{branch}/bbox"], atol=1e-4)


@pytest.mark.parametrize("number", [0, 1])
def test_proposals_are_those_of_the_reference(computed, number):
    backbone, network = computed
    found = network(network.proposals, golden_image(number))
    with np.load(DATA / "golden" / f"{backbone}_test.npz") as golden:
        for place, branch in enumerate(BRANCHES):
            rois, scores = (golden[f"{number}/{branch}/{name}"] for name in ("rois", "rois_scores"))
            here = found.branches == place
            np.testing.assert_allclose(found.boxes[here], rois[:, 1:], atol=2e-3)
            np.testing.assert_allclose(found.scores[here], scores[:, 0], atol=1e-5)


def test_rows_are_the_heads_in_the_order_of_the_anchors(computed):
    _, network = computed
    heads, rows = network((network.heads, network.rows), golden_image(1))
    logits, deltas = [], []
    for head in heads:
        _, h, w, _ = head.scores.shape
        for y in range(h):
            for x in range(w):
                for anchor in range(2):
                    logits.append(head.scores[0, y, x, 2 + anchor] - head.scores[0, y, x, anchor])
                    deltas.append(head.deltas[0, y, x, 4 * anchor : 4 * anchor + 4])
    np.testing.assert_allclose(rows.logits[0], logits, atol=1e-5)
    np.testing.assert_allclose(rows.deltas[0], deltas, atol=1e-5)
    assert tuple(rows.counts) == tuple(2 * head.scores.shape[1] * head.scores.shape[2] for head in heads)
    assert len(rows.anchors) == len(logits)


def test_images_of_a_batch_do_not_meet(computed):
    _, network = computed
    image = golden_image(0)
    other = image[:, ::-1, ::-1]
    alone = [network((network.rows.logits, network.rows.deltas), one) for one in (image, other)]
    together = network((network.rows.logits, network.rows.deltas), np.concatenate([image, other]))
    for part, first, second in zip(together, *alone, strict=True):
        np.testing.assert_allclose(part, np.concatenate([first, second]), atol=1e-4)


@pytest.mark.parametrize("backbone", REAL_BACKBONES)
def test_strides_of_the_backbones(backbone):
    assert_strides(backbone, (173, 251), built(backbone).maps)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (1200, 1600)])
@pytest.mark.parametrize("backbone", ["vgg16", "mobile_v2"])
def test_strides_at_other_sizes(backbone, size):
    with tf.Graph().as_default():
        ends = BACKBONES[backbone].build(tf.placeholder(tf.float32, (1, *size, 3)), NetworkOptions(backbone))
    assert_strides(backbone, size, [tuple(end.shape.as_list()[1:3]) for end in ends])


def assert_strides(backbone, size, maps):
    (height, width), row = size, BACKBONES[backbone]
    low, high, deep = maps
    assert low == (-(-height // 8), -(-width // 8))
    assert high == (-(-height // 16), -(-width // 16))
    m3 = (max(1, deep[0] // 2), max(1, deep[1] // 2)) if row.pool_deep else deep
    assert row.pool_deep == (deep == high) or high == (1, 1)
    assert map_sizes(height, width, backbone) == [low, high, m3]


@pytest.mark.parametrize("backbone", ["mobile", "mobile_v2"])
def test_sizes_of_the_maps(backbone):
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, (None, None, None, 3))
        heads = network_heads(images, NetworkOptions(backbone, depth_multiplier=0.25))
        session.run(tf.global_variables_initializer())
        for height, width in [(16, 16), (16, 40), (17, 31), (32, 33), (47, 97), (64, 130)]:
            found = session.run([head.scores for head in heads], {images: np.ones((1, height, width, 3))})
            assert [scores.shape[1:3] for scores in found] == map_sizes(height, width, backbone)

"""What the network computes: against recorded runs of the reference, and the sizes of its maps.

Letters: `h, w` map of a branch, `R` proposals.
"""

import functools

import numpy as np
import pytest

from networks import DATA, golden_image, load_weights, outputs_of, plain_session
from ssh_tf.layer_utils.proposals import ProposalOptions, propose
from ssh_tf.nets import network
from ssh_tf.nets.network import map_sizes
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import tf

BRANCHES = ("M1", "M2", "M3")


class Computed:
    """Heads, rows and proposals of `backbone` with the weights of the recorded runs."""

    def __init__(self, backbone):
        with tf.Graph().as_default():
            self.images = tf.placeholder(tf.float32, (None, None, None, 3))
            with outputs_of(network, "network_heads") as heads:
                self.rows = network.ssh_network(self.images, NetworkOptions(backbone))
            (self.heads,) = heads
            height, width = (tf.cast(tf.shape(self.images)[axis], tf.float32) for axis in (1, 2))
            # The recorded runs kept every score.
            options = ProposalOptions(score_threshold=-1.0)
            self.proposals = propose(
                self.rows.anchors, self.rows.logits[0], self.rows.deltas[0], self.rows.counts, height, width, options
            )
            self.session = plain_session()
            load_weights(self.session)
            self._run = self.session.make_callable((self.heads, self.rows, self.proposals), [self.images])
            self.golden = functools.cache(lambda number: self(golden_image(number)))

    def __call__(self, images):
        """Heads, rows and proposals of `images`; proposals are those of the first."""
        return self._run(images)


@pytest.fixture(scope="module", params=["vgg16", "mobile"])
def computed(request):
    return request.param, Computed(request.param)


@pytest.mark.parametrize("number", [0, 1])
def test_heads_are_those_of_the_reference(computed, number):
    backbone, network = computed
    with np.load(DATA / "golden" / f"{backbone}_test.npz") as golden:
        for branch, heads in zip(BRANCHES, network.golden(number)[0], strict=True):
            background, face = np.split(heads.scores, 2, axis=3)
            probability = 1 / (1 + np.exp(background - face))
            np.testing.assert_allclose(probability, golden[f"{number}/{branch}/rpn_cls_prob"][..., 2:], atol=1e-5)
            np.testing.assert_allclose(heads.deltas, golden[f"{number}/{branch}/bbox"], atol=1e-4)


@pytest.mark.parametrize("number", [0, 1])
def test_proposals_are_those_of_the_reference(computed, number):
    backbone, network = computed
    _, _, found = network.golden(number)
    with np.load(DATA / "golden" / f"{backbone}_test.npz") as golden:
        for place, branch in enumerate(BRANCHES):
            rois, scores = (golden[f"{number}/{branch}/{name}"] for name in ("rois", "rois_scores"))
            here = found.branches == place
            np.testing.assert_allclose(found.boxes[here], rois[:, 1:], atol=2e-3)
            np.testing.assert_allclose(found.scores[here], scores[:, 0], atol=1e-5)


def test_rows_are_the_heads_in_the_order_of_the_anchors(computed):
    _, network = computed
    heads, rows, _ = network.golden(1)
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
    image = golden_image(0)[:, :96, :128]
    other = image[:, ::-1, ::-1]
    first, second, both = (network(images)[1] for images in (image, other, np.concatenate([image, other])))
    for part in ("logits", "deltas"):
        alone = np.concatenate([getattr(first, part), getattr(second, part)])
        np.testing.assert_allclose(getattr(both, part), alone, atol=1e-4)


def test_sizes_of_the_maps(computed):
    backbone, network = computed
    for height, width in [(16, 16), (16, 40), (17, 31), (32, 33), (47, 97), (64, 130)]:
        heads, _, _ = network(np.ones((1, height, width, 3)))
        assert [head.scores.shape[1:3] for head in heads] == map_sizes(height, width, backbone)

"""Which anchors are sampled: literal cases, and any labels against a slow oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssh_tf.layer_utils.anchor_sampling import sample_anchors
from ssh_tf.utils.tf1 import tf
from training_oracles import sample_oracle

BATCH_SIZES = (1, 4, 7)


@pytest.fixture(scope="module")
def sampled():
    """A function of labels (N, K), hardness (N, K), batch size: rows of positives and of negatives, image by image."""
    with tf.Graph().as_default(), tf.Session() as session:
        labels, hardness = tf.placeholder(tf.int32, (None, None)), tf.placeholder(tf.float32, (None, None))
        samples = {size: sample_anchors(labels, hardness, size, 0.5) for size in BATCH_SIZES}
        runs = {size: session.make_callable(sample, [labels, hardness]) for size, sample in samples.items()}

        def run(of_labels, of_hardness, batch_size):
            found = runs[batch_size](of_labels, of_hardness)
            assert set(found.weights.ravel()) <= {0, 1}
            taken = found.weights == 1
            return [
                tuple(indices[chosen & (kinds == kind)].tolist() for kind in (1, 0))
                for indices, kinds, chosen in zip(found.indices, found.labels, taken, strict=True)
            ]

        yield run


def test_the_hardest_are_taken(sampled):
    #          face      face      none  background ...
    labels = [[1, 1, 1, -1, 0, 0, 0, 0]]
    hardness = [[0.9, 0.1, 0.5, 1.0, 0.2, 0.8, 0.1, 0.7]]
    assert sampled(labels, hardness, 4) == [([1, 2], [5, 7])]


def test_negatives_fill_up_where_positives_lack(sampled):
    assert sampled([[1, 0, 0, 0, 0, 0]], [[0.5, 0.1, 0.2, 0.3, 0.4, 0.5]], 4) == [([0], [5, 4, 3])]
    assert sampled([[0, 0, 0, 0, 0, 0]], [[0.5, 0.1, 0.2, 0.3, 0.4, 0.6]], 4) == [([], [5, 0, 4, 3])]


def test_few_anchors_leave_places_empty(sampled):
    assert sampled([[1, 0]], [[0.5, 0.5]], 7) == [([0], [1])]
    assert sampled([[1, 1, 1, 1]], [[0.4, 0.3, 0.2, 0.1]], 4) == [([3, 2], [])]
    assert sampled([[-1, -1]], [[0.5, 0.5]], 4) == [([], [])]


def test_ties_go_to_the_lower_row(sampled):
    assert sampled([[0, 1, 0, 1, 0, 1]], [[0.5] * 6], 4) == [([1, 3], [0, 2])]


def test_images_are_sampled_apart(sampled):
    labels = [[1, 1, 0, 0], [0, 0, 0, 1]]
    assert sampled(labels, [[0.2, 0.1, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]], 4) == [([1, 0], [2, 3]), ([3], [2, 1, 0])]


@given(
    rows=st.lists(
        st.tuples(st.sampled_from([-1, 0, 1]), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), min_size=1, max_size=20
    ),
    batch_size=st.sampled_from(BATCH_SIZES),
)
def test_like_the_oracle(sampled, rows, batch_size):
    labels, hardness = (list(column) for column in zip(*rows, strict=True))
    assert sampled([labels], [hardness], batch_size) == [sample_oracle(labels, hardness, batch_size, 0.5)]

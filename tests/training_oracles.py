"""Slow, plain NumPy answers for what a training computes: one loop, one rule, float64.

K anchors, G faces, I ignore regions, S sampled anchors.
"""

import numpy as np

from oracles import best_anchors_oracle, coverage_oracle, overlap_oracle
from ssh_tf.nets.training_graph import Targets

FACE, BACKGROUND, IGNORED = 1, 0, -1


def match_oracle(anchors, faces, ignored, options):
    """Labels (K,) of anchors (K, 4) that are all used, and the face (K,) each overlaps most."""
    # The compiled overlaps are stored as float32, and compared as such.
    overlaps = overlap_oracle(anchors, faces).astype(np.float32)
    coverages = coverage_oracle(anchors, ignored).astype(np.float32)
    forced = set(best_anchors_oracle(anchors, faces))
    labels, best = [], []
    for row in range(len(anchors)):
        most = overlaps[row].max(initial=0)
        label = IGNORED
        if most < np.float32(options.negative_overlap):
            label = BACKGROUND
        if (coverages[row] >= np.float32(options.ignore_coverage)).any():
            label = IGNORED
        if options.force_match and row in forced:
            label = FACE
        if most >= np.float32(options.positive_overlap):
            label = FACE
        labels.append(label)
        best.append(overlaps[row].argmax() if len(faces) else 0)
    return np.array(labels), np.array(best)


def sample_oracle(labels, hardness, batch_size, positive_fraction):
    """The rows sampled of one image: positives hardest first, then negatives hardest first; ties by row."""
    positives = sorted((hardness[row], row) for row in range(len(labels)) if labels[row] == FACE)
    negatives = sorted((-hardness[row], row) for row in range(len(labels)) if labels[row] == BACKGROUND)
    positives = positives[: int(batch_size * positive_fraction)]
    return [row for _, row in positives], [row for _, row in negatives[: batch_size - len(positives)]]


def smooth_l1_oracle(difference, sigma):
    if abs(difference) < 1 / sigma**2:
        return 0.5 * sigma**2 * difference**2
    return abs(difference) - 0.5 / sigma**2


def encode_oracle(anchor, box):
    """Offsets (4,) that lead from an anchor to a box."""
    sizes = [np.array([b[2] - b[0] + 1, b[3] - b[1] + 1], np.float64) for b in (anchor, box)]
    centres = [np.array(b[:2], np.float64) + size / 2 for b, size in zip((anchor, box), sizes, strict=True)]
    return np.concatenate([(centres[1] - centres[0]) / sizes[0], np.log(sizes[1] / sizes[0])])


def loss_oracle(logits, deltas, targets, positives, negatives, sigma):
    """Class and box loss of one image and branch. logits (K,), deltas and targets (K, 4); rows of the sample."""
    count = max(len(positives) + len(negatives), 1)
    face = 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
    classes = -sum(np.log(face[row]) for row in positives) - sum(np.log(1 - face[row]) for row in negatives)
    boxes = sum(smooth_l1_oracle(float(deltas[row][i]) - targets[row][i], sigma) for row in positives for i in range(4))
    return classes / count, boxes / count


def random_targets(generator, anchors, images, faces=3):
    """Labels of all kinds, faces near the anchors that they are of."""
    count = len(anchors)
    boxes = np.sort(generator.uniform(0, 40, (images, faces, 2, 2)), axis=2).reshape(images, faces, 4)
    return Targets(
        labels=generator.choice([-1, 0, 0, 0, 1], (images, count)).astype(np.int32),
        best=generator.integers(0, faces, (images, count)).astype(np.int32),
        boxes=boxes.astype(np.float32),
        random=generator.random((images, count), np.float32),
    )

"""What one training step computes in MindSpore, equal to the TensorFlow graph's.

Letters: `N` images of a batch, `H, W` their size, `K` anchors of all branches, `S` places in a branch's sample.
"""

from typing import NamedTuple

import numpy as np

from ssh_ms.framework import ms, nn, ops
from ssh_ms.network import SSHNetwork
from ssh_tf.layer_utils.anchors import BRANCHES, branch_sizes

PARTS = (*(f"{branch.name}_{part}" for branch in BRANCHES for part in ("class", "box")), "decay")
"""Names of the losses beside the total."""

_FROZEN = tuple(f"ssh.vgg.conv4_3.{place}." for place in (0, 2, 5, 7))
_EMPTY = -2.0


class LossOptions(NamedTuple):
    """How anchors are sampled and losses weighed."""

    weight_decay: float
    batch_size: int = 256
    positive_fraction: float = 0.5
    hard_mining: bool = True
    """Sample the anchors that the network gets most wrong; else at random."""
    sigma: float = 3.0
    """Smooth L1 turns from a parabola into a line at 1/sigma²."""


def freeze_early_layers(network: SSHNetwork) -> None:
    """Do not train conv1 and conv2, as SSH does when it starts from a trained VGG16."""
    for parameter in network.get_parameters():
        parameter.requires_grad = not parameter.name.startswith(_FROZEN)


class TrainingLoss(nn.Cell):
    """The losses of a batch of images of one size."""

    def __init__(self, network: SSHNetwork, height: int, width: int, options: LossOptions) -> None:
        # Without the prefix the parameters keep their names.
        super().__init__(auto_prefix=False)
        self.network = network
        self._options = options
        self._counts = tuple(
            rows * columns * len(branch.scales)
            for branch, (rows, columns) in zip(BRANCHES, branch_sizes(height, width, pool_deep=True), strict=True)
        )
        self._positives = int(options.batch_size * options.positive_fraction)
        self._weights = tuple(p for p in network.get_parameters() if p.name.endswith(".weight"))

    def construct(
        self, images: ms.Tensor, labels: ms.Tensor, targets: ms.Tensor, random: ms.Tensor
    ) -> tuple[ms.Tensor, ms.Tensor]:
        """Losses of `images` (N, 3, H, W), BGR minus the means.

        Args:
            images: (N, 3, H, W) float32.
            labels: (N, K) int32, 1 face, 0 background, -1 ignored.
            targets: (N, K, 4) float32, offsets from each anchor to the face it stands for; read where the label is 1.
            random: (N, K) float32 in [0, 1): what anchors are sampled by where nothing is mined.

        Returns:
            The total, Σ over branches of classes + boxes + L2, and (7,) its `PARTS`.
        """
        logits, deltas = self.network(images)
        hardness = ops.stop_gradient(ops.sigmoid(logits)) if self._options.hard_mining else random
        parts: tuple[ms.Tensor, ...] = ()
        start = 0
        for count in self._counts:
            end = start + count
            parts = parts + self._branch(
                logits[:, start:end],
                deltas[:, start:end],
                labels[:, start:end],
                targets[:, start:end],
                hardness[:, start:end],
            )
            start = end
        decay = 0.0
        for weight in self._weights:
            decay += 0.5 * self._options.weight_decay * ops.square(weight).sum()
        total = sum(parts) + len(self._counts) * decay
        return total, ops.stack(parts + (decay,))  # noqa: RUF005  MindSpore compiles no stars

    def _branch(
        self, logits: ms.Tensor, deltas: ms.Tensor, labels: ms.Tensor, targets: ms.Tensor, hardness: ms.Tensor
    ) -> tuple[ms.Tensor, ms.Tensor]:
        """Cross-entropy and smooth L1 of a branch's sample, the mean over images."""
        positives, taken = self._hardest(labels == 1, -hardness, self._positives)
        negatives, free = self._hardest(labels == 0, hardness, self._options.batch_size)
        room = self._options.batch_size - taken.sum(1, keepdims=True)
        free = free * (ops.arange(free.shape[1])[None] < room).astype(ms.float32)
        sampled = ops.clamp(taken.sum(1) + free.sum(1), 1.0)

        # Two classes: softmax cross-entropy is the sigmoid's on the difference of the two scores.
        entropy = (_softplus(-_rows(logits, positives)) * taken).sum(1) + (
            _softplus(_rows(logits, negatives)) * free
        ).sum(1)
        distance = self._smooth_l1(_boxes(deltas, positives) - _boxes(targets, positives)).sum(2)
        # Of an empty place the target may be anything.
        distance = ops.where(taken > 0, distance, ops.zeros_like(distance)).sum(1)
        return (entropy / sampled).mean(), (distance / sampled).mean()

    def _hardest(self, mask: ms.Tensor, keys: ms.Tensor, places: int) -> tuple[ms.Tensor, ms.Tensor]:
        """Rows (N, S) of the largest `keys` (N, K) where `mask`, and 1 for each place that is taken."""
        keys = ops.where(mask, keys, ops.full_like(keys, _EMPTY))
        values, rows = ops.topk(keys, min(places, keys.shape[1]))
        return rows, (values > _EMPTY).astype(ms.float32)

    def _smooth_l1(self, difference: ms.Tensor) -> ms.Tensor:
        square = self._options.sigma**2
        size = ops.abs(difference)
        return ops.where(size < 1.0 / square, 0.5 * square * size * size, size - 0.5 / square)


def _softplus(x: ms.Tensor) -> ms.Tensor:
    return ops.relu(x) + ops.log1p(ops.exp(-ops.abs(x)))


def _rows(values: ms.Tensor, rows: ms.Tensor) -> ms.Tensor:
    """(N, K) and (N, S) → (N, S)."""
    return ops.gather_elements(values, 1, rows)


def _boxes(values: ms.Tensor, rows: ms.Tensor) -> ms.Tensor:
    """(N, K, 4) and (N, S) → (N, S, 4)."""
    return ops.gather_elements(values, 1, ops.tile(rows[:, :, None], (1, 1, 4)))


class TrainStep(nn.Cell):
    """A step of momentum SGD: losses in, new weights out."""

    def __init__(self, loss: TrainingLoss, learning_rate: float, momentum: float, double_bias: bool) -> None:
        super().__init__(auto_prefix=False)
        self.loss = loss
        self.optimizer = nn.Momentum(loss.trainable_params(), learning_rate, momentum)
        self._factors = tuple(
            2.0 if double_bias and parameter.name.endswith(".bias") else 1.0 for parameter in self.optimizer.parameters
        )
        self._gradients = ms.value_and_grad(loss, None, self.optimizer.parameters, has_aux=True)

    def construct(
        self, images: ms.Tensor, labels: ms.Tensor, targets: ms.Tensor, random: ms.Tensor
    ) -> tuple[ms.Tensor, ms.Tensor]:
        """Take a step. Arguments and result are those of `TrainingLoss`."""
        (total, parts), gradients = self._gradients(images, labels, targets, random)
        # MindSpore compiles no `strict`.
        pairs = zip(gradients, self._factors)  # noqa: B905
        self.optimizer(tuple(gradient * factor for gradient, factor in pairs))
        return total, parts

    def set_learning_rate(self, value: float) -> None:
        """Use `value` from the next step on; nothing is compiled again."""
        self.optimizer.learning_rate.set_data(ms.Tensor(np.float32(value)))

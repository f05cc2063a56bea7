"""The convolution that all backbones are made of.

Letters: `N` images, `h, w` map, `C` channels, `k` kernel size, `s` stride.

Batch normalisation with stored statistics is an affine map per channel, so it is folded into the convolution: the
weights are multiplied by ``gamma / sqrt(variance + epsilon)`` and the rest becomes a bias. The variables keep slim's
names and meaning; the activations are touched once instead of twice, forward and backward.
"""

from collections.abc import Callable
from typing import NamedTuple

from ssh_tf.utils.tf1 import slim, tf
from ssh_tf.utils.types import Initializer, Tensor, Variable


class BatchNorm(NamedTuple):
    """How a layer is normalised."""

    epsilon: float
    decay: float = 0.997
    trainable: bool = False
    """gamma and beta are trained."""
    batch_statistics: bool = False
    """Normalise with the batch's own statistics and add the update of the moving ones to `UPDATE_OPS`."""


class Style(NamedTuple):
    """What the convolutions of one backbone have in common."""

    activation: Callable[[Tensor], Tensor] | None
    initializer: Initializer
    weight_decay: float
    bias_decay: bool = False
    norm: BatchNorm | None = None
    trainable: bool = True
    explicit_padding: bool = False
    """At stride > 1 pad (k - 1)/2 on every side (slim's `conv2d_same`) instead of TensorFlow's "SAME"."""


# Not TensorFlow's collection of regularisation losses: it gets a loss when a variable is made, so that of several
# devices the first alone would have it.
_DECAYS = "weight_decays"


def _variable(name: str, shape: list[int], initializer: Initializer, trainable: bool, decay: float = 0.0) -> Variable:
    variable = slim.model_variable(
        name,
        shape=shape,
        initializer=initializer,
        trainable=trainable,
        # Moving statistics, which every device updates from its own images.
        aggregation=tf.VariableAggregation.MEAN,
    )
    if decay > 0:
        decays = tf.get_collection_ref(_DECAYS)
        if all(other is not variable for other, _ in decays):
            decays.append((variable, decay))
    return variable


def weight_decay() -> Tensor:
    """Σ decay · w²/2 over the variables of the network in the default graph: a scalar, the term that L2 adds."""
    return tf.add_n(
        [tf.zeros(()), *(decay * tf.nn.l2_loss(variable) for variable, decay in tf.get_collection(_DECAYS))]
    )


def _convolve(inputs: Tensor, weights: Tensor, stride: int, depthwise: bool, style: Style) -> Tensor:
    padding = "SAME"
    kernel_size = weights.shape.as_list()[0]
    if stride > 1 and style.explicit_padding:
        # Not the operations' own explicit padding: TensorFlow's graph optimiser aborts on a depthwise one.
        before = (kernel_size - 1) // 2
        after = kernel_size - 1 - before
        inputs, padding = tf.pad(inputs, [[0, 0], [before, after], [before, after], [0, 0]]), "VALID"
    operation = tf.nn.depthwise_conv2d_native if depthwise else tf.nn.conv2d
    return operation(inputs, weights, strides=[1, stride, stride, 1], padding=padding)


def convolution(
    inputs: Tensor,
    channels: int | None,
    kernel_size: int,
    scope: str,
    style: Style,
    *,
    stride: int = 1,
) -> Tensor:
    """Convolution, then bias or batch normalisation, then activation: (N, h, w, C) → (N, ⌈h/s⌉, ⌈w/s⌉, channels).

    `channels` None makes it depthwise (one k×k filter per input channel, no weight decay, as in slim's MobileNets).
    """
    depthwise = channels is None
    depth_in = int(inputs.shape.as_list()[3])
    shape = [kernel_size, kernel_size, depth_in, 1 if channels is None else channels]
    depth_out = depth_in if channels is None else channels
    name, decay = ("depthwise_weights", 0.0) if depthwise else ("weights", style.weight_decay)
    with tf.variable_scope(scope):
        weights = _variable(name, shape, style.initializer, style.trainable, decay)
        if style.norm is None:
            bias_decay = style.weight_decay if style.bias_decay else 0.0
            bias = _variable("biases", [depth_out], tf.zeros_initializer(), style.trainable, bias_decay)
            outputs = tf.nn.bias_add(_convolve(inputs, weights, stride, depthwise, style), bias)
        else:
            outputs = _normalised(inputs, weights, depth_out, stride, depthwise, style)
        return outputs if style.activation is None else style.activation(outputs)


def _normalised(inputs: Tensor, weights: Tensor, depth: int, stride: int, depthwise: bool, style: Style) -> Tensor:
    norm = style.norm
    assert norm is not None
    with tf.variable_scope("BatchNorm"):
        gamma = _variable("gamma", [depth], tf.ones_initializer(), norm.trainable)
        beta = _variable("beta", [depth], tf.zeros_initializer(), norm.trainable)
        mean = _variable("moving_mean", [depth], tf.zeros_initializer(), False)
        variance = _variable("moving_variance", [depth], tf.ones_initializer(), False)
        if norm.batch_statistics:
            outputs = _convolve(inputs, weights, stride, depthwise, style)
            outputs, batch_mean, batch_variance = tf.nn.fused_batch_norm(outputs, gamma, beta, epsilon=norm.epsilon)
            for moving, batch in ((mean, batch_mean), (variance, batch_variance)):
                update = tf.assign_sub(moving, (1.0 - norm.decay) * (moving - batch), name="update")
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
            return outputs
        scale = gamma * tf.math.rsqrt(variance + norm.epsilon)
        per_output = tf.reshape(scale, [1, 1, depth, 1] if depthwise else [1, 1, 1, depth])
        outputs = _convolve(inputs, weights * per_output, stride, depthwise, style)
        return tf.nn.bias_add(outputs, beta - mean * scale)


def max_pool(inputs: Tensor, kernel_size: int, stride: int, padding: str) -> Tensor:
    """(N, h, w, C) → (N, h', w', C)."""
    return tf.nn.max_pool2d(inputs, kernel_size, stride, padding)

"""How gradients change the weights: momentum, as in the reference, or AdamW (Loshchilov and Hutter, 2019)."""

from collections.abc import Sequence
from typing import NamedTuple

from ssh_tf.utils.tf1 import tf, variable_name
from ssh_tf.utils.types import Tensor, Variable

ADAMW = "adamw"

_ADDED = ("/Momentum", "/Adam", "/Adam_1", "beta1_power", "beta2_power")


class OptimizerOptions(NamedTuple):
    """Which optimiser, and its numbers."""

    kind: str = "momentum"
    """momentum or adamw."""
    momentum: float = 0.9
    decay: float = 0.01
    """AdamW: what a weight loses in a step, as a part of the learning rate."""


def without_optimizer(variables: Sequence[Variable]) -> list[Variable]:
    """Those of `variables` that `apply_gradients` has not made."""
    return [variable for variable in variables if not variable_name(variable).endswith(_ADDED)]


def apply_gradients(pairs: Sequence[tuple[Tensor, Variable]], rate: Tensor, options: OptimizerOptions) -> Tensor:
    """An operation that changes the variables of `pairs` (gradient, variable) at the learning rate `rate`, a scalar.

    Called in a replica, with gradients that are the same on all devices. AdamW lets the weights of convolutions decay,
    but for depthwise ones, and nothing else: what the L2 terms hold otherwise.
    """
    if options.kind != ADAMW:
        optimizer = tf.train.MomentumOptimizer(rate, options.momentum)
        return optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)
    with tf.control_dependencies([gradient for gradient, _ in pairs]):
        decays = [
            variable.assign_sub(rate * options.decay * variable.read_value(), read_value=False)
            for _, variable in pairs
            if variable_name(variable).endswith("/weights")
        ]
    with tf.control_dependencies(decays):
        return tf.train.AdamOptimizer(rate).apply_gradients(pairs, skip_gradients_aggregation=True)

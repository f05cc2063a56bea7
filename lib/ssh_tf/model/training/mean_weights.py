"""The running mean of the weights (`TRAIN.EMA`): steadier than the weights themselves.

Beside a variable X stands a second one, ``X/Other``. While training, X is what is trained and the other one its mean.
In a snapshot it is the other way round: all that reads checkpoints takes the mean, and a training resumes exactly.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ssh_tf.model.training.devices import Devices
from ssh_tf.utils.tf1 import tf, variable_name
from ssh_tf.utils.types import Session, Tensor, Variable

_OTHER = "/Other"


def mean_share(iteration: int, kept: float) -> float:
    """The part of the new weights in the mean after `iteration` (the first is 0).

    1 - `kept` in the long run; at the start more, so that the first weights are soon forgotten.
    """
    return 1.0 - min(kept, (2 + iteration) / (11 + iteration))


def follow(variables: Sequence[Variable], share: Tensor) -> Tensor:
    """An operation that moves the means of `variables` to what these are now, by `share` (a scalar) of the way.

    The means are made here. Called in a replica, after what changes the variables.
    """
    updates = []
    for variable in variables:
        mean = tf.get_variable(
            f"{variable_name(variable)}{_OTHER}",
            shape=variable.shape,
            initializer=tf.zeros_initializer(),
            trainable=False,
            use_resource=True,
            aggregation=tf.VariableAggregation.MEAN,
        )
        updates.append(mean.assign_sub(share * (mean.read_value() - variable.read_value()), read_value=False))
    return tf.group(updates)


def without_means(variables: Iterable[Variable]) -> list[Variable]:
    """Those of `variables` that `follow` has not made."""
    return [variable for variable in variables if not variable_name(variable).endswith(_OTHER)]


def has_means(names: Iterable[str]) -> bool:
    """Whether a checkpoint with these names is a snapshot with means."""
    return any(name.endswith(_OTHER) for name in names)


class MeanWeights:
    """The means of a training, seen from outside of its step; without `TRAIN.EMA` there are none."""

    def __init__(self, variables: Sequence[Variable], devices: Devices) -> None:
        """Add what it takes to the default graph; `variables` are all of the training."""
        named = {variable_name(variable): variable for variable in variables}
        pairs = [(named[name.removesuffix(_OTHER)], mean) for name, mean in named.items() if name.endswith(_OTHER)]
        update = devices.strategy.extended.update
        self._begin = [
            update(mean, lambda own, new: own.assign(new, read_value=False), args=(weight,)) for weight, mean in pairs
        ]
        self._exchange = [update(weight, _exchanged, args=(mean,)) for weight, mean in pairs]

    def begin(self, session: Session) -> None:
        """Let all means be what the weights are now."""
        session.run(self._begin)

    def exchange(self, session: Session) -> None:
        """Swap weights and means: after a snapshot is restored."""
        session.run(self._exchange)

    @contextmanager
    def in_place(self, session: Session) -> Iterator[None]:
        """While a snapshot is written, the means stand in the place of the weights."""
        self.exchange(session)
        try:
            yield
        finally:
            self.exchange(session)


def _exchanged(weight: Variable, mean: Variable) -> Tensor:
    old_weight, old_mean = weight.read_value(), mean.read_value()
    with tf.control_dependencies([old_weight, old_mean]):
        return tf.group(weight.assign(old_mean, read_value=False), mean.assign(old_weight, read_value=False))

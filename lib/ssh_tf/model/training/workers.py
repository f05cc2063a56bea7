"""Several workers in step: what they settle before the first step, and what happens when one is lost."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ssh_tf.model.training.devices import Devices
from ssh_tf.nets.training_graph import over_devices
from ssh_tf.utils.errors import ConfigError, SSHError
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Session, Tensor, Variable


@contextmanager
def lost_workers(devices: Devices, advice: str) -> Iterator[None]:
    """Say what has happened when another worker no longer answers; `advice` says what to do.

    Raises:
        SSHError: instead of TensorFlow's error.
    """
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
    ) as error:
        if devices.workers == 1:
            raise
        raise SSHError(f"another worker ({devices.others}) has stopped or cannot be reached; {advice}") from error


class CommonStart:
    """Where the workers begin: all with the variables and at the iteration of worker 0.

    So the weights to start from and the snapshots are needed on the first worker's machine alone.
    """

    def __init__(self, devices: Devices, variables: Sequence[Variable]) -> None:
        """Add what it takes to the default graph."""
        self._devices = devices
        if devices.workers == 1:
            return
        strategy = devices.strategy
        self._said = tf.placeholder(tf.float64, (2,))
        with strategy.scope():
            heard = strategy.run(lambda: self._said * tf.stack([_from_first(), tf.ones((), tf.float64)]))
            self._heard = strategy.reduce(tf.distribute.ReduceOp.SUM, heard, axis=None)
            of_first = strategy.run(lambda: _of_first(variables))
            self._assign = [
                strategy.extended.update(variable, lambda own, new: own.assign(new), args=(value,))
                for variable, value in zip(variables, of_first, strict=True)
            ]

    def settle(self, session: Session, iteration: int, settings: str) -> int:
        """Take worker 0's variables. `iteration` is where this worker would begin; returns where worker 0 does.

        Raises:
            ConfigError: the workers' `settings` differ.
        """
        if self._devices.workers == 1:
            return iteration
        digest = zlib.crc32(settings.encode())
        replicas = self._devices.strategy.num_replicas_in_sync
        of_first, digests = session.run(self._heard, {self._said: (iteration, digest)})
        if digests != replicas * digest:
            raise ConfigError(
                f"the workers were started with different settings (this is worker {self._devices.worker}); "
                "give all of them the same command"
            )
        session.run(self._assign)
        return int(of_first)


def _from_first() -> Tensor:
    """1 on the first device of worker 0, 0 on the others."""
    return tf.cast(tf.equal(tf.distribute.get_replica_context().replica_id_in_sync_group, 0), tf.float64)


def _of_first(variables: Sequence[Variable]) -> list[Tensor]:
    """What `variables` hold on the first device of worker 0, on every device."""
    own = [variable.read_value() * tf.cast(_from_first(), variable.dtype) for variable in variables]
    return over_devices(tf.distribute.ReduceOp.SUM, own)

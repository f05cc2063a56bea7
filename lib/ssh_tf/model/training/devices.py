"""On what a training runs: one device, several of this machine, or several machines in step.

The work is TensorFlow's: `MirroredStrategy` for the devices of a machine, `MultiWorkerMirroredStrategy` for machines
that `TF_CONFIG` lists. Each device trains on its own part of the joint batch and all apply the mean gradient, so the
weights are those of one device with the joint batch.
"""

import json
import logging
import os
from collections.abc import Mapping
from typing import NamedTuple

from ssh_tf.model.precision import Precision, session_config
from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import SessionConfig, Strategy

_LOG = logging.getLogger(__name__)

# A worker that waits this long for the others gives up: longer than a validation, which the first one makes alone.
_PATIENCE_MILLISECONDS = 3_600_000


class Devices(NamedTuple):
    """A distribution strategy and how to open a session for it."""

    strategy: Strategy
    target: str
    session_config: SessionConfig
    worker: int = 0
    """Index of this process among the workers; worker 0 writes."""
    workers: int = 1
    addresses: tuple[str, ...] = ()
    """Of all workers, if there are several."""

    @property
    def local_replicas(self) -> int:
        """Devices of this process."""
        return int(self.strategy.num_replicas_in_sync) // self.workers

    @property
    def is_chief(self) -> bool:
        """Whether this process writes snapshots and logs."""
        return self.worker == 0

    @property
    def others(self) -> str:
        """The addresses of the other workers, for messages."""
        return ", ".join(address for index, address in enumerate(self.addresses) if index != self.worker)

    def __str__(self) -> str:
        here = f"{self.local_replicas} device{'s' if self.local_replicas > 1 else ''}"
        return f"worker {self.worker} of {self.workers} with {here}" if self.workers > 1 else here


class Cluster(NamedTuple):
    """What `TF_CONFIG` says: the addresses of the workers, and which of them this process is."""

    addresses: tuple[str, ...]
    worker: int


def parse_cluster(tf_config: str | None) -> Cluster | None:
    """Read the value of `TF_CONFIG`; None if there is no more than one worker.

    Raises:
        ConfigError: it is not JSON with ``cluster.worker`` and ``task.index``, or names other kinds of tasks.
    """
    if not tf_config:
        return None
    try:
        content = json.loads(tf_config)
        addresses = content["cluster"]["worker"]
        if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
            raise ValueError("cluster.worker is not a list of addresses")
        kind, worker = content["task"]["type"], int(content["task"]["index"])
        if set(content["cluster"]) != {"worker"} or kind != "worker":
            raise ValueError("all tasks have to be of the type worker")
        if not 0 <= worker < len(addresses):
            raise ValueError(f"task.index {worker} of {len(addresses)} workers")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"TF_CONFIG cannot be used ({error}); it looks like "
            '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
        ) from error
    return Cluster(tuple(addresses), worker) if len(addresses) > 1 else None


def choose_devices(
    precision: Precision = "auto", cpu_devices: int = 1, environment: Mapping[str, str] = os.environ
) -> Devices:
    """All visible GPUs of this machine, or else its CPU; with a `TF_CONFIG` of several workers, those of all of them.

    Args:
        precision: of the arithmetic. GPUs train in float32: TensorFlow's rewriter would take float16 there, for which
            gradients have to be scaled.
        cpu_devices: as how many devices the CPU counts where there is no GPU; more than one is for trying things out.
        environment: where `TF_CONFIG` is looked for.

    Raises:
        ConfigError: `TF_CONFIG` is not what it should be, or its address cannot be used.
    """
    cluster = parse_cluster(environment.get("TF_CONFIG"))
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and precision == "bf16":
        _LOG.warning("bf16: GPUs train in fp32 here")
    config = session_config("fp32" if gpus else precision)
    # Made while eager execution is on, a strategy would prepare itself for that.
    with tf.Graph().as_default():
        return _devices(config, cluster, len(gpus), cpu_devices)


def _devices(config: SessionConfig, cluster: Cluster | None, gpus: int, cpu_devices: int) -> Devices:
    if cluster is not None:
        return _in_step(config, cluster, gpus)
    names = [f"/device:GPU:{number}" for number in range(gpus)]
    if not gpus and cpu_devices > 1:
        config.device_count["CPU"] = cpu_devices
        names = [f"/device:CPU:{number}" for number in range(cpu_devices)]
    strategy = tf.distribute.MirroredStrategy(names) if len(names) > 1 else tf.distribute.get_strategy()
    return Devices(strategy, "", config)


def _in_step(session_config: SessionConfig, cluster: Cluster, gpus: int) -> Devices:
    specification = tf.train.ClusterSpec({"worker": list(cluster.addresses)})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        specification,
        task_type="worker",
        task_id=cluster.worker,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )
    strategy = tf.distribute.experimental.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    config = strategy.update_config_proto(session_config)
    config.operation_timeout_in_ms = _PATIENCE_MILLISECONDS
    try:
        server = tf.distribute.Server(specification, job_name="worker", task_index=cluster.worker, config=config)
    except tf.errors.OpError as error:
        raise ConfigError(
            f"worker {cluster.worker} cannot listen at {cluster.addresses[cluster.worker]} ({error.message}); "
            "is the port taken, or is TF_CONFIG that of another machine?"
        ) from error
    return Devices(strategy, server.target, config, cluster.worker, len(cluster.addresses), cluster.addresses)

"""On what a training runs: one device, several of this machine, or several machines in step.

The work is TensorFlow's: `MirroredStrategy` for the devices of a machine, `MultiWorkerMirroredStrategy` for machines
that `TF_CONFIG` lists. Each device trains on its own part of the joint batch and all apply the mean gradient, so the
weights are those of one device with the joint batch.
"""

import json
import os
from typing import Any, NamedTuple

from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.tf1 import tf


class Devices(NamedTuple):
    """A distribution strategy and how to open a session for it."""

    strategy: Any
    target: str
    session_config: Any
    worker: int
    """Index of this process among the workers; worker 0 writes."""
    workers: int

    @property
    def local_replicas(self) -> int:
        """Devices of this process."""
        return int(self.strategy.num_replicas_in_sync) // self.workers

    @property
    def is_chief(self) -> bool:
        """Whether this process writes snapshots and logs."""
        return self.worker == 0


def cluster_size(tf_config: str | None) -> int:
    """Workers that `TF_CONFIG` lists; 1 without it.

    Raises:
        ConfigError: it is not JSON with ``cluster.worker`` and ``task.index``.
    """
    if not tf_config:
        return 1
    try:
        content = json.loads(tf_config)
        workers = list(content["cluster"]["worker"])
        if not 0 <= int(content["task"]["index"]) < len(workers):
            raise ValueError(f"task.index {content['task']['index']} of {len(workers)} workers")
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"TF_CONFIG cannot be used ({error}); it looks like "
            '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
        ) from error
    return len(workers)


def choose_devices(session_config: Any) -> Devices:
    """All visible GPUs, or else the CPU, of this machine; with a `TF_CONFIG` of several workers, of all of them.

    Raises:
        ConfigError: `TF_CONFIG` is not what TensorFlow expects.
    """
    workers = cluster_size(os.environ.get("TF_CONFIG"))
    if workers > 1:
        strategy = tf.distribute.experimental.MultiWorkerMirroredStrategy()
        task = json.loads(os.environ["TF_CONFIG"])["task"]
        config = strategy.update_config_proto(session_config)
        cluster = tf.train.ClusterSpec(json.loads(os.environ["TF_CONFIG"])["cluster"])
        server = tf.distribute.Server(cluster, job_name=task["type"], task_index=int(task["index"]), config=config)
        return Devices(strategy, server.target, config, int(task["index"]), workers)
    logical = [device.name for device in tf.config.list_logical_devices("GPU")]
    logical = logical or [device.name for device in tf.config.list_logical_devices("CPU")]
    strategy = tf.distribute.MirroredStrategy(logical) if len(logical) > 1 else tf.distribute.get_strategy()
    return Devices(strategy, "", session_config, 0, 1)

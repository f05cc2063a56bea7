"""Training: the loop, from the first weights or the last snapshot to the last iteration."""

import logging
import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.model.config import to_plain
from ssh_tf.model.devices import Devices
from ssh_tf.model.learning_rate import learning_rate
from ssh_tf.model.options import match_options, pipeline_options
from ssh_tf.model.snapshots import Snapshot, SnapshotFolder, code_digest
from ssh_tf.model.training_data import matched
from ssh_tf.model.training_log import LossRow, TrainingLog
from ssh_tf.model.training_step import TrainingStep, build_training_step
from ssh_tf.model.weights import initial_weights, weights_table
from ssh_tf.roi_data_layer.pipeline import data_errors, make_dataset
from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.tf1 import tf

_LOG = logging.getLogger(__name__)

METHODS = ("group", "random")


class Run(NamedTuple):
    """What one training is called with, besides the configuration and the data."""

    backbone: str
    iterations: int
    output: Path
    tensorboard: Path
    weight: str | None = None
    method: str = "group"
    skip_unreadable: bool = False


class Finished(NamedTuple):
    """How a training ended."""

    iteration: int
    """Iterations done."""
    stopped: bool
    """A signal ended it before the last one."""


Validate = Callable[[Snapshot, TrainingLog], None]


def draw_branch_weights(method: str, seed: int, iteration: int) -> np.ndarray:
    """Weights (B,) of the branches: all ones for "group"; for "random" one branch, drawn uniformly."""
    if method == "group":
        return np.ones(len(BRANCHES), np.float32)
    drawn = np.random.default_rng([seed, iteration, 2]).integers(len(BRANCHES))
    return np.eye(len(BRANCHES), dtype=np.float32)[drawn]


@contextmanager
def _stop_signals() -> Iterator[list[str]]:
    """Collect SIGINT and SIGTERM instead of dying of them; the list holds the names of those that came."""
    came: list[str] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda got, _: came.append(signal.Signals(got).name)) for number in numbers]
    try:
        yield came
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def train(
    run: Run,
    config: Any,
    records: Sequence[ImageRecord],
    devices: Devices,
    validate: Validate | None = None,
) -> Finished:
    """Train, from the last complete snapshot of `run.output` if there is one, else from `run.weight`.

    `validate` is called with a fresh snapshot every `TRAIN.VAL_ITERS` iterations and after the last one.

    Raises:
        SSHError: a file does not fit, data cannot be read, the loss is not finite, the disk is full. The last complete
            snapshot stays.
    """
    seed, settings = config.RNG_SEED, config.TRAIN
    folder = SnapshotFolder(run.output, f"{run.backbone}_{settings.SNAPSHOT_PREFIX}", settings.SNAPSHOT_KEPT)
    resumed = folder.latest()
    start = resumed.iteration if resumed else 0
    batch = settings.IMS_PER_BATCH * devices.local_replicas

    with tf.Graph().as_default() as graph:
        step = build_training_step(
            devices.strategy, _dataset(run, config, records, devices, start), run.backbone, config
        )
        with devices.strategy.scope():
            saver = tf.train.Saver(max_to_keep=0)
            variables = tf.global_variables()
            initialize = tf.global_variables_initializer()
        with tf.Session(devices.target, graph=graph, config=devices.session_config) as session:
            session.run(initialize)
            if resumed:
                folder.restore(session, saver, resumed)
                print(f"resumed from {resumed.prefix}, {start} iterations done")
            elif run.weight:
                _load_weights(session, run.weight, run.backbone, variables)
            log = TrainingLog(
                run.output, run.tensorboard, start, run.iterations, batch * devices.workers
            )
            state = {
                "seed": seed,
                "method": run.method,
                "iterations": run.iterations,
                "batch": batch * devices.workers,
                "weight": run.weight,
                "code": code_digest(),
                "config": to_plain(config),
            }

            def snapshot(iteration: int) -> Snapshot:
                saved = folder.save(session, saver, iteration, state)
                log.restart_clock()
                return saved

            try:
                with _stop_signals() as signals, data_errors():
                    session.run(step.initialize_data)
                    iteration = _loop(session, step, run, config, records, log, start, signals, snapshot, validate)
            finally:
                log.close()
    return Finished(iteration, iteration < run.iterations)


def _dataset(run: Run, config: Any, records: Sequence[ImageRecord], devices: Devices, start: int) -> Any:
    batch = config.TRAIN.IMS_PER_BATCH * devices.local_replicas
    options = pipeline_options(config)._replace(skip_unreadable=run.skip_unreadable)
    dataset = make_dataset(records, options, config.RNG_SEED, start, batch, devices.worker, devices.workers)
    return matched(
        dataset, run.backbone, match_options(config), config.RNG_SEED, start, first_slot=devices.worker * batch
    )


def _load_weights(session: Any, path: str, backbone: str, variables: Sequence[Any]) -> None:
    model = [variable for variable in variables if not variable.op.name.endswith("/Momentum")]
    weights = initial_weights(path, backbone, model)
    for variable in model:
        if variable.op.name in weights.values:
            variable.load(weights.values[variable.op.name], session)
    print(weights_table(path, weights))


def _loop(
    session: Any,
    step: TrainingStep,
    run: Run,
    config: Any,
    records: Sequence[ImageRecord],
    log: TrainingLog,
    start: int,
    signals: list[str],
    snapshot: Callable[[int], Snapshot],
    validate: Validate | None,
) -> int:
    settings = config.TRAIN
    fetches = [step.train, step.losses, step.records]
    run_step = session.make_callable(fetches, [step.rate, step.branch_weights])
    saved_at = start
    for iteration in range(start, run.iterations):
        rate = learning_rate(
            iteration,
            settings.LEARNING_RATE,
            settings.STEPSIZE,
            settings.GAMMA,
            settings.WARMUP,
            settings.SCHEDULE,
            run.iterations,
        )
        _, losses, drawn = run_step(rate, draw_branch_weights(run.method, config.RNG_SEED, iteration))
        done = iteration + 1
        row = LossRow.of(done, rate, losses)
        if not math.isfinite(row.total):
            names = ", ".join(records[i].name for i in np.concatenate(drawn))
            raise SSHError(
                f"the loss of iteration {done} is {row.total} on the images {names}; "
                f"the last snapshot ({saved_at} iterations) is kept: lower TRAIN.LEARNING_RATE or look at these images"
            )
        log.step(row)
        if done % settings.SUMMARY_INTERVAL == 0:
            log.scalars(row)
        if done % settings.DISPLAY == 0 or done == run.iterations:
            log.show()
        due = bool(settings.VAL_ITERS) and (done % settings.VAL_ITERS == 0 or done == run.iterations)
        if due or done % settings.SNAPSHOT_ITERS == 0 or done == run.iterations or signals:
            log.show()
            saved, saved_at = snapshot(done), done
            if signals:
                log.say(f"{signals[0]}: stopped after {done} iterations; the same command goes on from {saved.prefix}")
                return done
            if due and validate is not None:
                validate(saved, log)
                log.restart_clock()
    return run.iterations

"""Training: the loop, from the first weights or the last snapshot to the last iteration."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.model.config import to_plain
from ssh_tf.model.files.checkpoints import assign
from ssh_tf.model.files.weights import initial_weights, weights_table
from ssh_tf.model.options import match_options, pipeline_options, sampling_options
from ssh_tf.model.training.data import matched
from ssh_tf.model.training.devices import Devices
from ssh_tf.model.training.learning_rate import learning_rate
from ssh_tf.model.training.log import LossRow, TrainingFiles, TrainingLog
from ssh_tf.model.training.snapshots import Snapshot, SnapshotFolder, code_digest, differences
from ssh_tf.model.training.step import TrainingStep, build_training_step
from ssh_tf.model.training.workers import CommonStart, lost_workers
from ssh_tf.roi_data_layer.pipeline import data_errors, make_dataset
from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.random_streams import Stream, random_generator
from ssh_tf.utils.signals import stop_signals
from ssh_tf.utils.tf1 import tf

METHODS = ("group", "random")


class TrainingRun(NamedTuple):
    """What one training is called with, besides the configuration and the data."""

    backbone: str
    iterations: int
    output: Path
    tensorboard: Path
    weight: str | None = None
    method: str = "group"
    skip_unreadable: bool = False
    command: str = "the same command"
    """What goes on with it, for messages."""


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
    drawn = random_generator(seed, Stream.BRANCH, iteration).integers(len(BRANCHES))
    return np.eye(len(BRANCHES), dtype=np.float32)[drawn]


def train(
    run: TrainingRun,
    config: Any,
    records: Sequence[ImageRecord],
    devices: Devices,
    validate: Validate | None = None,
) -> Finished:
    """Train, from the last complete snapshot of `run.output` if there is one, else from `run.weight`.

    `validate` is called with a fresh snapshot every `TRAIN.VAL_ITERS` iterations and after the last one. Of several
    workers the first alone reads the snapshots and `run.weight`, validates and writes.

    Raises:
        SSHError: a file does not fit, data cannot be read, the loss is not finite, the disk is full, another worker is
            lost. The last complete snapshot stays.
    """
    folder = SnapshotFolder(run.output, f"{run.backbone}_{config.TRAIN.SNAPSHOT_PREFIX}", config.TRAIN.SNAPSHOT_KEPT)
    state = _state(run, config, records, devices)
    resumed = folder.latest() if devices.is_chief else None
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(config.RNG_SEED)
        first = tf.placeholder(tf.int64, ())
        step = build_training_step(devices, _dataset(run, config, records, devices, first), run.backbone, config)
        variables = tf.global_variables()
        common_start = CommonStart(devices, variables)
        with devices.strategy.scope():
            saver = tf.train.Saver(max_to_keep=0)
            initialize = tf.global_variables_initializer()
            finite = tf.reduce_all([tf.reduce_all(tf.is_finite(variable.read_value())) for variable in variables])
        if devices.workers > 1:
            print(f"waiting for the other workers: {devices.others}", flush=True)
        advice = f"start all workers again to go on from the last snapshot: {run.command}"
        with (
            tf.Session(devices.target, graph=graph, config=devices.session_config) as session,
            lost_workers(devices, advice),
            data_errors(),
            _full_disk(run.output),
        ):
            session.run(initialize)
            with devices.strategy.scope():
                if resumed:
                    _resume(session, saver, folder, resumed, state, variables, run)
                elif run.weight and devices.is_chief:
                    _load_weights(session, run.weight, run.backbone, variables, devices)
            start = common_start.settle(session, resumed.iteration if resumed else 0, _shared_settings(state))
            session.run(step.initialize_data, {first: start})
            files = TrainingFiles(run.output, run.tensorboard, start) if devices.is_chief else None
            log = TrainingLog(files, start, run.iterations, state["batch"])
            try:
                training = _Training(
                    session, step, run, config, records, devices, log, folder, saver, finite, state, validate
                )
                return training.loop(start)
            finally:
                log.close()


def _state(run: TrainingRun, config: Any, records: Sequence[ImageRecord], devices: Devices) -> dict[str, Any]:
    """What a snapshot says of the training that made it."""
    names = hashlib.sha256("\n".join(record.name for record in records).encode())
    return {
        "backbone": run.backbone,
        "method": run.method,
        "seed": config.RNG_SEED,
        "iterations": run.iterations,
        "batch": config.TRAIN.IMS_PER_BATCH * devices.local_replicas * devices.workers,
        "images": f"{len(records)} ({names.hexdigest()[:16]})",
        "weight": run.weight,
        "code": code_digest(),
        "config": to_plain(config),
    }


def _shared_settings(state: dict[str, Any]) -> str:
    """What all workers must have alike."""
    return json.dumps({key: value for key, value in state.items() if key not in ("weight", "code")}, sort_keys=True)


def _dataset(run: TrainingRun, config: Any, records: Sequence[ImageRecord], devices: Devices, first: Any) -> Any:
    batch = config.TRAIN.IMS_PER_BATCH * devices.local_replicas
    options = pipeline_options(config)._replace(skip_unreadable=run.skip_unreadable)
    sampling = sampling_options(config)
    return matched(
        make_dataset(records, options, config.RNG_SEED, first, batch, devices.worker, devices.workers),
        run.backbone,
        match_options(config),
        sampling.hard_positives and sampling.hard_negatives,
        config.RNG_SEED,
        first,
        first_slot=devices.worker * batch,
    )


def _resume(
    session: Any,
    saver: Any,
    folder: SnapshotFolder,
    snapshot: Snapshot,
    state: dict[str, Any],
    variables: Sequence[Any],
    run: TrainingRun,
) -> None:
    changes = [change for change in differences(snapshot.state, state) if not change.startswith("code ")]
    print(f"resumed from {snapshot.prefix}, {snapshot.iteration} iterations done")
    if changes:
        print("since that snapshot: " + "; ".join(changes))
    if run.weight:
        print(f"{run.weight} is not read: the snapshot has the weights")
    folder.restore(session, saver, snapshot, variables, run.backbone)


def _load_weights(session: Any, path: str, backbone: str, variables: Sequence[Any], devices: Devices) -> None:
    model = [variable for variable in variables if not variable.op.name.endswith("/Momentum")]
    weights = initial_weights(path, backbone, model)
    loaded = [variable for variable in model if variable.op.name in weights.values]
    values = {
        copy: weights.values[variable.op.name]
        for variable in loaded
        for copy in devices.strategy.experimental_local_results(variable)
    }
    assign(session, values)
    print(weights_table(path, weights))


@contextmanager
def _full_disk(output: Path) -> Iterator[None]:
    """What cannot be written is an error of one line; snapshots bring their own."""
    try:
        yield
    except OSError as error:
        raise SSHError(f"{error.filename or output}: {error.strerror}; the snapshots are as they were") from error


class _Training:
    """A training in a session, from a first iteration to the last."""

    def __init__(
        self,
        session: Any,
        step: TrainingStep,
        run: TrainingRun,
        config: Any,
        records: Sequence[ImageRecord],
        devices: Devices,
        log: TrainingLog,
        folder: SnapshotFolder,
        saver: Any,
        finite: Any,
        state: dict[str, Any],
        validate: Validate | None,
    ) -> None:
        self._session = session
        self._step = session.make_callable(
            [step.train, step.losses, step.stopping, step.records], [step.rate, step.branch_weights, step.stop]
        )
        self._run = run
        self._config = config
        self._records = records
        self._devices = devices
        self._log = log
        self._folder = folder
        self._saver = saver
        self._finite = finite
        self._state = state
        self._validate = validate

    def loop(self, start: int) -> Finished:
        """Train from `start` on, until the last iteration or a signal to any worker."""
        run, settings, log = self._run, self._config.TRAIN, self._log
        if start >= run.iterations:
            log.say(f"nothing to do: {start} iterations are done, --iters asks for {run.iterations}")
        done, stopping = start, False
        with stop_signals() as signals:
            while done < run.iterations and not stopping:
                row, stopping, drawn = self._iterate(done, stop=bool(signals))
                # Several workers have to stop after the same step: the others hear of it in the next one.
                stopping = stopping or (bool(signals) and self._devices.workers == 1)
                done += 1
                last = done == run.iterations
                log.step(row)
                if log.files and done % settings.SUMMARY_INTERVAL == 0:
                    log.files.add_scalars(row)
                validates = bool(settings.VAL_ITERS) and (done % settings.VAL_ITERS == 0 or last)
                saves = validates or done % settings.SNAPSHOT_ITERS == 0 or last or stopping
                if saves or done % settings.DISPLAY == 0:
                    log.show()
                if saves and log.files:
                    snapshot = self._save(done, drawn)
                    if validates and self._validate is not None and not stopping:
                        self._validate(snapshot, log)
                    log.restart_clock()
        if log.files:
            log.files.plot()
        if stopping:
            came = signals[0] if signals else "another worker"
            log.say(f"stopped by {came} after {done} iterations; go on with: {run.command}")
        return Finished(done, stopping)

    def _iterate(self, iteration: int, stop: bool) -> tuple[LossRow, bool, tuple[np.ndarray, ...]]:
        settings, seed = self._config.TRAIN, self._config.RNG_SEED
        rate = learning_rate(
            iteration,
            settings.LEARNING_RATE,
            settings.STEPSIZE,
            settings.GAMMA,
            settings.WARMUP,
            settings.SCHEDULE,
            self._run.iterations,
        )
        weights = draw_branch_weights(self._run.method, seed, iteration)
        _, losses, stopping, drawn = self._step(rate, weights, float(stop))
        row = LossRow.of(iteration + 1, rate, losses)
        if not math.isfinite(row.total):
            raise self._not_finite(f"the loss of iteration {row.iteration} is {row.total}", drawn)
        return row, bool(stopping > 0), drawn

    def _save(self, iteration: int, drawn: tuple[np.ndarray, ...]) -> Snapshot:
        if not self._session.run(self._finite):
            raise self._not_finite(f"iteration {iteration} has left weights that are not finite", drawn)
        return self._folder.save(self._session, self._saver, iteration, self._state)

    def _not_finite(self, what: str, drawn: tuple[np.ndarray, ...]) -> SSHError:
        names = ", ".join(self._records[i].name for i in np.concatenate(drawn))
        snapshot = self._folder.latest()
        kept = f"the snapshot of {snapshot.iteration} iterations is kept" if snapshot else "there is no snapshot yet"
        return SSHError(f"{what}, with the images {names}; {kept}: lower TRAIN.LEARNING_RATE or look at these images")

"""Training: the loop, from the first weights or the last snapshot to the last iteration."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssh_tf.datasets.records import ImageRecord, fingerprint
from ssh_tf.layer_utils.anchors import BRANCHES
from ssh_tf.model.config import to_plain
from ssh_tf.model.files.checkpoints import Checkpoint, assign
from ssh_tf.model.files.weights import initial_weights, weights_table
from ssh_tf.model.options import match_options, pipeline_options, sampling_options
from ssh_tf.model.training.data import matched
from ssh_tf.model.training.devices import Devices
from ssh_tf.model.training.learning_rate import learning_rate
from ssh_tf.model.training.log import TrainingFiles, TrainingLog
from ssh_tf.model.training.mean_weights import MeanWeights, has_means, mean_share, without_means
from ssh_tf.model.training.snapshots import Snapshot, SnapshotFolder, check_data, code_digest, differences
from ssh_tf.model.training.step import build_training_step
from ssh_tf.model.training.tables import LossRow, validated_iterations
from ssh_tf.model.training.workers import CommonStart, lost_workers
from ssh_tf.nets.optimizer import without_optimizer
from ssh_tf.roi_data_layer.pipeline import data_errors, make_dataset
from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.locks import claimed
from ssh_tf.utils.opencv import single_threaded_opencv
from ssh_tf.utils.random_streams import Stream, random_generator
from ssh_tf.utils.signals import stop_signals
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Config, Dataset, JsonObject, Session, Tensor, Variable

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
    """What resumes it, for messages."""


class Finished(NamedTuple):
    """How a training ended."""

    iteration: int
    """Iterations done."""
    stopped: bool
    """A signal, or validations that did not improve, ended it with iterations or a validation left to do."""


Validate = Callable[[Snapshot, TrainingLog], float]
"""Evaluates a snapshot and writes its row; the larger what it returns, the better. NaN says nothing."""


def draw_branch_weights(method: str, seed: int, iteration: int) -> np.ndarray:
    """Weights (B,) of the branches: all ones for "group"; for "random" one branch, drawn uniformly."""
    if method == "group":
        return np.ones(len(BRANCHES), np.float32)
    drawn = random_generator(seed, Stream.BRANCH, iteration).integers(len(BRANCHES))
    return np.eye(len(BRANCHES), dtype=np.float32)[drawn]


def train(
    run: TrainingRun,
    config: Config,
    records: Sequence[ImageRecord],
    devices: Devices,
    validate: Validate | None = None,
) -> Finished:
    """Train, from the last complete snapshot of `run.output` if there is one, else from `run.weight`.

    `validate` is called with a fresh snapshot every `TRAIN.VAL_ITERS` iterations and after the last one; the best one
    is kept. A signal ends the training without the validation that is due then, and a kill may end it in the midst of
    one: the run that resumes makes it up first. Of several workers the first alone reads the snapshots and
    `run.weight`, validates and writes.

    Raises:
        SSHError: a file does not fit, data cannot be read, the loss is not finite, the disk is full, another worker is
            lost, another training writes into `run.output`. The last complete snapshot stays.
    """
    with _full_disk(run.output), claimed(run.output) if devices.is_chief else nullcontext():
        return _Training(run, config, records, devices, validate).train()


def _state(run: TrainingRun, config: Config, records: Sequence[ImageRecord], devices: Devices) -> JsonObject:
    """What a snapshot says of the training that made it."""
    names = hashlib.sha256("\n".join(record.name for record in records).encode())
    return {
        "backbone": run.backbone,
        "method": run.method,
        "seed": config.RNG_SEED,
        "iterations": run.iterations,
        "batch": config.TRAIN.IMS_PER_BATCH * devices.local_replicas * devices.workers,
        "images": f"{len(records)} ({names.hexdigest()[:16]})",
        "data": fingerprint(records),
        "weight": run.weight,
        "code": code_digest(),
        "config": to_plain(config),
    }


def _shared_settings(state: JsonObject) -> str:
    """What all workers must have alike."""
    return json.dumps({key: value for key, value in state.items() if key not in ("weight", "code")}, sort_keys=True)


def _dataset(
    run: TrainingRun, config: Config, records: Sequence[ImageRecord], devices: Devices, first: Tensor
) -> Dataset:
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


def _load_weights(session: Session, path: str, backbone: str, variables: Sequence[Variable], devices: Devices) -> None:
    model = without_optimizer(variables)
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
    """A training: its graph is built, its state restored, its loop run from there to the last iteration."""

    def __init__(
        self,
        run: TrainingRun,
        config: Config,
        records: Sequence[ImageRecord],
        devices: Devices,
        validate: Validate | None,
    ) -> None:
        self._run = run
        self._config = config
        self._records = records
        self._devices = devices
        self._validate = validate
        prefix = f"{run.backbone}_{config.TRAIN.SNAPSHOT_PREFIX}"
        self._folder = SnapshotFolder(run.output, prefix, config.TRAIN.SNAPSHOT_KEPT)
        self._state = _state(run, config, records, devices)

    def train(self) -> Finished:
        """See the function `train`."""
        run, config, devices = self._run, self._config, self._devices
        resumed = self._folder.latest_sound(print) if devices.is_chief else None
        if resumed:
            check_data(resumed, self._state)
            complete = resumed.iteration >= run.iterations and not self._lacks_validation(resumed.iteration)
            if complete and devices.workers == 1:
                print(self._nothing_to_do(resumed.iteration))
                return Finished(resumed.iteration, False)
        with tf.Graph().as_default() as graph:
            tf.set_random_seed(config.RNG_SEED)
            first = tf.placeholder(tf.int64, ())
            step = build_training_step(
                devices, _dataset(run, config, self._records, devices, first), run.backbone, config
            )
            variables = self._variables = tf.global_variables()
            common_start = CommonStart(devices, variables)
            with devices.strategy.scope():
                self._saver = tf.train.Saver(max_to_keep=0)
                self._means = MeanWeights(variables, devices)
                initialize = tf.global_variables_initializer()
            if devices.workers > 1:
                print(f"waiting for the other workers: {devices.others}", flush=True)
            advice = f"start all workers again to resume from the last snapshot: {run.command}"
            with (
                tf.Session(devices.target, graph=graph, config=devices.session_config) as session,
                lost_workers(devices, advice),
                data_errors(),
                single_threaded_opencv(),
                _full_disk(run.output),
            ):
                self._session = session
                session.run(initialize)
                with devices.strategy.scope():
                    if resumed:
                        self._resume(resumed, variables)
                    elif run.weight and devices.is_chief:
                        _load_weights(session, run.weight, run.backbone, without_means(variables), devices)
                    if not resumed:
                        self._means.begin(session)
                start = common_start.settle(session, resumed.iteration if resumed else 0, _shared_settings(self._state))
                session.run(step.initialize_data, {first: start})
                self._step = session.make_callable(
                    [step.train, step.losses, step.stopping, step.records],
                    [step.rate, step.branch_weights, step.mean_share, step.stop],
                )
                files = TrainingFiles(run.output, run.tensorboard, start) if devices.is_chief else None
                self._log = TrainingLog(files, start, run.iterations, self._state["batch"])
                try:
                    return self._loop(start, resumed)
                finally:
                    self._log.close()

    def _resume(self, snapshot: Snapshot, variables: Sequence[Variable]) -> None:
        changes = [c for c in differences(snapshot.state, self._state) if not c.startswith("code ")]
        print(f"resumed from {snapshot.prefix}, {snapshot.iteration} iterations done")
        if changes:
            print("since that snapshot: " + "; ".join(changes))
        if self._run.weight:
            print(f"{self._run.weight} is not read: the snapshot has the weights")
        model = without_means(variables)
        if len(model) < len(variables) and not has_means(Checkpoint(snapshot.prefix).shapes):
            saver = tf.train.Saver(model, max_to_keep=0)
            self._folder.restore(self._session, saver, snapshot, model, self._run.backbone)
            self._means.begin(self._session)
            return
        self._folder.restore(self._session, self._saver, snapshot, variables, self._run.backbone)
        self._means.exchange(self._session)

    def _loop(self, start: int, resumed: Snapshot | None) -> Finished:
        """Train from `start` on, to the last iteration, a signal to any worker, or `TRAIN.STOP_AFTER`."""
        run, settings, log = self._run, self._config.TRAIN, self._log
        done, stopping = start, False
        reason = self._no_better()
        with stop_signals() as signals:
            if resumed and not reason and self._lacks_validation(start):
                log.say(f"the snapshot of {start} iterations has not been validated yet; that comes first")
                self._consider(resumed)
                reason = self._no_better()
                log.restart_clock()
            elif start >= run.iterations:
                log.say(self._nothing_to_do(start))
            while done < run.iterations and not stopping and not (reason and self._devices.workers == 1):
                # Several workers have to stop after the same step: the others hear of it in the next one.
                row, stopping, drawn = self._iterate(done, stop=bool(signals or reason))
                stopping = stopping or (bool(signals) and self._devices.workers == 1)
                done += 1
                log.step(row)
                if log.files and done % settings.SUMMARY_INTERVAL == 0:
                    log.files.add_scalars(row)
                validates = self._is_due(done)
                saves = validates or done % settings.SNAPSHOT_ITERS == 0 or done == run.iterations or stopping
                if saves or done % settings.DISPLAY == 0:
                    log.show()
                if saves and log.files:
                    snapshot = self._save(done, drawn)
                    if validates and not stopping:
                        self._consider(snapshot)
                        reason = self._no_better()
                    log.restart_clock()
        if log.files:
            log.files.plot()
        is_left = done < run.iterations or (not reason and self._lacks_validation(done))
        stopped = is_left and (stopping or bool(reason))
        if stopped and reason:
            log.say(f"stopped after {done} iterations: {reason}")
        elif stopped:
            came = signals[0] if signals else "another worker"
            log.say(f"stopped by {came} after {done} iterations; resume with: {run.command}")
        return Finished(done, stopped)

    def _nothing_to_do(self, done: int) -> str:
        return f"nothing to do: {done} iterations are done, --iters asks for {self._run.iterations}"

    def _is_due(self, done: int) -> bool:
        """Whether the snapshot of `done` iterations is one to validate."""
        interval = self._config.TRAIN.VAL_ITERS
        return bool(interval) and (done % interval == 0 or done == self._run.iterations)

    def _lacks_validation(self, done: int) -> bool:
        """Whether this worker has to validate the snapshot of `done` iterations and has not, or not to the end."""
        validates = self._devices.is_chief and self._validate is not None and self._is_due(done)
        return validates and done not in validated_iterations(self._run.output)

    def _consider(self, snapshot: Snapshot) -> None:
        """Validate `snapshot`, if there is what validates, and keep it if it is the best one."""
        if self._validate is not None and self._folder.keep_best(snapshot, self._validate(snapshot, self._log)):
            self._log.say(f"the best so far is kept: {self._folder.path('best')}")

    def _no_better(self) -> str:
        """Why the validations end the training, if they do: that `TRAIN.STOP_AFTER` have brought nothing better."""
        allowed, best = self._config.TRAIN.STOP_AFTER, self._folder.best()
        if not (allowed and best and self._log.files and self._validate is not None):
            return ""
        if self._log.files.validations_after(best[0].iteration) < allowed:
            return ""
        return (
            f"{allowed} validations have been no better than that of {best[0].iteration} iterations "
            "(TRAIN.STOP_AFTER; 0 trains on)"
        )

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
        share = mean_share(iteration, settings.EMA)
        _, losses, stopping, drawn = self._step(rate, weights, share, float(stop))
        row = LossRow.of(iteration + 1, rate, losses)
        if not math.isfinite(row.total):
            raise self._not_finite(f"the loss of iteration {row.iteration} is {row.total}", drawn)
        return row, bool(stopping > 0), drawn

    def _save(self, iteration: int, drawn: tuple[np.ndarray, ...]) -> Snapshot:
        if not all(np.isfinite(value).all() for value in self._session.run(self._variables)):
            raise self._not_finite(f"iteration {iteration} has left weights that are not finite", drawn)
        with self._means.in_place(self._session):
            return self._folder.save(self._session, self._saver, iteration, self._state)

    def _not_finite(self, what: str, drawn: tuple[np.ndarray, ...]) -> SSHError:
        names = ", ".join(self._records[i].name for i in np.concatenate(drawn))
        snapshot = self._folder.latest()
        kept = f"the snapshot of {snapshot.iteration} iterations is kept" if snapshot else "there is no snapshot yet"
        return SSHError(f"{what}, with the images {names}; {kept}: lower TRAIN.LEARNING_RATE or check these images")

"""Shards given out by Ray Data to processes that hold a detector each, on this machine or on a cluster.

Ray restarts a process that died, where there is room, and assigns its shard again. A shard's rows are one file,
renamed when it is whole: done twice, it is written twice, and there once. Needs the extra `bulk`.
"""

import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ssh_tf.bulk.output import Output
from ssh_tf.bulk.storage import Root, bulk_package
from ssh_tf.bulk.work import Counts, do_shard
from ssh_tf.model.inference.detection import Detector
from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.quiet import silent_stderr

_OBJECT_STORE = 2**28
"""Bytes for what processes share on a local run: the model and numbers of shards."""
_PATIENCE = 10
"""Seconds for a cluster's address to answer."""
_HTTP2_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""A frame of no settings. Its kind, 4, is the fourth byte, and with one of these a server of gRPC answers."""
_HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _HTTP2_SETTINGS
_AHEAD = 2
"""Shards that a process has been given: the one it works on, and one more so that it need not wait."""


class Model(NamedTuple):
    """A detector that a process on any machine can make."""

    load: Callable[[Path], Detector]
    name: str
    """Of what `load` is given, in a folder that holds `files`."""
    files: dict[str, bytes]


class Job(NamedTuple):
    """What every process is told."""

    threshold: float
    roots: Sequence[Root]
    output: Output
    image_column: str | None


class Share(NamedTuple):
    """What a process takes of its machine, and how many there are; None: as many as there is room for."""

    workers: int | None = None
    cpus: float = 1
    gpus: float = 0


def read_model(load: Callable[[Path], Detector], path: Path, files: Sequence[Path]) -> Model:
    """The model at `path`, which consists of `files`, so that other machines need not have it.

    Raises:
        SSHError: a file cannot be read.
    """
    try:
        return Model(load, path.name, {str(file.relative_to(path.parent)): file.read_bytes() for file in files})
    except OSError as error:
        raise SSHError(f"{error.filename}: {error.strerror}") from error


@contextmanager
def connected(address: str | None, share: Share) -> Iterator[int]:
    """Be connected to the Ray cluster at `address`, or to one made of this machine; the number of processes.

    Raises:
        SSHError: Ray is not installed, no cluster answers, or it has no room for `share`.
    """
    # Ray reports usage statistics unless told not to, and logs to standard error, of a level that is set that it is.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray = bulk_package("ray")
    bulk_package("ray.data")
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is not None:
        _check_address(address)
    try:
        with silent_stderr():
            if address is None:
                ray.init("local", include_dashboard=False, object_store_memory=_OBJECT_STORE, **quiet)
            else:
                ray.init(address, **quiet)
    except Exception as error:  # Ray raises what it comes upon, down to plain exceptions
        raise SSHError(f"{address or 'this machine'}: no Ray cluster: {_last_line(error)}") from error
    try:
        yield _workers(ray.cluster_resources(), share)
    finally:
        ray.shutdown()


def run_shards(model: Model, job: Job, shards: Sequence[int], workers: int, share: Share) -> Iterator[Counts]:
    """Have `shards` done by `workers` processes; what each came to, as they are done. Call it while `connected`.

    Raises:
        SSHError: no process can load the model, read the plan or write rows, or Ray gives up.
    """
    ray = bulk_package("ray")
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    workers = min(workers, len(shards))
    results = ray.data.from_items(list(shards), override_num_blocks=len(shards)).map_batches(
        _Worker,
        fn_constructor_kwargs={"model": model._replace(files=ray.put(model.files)), "job": job, "cpus": share.cpus},
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=_AHEAD),
        num_cpus=share.cpus,
        num_gpus=share.gpus,
    )
    try:
        for row in results.iter_rows():
            if row["error"]:
                raise SSHError(row["error"])
            yield Counts(row["pictures"], row["faces"], row["failed"])
    except ray.exceptions.RayError as error:
        raise SSHError(f"Ray ended the run: {_last_line(error)}") from error


class _Worker:
    """A process's detector. What a user can mend travels as a value: Ray would take it for a fault of the program."""

    def __init__(self, model: Model, job: Job, cpus: float) -> None:
        # As many threads as the process has cores; TensorFlow would take all that the machine has.
        os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(max(1, round(cpus)))
        self._job = job
        self._detector: Detector | None = None
        self._error = ""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in bulk_package("ray").get(model.files).items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            try:
                self._detector = model.load(Path(folder, model.name))
            except SSHError as error:
                self._error = str(error).replace(f"{folder}/", "")

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        counts, error = Counts(0, 0, 0), self._error
        if self._detector is not None:
            try:
                (shard,) = batch["item"]
                counts = do_shard(self._detector, *self._job[:3], int(shard), self._job.image_column)
            except SSHError as reason:
                error = str(reason)
        return {key: [value] for key, value in {**counts._asdict(), "error": error}.items()}


def _check_address(address: str) -> None:
    """Try to connect first: Ray tries for over a minute, and leaves some processes that it could not connect."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _PATIENCE) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() in {"1", "true"}:
                return  # Ray itself has the certificates to be greeted with
            connection.sendall(_HTTP2_GREETING)
            answer = connection.recv(len(_HTTP2_SETTINGS))
    except (OSError, OverflowError, ValueError) as error:  # a name that is none is a UnicodeError
        raise SSHError(f"{address}: no Ray cluster answers: {getattr(error, 'strerror', None) or error}") from error
    if answer[3:4] != _HTTP2_SETTINGS[3:4]:
        raise SSHError(f"{address}: what answers there is no Ray cluster")


def _workers(resources: dict[str, float], share: Share) -> int:
    rooms = [int(resources.get("CPU", 0) / share.cpus)]
    if share.gpus:
        rooms.append(int(resources.get("GPU", 0) / share.gpus))
    room = min(rooms)
    if room < (share.workers or 1):
        needs = f"{share.cpus:g} CPUs" + (f" and {share.gpus:g} GPUs" if share.gpus else "")
        raise SSHError(
            f"{share.workers or 1} workers of {needs} each do not fit: there are {resources.get('CPU', 0):g} CPUs and "
            f"{resources.get('GPU', 0):g} GPUs; ask for fewer, or for parts such as --cpus_per_worker 0.5"
        )
    return share.workers or room


def _last_line(error: Exception) -> str:
    """Ray's messages end with what went wrong."""
    return str(error).strip().rpartition("\n")[2].strip() or type(error).__name__

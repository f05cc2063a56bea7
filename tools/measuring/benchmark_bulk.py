"""What Ray Data costs: small pictures under tools/detect_bulk.py's machinery, and in as many plain processes.

    python tools/measuring/benchmark_bulk.py --workers 2 --pictures 100 1000 5000

Both read, detect and keep rows. Times are processor time of all processes but for their start, which falls on few
pictures as on many, and the wall clock's from the first part to the last. `--network none` leaves the network out, so
that what is left is the cost of everything around it.
"""

import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.bulk.cluster import Job, Model, Share, connected, run_shards
from ssh_tf.bulk.inputs import find_units
from ssh_tf.bulk.output import Output
from ssh_tf.bulk.storage import bulk_package, root_and_name
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.inference.detect_files import detect_pictures
from ssh_tf.model.inference.detection import Detector, ImageProposals
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.images import write_image
from ssh_tf.utils.media import find_sources

_SETTINGS = ["TEST.SCALES", "[160]", "TEST.MAX_SIZE", "240"]
_SHARD = 64


class _Blind:
    """A network that costs nothing and finds nothing."""

    def __call__(self, images: npt.NDArray[np.float32], scale: float) -> list[ImageProposals]:
        return [ImageProposals(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), None)] * len(images)

    def close(self) -> None:
        """There is nothing to give back."""


def make_detector(network: str, _: Path | None = None) -> Detector:
    """The shipped model on pictures of 160 pixels, or one without a network."""
    config = load_config(None, _SETTINGS)
    return Detector(_Blind(), config) if network == "none" else FaceDetector(config=config)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = ToolParser(__doc__)
    parser.add_argument("--pictures", nargs="+", type=positive, default=[100, 1000, 5000], metavar="N")
    parser.add_argument("--workers", type=positive, default=2, metavar="N")
    parser.add_argument("--network", choices=["default", "none"], default="default")
    arguments = parser.parse_args(argv)
    print(f"{'pictures':>8}  {'':6}  {'ms of processor a picture':>25}  {'pictures/s':>10}")
    for count in arguments.pictures:
        with tempfile.TemporaryDirectory() as folder:
            pictures = Path(folder, "pictures")
            noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
            write_image(pictures / "0.jpg", noise.repeat(10, 0).repeat(10, 1))
            for number in range(1, count):
                shutil.copy(pictures / "0.jpg", pictures / f"{number}.jpg")
            for name, run in (("plain", _plain), ("Ray", _ray)):
                seconds, speed = run(arguments.network, arguments.workers, pictures, count, Path(folder))
                print(f"{count:8}  {name:6}  {1000 * seconds / count:25.2f}  {speed:10.1f}", flush=True)
    return 0


def _plain(network: str, workers: int, pictures: Path, count: int, _: Path) -> tuple[float, float]:
    """Processor seconds, and pictures a second, of processes that divide the pictures among themselves."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Barrier(workers + 1), context.Event()
    results = context.Queue()
    inputs = sorted(map(str, pictures.iterdir()))
    processes = [
        context.Process(target=_work, args=(network, inputs[number::workers], ready, go, results))
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    ready.wait()
    started = time.perf_counter()
    go.set()
    seconds = sum(results.get() for _ in processes)
    speed = count / (time.perf_counter() - started)
    for process in processes:
        process.join()
    return seconds, speed


def _work(network: str, inputs: list[str], ready: Barrier, go: Event, results: "Queue[float]") -> None:
    # A thread each, as Ray's processes have at one CPU.
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    detector = make_detector(network)
    ready.wait()
    go.wait()
    started = time.process_time()
    pictures = (picture for source in find_sources(inputs) for picture in source.pictures())
    rows = [found for _, found in detect_pictures(detector, pictures) if not isinstance(found, str)]
    assert len(rows) == len(inputs)
    results.put(time.process_time() - started)


def _ray(network: str, workers: int, pictures: Path, count: int, folder: Path) -> tuple[float, float]:
    """The same of a bulk run, all of Ray's processes counted from the first part that is done."""
    share = Share(workers, 1)
    output = Output(*root_and_name(str(folder / "out")))
    with connected(None, share):
        shards = output.begin({}, find_units([str(pictures)], workers, _SHARD))
        job = Job(0.5, [root_and_name(str(pictures))[0]], output, None)
        model = Model(partial(make_detector, network), "model", {})
        before, started, first = 0.0, 0.0, 0
        done = 0
        for counts in run_shards(model, job, range(shards), workers, share):
            done += counts.pictures
            if not first:
                before, started, first = _processor_seconds(), time.perf_counter(), done
        seconds, taken = _processor_seconds() - before, time.perf_counter() - started
    shutil.rmtree(folder / "out")
    return seconds * count / (done - first), (done - first) / taken


def _processor_seconds() -> float:
    """Of this process and all that it started."""
    process = bulk_package("psutil").Process()
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    run_tool(main)

"""Runs of tools that are killed as they go: what is left of them, and what a later run makes of it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.images import write_image
from ssh_tf.utils.types import Array, JsonObject

SMALL = ["TEST.SCALES", "[64]", "TEST.MAX_SIZE", "96"]
"""Settings of a network that looks at pictures at 64 pixels."""

_PICTURES = 150
_SUFFIXES = (".jpg", ".png", ".webp", ".bmp", ".tiff")
_TOOLS = Path(__file__).resolve().parents[1]

_ITERATIONS = 40
_TRAINING = {
    "MOBILENET.DEPTH_MULTIPLIER": 0.25,
    "TRAIN.AUGMENT.CROP_SIZE": 96,
    "TRAIN.IMS_PER_BATCH": 2,
    "TRAIN.VAL_ITERS": 0,
    "TRAIN.DISPLAY": 5,
    "TRAIN.SNAPSHOT_ITERS": 5,
}
# Of what a training comes to: sums in another order, by whatever else the processors do, make it differ.
_TOLERANCE = 1e-5


def write_noise(folder: Path, count: int, damaged: bool) -> list[str]:
    """Write pictures of noise of up to 400 pixels a side; return their names.

    If `damaged`, one in 50 is cut short and some are too narrow.
    """
    generator = np.random.default_rng(0)
    names = []
    for number in range(count):
        height, width = generator.integers(40 if damaged else 100, 401, 2)
        image = generator.integers(0, 256, (height, width, 3), np.uint8)
        path = folder / f"{number:05d}{_SUFFIXES[number % len(_SUFFIXES)]}"
        write_image(path, image)
        if damaged and number % 50 == 25:
            path.write_bytes(path.read_bytes()[:200])
        names.append(path.name)
    return names


def _run(tool: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(_TOOLS / tool), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _ended(run: subprocess.Popen[bytes], number: int | None, is_time: Callable[[], bool]) -> int:
    """Wait for `run`; send it the signal `number` as soon as `is_time`. Its exit code."""
    while number is not None and run.poll() is None and not is_time():
        time.sleep(0.005)
    if number is not None and run.poll() is None:
        run.send_signal(number)
    return run.wait()


def _killed(
    start: Callable[[], subprocess.Popen[bytes]], done: Callable[[], int], total: int, times: int
) -> tuple[list[int], int]:
    """Start a run again and again, kill it `times` times, evenly over its `total` parts, and let it end.

    Returns:
        How many parts were `done` after each kill, and the exit code of the run that ends.
    """
    kills = []
    for kill in range(times):
        least = (kill + 1) * total // (times + 1)
        _ended(start(), signal.SIGKILL, lambda least=least: done() >= least)  # type: ignore[misc]
        kills.append(done())
    return kills, _ended(start(), None, bool)


def _faces(path: Path) -> list[tuple[str, list[JsonObject]]]:
    """The file and the faces of each whole line of a list that is about a picture."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    return [(line["file"], line["faces"]) for line in lines if "faces" in line]


def killed_detection(folder: Path, model: Path) -> bool:
    """Whether tools/demo.py, killed or asked to end, leaves the first lines of an unbroken run. Works in `folder`.

    Raises:
        DataError: detection by `model` fails by itself.
    """
    write_noise(folder / "pictures", _PICTURES, damaged=False)
    whole, pictures = folder / "whole", (folder / "pictures", "--model", model)
    if _ended(_run("demo.py", *pictures, "--output", whole, "--set", *SMALL), None, bool):
        raise DataError(f"{model}: detection fails; try tools/demo.py")
    wanted = _faces(whole / "detections.jsonl")
    are_equal = True
    for number, name in ((signal.SIGKILL, "detections.jsonl.part"), (signal.SIGTERM, "detections.jsonl")):
        output = folder / number.name
        growing = output / "detections.jsonl.part"
        run = _run("demo.py", *pictures, "--output", output, "--set", *SMALL)
        code = _ended(run, number, lambda growing=growing: len(_faces(growing)) >= _PICTURES // 3)  # type: ignore[misc]
        found = _faces(output / name)
        is_kept = _PICTURES // 3 <= len(found) < len(wanted) and found == wanted[: len(found)]
        are_equal = are_equal and is_kept
        print(f"detection, {number.name} (exit code {code}): {len(found)} of {len(wanted)} lines, {_verdict(is_kept)}")
    return are_equal


def killed_evaluation(folder: Path, model: Path, times: int) -> bool:
    """Whether tools/test_net.py, killed so many times, ends with the results of an unbroken run. Works in `folder`.

    Raises:
        DataError: evaluation by `model` fails by itself.
    """
    data, count = folder / "data", _PICTURES
    names = write_noise(data / "images", count, damaged=False)
    (data / "val.txt").write_text("".join(f"{name} 5 5 30 30\n" for name in names), encoding="utf-8")

    def run(root: Path) -> subprocess.Popen[bytes]:
        options = ("--imdb", "folder", "--data", data, "--model", model, "--output_root", root)
        return _run("test_net.py", *options, "--set", *SMALL)

    def stored(root: Path) -> int:
        return sum(1 for _ in root.rglob("detections/**/*.txt"))

    whole, broken = folder / "evaluated", folder / "killed"
    if _ended(run(whole), None, bool):
        raise DataError(f"{model}: evaluation fails; try tools/test_net.py")
    kills, code = _killed(lambda: run(broken), lambda: stored(broken), count, times)
    is_equal = code == 0 and all(
        next(whole.rglob(name)).read_bytes() == next(broken.rglob(name)).read_bytes()
        for name in ("detections.npz", "results.json")
    )
    print(f"evaluation, killed after {', '.join(map(str, kills))} of {count} images: {_verdict(is_equal)}")
    return is_equal


def killed_training(folder: Path, times: int) -> bool:
    """Whether tools/trainval_net.py, killed so many times, ends with the weights of an unbroken run. Works in `folder`.

    Raises:
        DataError: training fails by itself.
    """
    data = folder / "training"
    names = write_noise(data / "images", 8, damaged=False)
    (data / "train.txt").write_text("".join(f"{name} 20 20 60 60\n" for name in names), encoding="utf-8")
    settings = [text for key, value in _TRAINING.items() for text in (key, str(value))]

    def run(root: Path) -> subprocess.Popen[bytes]:
        places = ("--output_root", root, "--tensorboard_root", root / "board")
        options = ("--backbone", "mobile", "--data", data, "--iters", _ITERATIONS, *places)
        return _run("trainval_net.py", *options, "--set", *settings)

    def done(root: Path) -> int:
        return max((int(path.stem.rpartition("_")[2]) for path in root.rglob("*_iter_*.json")), default=0)

    def weights(root: Path) -> dict[str, Array]:
        checkpoint = Checkpoint(next(root.rglob(f"*_iter_{_ITERATIONS}.json")).with_suffix(".ckpt"))
        return {name: checkpoint.value(name) for name in checkpoint.shapes if not name.endswith("/Momentum")}

    whole, broken = folder / "trained", folder / "killed in training"
    if _ended(run(whole), None, bool) or done(whole) != _ITERATIONS:
        raise DataError("training fails; try tools/trainval_net.py")
    kills, code = _killed(lambda: run(broken), lambda: done(broken), _ITERATIONS, times)
    wanted, found = weights(whole), weights(broken) if code == 0 else {}
    is_equal = wanted.keys() == found.keys() and all(
        np.allclose(found[name], value, rtol=0, atol=_TOLERANCE) for name, value in wanted.items()
    )
    print(f"training, killed after {', '.join(map(str, kills))} of {_ITERATIONS} iterations: {_verdict(is_equal)}")
    return is_equal


def _verdict(is_equal: bool) -> str:
    return "as an unbroken run" if is_equal else "NOT AS AN UNBROKEN RUN"

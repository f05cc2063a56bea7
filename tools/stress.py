"""Run a detector long, and kill it often: memory and file handles stay flat, and nothing that was found is lost.

One process looks at pictures of mixed sizes and formats, damaged ones among them, and tells of its memory on the way.
Then detection (tools/demo.py) and evaluation (tools/test_net.py) are killed as they go, and their results are compared
with those of runs that were not. What a killed training goes on to is compared in tests/ssh_tf/model/test_train_val.py.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.inference.detect_to_folder import detect_to_folder
from ssh_tf.model.inference.detection import ImageProposals, Runner
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.errors import DataError, run_tool
from ssh_tf.utils.images import write_image
from ssh_tf.utils.types import JsonObject

_SMALL = ["TEST.SCALES", "[64]", "TEST.MAX_SIZE", "96"]
_KILLED = 150
"""Pictures of the runs that are killed."""
_SUFFIXES = (".jpg", ".png", ".webp", ".bmp", ".tiff")
_TOOLS = Path(__file__).resolve().parent
_MODEL = _TOOLS.parent / "data/models/mobile_ssh.pb"


def main(argv: Sequence[str] | None = None) -> int:
    """Soak, then kill; 1 if memory or handles grow, or a result differs."""
    parser = ToolParser(__doc__)
    parser.add_argument(
        "--pictures", type=positive, default=1000, metavar="N", help="of the soak (default: %(default)s)"
    )
    parser.add_argument(
        "--kills", type=positive, default=3, metavar="N", help="of the evaluation (default: %(default)s)"
    )
    parser.add_argument("--model", type=Path, default=_MODEL, help="its file (default: the checkout's mobile_ssh)")
    parser.add_argument(
        "--growth",
        type=positive,
        default=64,
        metavar="MB",
        help="that memory may show at its end (default: %(default)s)",
    )
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        is_flat = _soak(folder, arguments)
        are_equal = [_killed_detection(folder, arguments.model), _killed_evaluation(folder, arguments)]
    return 0 if is_flat and all(are_equal) else 1


def _write_pictures(folder: Path, count: int, damaged: bool) -> list[str]:
    """Noise of up to 400 pixels a side; if `damaged`, one in 50 is cut short and some are too narrow. Their names."""
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


class _Watched:
    """A network's runner that notes the process's memory and open files every so many pictures."""

    def __init__(self, runner: Runner, every: int) -> None:
        self._runner = runner
        self._every = every
        self._seen = 0
        self.notes: list[tuple[int, float, int]] = []

    def __call__(self, images: npt.NDArray[np.float32], scale: float) -> list[ImageProposals]:
        found = self._runner(images, scale)
        self._seen += len(images)
        if self._seen % self._every == 0:
            resident = re.search(r"VmRSS:\s*(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))
            handles = len(os.listdir("/proc/self/fd"))
            self.notes.append((self._seen, int(resident[1]) / 1024 if resident else 0.0, handles))
        return found

    def close(self) -> None:
        self._runner.close()


def _soak(folder: Path, arguments: argparse.Namespace) -> bool:
    _write_pictures(folder / "soak", arguments.pictures, damaged=True)
    config = load_config(None, _SMALL)
    with FaceDetector(arguments.model, config) as plain:
        watched = _Watched(plain.runner, max(1, arguments.pictures // 10))
        detect_to_folder(FaceDetector(watched, config), [folder / "soak"], folder / "soaked", 0.5)
    print("| Pictures | Resident MB | File handles |\n|---:|---:|---:|")
    for seen, megabytes, handles in watched.notes:
        print(f"| {seen} | {megabytes:.0f} | {handles} |")
    # What the first pictures take is not growth: threads, caches, buffers.
    _, early, handles = watched.notes[len(watched.notes) // 3]
    _, late, handles_late = watched.notes[-1]
    is_flat = late - early <= arguments.growth and handles_late <= handles
    print(
        f"memory {late - early:+.0f} MB, file handles {handles_late - handles:+d}: {'flat' if is_flat else 'NOT FLAT'}"
    )
    return is_flat


def _run(tool: str, *arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(_TOOLS / tool), *map(str, arguments), "--set", *_SMALL]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _ended(run: subprocess.Popen[bytes], number: int | None, is_time: Callable[[], bool]) -> int:
    """Wait for `run`; send it the signal `number` as soon as `is_time`. Its exit code."""
    while number is not None and run.poll() is None and not is_time():
        time.sleep(0.005)
    if number is not None and run.poll() is None:
        run.send_signal(number)
    return run.wait()


def _faces(path: Path) -> list[tuple[str, list[JsonObject]]]:
    """The file and the faces of each whole line of a list that is about a picture."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    return [(line["file"], line["faces"]) for line in lines if "faces" in line]


def _killed_detection(folder: Path, model: Path) -> bool:
    _write_pictures(folder / "pictures", _KILLED, damaged=False)
    whole = folder / "whole"
    if _ended(_run("demo.py", folder / "pictures", "--model", model, "--output", whole), None, bool):
        raise DataError(f"{model}: detection fails; try tools/demo.py")
    wanted = _faces(whole / "detections.jsonl")
    are_equal = True
    for number, name in ((signal.SIGKILL, "detections.jsonl.part"), (signal.SIGTERM, "detections.jsonl")):
        output = folder / number.name
        growing = output / "detections.jsonl.part"
        run = _run("demo.py", folder / "pictures", "--model", model, "--output", output)
        code = _ended(run, number, lambda growing=growing: len(_faces(growing)) >= _KILLED // 3)  # type: ignore[misc]
        found = _faces(output / name)
        is_kept = _KILLED // 3 <= len(found) < len(wanted) and found == wanted[: len(found)]
        are_equal = are_equal and is_kept
        print(f"detection, {number.name} (exit code {code}): {len(found)} of {len(wanted)} lines, {_verdict(is_kept)}")
    return are_equal


def _killed_evaluation(folder: Path, arguments: argparse.Namespace) -> bool:
    data, count = folder / "data", _KILLED
    names = _write_pictures(data / "images", count, damaged=False)
    (data / "val.txt").write_text("".join(f"{name} 5 5 30 30\n" for name in names), encoding="utf-8")

    def run(root: Path) -> subprocess.Popen[bytes]:
        options = ("--imdb", "folder", "--data", data, "--model", arguments.model, "--output_root", root)
        return _run("test_net.py", *options)

    def stored(root: Path) -> int:
        return sum(1 for _ in root.rglob("detections/**/*.txt"))

    whole, broken = folder / "evaluated", folder / "killed"
    if _ended(run(whole), None, bool):
        raise DataError(f"{arguments.model}: evaluation fails; try tools/test_net.py")
    kills = []
    for kill in range(arguments.kills):
        least = (kill + 1) * count // (arguments.kills + 1)
        _ended(run(broken), signal.SIGKILL, lambda least=least: stored(broken) >= least)  # type: ignore[misc]
        kills.append(stored(broken))
    code = _ended(run(broken), None, bool)
    is_equal = code == 0 and all(
        next(whole.rglob(name)).read_bytes() == next(broken.rglob(name)).read_bytes()
        for name in ("detections.npz", "results.json")
    )
    print(f"evaluation, killed after {', '.join(map(str, kills))} of {count} images: {_verdict(is_equal)}")
    return is_equal


def _verdict(is_equal: bool) -> str:
    return "as an unbroken run" if is_equal else "NOT AS AN UNBROKEN RUN"


if __name__ == "__main__":
    run_tool(main)

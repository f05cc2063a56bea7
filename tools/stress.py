"""Run a detector for long, and kill it often: memory and file handles stay flat, and no detections are lost.

One process detects faces in pictures of mixed sizes and formats, some of them damaged, and prints its memory use. Then
detection, evaluation and training are killed while they run, and their results are compared with those of runs that
were not: see `ssh_tools.measuring.kills`.
"""

import argparse
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.inference.detect_to_folder import detect_to_folder
from ssh_tf.model.inference.detection import ImageProposals, Runner
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.errors import run_tool
from ssh_tools.measuring.kills import SMALL, killed_detection, killed_evaluation, killed_training, write_noise

_MODEL = Path(__file__).resolve().parents[1] / "data/models/mobile_ssh.pb"


def main(argv: Sequence[str] | None = None) -> int:
    """Soak, then kill; 1 if memory or handles grow, or a result differs."""
    parser = ToolParser(__doc__)
    parser.add_argument(
        "--pictures", type=positive, default=1000, metavar="N", help="of the soak (default: %(default)s)"
    )
    parser.add_argument(
        "--kills",
        type=positive,
        default=3,
        metavar="N",
        help="of evaluation, and of training (default: %(default)s)",
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
        are_equal = [
            killed_detection(folder, arguments.model),
            killed_evaluation(folder, arguments.model, arguments.kills),
            killed_training(folder, arguments.kills),
        ]
    return 0 if is_flat and all(are_equal) else 1


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
    write_noise(folder / "soak", arguments.pictures, damaged=True)
    config = load_config(None, SMALL)
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


if __name__ == "__main__":
    run_tool(main)

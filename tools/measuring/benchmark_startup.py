"""How long tools take to answer `--help`, and what memory: what is imported before the arguments are read."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

TOOLS = Path(__file__).resolve().parents[1]

# The process asks itself: what a parent can ask counts the parent's memory too.
_PROGRAM = """
import contextlib, io, json, runpy, sys, time
tool, sys.argv = sys.argv[1], sys.argv[1:]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    runpy.run_path(tool, run_name="__main__")
seconds = time.process_time()
from ssh_tf.utils.memory import resident_peak
print(json.dumps([seconds, resident_peak()]))
"""


class MeasuredStart(NamedTuple):
    """Seconds of each repeat, by the clock and of the processor; the largest resident memory in bytes."""

    tool: str
    clock: list[float]
    processor: list[float]
    peak: int


def measure_starts(repeats: int) -> list[MeasuredStart]:
    """Ask every tool in this folder's parent for help, `repeats` times each, in turns and in processes of their own."""
    tools = sorted(path for path in TOOLS.glob("*.py") if path.stem != "__init__")
    taken: dict[Path, list[tuple[float, float, int]]] = {tool: [] for tool in tools}
    for _ in range(repeats):
        for tool, starts in taken.items():
            starts.append(_start([str(tool), "--help"]))
    measured = []
    for tool, starts in taken.items():
        clock, processor, peak = zip(*starts, strict=True)
        measured.append(MeasuredStart(tool.name, list(clock), list(processor), max(peak)))
    return measured


def _start(command: Sequence[str]) -> tuple[float, float, int]:
    started = perf_counter()
    answer = subprocess.run([sys.executable, "-c", _PROGRAM, *command], capture_output=True, check=True, text=True)
    clock = perf_counter() - started
    processor, peak = json.loads(answer.stdout)
    return clock, processor, peak

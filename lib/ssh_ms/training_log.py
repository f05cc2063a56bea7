"""What a training writes down: `loss_0.log` in the port's format, and a plot of it."""

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.reading import read_text, reader

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOG_NAME, PLOT_NAME = "loss_0.log", "loss_0.png"

_LINE = re.compile(r"(\d+) epoch: (\d+) step: (\d+) total_loss: (\S+)")
_SMOOTHED = 50


class LogLine(NamedTuple):
    """A step: seconds since the start, epoch and step in it from 1, loss."""

    seconds: int
    epoch: int
    step: int
    loss: float

    def __str__(self) -> str:
        return f"{self.seconds} epoch: {self.epoch} step: {self.step} total_loss: {self.loss:.5f}"


@reader("a log of losses")
def read_step_log(path: Path) -> list[LogLine]:
    """The lines of a log; what is no such line, as a kill may leave at the end, is skipped."""
    if not path.exists():
        return []
    found = (_LINE.fullmatch(line) for line in read_text(path, errors="replace").split("\n"))
    return [LogLine(int(match[1]), int(match[2]), int(match[3]), float(match[4])) for match in found if match]


class TrainingLog:
    """Log, plot and progress bar of a training in `folder`."""

    def __init__(self, folder: Path, epoch: int, step: int, total_steps: int, done: int) -> None:
        """Resume after `step` of `epoch`: later lines, of work that was lost, are dropped."""
        self._path = folder / LOG_NAME
        self._plot = folder / PLOT_NAME
        kept = [line for line in read_step_log(self._path) if (line.epoch, line.step) <= (epoch, step)]
        self._clock = time.monotonic() - (kept[-1].seconds if kept else 0)
        with atomic_write(self._path) as stream:
            stream.writelines(f"{line}\n" for line in kept)
        self._stream = self._path.open("a", encoding="utf-8")
        self._bar = tqdm(total=total_steps, initial=done, unit="step", disable=not sys.stderr.isatty())

    def step(self, epoch: int, step: int, loss: float) -> LogLine:
        """Write a line; it is on disk when this returns."""
        line = LogLine(int(time.monotonic() - self._clock), epoch, step, loss)
        print(line, file=self._stream, flush=True)
        self._bar.update()
        return line

    def say(self, text: str) -> None:
        """A line on standard output that does not tear the progress bar."""
        tqdm.write(text, file=sys.stdout)
        sys.stdout.flush()

    def close(self) -> None:
        """Close the log and plot it."""
        self._bar.close()
        self._stream.close()
        losses = [line.loss for line in read_step_log(self._path)]
        if losses:
            with atomic_write(self._plot, "wb") as stream:
                loss_figure(losses).savefig(stream, format="png", dpi=120)


def loss_figure(losses: list[float]) -> "Figure":
    """Losses over steps: each one faint, and the mean of the last 50 on top."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    steps = np.arange(1, len(losses) + 1)
    sums = np.cumsum(losses)
    counts = np.minimum(steps, _SMOOTHED)
    means = (sums - np.concatenate([np.zeros(len(losses) - len(sums[:-_SMOOTHED])), sums[:-_SMOOTHED]])) / counts
    axes.plot(steps, losses, color="0.8", linewidth=0.6, label="loss")
    axes.plot(steps, means, color="C0", label=f"mean of {_SMOOTHED} steps")
    axes.set(xlabel="step", ylabel="total loss", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure

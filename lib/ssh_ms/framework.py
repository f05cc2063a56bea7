"""MindSpore, set up. The only module that imports it.

from ssh_ms.framework import ms, nn, ops
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import mindspore as ms
except ModuleNotFoundError:
    # Nothing of this package works then, and its tools import it before they could answer for themselves.
    print(
        "error: MindSpore is not installed here; `make mindspore` makes .venv-mindspore, which has it", file=sys.stderr
    )
    sys.exit(2)

import mindspore.dataset as datasets
from mindspore import mindrecord, nn, ops
from mindspore.common import initializer

from ssh_tf.utils.errors import ConfigError

_MODES = {"graph": ms.GRAPH_MODE, "pynative": ms.PYNATIVE_MODE}


def set_up(mode: str = "graph", device: str = "CPU") -> None:
    """Run from now on in `mode`, one of `ssh_ms.command_line.MODES`, on `device`, one of its `DEVICES`.

    Raises:
        ConfigError: this MindSpore does not compute on `device`.
    """
    try:
        ms.set_context(mode=_MODES[mode], device_target=device)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(f"this MindSpore does not compute on {device}; is its package for it installed?") from error


@contextmanager
def without_log() -> Iterator[None]:
    """Let MindSpore raise its errors without logging them too."""
    logger = logging.getLogger(f"ME.mindspore.log.{os.getpid()}")

    def nothing(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


__all__ = ["datasets", "initializer", "mindrecord", "ms", "nn", "ops", "set_up", "without_log"]

"""MindSpore, set up. The only module that imports it.

from ssh_ms.framework import ms, nn, ops
"""

import os

# Compiling is talkative: what is left is errors. An explicit setting is respected.
os.environ.setdefault("GLOG_v", "3")

import mindspore as ms
import mindspore.dataset as datasets
from mindspore import mindrecord, nn, ops
from mindspore.common import initializer

DEVICES = ("CPU", "GPU", "Ascend")
MODES = {"graph": ms.GRAPH_MODE, "pynative": ms.PYNATIVE_MODE}


def set_up(mode: str = "graph", device: str = "CPU") -> None:
    """Run from now on in `mode`, a key of `MODES`, on `device`, one of `DEVICES`."""
    ms.set_context(mode=MODES[mode], device_target=device)


__all__ = ["DEVICES", "MODES", "datasets", "initializer", "mindrecord", "ms", "nn", "ops", "set_up"]

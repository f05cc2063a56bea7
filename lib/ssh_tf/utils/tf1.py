"""TensorFlow 1.x graphs on TensorFlow 2.x, imported when first used.

The only module that imports TensorFlow or tf_slim:

    from ssh_tf.utils.tf1 import slim, tf

TensorFlow is left as its host has it: eager execution stays on, `tf.keras` stays Keras 3. So graphs are built, and
whatever cares for the mode is called, under ``tf.Graph().as_default()``, where eager execution is off.
"""

import importlib
import importlib.util
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.lazy import LazyModule
from ssh_tf.utils.types import Session, Variable

_LOCK = threading.Lock()
_STANDARD_ERROR = 2
_CHATTER = re.compile(rb"[IWE]\d{4} \d\d:\d\d:\d|WARNING: All log messages before absl::InitializeLog")


class _TensorFlowModule(LazyModule):
    """A module of TensorFlow. Where the log level asks for quiet, the import is quiet too."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get("tensorflow") is None and not has_tensorflow():
            raise SSHError(
                "this needs TensorFlow: pip install 'ssh-face-detector[tensorflow]'; an .onnx model does not"
            )
        if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") not in ("0", "1"):
            _import_quietly()
        return super().__getattr__(name)


def _import_quietly() -> None:
    with _LOCK:
        if "tensorflow" not in sys.modules:
            with _without_chatter():
                # The first look for GPUs is as talkative.
                importlib.import_module("tensorflow").config.list_physical_devices()


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Filter what C++ logs to standard error: some of it comes before TensorFlow reads its log level."""
    try:
        standard_error = os.dup(_STANDARD_ERROR)
    except OSError:  # closed by whoever started us
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(standard_error, _STANDARD_ERROR)
            os.close(standard_error)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(_STANDARD_ERROR, line)


if TYPE_CHECKING:
    import tensorflow.compat.v1 as tf
    import tf_slim as slim
    from tensorflow.core.protobuf import saved_model_pb2
else:
    tf = _TensorFlowModule("tensorflow.compat.v1")
    slim = _TensorFlowModule("tf_slim")
    saved_model_pb2 = _TensorFlowModule("tensorflow.core.protobuf.saved_model_pb2")


__all__ = ["cpu_session", "has_tensorflow", "saved_model_pb2", "slim", "tf", "variable_name"]


@contextmanager
def cpu_session() -> Iterator[Session]:
    """A session on the CPU alone with a new graph, which is the default one inside."""
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as session:
        yield session


def has_tensorflow() -> bool:
    """Whether TensorFlow is installed; it is not imported."""
    return importlib.util.find_spec("tensorflow") is not None


def variable_name(variable: Variable) -> str:
    """Its name without TensorFlow's `:0`. The name of its operation differs from device to device."""
    return str(variable.name).removesuffix(":0")

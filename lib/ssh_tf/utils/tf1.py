"""TensorFlow 1.x graphs on TensorFlow 2.x. The only module that imports TensorFlow or tf_slim.

    from ssh_tf.utils.tf1 import slim, tf

`tf_slim` reaches for ``tf_keras.legacy_tf_layers``, which tf_keras keeps under ``tf_keras.src.legacy_tf_layers``; the
aliases below have to stand in `sys.modules` before tf_slim is imported.
"""

import importlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# TensorFlow's start-up chatter hides the one line a user has to see; an explicit setting is respected.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

_STANDARD_ERROR = 2
_CHATTER = re.compile(rb"[IWE]\d{4} \d\d:\d\d:\d|WARNING: All log messages before absl::InitializeLog")


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold back what C++ logs to standard error: some of it comes before TensorFlow looks at its log level."""
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
            wanted = os.environ["TF_CPP_MIN_LOG_LEVEL"] in ("0", "1")
            for line in held:
                if wanted or not _CHATTER.match(line):
                    os.write(_STANDARD_ERROR, line)


_LEGACY_LAYERS = "tf_keras.src.legacy_tf_layers"

with _without_chatter():
    import tensorflow.compat.v1 as tf

    try:
        importlib.import_module("tf_keras.legacy_tf_layers")
    except ModuleNotFoundError:
        sys.modules["tf_keras.legacy_tf_layers"] = importlib.import_module(_LEGACY_LAYERS)
        for _name in ("base", "convolutional", "core", "normalization", "pooling"):
            sys.modules[f"tf_keras.legacy_tf_layers.{_name}"] = importlib.import_module(f"{_LEGACY_LAYERS}.{_name}")

    import tf_slim as slim
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    # The first look for GPUs is as talkative.
    tf.config.list_physical_devices()

tf.disable_eager_execution()
tf.logging.set_verbosity(tf.logging.ERROR)

__all__ = ["SavedModel", "has_tensorflow", "slim", "tf"]


def has_tensorflow() -> bool:
    """Whether TensorFlow is installed; it is not imported."""
    return importlib.util.find_spec("tensorflow") is not None

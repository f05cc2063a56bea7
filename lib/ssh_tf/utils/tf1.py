"""TensorFlow 1.x graphs on TensorFlow 2.x. The only module that imports TensorFlow or tf_slim.

    from ssh_tf.utils.tf1 import slim, tf

`tf_slim` reaches for ``tf_keras.legacy_tf_layers``, which tf_keras keeps under ``tf_keras.src.legacy_tf_layers``; the
aliases below have to stand in `sys.modules` before tf_slim is imported.
"""

import importlib
import os
import sys

# TensorFlow's start-up chatter hides the one line a user has to see; an explicit setting is respected.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow.compat.v1 as tf

_LEGACY_LAYERS = "tf_keras.src.legacy_tf_layers"

try:
    importlib.import_module("tf_keras.legacy_tf_layers")
except ModuleNotFoundError:
    sys.modules["tf_keras.legacy_tf_layers"] = importlib.import_module(_LEGACY_LAYERS)
    for _name in ("base", "convolutional", "core", "normalization", "pooling"):
        sys.modules[f"tf_keras.legacy_tf_layers.{_name}"] = importlib.import_module(f"{_LEGACY_LAYERS}.{_name}")

import tf_slim as slim

tf.disable_eager_execution()
tf.logging.set_verbosity(tf.logging.ERROR)

__all__ = ["slim", "tf"]

"""Names for what goes through the whole project: arrays, the configuration, and objects of packages without types.

Letters: `H, W` size of a picture, `N` rows.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from easydict import EasyDict

Image = npt.NDArray[np.uint8]
"""(H, W, 3) BGR."""

Boxes = npt.NDArray[np.float32]
"""(N, 4) [x1, y1, x2, y2]."""

Faces = npt.NDArray[np.float32]
"""(N, 5) [x1, y1, x2, y2, score], best first."""

Array = npt.NDArray[Any]
"""Of any shape, of whatever numbers."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

JsonObject = dict[str, Any]
"""An object of JSON, written or read."""

Config: TypeAlias = EasyDict
"""The configuration, as `model.config.load_config` gives it."""

# TensorFlow carries no types, and is imported by whoever runs it.
Tensor: TypeAlias = Any
"""A tensor or a variable; also an array, where a function takes both; also an operation, where a session runs it."""

Variable: TypeAlias = Any
DType: TypeAlias = Any
Initializer: TypeAlias = Any
Dataset: TypeAlias = Any
"""A `tf.data.Dataset`."""

Session: TypeAlias = Any
SessionConfig: TypeAlias = Any
"""A `tf.ConfigProto`."""

Saver: TypeAlias = Any
Strategy: TypeAlias = Any
"""A `tf.distribute.Strategy`, or its extended part in a merge call."""

GraphDef: TypeAlias = Any
GraphNode: TypeAlias = Any
"""A `tf.NodeDef`."""

# The package onnx belongs to an extra.
OnnxModel: TypeAlias = Any
OnnxGraph: TypeAlias = Any
"""A `GraphProto`, or a function, which holds nodes as well."""

OnnxNode: TypeAlias = Any
OnnxTensor: TypeAlias = Any

"""The detector of any kind of model file."""

from pathlib import Path
from typing import Any

from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.precision import Precision
from ssh_tf.utils.errors import ConfigError

_FROZEN_SUFFIXES = frozenset({".pb", ".onnx"})


def load_detector(model: Path, backbone: str | None, config: Any, precision: Precision = "auto") -> FaceDetector:
    """Use a frozen graph (.pb, .onnx, the folder of a SavedModel) or else a checkpoint, whose `backbone` must be named.

    Raises:
        ConfigError: a checkpoint without `backbone`.
        CheckpointError: as `FaceDetector.from_frozen` and `FaceDetector.from_checkpoint`.
    """
    if model.suffix.lower() in _FROZEN_SUFFIXES or (model / "saved_model.pb").is_file():
        return FaceDetector.from_frozen(model, config, precision)
    if backbone is None:
        raise ConfigError(f"{model}: is taken for a checkpoint, and needs --backbone to say of which network")
    return FaceDetector.from_checkpoint(model, backbone, config, precision)

"""SSH: Single Stage Headless Face Detector (Najibi et al., ICCV 2017) on TensorFlow graphs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssh_tf.model.detector import FaceDetector as FaceDetector

__version__ = "1.0.0"

__all__ = ["FaceDetector", "__version__"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: this package is also imported on the way to each of its modules.
    if name == "FaceDetector":
        from ssh_tf.model.detector import FaceDetector

        return FaceDetector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

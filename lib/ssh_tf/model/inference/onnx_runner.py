"""An ONNX file under ONNX Runtime: images in, proposals out. Needs the extra `onnx`."""

import logging
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.model.files.onnx_files import onnx_package, read_onnx
from ssh_tf.model.inference.detection import ImageProposals
from ssh_tf.model.inference.graph_runner import proposals_by_image
from ssh_tf.model.precision import Precision, has_int8
from ssh_tf.nets.inference_graph import IMAGE_INFO, IMAGES, ROI_BRANCHES, ROI_SCORES, ROIS
from ssh_tf.utils.cpu import cpu_flags
from ssh_tf.utils.errors import CheckpointError, first_line

_LOG = logging.getLogger(__name__)

_FATAL = 4


class OnnxRunner:
    """Runs an ONNX file under ONNX Runtime, one image at a time."""

    def __init__(self, path: str | os.PathLike[str], precision: Precision = "auto") -> None:
        """Check the file and start a session; on a GPU where ONNX Runtime was built for one.

        It computes in what the file holds, 8-bit integers or fp32, and warns where that is not `precision`.

        Raises:
            CheckpointError: the file is damaged, lacks an input or output, or holds more than standard operations; or
                it has no 8-bit weights and `precision` is "int8".
            SSHError: ONNX Runtime is not installed.
        """
        runtime = onnx_package("onnxruntime")
        content, is_int8 = read_onnx(Path(path))
        _check_precision(path, precision, is_int8)
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in runtime.get_available_providers()]
        options = runtime.SessionOptions()
        options.log_severity_level = _FATAL  # what fails is raised, and reported by whoever catches it
        self._options = runtime.RunOptions()
        self._options.log_severity_level = _FATAL
        try:
            self._session = runtime.InferenceSession(content, options, providers=providers)
        except Exception as error:  # ONNX Runtime's errors have no common class
            raise CheckpointError(f"{path}: ONNX Runtime cannot load it: {first_line(error)}") from error
        names = {value.name for value in (*self._session.get_inputs(), *self._session.get_outputs())}
        for name in (IMAGES, IMAGE_INFO, ROIS, ROI_SCORES):
            if f"{name}:0" not in names:
                raise CheckpointError(f"{path}: not an SSH graph: it has no {name}:0")
        self._outputs = [f"{name}:0" for name in (ROIS, ROI_SCORES, ROI_BRANCHES) if f"{name}:0" in names]

    def __call__(self, images: npt.NDArray[np.float32], scale: float) -> list[ImageProposals]:
        """Proposals of each of `images` (N, H, W, 3), BGR minus mean, that were resized by `scale`."""
        info = np.array([*images.shape[1:3], scale], np.float32)
        found = []
        for image in images:
            try:
                inputs = {f"{IMAGES}:0": image[None], f"{IMAGE_INFO}:0": info}
                outputs = self._session.run(self._outputs, inputs, self._options)
            except Exception as error:
                raise CheckpointError(f"ONNX Runtime fails on the graph: {first_line(error)}") from error
            found += proposals_by_image(outputs, 1)
        return found

    def close(self) -> None:
        """Give the session's memory back."""
        del self._session


def _check_precision(path: str | os.PathLike[str], precision: Precision, is_int8: bool) -> None:
    if precision == "int8" and not is_int8:
        raise CheckpointError(f"{path}: holds no 8-bit weights; tools/convert_ckpt_to_pb.py --int8 makes such a file")
    held = "int8" if is_int8 else "fp32"
    if precision not in ("auto", held):
        _LOG.warning("%s: ONNX Runtime computes this file in %s, not in %s", path, held, precision)
    if is_int8 and cpu_flags() and not has_int8(cpu_flags()):
        _LOG.warning("%s: this processor has no VNNI: int8 differs more from fp32 here, and gains less", path)

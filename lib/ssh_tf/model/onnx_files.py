"""Detection graphs as ONNX files. Needs the extra `onnx` (tf2onnx, onnxruntime)."""

import importlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ssh_tf.model.detection import ImageProposals
from ssh_tf.model.graph_runner import by_image
from ssh_tf.model.inference_graph import BRANCHES, IMAGE_INFO, IMAGES, ROIS, SCORES
from ssh_tf.model.precision import Precision
from ssh_tf.utils.errors import CheckpointError, SSHError
from ssh_tf.utils.files import atomic_write

_log = logging.getLogger(__name__)

_OPSET = 17
_STANDARD_DOMAINS = {"", "ai.onnx"}


def save_onnx(graph_def: Any, path: str | os.PathLike[str]) -> None:
    """Write `graph_def`, a frozen graph, as an ONNX file with the same inputs and outputs.

    Raises:
        SSHError: tf2onnx is not installed.
    """
    convert = _module("tf2onnx").convert
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    inputs, outputs = ([f"{name}:0" for name in names] for names in ((IMAGES, IMAGE_INFO), (ROIS, SCORES, BRANCHES)))
    model, _ = convert.from_graph_def(graph_def, input_names=inputs, output_names=outputs, opset=_OPSET)
    with atomic_write(path, "wb") as stream:
        stream.write(model.SerializeToString())


class OnnxRunner:
    """Runs an ONNX file under ONNX Runtime, one image at a time."""

    def __init__(self, path: str | os.PathLike[str], precision: Precision = "auto") -> None:
        """Check the file and start a session; on a GPU where ONNX Runtime was built for one. It computes in fp32.

        Raises:
            CheckpointError: the file is damaged, lacks an input or output, or holds more than standard operations.
            SSHError: ONNX Runtime is not installed.
        """
        if precision == "bf16":
            _log.warning("%s: ONNX Runtime computes in fp32, not in bf16", path)
        runtime = _module("onnxruntime")
        content = _checked(Path(path))
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in runtime.get_available_providers()]
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(content, options, providers=providers)
        except Exception as error:  # ONNX Runtime's errors have no common class
            raise CheckpointError(f"{path}: ONNX Runtime cannot load it: {_first_line(error)}") from error
        names = {value.name for value in (*self._session.get_inputs(), *self._session.get_outputs())}
        for name in (IMAGES, IMAGE_INFO, ROIS, SCORES):
            if f"{name}:0" not in names:
                raise CheckpointError(f"{path}: not an SSH graph: it has no {name}:0")
        self._outputs = [f"{name}:0" for name in (ROIS, SCORES, BRANCHES) if f"{name}:0" in names]

    def __call__(self, images: npt.NDArray[np.float32], scale: float) -> list[ImageProposals]:
        """Proposals of each of `images` (N, H, W, 3), BGR minus mean, that were resized by `scale`."""
        info = np.array([*images.shape[1:3], scale], np.float32)
        found = []
        for image in images:
            try:
                outputs = self._session.run(self._outputs, {f"{IMAGES}:0": image[None], f"{IMAGE_INFO}:0": info})
            except Exception as error:
                raise CheckpointError(f"ONNX Runtime fails on the graph: {_first_line(error)}") from error
            found += by_image(outputs, 1)
        return found

    def close(self) -> None:
        """Give the session's memory back."""
        del self._session


def _checked(path: Path) -> bytes:
    """The file's content, once it is seen to be a model of standard operations that is whole in itself."""
    onnx = _module("onnx")
    try:
        content = path.read_bytes()
        model = onnx.load_model_from_string(content)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # protobuf's DecodeError, from whichever protobuf onnx was built with
        raise CheckpointError(f"{path}: not an ONNX model, or a damaged one") from error
    foreign = sorted(
        {f"{node.domain}.{node.op_type}" for node in _nodes(model) if node.domain not in _STANDARD_DOMAINS}
    )
    if foreign:
        raise CheckpointError(f"{path}: refused, the graph holds operations beyond the ONNX standard: {foreign[0]}")
    if any(tensor.external_data for graph in _graphs(model.graph) for tensor in _constants(graph)):
        raise CheckpointError(f"{path}: refused, the graph keeps weights in other files")
    return content


def _nodes(model: Any) -> Iterator[Any]:
    for graph in _graphs(model.graph):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _graphs(graph: Any) -> Iterator[Any]:
    """`graph` and those inside its loops and branches."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + [*attribute.graphs]:
                yield from _graphs(inner)


def _constants(graph: Any) -> Iterator[Any]:
    sparse = list(graph.sparse_initializer)
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            sparse += [attribute.sparse_tensor, *attribute.sparse_tensors]
            yield from (attribute.t, *attribute.tensors)
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SSHError(f"ONNX needs {name}: pip install 'ssh-face-detector[onnx]'") from error

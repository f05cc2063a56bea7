"""Detection graphs as ONNX files. Needs the extra `onnx` (tf2onnx, onnxruntime)."""

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.model.files.frozen_graphs import with_half_as_inputs
from ssh_tf.nets.inference_graph import IMAGE_INFO, IMAGES, ROI_BRANCHES, ROI_SCORES, ROIS
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.lazy import extra_package
from ssh_tf.utils.reading import read_bytes, reader
from ssh_tf.utils.types import GraphDef, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor

_OPSET = 17
_STANDARD_DOMAINS = {"", "ai.onnx"}


def save_onnx(graph_def: GraphDef, path: str | os.PathLike[str]) -> None:
    """Write `graph_def`, a frozen graph, as an ONNX file with the same inputs and outputs.

    Weights that `with_half_weights` stored in half precision stay so, each followed by its cast to float32.

    Raises:
        SSHError: tf2onnx is not installed.
    """
    convert = onnx_package("tf2onnx").convert
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    inputs, outputs = (
        [f"{name}:0" for name in names] for names in ((IMAGES, IMAGE_INFO), (ROIS, ROI_SCORES, ROI_BRANCHES))
    )
    graph_def, half = with_half_as_inputs(graph_def)
    model, _ = convert.from_graph_def(graph_def, input_names=[*inputs, *half], output_names=outputs, opset=_OPSET)
    _make_constants(model.graph, half)
    with atomic_write(path, "wb") as stream:
        stream.write(model.SerializeToString())


def _make_constants(graph: OnnxGraph, values: Mapping[str, npt.NDArray[np.float16]]) -> None:
    """Turn inputs of `graph` into constants."""
    to_tensor = onnx_package("onnx.numpy_helper").from_array
    kept = [value for value in graph.input if value.name not in values]
    del graph.input[:]
    graph.input.extend(kept)
    graph.initializer.extend(to_tensor(value, name) for name, value in values.items())


def onnx_package(name: str) -> ModuleType:
    """Import `name`, one of the packages that ONNX needs.

    Raises:
        SSHError: it is not installed.
    """
    return extra_package(name, "onnx")


class OnnxFile(NamedTuple):
    """What an ONNX file holds: its bytes, and whether its convolutions are in 8 bits."""

    content: bytes
    is_int8: bool


@reader("an ONNX model", CheckpointError)
def read_onnx(path: Path) -> OnnxFile:
    """The file's content, once it is seen to be a model of standard operations that is complete in itself.

    Raises:
        CheckpointError: the file cannot be read, is damaged, or holds more than that.
        SSHError: onnx is not installed.
    """
    onnx = onnx_package("onnx")
    content = read_bytes(path)
    model = onnx.load_model_from_string(content)
    foreign = sorted(
        {f"{node.domain}.{node.op_type}" for node in _nodes(model) if node.domain not in _STANDARD_DOMAINS}
    )
    if foreign:
        raise CheckpointError(f"{path}: refused, the graph holds operations beyond the ONNX standard: {foreign[0]}")
    if any(tensor.external_data for graph in _holders(model) for tensor in _constants(graph)):
        raise CheckpointError(f"{path}: refused, the graph keeps weights in other files")
    return OnnxFile(content, any(node.op_type == "QuantizeLinear" for node in model.graph.node))


def _nodes(model: OnnxModel) -> Iterator[OnnxNode]:
    for graph in _holders(model):
        yield from graph.node


def _holders(model: OnnxModel) -> Iterator[OnnxGraph]:
    """All that holds nodes: the graph and the functions, and the graphs inside them."""
    for outer in (model.graph, *model.functions):
        yield from _graphs(outer)


def _graphs(graph: OnnxGraph) -> Iterator[OnnxGraph]:
    """`graph` and those inside its loops and branches."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + [*attribute.graphs]:
                yield from _graphs(inner)


def _constants(graph: OnnxGraph) -> Iterator[OnnxTensor]:
    sparse = [*getattr(graph, "sparse_initializer", ())]
    yield from getattr(graph, "initializer", ())
    for node in graph.node:
        for attribute in node.attribute:
            sparse += [attribute.sparse_tensor, *attribute.sparse_tensors]
            yield from (attribute.t, *attribute.tensors)
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)

"""Frozen graphs on disk: a `.pb` file or a SavedModel."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ssh_tf.model.files.checkpoints import FROZEN_SUFFIXES
from ssh_tf.model.files.operations import check_calls, check_constants, forbidden_operations
from ssh_tf.nets.inference_graph import IMAGE_INFO, IMAGES, ROI_BRANCHES, ROI_SCORES, ROIS
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.reading import read_bytes, reader
from ssh_tf.utils.tf1 import cpu_session, saved_model_pb2, tf
from ssh_tf.utils.types import Array, DType, GraphDef, GraphNode

SAVED_MODEL = "saved_model.pb"
_OF_SAVED_MODELS = frozenset({SAVED_MODEL, "assets", "assets.extra", "fingerprint.pb", "variables"})
_SIGNATURE = "serving_default"

_VARIABLES = frozenset({"VarHandleOp", "Variable", "VariableV2"})

# Constants of fewer elements (biases, statistics) are not worth storing in half precision.
_WORTH_HALVING = 4096


def is_frozen(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is called, or for a folder looks, like a frozen graph and not like a checkpoint."""
    path = Path(path)
    return path.suffix.lower() in FROZEN_SUFFIXES or (path / SAVED_MODEL).is_file()


VARIABLE_NAMES = frozenset(
    ("weights", "depthwise_weights", "biases", "gamma", "beta", "moving_mean", "moving_variance")
)
"""Last parts of the names of an SSH network's variables."""


@reader("a frozen graph", CheckpointError)
def load_graph(path: str | os.PathLike[str]) -> GraphDef:
    """Read the GraphDef in the `.pb` file, or in the folder of a SavedModel, at `path`; check it; run nothing.

    Weights that were stored in half precision are float32 again.

    Raises:
        CheckpointError: the file cannot be read, is no graph with the inputs and outputs of `inference_graph`, or holds
            operations that are not allowed, functions that call themselves or what is none, or constants beyond memory.
    """
    path = Path(path)
    graph_def = _saved_graph(path) if path.is_dir() else _parse(path, lambda: tf.GraphDef())
    forbidden = forbidden_operations(graph_def)
    if _VARIABLES.intersection(forbidden):
        raise CheckpointError(f"{path}: not a frozen graph: its weights are variables, not constants")
    if forbidden:
        more = f" and {len(forbidden) - 3} others" if len(forbidden) > 3 else ""
        raise CheckpointError(
            f"{path}: refused, the graph holds operations beyond plain mathematics: {', '.join(forbidden[:3])}{more}"
        )
    check_calls(graph_def)
    check_constants(graph_def)
    names = {node.name for node in graph_def.node}
    for name in (IMAGES, IMAGE_INFO, ROIS, ROI_SCORES):
        if name not in names:
            raise CheckpointError(f"{path}: not a frozen SSH graph: it has no {name}")
    _restore_single(graph_def)
    for node in graph_def.node:
        # Where it ran when it was frozen says nothing about here.
        node.device = ""
    return graph_def


def frozen_variables(graph_def: GraphDef) -> dict[str, Array]:
    """Values of the variables that a graph of `load_graph` was frozen from, by name."""
    return {
        node.name: tf.make_ndarray(node.attr["value"].tensor)
        for node in graph_def.node
        if node.op == "Const" and node.name.rpartition("/")[2] in VARIABLE_NAMES
    }


def save_graph(graph_def: GraphDef, path: str | os.PathLike[str]) -> None:
    """Write `graph_def` to the `.pb` file at `path`."""
    with atomic_write(path, "wb") as stream:
        stream.write(graph_def.SerializeToString())


def save_saved_model(graph_def: GraphDef, folder: str | os.PathLike[str]) -> None:
    """Write `graph_def` as a SavedModel with the signature "serving_default"; an older one there is replaced.

    Raises:
        CheckpointError: `folder` holds something else, or cannot be written.
    """
    folder = Path(folder)
    _check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        written = Path(temporary, "model")
        with cpu_session() as session:
            tf.import_graph_def(graph_def, name="")
            inputs, outputs = (
                {
                    name: tf.saved_model.build_tensor_info(session.graph.get_tensor_by_name(f"{name}:0"))
                    for name in names
                }
                for names in ((IMAGES, IMAGE_INFO), (ROIS, ROI_SCORES, ROI_BRANCHES))
            )
            method = tf.saved_model.signature_constants.PREDICT_METHOD_NAME
            signature = tf.saved_model.build_signature_def(inputs, outputs, method)
            builder = tf.saved_model.Builder(str(written))
            builder.add_meta_graph_and_variables(
                session, [tf.saved_model.tag_constants.SERVING], {_SIGNATURE: signature}
            )
            try:
                builder.save()
            except tf.errors.OpError as error:
                raise CheckpointError(f"{folder}: cannot be written ({error.message})") from error
        if folder.exists():
            shutil.rmtree(folder)
        written.rename(folder)


def _check_replaceable(folder: Path) -> None:
    """See that nothing is lost if `folder` is deleted, but an older SavedModel."""
    held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if folder.exists() and (not folder.is_dir() or (held and SAVED_MODEL not in held)):
        raise CheckpointError(f"{folder}: exists and is not a SavedModel; choose another folder")
    if others := sorted(held - _OF_SAVED_MODELS):
        raise CheckpointError(
            f"{folder}: holds {others[0]} beside a SavedModel, which would be lost; choose another folder"
        )


def with_half_weights(graph_def: GraphDef) -> GraphDef:
    """A copy of `graph_def` whose large float32 constants are stored as float16 followed by a cast to float32.

    Constants that float16 cannot hold (above 65504) stay as they are.
    """
    halved = tf.GraphDef()
    halved.CopyFrom(graph_def)
    del halved.node[:]
    for node in graph_def.node:
        stored = halved.node.add()
        stored.CopyFrom(node)
        if node.op != "Const" or _type(node, "dtype") != tf.float32:
            continue
        values = tf.make_ndarray(node.attr["value"].tensor)
        if values.size < _WORTH_HALVING or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        stored.name = f"{node.name}/half"
        _set_value(stored, values.astype(np.float16))
        cast = halved.node.add(name=node.name, op="Cast", input=[stored.name])
        cast.attr["SrcT"].type, cast.attr["DstT"].type = tf.float16.as_datatype_enum, tf.float32.as_datatype_enum
    return halved


def with_half_as_inputs(graph_def: GraphDef) -> tuple[GraphDef, dict[str, npt.NDArray[np.float16]]]:
    """A copy of `graph_def` with placeholders for what `with_half_weights` stored, and the values by tensor name.

    A program that folds constants would make single precision of them again.
    """
    changed = tf.GraphDef()
    changed.CopyFrom(graph_def)
    values = {}
    for node in changed.node:
        if node.op == "Const" and _type(node, "dtype") == tf.float16:
            value = values[f"{node.name}:0"] = tf.make_ndarray(node.attr["value"].tensor)
            node.op = "Placeholder"
            del node.attr["value"]
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
    return changed, values


def _restore_single(graph_def: GraphDef) -> None:
    """Undo `with_half_weights`: TensorFlow folds no cast that enlarges a constant, and runs it each time."""
    half = {node.name: node for node in graph_def.node if node.op == "Const" and _type(node, "dtype") == tf.float16}
    restored = set()
    for node in graph_def.node:
        if node.op == "Cast" and node.input[0] in half and _type(node, "DstT") == tf.float32:
            name, stored = node.name, half[node.input[0]]
            values = tf.make_ndarray(stored.attr["value"].tensor).astype(np.float32)
            node.Clear()
            node.name, node.op = name, "Const"
            _set_value(node, values)
            restored.add(stored.name)
    kept = [node for node in graph_def.node if node.name not in restored]
    del graph_def.node[:]
    graph_def.node.extend(kept)


def _type(node: GraphNode, attribute: str) -> DType:
    return tf.as_dtype(node.attr[attribute].type)


def _set_value(node: GraphNode, values: npt.NDArray[np.floating]) -> None:
    node.attr["dtype"].type = tf.as_dtype(values.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))


def _saved_graph(folder: Path) -> GraphDef:
    file = folder / SAVED_MODEL
    if not file.is_file():
        raise CheckpointError(f"{folder}: holds no {SAVED_MODEL}, so it is not a SavedModel")
    saved = _parse(file, lambda: saved_model_pb2.SavedModel())
    for meta_graph in saved.meta_graphs:
        if tf.saved_model.tag_constants.SERVING in meta_graph.meta_info_def.tags:
            return meta_graph.graph_def
    raise CheckpointError(f"{folder}: the SavedModel holds no graph for serving")


@reader("a frozen graph", CheckpointError)
def _parse(path: Path, empty: Callable[[], Any]) -> Any:
    content = read_bytes(path)
    # After reading: a file that is not there is told of before TensorFlow is imported.
    message = empty()
    message.ParseFromString(content)
    return message

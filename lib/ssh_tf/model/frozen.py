"""Frozen graphs on disk."""

from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from ssh_tf.model.inference_graph import IMAGE_INFO, IMAGES, ROIS, SCORES
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.tf1 import tf


def load_graph(path: Path) -> Any:
    """Read the GraphDef in the `.pb` file at `path`.

    Raises:
        CheckpointError: the file cannot be read or is no such graph.
    """
    graph_def = tf.GraphDef()
    try:
        graph_def.ParseFromString(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise CheckpointError(f"{path}: is not a frozen graph, or a damaged one") from error
    names = {node.name for node in graph_def.node}
    for name in (IMAGES, IMAGE_INFO, ROIS, SCORES):
        if name not in names:
            raise CheckpointError(f"{path}: the graph has no {name!r}")
    return graph_def


def save_graph(graph_def: Any, path: Path) -> None:
    """Write `graph_def` to the `.pb` file at `path`."""
    with atomic_write(path, "wb") as stream:
        stream.write(graph_def.SerializeToString())

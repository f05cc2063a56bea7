"""From weights to a frozen graph: the graph that detects, with the weights made constants."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ssh_tf.layer_utils.proposals import ProposalOptions
from ssh_tf.model.files.checkpoints import Checkpoint, assign
from ssh_tf.model.files.weights import whole_weights
from ssh_tf.nets.inference_graph import ROI_BRANCHES, ROI_SCORES, ROIS, ROW_NAMES, build
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import cpu_session, tf
from ssh_tf.utils.types import GraphDef, Session


@contextmanager
def loaded(path: str | os.PathLike[str], network: NetworkOptions, proposals: ProposalOptions) -> Iterator[Session]:
    """Build the graph and load the weights of the checkpoint or `.pb` file at `path`. Yields the session.

    Raises:
        CheckpointError: the file is not there or does not fit.
    """
    checkpoint = None
    if Path(path).suffix != ".pb":
        checkpoint = Checkpoint(path)
        # Before a network is built for nothing.
        checkpoint.check_backbone(network.backbone)
    with cpu_session() as session:
        build(network, proposals)
        variables = tf.global_variables()
        if checkpoint is None:
            values = whole_weights(path, network.backbone, variables)
            assign(session, {variable: values[variable.op.name] for variable in variables})
        else:
            checkpoint.restore(session, variables, network.backbone)
        yield session


def freeze(session: Session) -> GraphDef:
    """The graph of a session as `loaded` yields it, its variables made constants: a GraphDef."""
    outputs = [ROIS, ROI_SCORES, ROI_BRANCHES, *ROW_NAMES]
    return tf.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), outputs)

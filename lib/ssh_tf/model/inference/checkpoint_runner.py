"""A network in a session, for one checkpoint after another: images in, proposals out."""

import os

from ssh_tf.layer_utils.proposals import ProposalOptions
from ssh_tf.model.inference.graph_runner import GraphRunner
from ssh_tf.model.precision import Precision, session_config
from ssh_tf.nets.inference_graph import propose_all
from ssh_tf.nets.network import ssh_network
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import tf


class CheckpointRunner(GraphRunner):
    """A `GraphRunner` whose weights are variables. The graph is built once, and kept when others are loaded."""

    def __init__(self, network: NetworkOptions, options: ProposalOptions, precision: Precision = "auto") -> None:
        """Build the network and start a session; `load` comes first."""
        # Not GraphRunner's: that imports a graph which others have built.
        self._any_batch = True
        with tf.Graph().as_default() as graph:
            images = tf.placeholder(tf.float32, (None, None, None, 3))
            info = tf.placeholder(tf.float32, (3,))
            rows = ssh_network(images, network._replace(train_bn=False))
            outputs = list(propose_all(rows, info, options))
            self._saver = tf.train.Saver()
        self._session = tf.Session(graph=graph, config=session_config(precision))
        self.run = self._session.make_callable(outputs, [images, info])

    def load(self, prefix: str | os.PathLike[str]) -> None:
        """Take the weights of the checkpoint `prefix`, which a training of this network has just written."""
        with self._session.graph.as_default():
            self._saver.restore(self._session, os.fspath(prefix))

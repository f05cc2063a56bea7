"""A frozen graph in a session: images in, proposals out.

Letters: `N` images of `H, W` pixels, `R` proposals of an image.
"""

import os
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ssh_tf.layer_utils.proposals import ProposalOptions
from ssh_tf.model.inference.detection import FORKED, ImageProposals
from ssh_tf.model.precision import Precision, session_config
from ssh_tf.nets.inference_graph import IMAGE_INFO, IMAGES, ROI_BRANCHES, ROI_SCORES, ROIS, ROW_NAMES, propose_all
from ssh_tf.nets.network import Rows
from ssh_tf.utils.errors import CheckpointError, SSHError, first_line
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Array, GraphDef


class GraphRunner:
    """Runs a GraphDef that has the inputs and outputs of `inference_graph`."""

    least_score = 0.0
    """Proposals of no higher score are left out."""
    _process: int | None = None
    """The process that has run graphs."""

    def __init__(self, graph_def: GraphDef, options: ProposalOptions | None, precision: Precision = "auto") -> None:
        """Import the graph and start a session.

        A graph with rows of anchors gets proposals by `options` and takes any number of images at a time. One with
        `rois` and `roi_scores` alone is taken as it is; any graph is if `options` is None.

        Raises:
            CheckpointError: the graph is not connected.
            SSHError: the process is a fork of one that ran a graph.
        """
        self.check_process()
        names = {node.name for node in graph_def.node}
        self._any_batch = options is not None and names.issuperset(ROW_NAMES)
        graph = tf.Graph()
        with graph.as_default():
            images = tf.placeholder(tf.float32, (None if self._any_batch else 1, None, None, 3))
            info = tf.placeholder(tf.float32, (3,))
            wanted = (
                ROW_NAMES if self._any_batch else [name for name in (ROIS, ROI_SCORES, ROI_BRANCHES) if name in names]
            )
            try:
                outputs = tf.import_graph_def(
                    graph_def,
                    input_map={f"{IMAGES}:0": images, f"{IMAGE_INFO}:0": info},
                    return_elements=[f"{name}:0" for name in wanted],
                    name="ssh",
                )
            except Exception as error:  # TensorFlow raises whatever the graph leads it to
                raise CheckpointError(f"the graph cannot be used: {first_line(error)}") from error
            if self._any_batch and options is not None:
                self.least_score = options.score_threshold
                outputs = list(propose_all(Rows(*outputs), info, options))
        self._session = tf.Session(graph=graph, config=session_config(precision))
        self.run = self._session.make_callable(outputs, [images, info])

    @classmethod
    def check_process(cls) -> None:
        """Check that this is no fork of a process that ran a graph: TensorFlow would wait for threads that it lacks.

        Raises:
            SSHError: it is.
        """
        if cls._process not in (None, os.getpid()):
            raise SSHError(FORKED)
        cls._process = os.getpid()

    def __call__(self, images: npt.NDArray[np.float32], scale: float) -> list[ImageProposals]:
        """Proposals of each of `images` (N, H, W, 3), BGR minus the pixel means, that were resized by `scale`.

        Raises:
            SSHError: there is not enough memory for images of this size.
            CheckpointError: the graph fails on them.
        """
        height, width = images.shape[1:3]
        info = np.array([height, width, scale], np.float32)
        batches = [images] if self._any_batch else [image[None] for image in images]
        try:
            return [found for batch in batches for found in proposals_by_image(self.run(batch, info), len(batch))]
        except tf.errors.ResourceExhaustedError as error:
            raise SSHError(f"not enough memory for the network on {len(images)} x {width}x{height} pixels") from error
        except tf.errors.OpError as error:
            raise CheckpointError(f"the graph fails on {width}x{height} pixels: {first_line(error)}") from error

    def close(self) -> None:
        """End the session and give its memory back."""
        self._session.close()


def proposals_by_image(outputs: Sequence[Array], count: int) -> list[ImageProposals]:
    """Split `rois` (R, 5), sorted by image, `scores` (R, 1) and, where there are any, `branches` (R,).

    Raises:
        CheckpointError: they have other shapes.
    """
    rois, scores = outputs[0], outputs[1].reshape(-1)
    if rois.ndim != 2 or rois.shape[1] != 5 or len(rois) != len(scores):
        shapes = f"{ROIS} {list(rois.shape)} and {ROI_SCORES} {list(outputs[1].shape)}"
        raise CheckpointError(f"the graph gives {shapes}, expected [R, 5] and [R, 1]")
    branches = outputs[2] if len(outputs) > 2 else None
    edges = [*np.searchsorted(rois[:, 0], np.arange(count)), len(rois)]
    return [
        ImageProposals(rois[a:b, 1:], scores[a:b], None if branches is None else branches[a:b])
        for a, b in pairwise(edges)
    ]

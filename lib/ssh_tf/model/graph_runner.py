"""A frozen graph in a session: images in, proposals out.

Letters: `N` images of `H × W` pixels, `R` proposals of an image.
"""

from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.layer_utils.proposals import ProposalOptions
from ssh_tf.model import inference_graph
from ssh_tf.model.inference_graph import propose_all
from ssh_tf.nets.network import Rows
from ssh_tf.utils.cpu import cpu_flags
from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.tf1 import tf

Precision = Literal["auto", "fp32", "bf16"]
_OUTPUTS = (inference_graph.ROIS, inference_graph.SCORES, inference_graph.BRANCHES)
_ROW_NAMES = (*inference_graph.ROW_TENSORS[:3], *inference_graph.ROW_TENSORS.counts)

PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "bf16")


class ImageProposals(NamedTuple):
    """Of one image: `boxes` (R, 4) in pixels of the network's input, `scores` (R,), `branches` (R,) or None."""

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    branches: npt.NDArray[np.int32] | None


def session_config(precision: Precision) -> Any:
    """A ConfigProto for inference in `precision`; `auto` takes bf16 where the processor has it.

    Raises:
        ConfigError: no such precision.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is one of {', '.join(PRECISIONS)}, got {precision!r}")
    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True
    if precision == "bf16" or (precision == "auto" and cpu_flags() & {"amx_bf16", "avx512_bf16"}):
        config.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 = 1
    return config


class GraphRunner:
    """Runs a GraphDef that has the inputs and outputs of `inference_graph`."""

    def __init__(self, graph_def: Any, options: ProposalOptions, precision: Precision = "auto") -> None:
        """Import the graph and start a session.

        A graph with rows of anchors gets proposals by `options` and takes any number of images at a time; one with
        `rois` and `roi_scores` alone is taken as it is.
        """
        names = {node.name for node in graph_def.node}
        self.any_batch = names.issuperset(_ROW_NAMES)
        graph = tf.Graph()
        with graph.as_default():
            images = tf.placeholder(tf.float32, (None if self.any_batch else 1, None, None, 3))
            info = tf.placeholder(tf.float32, (3,))
            inputs = {f"{inference_graph.IMAGES}:0": images, f"{inference_graph.IMAGE_INFO}:0": info}
            tf.import_graph_def(graph_def, inputs, name="ssh")
            if self.any_batch:
                anchors, logits, deltas, counts = (graph.get_tensor_by_name(f"ssh/{name}:0") for name in _ROW_NAMES)
                fetches = list(propose_all(Rows(anchors, logits, deltas, (counts,)), info, options))
            else:
                outputs = [name for name in _OUTPUTS if name in names]
                fetches = [graph.get_tensor_by_name(f"ssh/{name}:0") for name in outputs]
        self._session = tf.Session(graph=graph, config=session_config(precision))
        self._run = self._session.make_callable(fetches, [images, info])

    def __call__(self, images: npt.NDArray[np.float32], scale: float) -> list[ImageProposals]:
        """Proposals of each of `images` (N, H, W, 3), BGR minus mean, that were resized by `scale`."""
        info = np.array([*images.shape[1:3], scale], np.float32)
        batches = [images] if self.any_batch else [image[None] for image in images]
        return [found for batch in batches for found in _by_image(self._run(batch, info), len(batch))]

    def close(self) -> None:
        """End the session and give its memory back."""
        self._session.close()


def _by_image(outputs: list[Any], count: int) -> list[ImageProposals]:
    rois, scores = outputs[0], outputs[1].reshape(-1)
    branches = outputs[2] if len(outputs) > 2 else None
    edges = np.searchsorted(rois[:, 0], np.arange(count + 1))
    return [
        ImageProposals(rois[a:b, 1:], scores[a:b], None if branches is None else branches[a:b])
        for a, b in pairwise(edges)
    ]

"""The graph that detects: from `image_tensor` and `im_info` to `rois` and `roi_scores`.

Letters: `N` images of `H × W` pixels, `K` anchors of all branches, `R` proposals.

A frozen graph holds two layers of results. `rois`, `roi_scores` and `roi_branches` are those of one image, with the
options it was frozen with: what another program reads. Before them stand the rows of anchors, `rows/…`: the detector
computes its own proposals from these, for any number of images and with the options of the call.
"""

from typing import NamedTuple

from ssh_tf.layer_utils.proposals import ProposalOptions, Proposals, propose
from ssh_tf.nets.network import Rows, ssh_network
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import Tensor

IMAGES, IMAGE_INFO = "image_tensor", "im_info"
"""Inputs: (1, H, W, 3) float32, BGR minus the pixel means; (3,) float32, H, W and the scale of the resized image."""

ROIS, ROI_SCORES, ROI_BRANCHES = "rois", "roi_scores", "roi_branches"
"""Outputs: (R, 5) float32, image index, x1, y1, x2, y2 in pixels of the input; (R, 1) float32; (R,) int32, 0 for M1."""

ROW_NAMES = ("rows/anchors", "rows/logits", "rows/deltas", "rows/counts")
"""The fields of `Rows`, in order: (K, 4), (N, K), (N, K, 4) float32; (3,) int32."""


class FlatProposals(NamedTuple):
    """Proposals of all images, one after the other: `rois` (R, 5), `scores` (R, 1), `branches` (R,)."""

    rois: Tensor
    scores: Tensor
    branches: Tensor


def build(network: NetworkOptions, proposals: ProposalOptions) -> None:
    """Build the graph, with its names, in the default graph."""
    images = tf.placeholder(tf.float32, (1, None, None, 3), name=IMAGES)
    info = tf.placeholder(tf.float32, (3,), name=IMAGE_INFO)
    rows = ssh_network(images, network)
    rows = Rows(*(tf.identity(part, name=name) for part, name in zip(rows, ROW_NAMES, strict=True)))
    found = _of_image(rows.anchors, rows.logits[0], rows.deltas[0], rows.counts, info, proposals)
    tf.concat([tf.zeros_like(found.boxes[:, :1]), found.boxes], 1, name=ROIS)
    tf.reshape(found.scores, (-1, 1), name=ROI_SCORES)
    tf.identity(found.branches, name=ROI_BRANCHES)


def propose_all(rows: Rows, info: Tensor, options: ProposalOptions) -> FlatProposals:
    """Proposals of each of N images, put one after the other."""

    def of_image(parts: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        found = _of_image(rows.anchors, *parts, rows.counts, info, options)
        # Every turn of the loop has to give equal shapes.
        count = tf.size(found.scores)
        end = [0, capacity - count]
        return (
            tf.pad(found.boxes, [end, [0, 0]]),
            tf.pad(found.scores, [end]),
            tf.pad(found.branches, [end]),
            count,
        )

    capacity = 3 * (options.keep if options.mode == "nms" else options.top_n)
    types = (tf.float32, tf.float32, tf.int32, tf.int32)
    # As it stands: to translate Python's `if` and `for` first, of which none reads a tensor, takes half a second.
    of_image = tf.autograph.experimental.do_not_convert(of_image)
    boxes, scores, branches, counts = tf.map_fn(of_image, (rows.logits, rows.deltas), fn_output_signature=types)
    places = tf.where(tf.sequence_mask(counts, capacity))
    found = Proposals(*(tf.gather_nd(part, places) for part in (boxes, scores, branches)))
    return FlatProposals(
        rois=tf.concat([tf.cast(places[:, :1], tf.float32), found.boxes], 1),
        scores=found.scores[:, None],
        branches=found.branches,
    )


def _of_image(
    anchors: Tensor, logits: Tensor, deltas: Tensor, counts: Tensor, info: Tensor, options: ProposalOptions
) -> Proposals:
    return propose(anchors, logits, deltas, counts, info[0], info[1], options)

"""The project's detector on the network in MindSpore.

Letters: `N` images of `H × W` pixels.
"""

import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ssh_ms.checkpoints import load_network
from ssh_ms.framework import ms
from ssh_ms.network import SSHNetwork, any_size
from ssh_ms.proposals import propose
from ssh_tf.layer_utils.proposal_options import ProposalOptions
from ssh_tf.model.inference.detection import Detector, ImageProposals, proposal_options
from ssh_tf.utils.types import Config


class NetworkRunner:
    """Runs a network that takes images (1, 3, H, W) and gives logits (1, K) and deltas (1, K, 4)."""

    def __init__(self, network: Callable[[ms.Tensor], tuple[ms.Tensor, ms.Tensor]], options: ProposalOptions) -> None:
        self._network = network
        self._options = options

    def __call__(self, images: npt.NDArray[np.float32], scale: float) -> list[ImageProposals]:
        """Proposals of each of `images` (N, H, W, 3), BGR minus the pixel means."""
        height, width = images.shape[1:3]
        proposals = []
        for image in images:
            channels_first = np.ascontiguousarray(image.transpose(2, 0, 1)[None])
            logits, deltas = (rows.asnumpy()[0] for rows in self._network(ms.Tensor(channels_first)))
            proposals.append(propose(logits, deltas, height, width, self._options))
        return proposals

    def close(self) -> None:
        """MindSpore gives the memory back by itself."""


def load_detector(path: str | os.PathLike[str], config: Config) -> Detector:
    """The detector with the MindSpore checkpoint at `path` and the settings of `config.TEST`.

    Raises:
        CheckpointError: the checkpoint is not there or does not fit.
    """
    network = SSHNetwork()
    load_network(network, path)
    network.set_train(False)
    return Detector(NetworkRunner(any_size(network), proposal_options(config)), config)

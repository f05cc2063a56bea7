"""Faces in a picture, by the network in MindSpore.

Letters: `H, W` size of a picture, `N` faces.
"""

import os

import numpy as np
import numpy.typing as npt

from ssh_ms.checkpoints import load_network
from ssh_ms.framework import ms, nn
from ssh_ms.network import SSHNetwork, any_size
from ssh_ms.proposals import DetectionOptions, merge, propose
from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import network_input, shortest_side_scale

_MIN_SIDE = 16
_DEFAULTS = DetectionOptions()


class FaceDetector:
    """Detects faces: ``FaceDetector.from_checkpoint(path)(image)``."""

    def __init__(self, network: nn.Cell, options: DetectionOptions = _DEFAULTS) -> None:
        """Take `network`: images (1, 3, H, W) to logits (1, K) and deltas (1, K, 4)."""
        self.network = network
        self.options = options

    @classmethod
    def from_checkpoint(cls, path: str | os.PathLike[str], options: DetectionOptions = _DEFAULTS) -> "FaceDetector":
        """Use the MindSpore checkpoint at `path`.

        Raises:
            CheckpointError: it is not there or does not fit.
        """
        network = SSHNetwork()
        load_network(network, path)
        network.set_train(False)
        return cls(any_size(network), options)

    def __call__(self, image: npt.NDArray[np.uint8], threshold: float) -> npt.NDArray[np.float32]:
        """Find the faces of `image` (H, W, 3) BGR.

        Returns:
            (N, 5) [x1, y1, x2, y2, score] in the image's pixels, best first; every score is above `threshold`.

        Raises:
            ImageError: a side is under 16 pixels at the network's input.
        """
        options = self.options
        height, width = image.shape[:2]
        scale = shortest_side_scale(height, width, options.shortest, options.longest)
        if round(scale * min(height, width)) < _MIN_SIDE:
            raise ImageError(
                f"{width}x{height} pixels are too narrow: the network would read "
                f"{round(scale * width)}x{round(scale * height)}, and needs {_MIN_SIDE} on each side"
            )
        resized = network_input(image, scale)
        logits, deltas = self.run(resized)
        found = propose(logits, deltas, resized.shape[0], resized.shape[1], options)
        return merge(found, scale, threshold, options.overlap)

    def run(self, resized: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The network on `resized` (h, w, 3), BGR minus the means. Returns logits (K,) and deltas (K, 4)."""
        channels_first = np.ascontiguousarray(resized.transpose(2, 0, 1)[None])
        logits, deltas = self.network(ms.Tensor(channels_first))
        return logits.asnumpy()[0], deltas.asnumpy()[0]

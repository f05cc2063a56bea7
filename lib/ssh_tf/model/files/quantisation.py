"""Detection graphs in 8 bits, by ONNX Runtime's static quantisation. Needs the extra `onnx`.

Weights get a scale for each output channel, activations one for each tensor: its range on pictures of a calibration.
The heads stay in float32: they take hardly any time, and scores that are rounded to 8 bits would be full of ties. So do
MobileNetV1's first layers: most of what 8 bits cost is lost there, in dark pictures above all (docs/light.md).

Letters: `h, w` size of a window in pixels of the network's input.
"""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.model.files.onnx_files import onnx_package
from ssh_tf.nets.inference_graph import IMAGE_INFO, IMAGES
from ssh_tf.utils.errors import CheckpointError, DataError, ImageError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.images import IMAGE_SUFFIXES, network_input, read_image, shortest_side_scale
from ssh_tf.utils.types import OnnxGraph, OnnxNode

WINDOWS = 64
"""How many windows ranges are measured on."""

_SIDES, _MAX_SIDE, _WINDOW = (480, 640, 800, 1200), 1600, 640

_QUANTISED = ["Add", "Clip", "Concat", "Conv", "MaxPool", "Pad", "Relu", "Resize"]
_HEAD = "_rpn_"
"""Part of the names of the convolutions that give scores and offsets."""
_FIRST = "/Conv2d_3_pointwise/"
"""Part of the names of what ends the first layers of MobileNetV1, whose maps have strides 2 and 4."""


def calibration_pictures(folder: Path) -> list[Path]:
    """The picture files in `folder` and below, in an order that is the same each time.

    Raises:
        DataError: there are none.
    """
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
    if not files:
        raise DataError(f"{folder}: no pictures to calibrate with; name a folder of photographs with faces")
    return [files[number] for number in np.random.default_rng(0).permutation(len(files))]


def calibration_windows(files: Sequence[Path], count: int = WINDOWS) -> Iterator[tuple[npt.NDArray[np.float32], float]]:
    """Windows (h, w, 3) of the first `count` pictures as the network reads them, and the scale of each.

    They are resized to the sizes that the network is used at in turn; of each a window of at most 640 pixels is cut.
    A picture that cannot be read is named on standard error, and the next one is taken.

    Raises:
        DataError: no picture can be read.
    """
    generator = np.random.default_rng(0)
    done = 0
    for file in files:
        try:
            picture = read_image(file)
        except ImageError as error:
            print(f"warning: {error}", file=sys.stderr)
            continue
        height, width = picture.shape[:2]
        scale = shortest_side_scale(height, width, _SIDES[done % len(_SIDES)], _MAX_SIDE)
        image = network_input(picture, scale)
        top, left = (int(generator.integers(max(side - _WINDOW, 0) + 1)) for side in image.shape[:2])
        yield image[top : top + _WINDOW, left : left + _WINDOW], scale
        done += 1
        if done == count:
            return
    if not done:
        raise DataError(f"none of {len(files)} pictures can be read ({files[0]} and others): nothing to calibrate with")


def save_int8(
    single: str | os.PathLike[str],
    path: str | os.PathLike[str],
    windows: Iterable[tuple[npt.NDArray[np.float32], float]],
) -> None:
    """Quantise the ONNX file `single` of `save_onnx`, whose weights are in single precision, into the file at `path`.

    Args:
        single: the file to read.
        path: the file to write.
        windows: what activations are measured on, as `calibration_windows` gives it.

    Raises:
        CheckpointError: it holds no layers that can be quantised.
        SSHError: ONNX Runtime or onnx is not installed.
    """
    onnx, tool = onnx_package("onnx"), onnx_package("onnxruntime.quantization")
    model = onnx.load(os.fspath(single))
    layers = _layers_to_quantise(model.graph)
    if not any(node.op_type == "Conv" for node in layers):
        raise CheckpointError(f"{path}: not written: the network has no convolutions that can be quantised")
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "int8.onnx")
        # ONNX Runtime would warn that constants are to be folded first; tf2onnx has done so.
        onnx_package("onnxruntime.quantization.quant_utils").add_pre_process_metadata(model)
        prepared = Path(folder, "single.onnx")
        prepared.write_bytes(model.SerializeToString())
        tool.quantize_static(
            str(prepared),
            str(written),
            _Reader(windows),
            quant_format=tool.QuantFormat.QDQ,
            op_types_to_quantize=_QUANTISED,
            nodes_to_quantize=[node.name for node in layers],
            per_channel=True,
            activation_type=tool.QuantType.QUInt8,
            weight_type=tool.QuantType.QInt8,
            calibrate_method=tool.CalibrationMethod.MinMax,
        )
        with atomic_write(path, "wb") as stream:
            stream.write(written.read_bytes())


def _layers_to_quantise(graph: OnnxGraph) -> list[OnnxNode]:
    """What lies between the first layers and the heads, and none of the arithmetic of boxes after these.

    Of a network without such first layers, what lies between the image and the heads.
    """
    producers = {output: node for node in graph.node for output in node.output}
    waiting = [node for node in graph.node if node.op_type == "Conv" and _HEAD in node.name]
    heads = {node.name for node in waiting}
    seen: dict[str, OnnxNode] = {}
    while waiting:
        node = waiting.pop()
        if node.name in seen or any(_FIRST in output for output in node.output):
            continue
        seen[node.name] = node
        # Of others the first input alone is a map; the rest are weights, shapes and bounds.
        maps = node.input if node.op_type in ("Add", "Concat") else node.input[:1]
        waiting += [producers[name] for name in maps if name in producers]
    return [node for name, node in seen.items() if node.op_type in _QUANTISED and name not in heads]


class _Reader:
    """The windows as ONNX Runtime's quantisation asks for them."""

    def __init__(self, windows: Iterable[tuple[npt.NDArray[np.float32], float]]) -> None:
        self._windows = iter(windows)

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        found = next(self._windows, None)
        if found is None:
            return None
        image, scale = found
        info = np.array([*image.shape[:2], scale], np.float32)
        return {f"{IMAGES}:0": np.ascontiguousarray(image[None]), f"{IMAGE_INFO}:0": info}

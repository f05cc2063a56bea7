"""Freeze a checkpoint, or a .pb file again, and if asked into a SavedModel and an ONNX file; compare what they find.

Inputs: image_tensor:0 (1xHxWx3 float32, BGR minus the pixel means), im_info:0 (3: H, W, scale). Outputs: rois:0 (Rx5:
0, x1, y1, x2, y2) in the resized image's pixels, roi_scores:0 (Rx1), roi_branches:0 (R: 0, 1, 2 for M1, M2, M3).
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.model.command_line import add_backbone_argument, add_config_arguments
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import model_file
from ssh_tf.model.files.agreement import FLOAT, INT8, Tolerance, compare_proposals
from ssh_tf.model.files.checkpoints import model_files
from ssh_tf.model.files.freezing import freeze, loaded
from ssh_tf.model.files.frozen_graphs import load_graph, save_graph, save_saved_model, with_half_weights
from ssh_tf.model.files.onnx_files import save_onnx
from ssh_tf.model.files.quantisation import calibration_pictures, calibration_windows, save_int8
from ssh_tf.model.inference.detection import Runner
from ssh_tf.model.inference.graph_runner import GraphRunner
from ssh_tf.model.inference.onnx_runner import OnnxRunner
from ssh_tf.model.options import network_options, proposal_options
from ssh_tf.nets.inference_graph import IMAGE_INFO, IMAGES, ROI_SCORES, ROIS
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import CheckpointError, run_tool
from ssh_tf.utils.files import check_not_read
from ssh_tf.utils.images import network_input, read_image, shortest_side_scale
from ssh_tf.utils.resources import DEMO_IMAGES

_DEMO_IMAGE = DEMO_IMAGES / "montage.jpg"
_COMPARED_SIDE = 480


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    add_backbone_argument(parser, required=True)
    parser.add_argument("--model", required=True, metavar="CKPT", help="checkpoint or .pb file, or mobile_ssh")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE.pb", help="frozen graph to write")
    parser.add_argument("--saved_model", type=Path, metavar="DIR", help="write a SavedModel too")
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="write an ONNX file too (needs the extra onnx)")
    parser.add_argument("--half", action="store_true", help="store weights in half precision: half the file's size")
    parser.add_argument("--int8", type=Path, metavar="FILE", help="write an ONNX file of 8-bit weights too")
    parser.add_argument("--calibration", type=Path, metavar="DIR", help="for --int8: 64 photographs with faces")
    parser.add_argument("--image", type=Path, metavar="FILE", help="compare on this image (default: a demo image)")
    add_config_arguments(parser)
    arguments = parser.parse_args(argv)
    if (arguments.int8 is None) != (arguments.calibration is None):
        parser.error("--int8 and --calibration go together")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Write and compare; 0."""
    arguments = parse_arguments(argv)
    config = load_config(arguments.cfg, arguments.set)
    outputs = (arguments.output, arguments.saved_model, arguments.onnx, arguments.int8)
    model = Path(model_file(arguments.model, "fp32"))
    check_not_read(outputs, [model] if model.suffix == ".pb" else model_files(model))
    network, proposals = network_options(config, arguments.backbone), proposal_options(config)
    calibration = calibration_pictures(arguments.calibration) if arguments.calibration else []
    image, scale = _compared_image(arguments.image)
    info = np.array([*image.shape[:2], scale], np.float32)
    with loaded(model, network, proposals) as session:
        graph_def = freeze(session)
        wanted = session.run([f"{ROIS}:0", f"{ROI_SCORES}:0"], {f"{IMAGES}:0": image[None], f"{IMAGE_INFO}:0": info})
    stored = with_half_weights(graph_def) if arguments.half else graph_def

    save_graph(stored, arguments.output)
    _report(arguments.output, GraphRunner(load_graph(arguments.output), None, "fp32"), image, scale, wanted)
    if arguments.saved_model:
        save_saved_model(stored, arguments.saved_model)
        _report(
            arguments.saved_model, GraphRunner(load_graph(arguments.saved_model), None, "fp32"), image, scale, wanted
        )
    if arguments.onnx:
        save_onnx(stored, arguments.onnx)
        _report(arguments.onnx, OnnxRunner(arguments.onnx), image, scale, wanted)
    if arguments.int8:
        with tempfile.TemporaryDirectory() as folder:
            single = Path(folder, "single.onnx")
            save_onnx(graph_def, single)
            save_int8(single, arguments.int8, calibration_windows(calibration))
        _report(arguments.int8, OnnxRunner(arguments.int8), image, scale, wanted, INT8)
    return 0


def _compared_image(path: Path | None) -> tuple[npt.NDArray[np.float32], float]:
    """What the graphs are compared on: a picture of moderate size as the network reads it, and its scale."""
    if path is None and not _DEMO_IMAGE.exists():
        noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        return network_input(noise, _COMPARED_SIDE / 30), _COMPARED_SIDE / 30
    picture = read_image(path or _DEMO_IMAGE)
    height, width = picture.shape[:2]
    scale = shortest_side_scale(height, width, _COMPARED_SIDE, 2 * _COMPARED_SIDE)
    return network_input(picture, scale), scale


def _report(
    path: Path,
    runner: Runner,
    image: npt.NDArray[np.float32],
    scale: float,
    wanted: list[npt.NDArray[np.float32]],
    tolerance: Tolerance = FLOAT,
) -> None:
    """Print how far the proposals of a written model and the checkpoint's agree; raise if they do not."""
    found = runner(image[None], scale)[0]
    agreement = compare_proposals(wanted[0][:, 1:], wanted[1][:, 0], found.boxes, found.scores, tolerance)
    size = sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
    print(f"{path}: {size / 1e6:.1f} MB; {agreement}")
    if not agreement.is_close:
        raise CheckpointError(f"{path}: does not find what the checkpoint finds; do not use it")


def entry() -> None:
    """The command `ssh-convert`."""
    run_tool(main)


if __name__ == "__main__":
    entry()

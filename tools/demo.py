"""Detect faces in images, folders, patterns, videos or a camera.

Annotated copies, crops or copies that show no face, and `detections.jsonl` (a line an image or frame) are left in a
folder.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.model.command_line import (
    add_detection_arguments,
    add_model_arguments,
    detection_config,
    detection_job,
)
from ssh_tf.model.detector import DEFAULT_MODEL, FaceDetector
from ssh_tf.model.inference.detect_to_folder import detect_to_folder
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import SSHError, run_tool
from ssh_tf.utils.resources import DEMO_IMAGES


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="image, folder, pattern, video or number of a camera (default: the checkout's data/demo)",
    )
    add_model_arguments(
        parser,
        metavar="PATH|NAME",
        help="checkpoint, .pb, folder of a SavedModel, .onnx, or name of one that comes with the package "
        f"(default: {DEFAULT_MODEL})",
    )
    add_detection_arguments(parser, Path("output/demo"))
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Detect; 0, or 1 if any picture failed."""
    arguments = parse_arguments(argv)
    inputs = arguments.inputs or [DEMO_IMAGES]
    if not arguments.inputs and not DEMO_IMAGES.is_dir():
        raise SSHError("name the images to look at: the demo images are in a checkout only")
    config = detection_config(arguments)
    if arguments.model is None:
        detector = FaceDetector(config=config, precision=arguments.precision)
    else:
        detector = FaceDetector.from_file(arguments.model, arguments.backbone, config, arguments.precision)
    job = detection_job(arguments, arguments.model or DEFAULT_MODEL, config)
    return detect_to_folder(
        detector, inputs, arguments.output, arguments.threshold, arguments.show, arguments.max_frames, job
    )


def entry() -> None:
    """The command `ssh-detect`."""
    run_tool(main)


if __name__ == "__main__":
    entry()

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
    detect_inputs,
    detection_config,
)
from ssh_tf.model.detector import DEFAULT_MODEL, FaceDetector
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import run_tool


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    add_model_arguments(parser)
    add_detection_arguments(parser, Path("output/demo"))
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Detect; 0, or 1 if any picture failed."""
    arguments = parse_arguments(argv)
    config = detection_config(arguments)
    detector = FaceDetector(arguments.model, config, arguments.precision, backbone=arguments.backbone)
    return detect_inputs(arguments, detector, arguments.model or DEFAULT_MODEL)


def entry() -> None:
    """The command `ssh-detect`."""
    run_tool(main)


if __name__ == "__main__":
    entry()

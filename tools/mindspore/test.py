"""Detect faces in images, folders, patterns or videos, by a MindSpore checkpoint of the port.

Annotated copies and `detections.jsonl` (a line an image or frame) are left in a folder; inputs are never written to.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_ms.command_line import add_device_arguments
from ssh_tf.model.command_line import add_detection_arguments, detect_inputs, detection_config
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import run_tool


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument("--model", required=True, metavar="FILE.ckpt", help="checkpoint of h52ckpt.py or train.py")
    add_device_arguments(parser)
    add_detection_arguments(parser, Path("output/mindspore/test"))
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Detect; 0, or 1 if any picture failed."""
    arguments = parse_arguments(argv)
    config = detection_config(arguments)
    # Not before the arguments are known to be right: MindSpore takes seconds.
    from ssh_ms.detector import load_detector
    from ssh_ms.framework import set_up

    set_up(arguments.mode, arguments.device_target)
    return detect_inputs(arguments, load_detector(arguments.model, config), arguments.model)


if __name__ == "__main__":
    run_tool(main)

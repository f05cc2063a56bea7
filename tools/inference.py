"""Detect faces with a frozen model: a .pb file, the folder of a SavedModel or a .onnx file.

As tools/demo.py: annotated copies and `detections.jsonl` are left in a folder. A graph that holds operations able to
read or write files, open sockets or run Python is refused before it is run.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.model.command_line import (
    add_detection_arguments,
    add_precision_argument,
    detect_inputs,
    detection_config,
)
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.files.checkpoints import is_checkpoint
from ssh_tf.model.files.frozen_graphs import is_frozen
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import CheckpointError, run_tool


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument("--model", required=True, metavar="FILE.pb|DIR|FILE.onnx", help="the frozen model")
    add_precision_argument(parser)
    add_detection_arguments(parser, Path("output/demo"))
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Detect; 0, or 1 if any picture failed."""
    arguments = parse_arguments(argv)
    model = Path(arguments.model)
    if not is_frozen(model) and is_checkpoint(model):
        raise CheckpointError(
            f"{model}: a checkpoint, no frozen model: tools/demo.py takes it, tools/convert_ckpt_to_pb.py freezes it"
        )
    detector = FaceDetector.from_frozen(model, detection_config(arguments), arguments.precision)
    return detect_inputs(arguments, detector, arguments.model)


if __name__ == "__main__":
    run_tool(main)

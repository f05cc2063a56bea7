"""Detect faces in images, folders, patterns or videos, by a MindSpore checkpoint of the port.

Annotated copies and `detections.jsonl` (a line an image or frame) are left in a folder; inputs are never written to.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_ms.detector import load_detector
from ssh_ms.framework import DEVICES, MODES, set_up
from ssh_tf.model.config import load_config
from ssh_tf.model.inference.detect_to_folder import detect_to_folder
from ssh_tf.model.inference.detection import THRESHOLD
from ssh_tf.utils.arguments import positive, probability
from ssh_tf.utils.errors import run_tool

_DEMO_IMAGES = Path(__file__).resolve().parents[2] / "data/demo"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="image, folder, pattern or video (default: data/demo)"
    )
    parser.add_argument("--model", required=True, metavar="FILE.ckpt", help="checkpoint of h52ckpt.py or train.py")
    parser.add_argument(
        "--output", type=Path, default=Path("output/mindspore/test"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--threshold", type=probability, default=THRESHOLD, help="lowest score (default: %(default)s)")
    parser.add_argument("--max_frames", type=positive, metavar="N", help="end each video after N frames")
    parser.add_argument("--mode", choices=list(MODES), default="graph", help="default: %(default)s")
    parser.add_argument("--device_target", choices=DEVICES, default="CPU", help="default: %(default)s")
    parser.add_argument("--cfg", type=Path, metavar="FILE", help="YAML file of what differs from the defaults")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar=("KEY", "VALUE"), help="change keys, e.g. --set TEST.SCALES '[800]'"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Detect; 0, or 1 if any picture failed."""
    arguments = parse_arguments(argv)
    config = load_config(arguments.cfg, arguments.set)
    # Proposals below this score are not even decoded.
    config.TEST.SCORE_THRESH = min(config.TEST.SCORE_THRESH, arguments.threshold)
    set_up(arguments.mode, arguments.device_target)
    detector = load_detector(arguments.model, config)
    inputs = arguments.inputs or [_DEMO_IMAGES]
    return detect_to_folder(detector, inputs, arguments.output, arguments.threshold, max_frames=arguments.max_frames)


if __name__ == "__main__":
    run_tool(main)

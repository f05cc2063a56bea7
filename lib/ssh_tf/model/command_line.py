"""Arguments that several tools have in common."""

import argparse
from pathlib import Path
from typing import Any

from ssh_tf.model.config import load_config
from ssh_tf.model.detection import THRESHOLD
from ssh_tf.model.precision import PRECISIONS


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """`--cfg` and `--set`."""
    parser.add_argument("--cfg", type=Path, metavar="FILE", help="YAML file of what differs from the defaults")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar=("KEY", "VALUE"),
        help="change keys of the configuration, e.g. --set TEST.SCALES '[500,800,1200,1600]' for an image pyramid",
    )


def add_detection_arguments(parser: argparse.ArgumentParser) -> None:
    """What a tool that detects faces in pictures takes, but for the model and the pictures."""
    parser.add_argument(
        "--threshold", type=_probability, default=THRESHOLD, help="show faces of a higher score (default: %(default)s)"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="arithmetic (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("output/demo"), metavar="DIR", help="for the results (default: %(default)s)"
    )
    parser.add_argument("--show", action="store_true", help="open a window; needs opencv-python")
    parser.add_argument("--max_frames", type=int, metavar="N", help="end each video or camera after N frames")
    add_config_arguments(parser)


def detection_config(arguments: argparse.Namespace) -> Any:
    """The configuration that the arguments of `add_detection_arguments` ask for.

    Raises:
        ConfigError: it cannot be read or holds what it must not.
    """
    config = load_config(arguments.cfg, arguments.set)
    # Proposals below this score never leave the graph.
    config.TEST.SCORE_THRESH = min(config.TEST.SCORE_THRESH, arguments.threshold)
    return config


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value

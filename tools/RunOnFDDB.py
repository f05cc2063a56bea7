"""Run a detector over FDDB and write FDDB-det-fold-NN.txt for each fold, as tools/eval_fddb.py and the official program
read.

A run that was broken off goes on where it stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets.fddb_files import folds_present, read_fold_names, write_fddb_detections
from ssh_tf.model.command_line import add_config_arguments, add_model_arguments
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.test import SetImage, backbone_of, run_on_set, settings_of
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.errors import DataError, run_tool


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    add_model_arguments(parser, required=True, type=Path)
    parser.add_argument(
        "--data", type=Path, default=Path("data/FDDB"), metavar="DIR", help="it holds FDDB-folds/ and images/"
    )
    parser.add_argument(
        "--folds", type=Path, metavar="DIR", help="the lists of the folds (default: FDDB-folds in --data)"
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="the images (default: images in --data)")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="gets FDDB-det-fold-NN.txt")
    add_config_arguments(parser)
    parser.add_argument(
        "--batch", type=positive, default=1, help="images of equal size that go through together (default: 1)"
    )
    parser.add_argument("--workers", type=positive, default=2, help="threads that read and resize (default: 2)")
    parser.add_argument("--restart", action="store_true", help="begin anew, whatever an earlier run has left")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Detect, and write a file a fold; 1 if images could not be read (they then have the count 0)."""
    arguments = parse_arguments(argv)
    lists = arguments.folds or arguments.data / "FDDB-folds"
    pictures = arguments.images or arguments.data / "images"
    names = {number: read_fold_names(lists, number) for number in folds_present(lists)}
    if not pictures.is_dir():
        raise DataError(f"{pictures}: no such folder; `tools/fetch_data.py fddb` fetches the images")
    config = load_config(arguments.cfg, arguments.set)
    backbone = arguments.backbone or backbone_of(arguments.model)
    settings = settings_of(arguments.model, backbone, arguments.precision, config)
    images = [SetImage(name, pictures / f"{name}.jpg") for fold in names.values() for name in fold]
    run = run_on_set(
        lambda: FaceDetector.from_file(arguments.model, backbone, config, arguments.precision),
        images,
        arguments.output / "run",
        settings,
        threshold=config.TEST.SCORE_THRESH,
        batch=arguments.batch,
        workers=arguments.workers,
        restart=arguments.restart,
    )
    by_name = dict(zip((image.name for image in images), run.detections, strict=True))
    for number, fold in names.items():
        print(write_fddb_detections(arguments.output, number, fold, [by_name[name] for name in fold]))
    for reason in list(run.failed.values())[:5]:
        print(f"error: {reason}", file=sys.stderr)
    if run.failed:
        print(f"{len(run.failed)} of {len(images)} images failed", file=sys.stderr)
    return 1 if run.failed else 0


if __name__ == "__main__":
    run_tool(main)

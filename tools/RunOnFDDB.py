"""Run a detector over FDDB and write FDDB-det-fold-NN.txt for each fold, as tools/eval_fddb.py and the official program
read.

An interrupted run is resumed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets.fddb_files import folds_present, read_fold_names, write_fddb_detections
from ssh_tf.model.command_line import add_set_arguments, detect_set, exit_code
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import model_file
from ssh_tf.model.test import SetImage, backbone_of
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import DataError, run_tool


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    add_set_arguments(parser)
    parser.add_argument(
        "--data", type=Path, default=Path("data/FDDB"), metavar="DIR", help="folder of FDDB-folds/ and images/"
    )
    parser.add_argument(
        "--folds", type=Path, metavar="DIR", help="the lists of the folds (default: FDDB-folds in --data)"
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="the images (default: images in --data)")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for FDDB-det-fold-NN.txt")
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
    arguments.model = Path(model_file(arguments.model, arguments.precision))
    backbone = arguments.backbone or backbone_of(arguments.model)
    images = [SetImage(name, pictures / f"{name}.jpg") for fold in names.values() for name in fold]
    run = detect_set(arguments, config, images, arguments.output / "run", backbone)
    by_name = dict(zip((image.name for image in images), run.detections, strict=True))
    for number, fold in names.items():
        print(write_fddb_detections(arguments.output, number, fold, [by_name[name] for name in fold]))
    return exit_code(run)


if __name__ == "__main__":
    run_tool(main)

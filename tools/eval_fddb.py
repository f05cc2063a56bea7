"""Evaluate stored detections on FDDB: the official program's DiscROC.txt and ContROC.txt, for all folds and for each.

Detections are the files FDDB-det-fold-NN.txt: image name, count, a row a detection, in the order of the fold's list.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets import fddb_report
from ssh_tf.datasets.fddb_files import Shape, folds_present, read_fold
from ssh_tf.datasets.results import write_json
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.files import check_not_read

SHAPES = {"rect": Shape.RECTANGLE, "ellipse": Shape.ELLIPSE}


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument("--detections", required=True, type=Path, metavar="DIR", help="folder of FDDB-det-fold-NN.txt")
    parser.add_argument("--folds", required=True, type=Path, metavar="DIR", help="the official folder FDDB-folds")
    sizes = parser.add_mutually_exclusive_group(required=True)
    sizes.add_argument("--images", type=Path, metavar="DIR", help="the official images, of which the sizes are read")
    sizes.add_argument("--image_sizes", type=Path, metavar="FILE", help="or a text file of lines: name width height")
    parser.add_argument("--format", choices=SHAPES, default="rect", help="rows: x y w h score, or ellipse and score")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="curves, results.json and plots")
    parser.add_argument(
        "--curves", nargs="+", default=[], metavar="NAME=FILE", help="DiscROC.txt of other detectors, for the plot"
    )
    parser.add_argument("--label", default="ours", help="name of the detector in the plots (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if not all("=" in curve for curve in arguments.curves):
        parser.error("--curves: expected NAME=FILE")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate all folds that the lists name."""
    arguments = parse_arguments(argv)
    paths = {name: Path(path) for name, path in (curve.split("=", 1) for curve in arguments.curves)}
    # Before the evaluation, which takes long, and before its own curves are written.
    others = fddb_report.read_other_curves(paths)
    numbers = folds_present(arguments.folds)
    check_not_read(
        fddb_report.result_files(arguments.output, numbers), [*paths.values(), *filter(None, [arguments.image_sizes])]
    )
    if arguments.image_sizes:
        sizes = fddb_report.sizes_from_file(arguments.image_sizes)
    else:
        sizes = fddb_report.sizes_from_images(arguments.images)
    folds = [read_fold(arguments.folds, number) for number in numbers]
    results = fddb_report.evaluate_folds(arguments.detections, folds, sizes, SHAPES[arguments.format])
    fddb_report.write_curves(arguments.output, results)
    fddb_report.fddb_plot(arguments.output, results, others, arguments.label)
    content = fddb_report.fddb_json(results)
    write_json(arguments.output / "results.json", content)
    for score in ("discrete", "continuous"):
        rates = "   ".join(
            f"{fddb_report.shown_rate(rate)} at {allowed}" for allowed, rate in content["all"][score].items()
        )
        print(f"{score:<11}{rates}   (true positive rate at false positives)")
    print(f"{results.together.faces} faces in {len(folds)} folds; curves in {arguments.output}")
    return 0


if __name__ == "__main__":
    run_tool(main)

"""Evaluate stored detections of any detector on WIDER FACE's validation set.

The figures are those of the official MATLAB toolbox. Detections are a folder of its text files,
<event>/<image>.txt, or a detections.npz. Image names that are missing, malformed or unknown are counted and named.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ssh_tf.datasets import wider_report
from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.results import write_json
from ssh_tf.datasets.wider_baselines import Baseline, published, read_baselines
from ssh_tf.datasets.wider_detections import corner_boxes, official_rows, read_wider_detections
from ssh_tf.datasets.wider_evaluation import evaluate_wider
from ssh_tf.datasets.wider_ground_truth import LEVELS, read_ground_truth
from ssh_tf.utils.arguments import ToolParser, probability
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.files import check_not_read
from ssh_tf.utils.types import FloatArray


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument("--imdb", choices=["wider_face_val"], default="wider_face_val", help="the set evaluated on")
    parser.add_argument("--detections", required=True, type=Path, metavar="DIR|FILE.npz", help="what was detected")
    parser.add_argument(
        "--ground_truth",
        type=Path,
        default=Path("data/WIDER/ground_truth"),
        metavar="DIR",
        help="the toolbox's folder of wider_face_val.mat (default: %(default)s)",
    )
    parser.add_argument("--baselines", type=Path, metavar="DIR", help="the toolbox's plot/baselines: curves to compare")
    parser.add_argument(
        "--nms",
        nargs="?",
        type=probability,
        const=0.3,
        metavar="IOU",
        help="suppress overlapping detections first (at IoU 0.3)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw precision-recall curves into DIR (PNG and PDF)")
    parser.add_argument("--label", default="ours", help="name of the detector in the plots (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if arguments.baselines and not arguments.plot:
        parser.error("--baselines is for --plot: name the folder to draw into")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate; 0 when a figure could be given, whatever faults of single files were named."""
    arguments = parse_arguments(argv)
    problems = Problems()
    truth = read_ground_truth(arguments.ground_truth, problems)
    check_not_read([arguments.json], files_evaluated(arguments, truth.names))
    # Before the evaluation: a folder without them is told at once.
    baselines = {level: beside(arguments.baselines, level, problems) for level in LEVELS} if arguments.plot else {}
    rows = read_wider_detections(arguments.detections, truth.names, problems)
    if arguments.nms is not None:
        rows = [suppressed(image, arguments.nms) for image in rows]
    curves = evaluate_wider(rows, truth)
    print(wider_report.wider_table(curves))
    if arguments.json:
        content = wider_report.wider_json(curves, len(truth.names), sum(map(len, rows)), problems)
        write_json(arguments.json, content)
    if arguments.plot:
        wider_report.wider_plot(arguments.plot, curves, baselines, arguments.label)
    for line in problems.lines():
        print(f"warning: {line}", file=sys.stderr)
    return 0


def files_evaluated(arguments: argparse.Namespace, names: Sequence[str]) -> Iterator[Path]:
    """The files that are evaluated, those of a folder too, and the ground truth."""
    yield arguments.detections
    yield from (arguments.detections / f"{name}.txt" for name in names)
    yield from arguments.ground_truth.glob("*.mat")


def beside(folder: Path | None, level: str, problems: Problems) -> list[Baseline]:
    """The results to show beside ours: curves where there is a folder of them."""
    return read_baselines(folder, level, problems) if folder else published(level)


def suppressed(rows: FloatArray, threshold: float) -> FloatArray:
    """What non-maximum suppression leaves of an image's rows."""
    from ssh_tf.nms import nms

    boxes = corner_boxes(rows)
    return official_rows(boxes[nms(boxes, threshold)])


if __name__ == "__main__":
    run_tool(main)

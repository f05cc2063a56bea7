"""Run a detector over a set and evaluate it.

WIDER FACE (--imdb wider_face_val) gets the official figures: easy, medium and hard average precision with plots. Any
other set, or a folder in the training format (--imdb folder --data DIR), gets average precision by face size and a
contact sheet of the largest faces missed and the most confident false positives.

An interrupted run is resumed. Results are under output/<net>/<imdb>/<tag>/<snapshot>/.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets import size_report, wider_report
from ssh_tf.datasets.average_precision import SIZE_BOUNDS, evaluate_detections
from ssh_tf.datasets.factory import DATASET_NAMES, load_dataset, load_folder
from ssh_tf.datasets.failures import failure_sheet
from ssh_tf.datasets.names import short_name
from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.results import write_json
from ssh_tf.datasets.wider_baselines import published, read_baselines
from ssh_tf.datasets.wider_detections import NO_FILE
from ssh_tf.datasets.wider_evaluation import evaluate_wider
from ssh_tf.datasets.wider_ground_truth import LEVELS, read_ground_truth
from ssh_tf.model.command_line import add_set_arguments, add_skip_missing_argument, detect_set, exit_code
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import model_file
from ssh_tf.model.files.frozen_graphs import is_frozen
from ssh_tf.model.test import SetDetections, SetImage, backbone_of
from ssh_tf.utils.arguments import ToolParser, length, plain_name, probability
from ssh_tf.utils.errors import DataError, run_tool
from ssh_tf.utils.images import write_image
from ssh_tf.utils.types import Config

WIDER = "wider_face_val"
FOLDER = "folder"
_SHOWN = 0.5


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument("--imdb", default=WIDER, help=f"{', '.join(DATASET_NAMES)}, or {FOLDER} (default: %(default)s)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="with --imdb folder: it holds images/ and <split>.txt")
    parser.add_argument("--split", default="val", help="with --imdb folder: stem of the annotation file (default: val)")
    parser.add_argument("--data_root", type=Path, default=Path("data"), help="folder that holds WIDER/ (default: data)")
    parser.add_argument(
        "--ground_truth", type=Path, metavar="DIR", help="default: WIDER/ground_truth below --data_root"
    )
    parser.add_argument("--baselines", type=Path, metavar="DIR", help="the toolbox's plot/baselines: curves to compare")
    add_set_arguments(parser)
    parser.add_argument("--tag", type=plain_name, default="default", help="name of the run (default: %(default)s)")
    parser.add_argument("--output_root", type=Path, default=Path("output"), help="results go below it")
    add_skip_missing_argument(parser)
    parser.add_argument("--label", help="name of the detector in the plots (default: its snapshot)")
    parser.add_argument(
        "--face_sizes",
        nargs="*",
        type=length,
        metavar="PX",
        help="bounds of face sizes (default: 8 16 32)",
    )
    parser.add_argument(
        "--shown",
        type=probability,
        metavar="SCORE",
        help="score from which the contact sheet counts a face as found (default: 0.5)",
    )
    arguments = parser.parse_args(argv)
    if (arguments.imdb == FOLDER) != (arguments.data is not None):
        parser.error("--imdb folder and --data go together")
    unused = ("skip_missing", "face_sizes", "shown") if arguments.imdb == WIDER else ("ground_truth", "baselines")
    for name in unused:
        if getattr(arguments, name) is not None and getattr(arguments, name) is not False:
            parser.error(f"argument --{name}: does nothing with --imdb {arguments.imdb}")
    if arguments.baselines and not arguments.baselines.is_dir():
        parser.error(f"argument --baselines: {arguments.baselines}: no such folder")
    arguments.face_sizes = SIZE_BOUNDS if arguments.face_sizes is None else arguments.face_sizes
    arguments.shown = _SHOWN if arguments.shown is None else arguments.shown
    if list(arguments.face_sizes) != sorted(set(arguments.face_sizes)):
        parser.error("argument --face_sizes: each bound is above the one before")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Detect and evaluate; 1 if images could not be read."""
    arguments = parse_arguments(argv)
    arguments.model = Path(model_file(arguments.model, arguments.precision))
    evaluate = on_wider if arguments.imdb == WIDER else by_size
    run = evaluate(arguments, load_config(arguments.cfg, arguments.set))
    return exit_code(run)


def on_wider(arguments: argparse.Namespace, config: Config) -> SetDetections:
    """The official figures of WIDER FACE's validation set."""
    problems = Problems()
    truth = read_ground_truth(arguments.ground_truth or arguments.data_root / "WIDER" / "ground_truth", problems)
    pictures = arguments.data_root / "WIDER" / "WIDER_val" / "images"
    if not pictures.is_dir():
        raise DataError(f"{pictures}: no such folder; `tools/fetch_data.py wider_val` fetches the images")
    images = [SetImage(name, pictures / f"{name}.jpg") for name in truth.names]
    folder, run = detect(arguments, config, images, WIDER)
    for name in run.failed:
        problems.add(NO_FILE, name)
    curves = evaluate_wider(run.official, truth)
    label = arguments.label or folder.name
    baselines = {
        level: read_baselines(arguments.baselines, level, problems) if arguments.baselines else published(level)
        for level in LEVELS
    }
    content = wider_report.wider_json(curves, len(images), sum(map(len, run.official)), problems)
    write_json(folder / "results.json", content | {"failed": run.failed})
    print(wider_report.wider_table(curves))
    for line in problems.lines():
        print(f"warning: {line}", file=sys.stderr)
    wider_report.wider_plot(folder, curves, baselines, label)
    return run


def by_size(arguments: argparse.Namespace, config: Config) -> SetDetections:
    """Average precision by face size on any annotated set."""
    cache = arguments.output_root / "cache"
    if arguments.imdb == FOLDER:
        split = arguments.split.replace("/", "_")
        name = arguments.data.resolve().name + ("" if split == "val" else f"_{split}")
        records = load_folder(arguments.data, arguments.split, cache, arguments.skip_missing)
    else:
        name = arguments.imdb
        records = load_dataset(name, arguments.data_root, cache, arguments.skip_missing)
    images = [SetImage(short_name(record.name), record.path) for record in records]
    folder, run = detect(arguments, config, images, name)
    result = evaluate_detections(
        run.detections,
        [record.boxes for record in records],
        [record.ignore for record in records],
        bounds=arguments.face_sizes,
    )
    content = {**size_report.size_json(result), "images": len(images), "detections": sum(map(len, run.detections))}
    write_json(folder / "results.json", content | {"failed": run.failed})
    print(size_report.size_table(result))
    # The figures first: whatever the pictures come upon, they are there, and plots want a package of their own.
    write_image(folder / "failures.jpg", failure_sheet(records, run.detections, arguments.shown))
    size_report.size_plot(folder, result, f"{name}: {arguments.label or folder.name}")
    return run


def detect(
    arguments: argparse.Namespace, config: Config, images: Sequence[SetImage], name: str
) -> tuple[Path, SetDetections]:
    """Run the detector; the folder of its results, and what it gave."""
    # Of a frozen graph it is not asked.
    backbone = None if is_frozen(arguments.model) else arguments.backbone or backbone_of(arguments.model)
    # The model may be named "." or "..", which is no name for a folder of results.
    snapshot = Path(os.path.abspath(arguments.model)).stem
    folder = arguments.output_root / (backbone or "frozen") / name / arguments.tag / snapshot
    run = detect_set(arguments, config, images, folder, backbone)
    print(f"{len(images)} images in {run.seconds:.0f} s ({run.resumed} done before); results in {folder}")
    return folder, run


def entry() -> None:
    """The command `ssh-test`."""
    run_tool(main)


if __name__ == "__main__":
    entry()

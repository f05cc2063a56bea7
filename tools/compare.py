"""Compare this detector with others on the same images: CenterFace, MTCNN, MediaPipe's, OpenCV's and dlib's classics.

The table has average precision over all faces and by face size (square root of the area, in pixels of the image as
stored), at IoU 0.5 and, since the classic detectors draw looser or square boxes, at IoU 0.3; images a second; and the
size of the model. Every model is run in each precision and each view:

  single    shortest side 1200, longest at most 1600
  pyramid   shortest sides 500, 800, 1200 and 1600, for a longest side of 1200 at 800
  mirrored  the pyramid, and its mirror image
  fast, balanced, accurate   what --size of tools/demo.py calls so

The others come with other packages, weights and all: pip install '.[compare]' brings them (and sets OpenCV back to
version 4, the last one with cascades). Those that are not installed, or do not load, are left out.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from ssh_tf.datasets.factory import load_folder
from ssh_tf.datasets.results import write_json
from ssh_tf.model.command_line import add_backbone_argument, add_config_arguments, add_skip_missing_argument
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import DEFAULT_MODEL, FaceDetector
from ssh_tf.model.files.checkpoints import model_files
from ssh_tf.model.sizes import SIZES, size_settings
from ssh_tf.model.training.validation import sample_records
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.errors import one_line, reason_of, run_tool
from ssh_tf.utils.files import atomic_write, check_not_read, check_writable
from ssh_tf.utils.plots import figure_files
from ssh_tf.utils.resources import model_path
from ssh_tools.measuring import comparison_report
from ssh_tools.measuring.comparison import Contestant, compare_contestants
from ssh_tools.measuring.peers import PEERS

SINGLE = ("TEST.SCALES", "[1200]", "TEST.MAX_SIZE", "1600", "TEST.FLIP", "False")
_PYRAMID = (*SINGLE, "TEST.SCALES", "[500, 800, 1200, 1600]", "TEST.PYRAMID_BASE", "[800, 1200]")
VIEWS = {
    "single": SINGLE,
    "pyramid": _PYRAMID,
    "mirrored": (*_PYRAMID, "TEST.FLIP", "True"),
    **{name: (*SINGLE, *size_settings(name)) for name in SIZES if name != "pyramid"},
}
_PRECISIONS = ("fp32", "bf16")


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder with images/ and <split>.txt")
    parser.add_argument("--split", default="val", help="stem of the annotation file (default: %(default)s)")
    add_skip_missing_argument(parser)
    parser.add_argument("--limit", type=positive, metavar="M", help="take M images, spread evenly over the set")
    parser.add_argument(
        "--model",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="checkpoints, .pb, .onnx, folders of SavedModels (default: the model that comes with the package)",
    )
    add_backbone_argument(parser)
    parser.add_argument("--precision", nargs="+", choices=_PRECISIONS, default=_PRECISIONS, help="default: both")
    parser.add_argument(
        "--views", nargs="+", choices=list(VIEWS), default=["single", "pyramid"], help="default: single pyramid"
    )
    parser.add_argument("--no_peers", action="store_true", help="leave the other detectors out")
    parser.add_argument("--output_root", type=Path, default=Path("output"), help="image sizes are kept below it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table to FILE")
    parser.add_argument("--plot", type=Path, metavar="STEM", help="draw precision-recall curves: STEM.png, STEM.pdf")
    add_config_arguments(parser)
    arguments = parser.parse_args(argv)
    for key in arguments.set[::2]:
        if lost := set_by_views(key, arguments.views):
            parser.error(f"--set {key}: the views set {', '.join(lost)} after it; choose among --views instead")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Compare; 1 if a detector failed on some of the images."""
    arguments = parse_arguments(argv)
    outputs = files_written(arguments)
    check_writable(outputs)
    cache = arguments.output_root / "cache"
    records = load_folder(arguments.data, arguments.split, cache, arguments.skip_missing)
    check_not_read(outputs, [*files_read(arguments), *(record.path for record in records)])
    if arguments.limit is not None:
        records = sample_records(records, arguments.limit)
    contestants = [contestant for model in arguments.model or [None] for contestant in ours(model, arguments)]
    peers, left_out = ([], []) if arguments.no_peers else others()
    for line in left_out:
        print(f"left out: {line}", file=sys.stderr)
    result = compare_contestants([*contestants, *peers], records)
    caption = comparison_report.caption(result)
    print(comparison_report.text_table(result), caption, sep="\n\n")
    if arguments.json:
        write_json(arguments.json, comparison_report.comparison_json(result, left_out))
    if arguments.markdown:
        with atomic_write(arguments.markdown) as stream:
            stream.write(f"{comparison_report.markdown_table(result)}\n\n{caption}\n")
    if arguments.plot:
        title = f"{arguments.data.resolve().name}, {arguments.split}: all faces, IoU 0.5"
        comparison_report.comparison_plot(arguments.plot, result, title)
    for line in result.problems.lines():
        print(f"warning: {line}", file=sys.stderr)
    return 1 if len(result.problems) else 0


def set_by_views(key: str, views: Sequence[str]) -> list[str]:
    """The keys of the configuration that `views` set and that are `key`, or in the table `key`."""
    keys = {name for view in views for name in VIEWS[view][::2]}
    return sorted(name for name in keys if name == key or name.startswith(f"{key}."))


def files_written(arguments: argparse.Namespace) -> list[Path]:
    """The files that this command line writes."""
    plots = figure_files(arguments.plot) if arguments.plot else []
    return [*filter(None, [arguments.json, arguments.markdown]), *plots]


def files_read(arguments: argparse.Namespace) -> Iterator[Path]:
    """The files that it names and reads, without the images."""
    yield arguments.data / f"{arguments.split}.txt"
    yield arguments.data / "labels.jsonl"
    if arguments.cfg:
        yield arguments.cfg
    for model in arguments.model or []:
        yield from model_files(model)


def ours(model: Path | None, arguments: argparse.Namespace) -> Iterator[Contestant]:
    """This project's detector with `model`, or the one that comes with the package, in each precision and view."""
    path = model_path(DEFAULT_MODEL) if model is None else model
    size = sum(file.stat().st_size for file in model_files(path))
    for precision in arguments.precision:
        # The views share a network: they differ in what it is shown.
        runner = FaceDetector.from_file(
            path, arguments.backbone, load_config(arguments.cfg, arguments.set), precision
        ).runner
        for view in arguments.views:
            config = load_config(arguments.cfg, [*arguments.set, *VIEWS[view]])
            detect = partial(FaceDetector(runner, config), threshold=config.TEST.SCORE_THRESH)
            yield Contestant(f"{path.stem}, {precision}, {view}", detect, size)


def others() -> tuple[list[Contestant], list[str]]:
    """The detectors of other packages, and a line for each that is missing or does not load."""
    contestants, left_out = [], []
    for name, load in PEERS.items():
        try:
            contestants.append(Contestant(name, *load()))
        except Exception as error:  # a package that is there but broken raises whatever it likes
            left_out.append(one_line(f"{name}: {reason_of(error)}"))
    return contestants, left_out


if __name__ == "__main__":
    run_tool(main)

"""Turn labels of another program into a folder to train on, and labels or detections of this one into those of another.

With --from, INPUT is read and checked, and OUTPUT becomes a folder with images/ (a link to --images), train.txt,
val.txt and labels.jsonl. What was left out is counted and named, all of it in OUTPUT/problems.json.
With --to, INPUT is such a folder, an annotation file, or a detections.jsonl; OUTPUT is a file (coco, csv) or a folder
(yolo, voc).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets.labels.importing import check_labels, choose_class, split, write_folder
from ssh_tf.datasets.labels.items import FACE_NAME, LISTS, REGIONS, Pictures
from ssh_tf.datasets.labels.readers import READERS
from ssh_tf.datasets.labels.writers import WRITERS, read_own
from ssh_tf.datasets.problems import Problems
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import DataError, one_line, run_tool
from ssh_tf.utils.files import atomic_write, check_not_read
from ssh_tf.utils.images import IMAGE_SUFFIXES


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is no share from 0 up and below 1")
    return value


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    direction = parser.add_mutually_exclusive_group(required=True)
    direction.add_argument("--from", dest="source", choices=list(READERS), help="format of INPUT")
    direction.add_argument("--to", dest="target", choices=list(WRITERS), help="format of OUTPUT")
    parser.add_argument("input", type=Path, metavar="INPUT", help="label file, or folder of label files")
    parser.add_argument("--images", type=Path, metavar="DIR", required=True, help="folder of the images, or above them")
    parser.add_argument("--output", type=Path, metavar="OUTPUT", required=True, help="folder or file to write")
    parser.add_argument("--class", dest="name", metavar="NAME", help="the class that is a face; needed if several")
    parser.add_argument(
        "--ignore_class",
        nargs="+",
        default=[],
        metavar="NAME",
        help="classes whose boxes are neither face nor background",
    )
    parser.add_argument("--val", type=_share, default=0.1, help="share of images for validation (default: %(default)s)")
    parser.add_argument("--copy", action="store_true", help="copy the images instead of linking their folder")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Import or export; what was left out is no failure as long as something is left."""
    arguments = parse_arguments(argv)
    _check_output(arguments)
    pictures, problems = Pictures(arguments.images), Problems()
    if arguments.target:
        images = read_own(arguments.input, pictures, problems)
        if not images:
            raise DataError("; ".join([f"{arguments.input}: no image in it", *problems.lines()]))
        name = arguments.name or FACE_NAME
        written = WRITERS[arguments.target](arguments.output, images, pictures, name, problems)
        _tell(problems)
        print(f"{arguments.output}: {written.boxes} boxes of {written.images} images")
        return 0
    images = READERS[arguments.source](arguments.input, pictures, problems)
    if not images:
        raise DataError("; ".join([f"{arguments.input}: no image in it", *problems.lines()]))
    wanted = choose_class(images, arguments.name, arguments.ignore_class)
    checked = check_labels(images, pictures, problems, wanted, arguments.ignore_class)
    train, val = write_folder(arguments.output, *split(checked, arguments.val), pictures, problems, arguments.copy)
    with atomic_write(arguments.output / "problems.json") as stream:
        json.dump(problems.as_json(), stream, indent=1)
    _tell(problems)
    print(
        f"{arguments.output}: {len(train)} images with {sum(len(i.boxes) for i in train)} faces to train on, "
        f"{len(val)} with {sum(len(i.boxes) for i in val)} for validation, "
        f"{sum(len(i.ignore) for i in (*train, *val))} ignore regions"
    )
    return 0


def _check_output(arguments: argparse.Namespace) -> None:
    """See that nothing is written over a file that is read.

    Raises:
        DataError: something would be.
    """
    source, output = arguments.input, arguments.output
    if arguments.source:
        check_not_read([output, *(output / name for name in (*LISTS, REGIONS, "problems.json"))], [source])
    else:
        own = [source / name for name in (*LISTS, REGIONS)]
        check_not_read([output], [source, *own, source.parent / REGIONS])
        # YOLO's files lie there.
        check_not_read([output / "labels"], [source.parent])
        if arguments.target in {"coco", "csv"} and output.is_dir():
            raise DataError(f"{output}: is a folder; name a file for the labels")
        if output.is_file() and output.suffix.lower() in IMAGE_SUFFIXES:
            raise DataError(f"{output}: has the name of a picture; name another file for the labels")


def _tell(problems: Problems) -> None:
    for line in problems.lines():
        print(one_line(line), file=sys.stderr)


def entry() -> None:
    """The command `ssh-import-annotations`."""
    run_tool(main)


if __name__ == "__main__":
    entry()

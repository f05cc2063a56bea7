"""Make the annotation files that training reads from WIDER FACE's official ones.

Reads wider_face_<split>_bbx_gt.txt, or wider_face_<split>.mat, and writes
WIDER_<split>/Annotations/wider_face_<split>.txt: a line an image, "event/image x_min y_min x_max y_max …". Boxes that
are flagged as invalid or have no area are left out and counted.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets.wider_split import read_split, write_annotations
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import DataError, run_tool

SPLITS = ("train", "val")


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/WIDER"), metavar="DIR", help="default: %(default)s")
    parser.add_argument(
        "--source", type=Path, metavar="DIR", help="folder of the official files (default: wider_face_split in --data)"
    )
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS, help="default: both")
    parser.add_argument(
        "--from", dest="suffix", choices=["txt", "mat"], help="read these (default: txt where there is one)"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the annotation file of each split."""
    arguments = parse_arguments(argv)
    source = arguments.source or arguments.data / "wider_face_split"
    for split in arguments.splits:
        path = official_file(source, split, arguments.suffix)
        target = arguments.data / f"WIDER_{split}" / "Annotations" / f"wider_face_{split}.txt"
        done = write_annotations(target, read_split(path))
        print(
            f"{target}: {done.images} images, {done.faces} faces; left out {done.flagged} boxes flagged as invalid"
            f" and {done.without_area} without area (from {path.name})"
        )
    return 0


def official_file(source: Path, split: str, suffix: str | None) -> Path:
    """The text file, or else the .mat file; the one of `suffix` if that is given.

    Raises:
        DataError: it is not there.
    """
    places = {"txt": source / f"wider_face_{split}_bbx_gt.txt", "mat": source / f"wider_face_{split}.mat"}
    for kind, path in places.items():
        if suffix in {None, kind} and path.is_file():
            return path
    wanted = " or ".join(path.name for kind, path in places.items() if suffix in {None, kind})
    raise DataError(f"{source}: no {wanted}; `tools/fetch_data.py wider_split` fetches them")


if __name__ == "__main__":
    run_tool(main)

"""Describe a data folder, and what a training with the same --cfg and --set would leave out of it."""

from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets.factory import load_folder
from ssh_tf.datasets.label_report import face_sides, find_problems, size_lines
from ssh_tf.datasets.problems import Problems
from ssh_tf.model.command_line import add_config_arguments, add_skip_missing_argument
from ssh_tf.model.config import load_config
from ssh_tf.model.options import match_options, pipeline_options
from ssh_tf.model.training.used_faces import count_used
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.roi_data_layer.samples import Sampler
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.errors import run_tool


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; what it finds is no failure."""
    parser = ToolParser(__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="images/, train.txt and val.txt")
    parser.add_argument(
        "--backbone", choices=list(BACKBONES), default="mobile", help="network to train (default: %(default)s)"
    )
    parser.add_argument("--count", type=positive, default=200, help="training samples to check (default: %(default)s)")
    add_skip_missing_argument(parser)
    parser.add_argument(
        "--named", type=positive, default=5, help="items to name of each kind of problem (default: %(default)s)"
    )
    add_config_arguments(parser)
    arguments = parser.parse_args(argv)

    config = load_config(arguments.cfg, arguments.set)
    names = [name for name in ("train", "val") if (arguments.data / f"{name}.txt").exists()]
    splits = {
        name: load_folder(arguments.data, name, skip_missing=arguments.skip_missing) for name in names or ["train"]
    }
    for name, records in splits.items():
        sides = face_sides(records)
        regions = sum(len(record.ignore) for record in records)
        print(f"{name}: {len(records)} images, {len(sides)} faces, {regions} ignore regions")
        print("\n".join(size_lines(sides)))
    problems = Problems()
    find_problems(splits, problems)
    for line in problems.lines(arguments.named):
        print(line)
    if "train" in splits:
        batch = config.TRAIN.IMS_PER_BATCH
        options = pipeline_options(config)._replace(skip_unreadable=arguments.skip_missing)
        sampler = Sampler(splits["train"], options, config.RNG_SEED, batch)
        used = count_used(sampler, arguments.count, batch, arguments.backbone, match_options(config))
        print(
            f"of {used.samples} training samples {used.empty} show no face; the others show {used.faces}, of which "
            f"{used.unmatched} match no anchor; {used.ignored} regions are ignored (faces under "
            f"{options.min_face:g} px in windows, cut off, or labelled so)"
        )
    return 0


def entry() -> None:
    """The command `ssh-check-data`."""
    run_tool(main)


if __name__ == "__main__":
    entry()

"""Train SSH on WIDER FACE, or on any folder of images with boxes."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets.factory import load_dataset, load_folder
from ssh_tf.datasets.records import ImageRecord
from ssh_tf.model.command_line import (
    add_backbone_argument,
    add_config_arguments,
    add_precision_argument,
    add_skip_missing_argument,
)
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import model_file
from ssh_tf.model.precision import PRECISIONS
from ssh_tf.model.train_val import METHODS, TrainingRun, train
from ssh_tf.model.training.devices import choose_devices
from ssh_tf.model.training.validation import Validation
from ssh_tf.utils.arguments import ToolParser, plain_name, positive
from ssh_tf.utils.errors import run_tool


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(
        __doc__,
        epilog="Several machines: give each the same command, and in TF_CONFIG the addresses of all and its own place.",
    )
    add_backbone_argument(parser, required=True)
    parser.add_argument(
        "--weight",
        metavar="FILE",
        help="start from: a slim ImageNet checkpoint, an .npz of arrays, an SSH checkpoint or .pb, "
        "or a model of the package by name, such as mobile_ssh",
    )
    parser.add_argument("--imdb", help="training set, e.g. wider_face_train; a+b joins sets")
    parser.add_argument("--imdbval", help="validation set, e.g. wider_face_val")
    parser.add_argument(
        "--data", type=Path, nargs="+", metavar="FOLDER", help="images/, train.txt and val.txt, instead of --imdb"
    )
    parser.add_argument("--data_root", type=Path, default=Path("data"), help="folder that holds WIDER/ (default: data)")
    add_skip_missing_argument(parser)
    parser.add_argument("--iters", type=positive, default=300000, help="iterations in all (default: %(default)s)")
    parser.add_argument(
        "--tag", type=plain_name, default="default", help="name of the run; a run of the same name is resumed"
    )
    parser.add_argument("--method", choices=METHODS, default="group", help="train all branches in a step, or one drawn")
    add_precision_argument(parser, PRECISIONS, "arithmetic; auto: the fastest of the CPU, fp32 on GPUs")
    parser.add_argument(
        "--cpu_devices",
        type=positive,
        default=1,
        metavar="N",
        help="count the CPU as N devices, to try several without GPUs",
    )
    parser.add_argument("--output_root", type=Path, default=Path("output"), help="snapshots go below it")
    parser.add_argument("--tensorboard_root", type=Path, default=Path("tensorboard"), help="curves go below it")
    add_config_arguments(parser)
    arguments = parser.parse_args(argv)
    if (arguments.data is None) == (arguments.imdb is None):
        parser.error("give either --imdb or --data")
    given = [*map(os.path.realpath, arguments.data or ())] or arguments.imdb.split("+")
    if len(set(given)) < len(given):
        parser.error("a set is named twice; its images would count twice")
    if arguments.data and arguments.imdbval:
        parser.error("--imdbval goes with --imdb; the validation set of --data is its val.txt")
    return arguments


def load_sets(arguments: argparse.Namespace) -> tuple[str, list[ImageRecord], list[ImageRecord]]:
    """The name of the data set, its training images and its validation images (none, if there are none)."""
    cache, skip = arguments.output_root / "cache", arguments.skip_missing
    if arguments.data:
        validated = [folder for folder in arguments.data if (folder / "val.txt").exists()]
        return (
            "+".join(folder.resolve().name for folder in arguments.data),
            [record for folder in arguments.data for record in load_folder(folder, "train", cache, skip)],
            [record for folder in validated for record in load_folder(folder, "val", cache, skip)],
        )
    return (
        arguments.imdb,
        load_dataset(arguments.imdb, arguments.data_root, cache, skip),
        load_dataset(arguments.imdbval, arguments.data_root, cache, skip) if arguments.imdbval else [],
    )


def command_line(argv: Sequence[str]) -> str:
    """What a shell is to be given to run this tool as it was run."""
    # What decides on which devices it runs is part of it.
    devices = [f"{name}={os.environ[name]}" for name in ("CUDA_VISIBLE_DEVICES", "TF_CONFIG") if name in os.environ]
    return shlex.join([*(["env", *devices] if devices else []), sys.executable, __file__, *argv])


def main(argv: Sequence[str] | None = None) -> int:
    """Train; 0 when the last iteration is done or a signal stopped the run with a snapshot."""
    arguments = parse_arguments(argv)
    config = load_config(arguments.cfg, arguments.set)
    name, records, validation = load_sets(arguments)
    place = Path(arguments.backbone) / name / arguments.tag
    run = TrainingRun(
        backbone=arguments.backbone,
        iterations=arguments.iters,
        output=arguments.output_root / place,
        tensorboard=arguments.tensorboard_root / place,
        weight=arguments.weight and os.fspath(model_file(arguments.weight, "fp32")),
        method=arguments.method,
        skip_unreadable=arguments.skip_missing,
        command=command_line(sys.argv[1:] if argv is None else argv),
    )
    devices = choose_devices(arguments.precision, arguments.cpu_devices)
    print(f"{len(records)} training images, {len(validation)} for validation; {devices}; output under {run.output}")
    validates = validation and devices.is_chief and config.TRAIN.VAL_ITERS
    validate = Validation(validation, run.backbone, config, arguments.precision) if validates else None
    train(run, config, records, devices, validate)
    return 0


def entry() -> None:
    """The command `ssh-train`."""
    run_tool(main)


if __name__ == "__main__":
    entry()

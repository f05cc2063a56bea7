"""Train SSH on WIDER FACE, or on any folder of images with boxes."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets.factory import load_dataset, load_folder
from ssh_tf.model.config import load_config
from ssh_tf.model.devices import choose_devices
from ssh_tf.model.precision import PRECISIONS, session_config
from ssh_tf.model.train_val import METHODS, Run, train
from ssh_tf.model.validation import Validation
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.errors import run_tool


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", required=True, choices=list(BACKBONES), help="network to train")
    parser.add_argument("--weight", help="start from: a slim ImageNet checkpoint, an .npz of arrays, an SSH checkpoint")
    parser.add_argument("--imdb", help="training set, e.g. wider_face_train; a+b joins sets")
    parser.add_argument("--imdbval", help="validation set, e.g. wider_face_val")
    parser.add_argument("--data", type=Path, help="a folder with images/, train.txt and val.txt instead of --imdb")
    parser.add_argument("--data_root", type=Path, default=Path("data"), help="folder that holds WIDER/ (default: data)")
    parser.add_argument("--skip-missing", action="store_true", help="leave out images that are missing or unreadable")
    parser.add_argument("--iters", type=int, default=300000, help="iterations in all (default: 300000)")
    parser.add_argument("--cfg", type=Path, help="YAML file of what differs from the defaults")
    parser.add_argument("--tag", default="default", help="name of the run; a run of the same name is gone on with")
    parser.add_argument("--method", choices=METHODS, default="group", help="train all branches in a step, or one drawn")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="arithmetic (default: auto)")
    parser.add_argument("--output_root", type=Path, default=Path("output"), help="snapshots go below it")
    parser.add_argument("--tensorboard_root", type=Path, default=Path("tensorboard"), help="curves go below it")
    parser.add_argument("--set", nargs="+", default=[], metavar=("KEY", "VALUE"), help="change configuration keys")
    arguments = parser.parse_args(argv)
    if (arguments.data is None) == (arguments.imdb is None):
        parser.error("give either --imdb or --data")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Train; 0 when the last iteration is done or a signal stopped the run with a snapshot."""
    arguments = parse_arguments(argv)
    config = load_config(arguments.cfg, arguments.set)
    cache = arguments.output_root / "cache"
    if arguments.data:
        name = arguments.data.resolve().name
        records = load_folder(arguments.data, "train", cache, arguments.skip_missing)
        validation = load_folder(arguments.data, "val", cache, arguments.skip_missing)
    else:
        name = arguments.imdb
        records = load_dataset(arguments.imdb, arguments.data_root, cache, arguments.skip_missing)
        validation = []
        if arguments.imdbval:
            validation = load_dataset(arguments.imdbval, arguments.data_root, cache, arguments.skip_missing)
    place = Path(arguments.backbone) / name / arguments.tag
    run = Run(
        backbone=arguments.backbone,
        iterations=arguments.iters,
        output=arguments.output_root / place,
        tensorboard=arguments.tensorboard_root / place,
        weight=arguments.weight,
        method=arguments.method,
        skip_unreadable=arguments.skip_missing,
    )
    print(f"{len(records)} training images, {len(validation)} for validation; output under {run.output}")
    train(
        run,
        config,
        records,
        choose_devices(session_config(arguments.precision)),
        Validation(validation, run.backbone, config) if validation else None,
    )
    return 0


if __name__ == "__main__":
    run_tool(main)

"""Train the port's SSH on WIDER FACE, or on any folder of images with boxes.

A training whose folder (save_path) holds checkpoints is resumed; pre_trained is not read then.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from ssh_ms.settings import read_settings
from ssh_ms.sources import DataSource, FileSource, load_records
from ssh_ms.training_data import CanvasOptions, ExampleMaker
from ssh_tf.datasets.records import fingerprint
from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.utils.errors import ConfigError, DataError, run_tool

if TYPE_CHECKING:
    from ssh_ms.network import SSHNetwork

_MANY = 2**31 - 1
_DEFAULTS = Path(__file__).parents[2] / "experiments/cfgs/mindspore/default_config.yaml"


def main(argv: Sequence[str] | None = None) -> int:
    """Train; 0 when the last step is done or a signal stopped the run with a checkpoint."""
    settings = read_settings(argv, _DEFAULTS, __doc__)
    check_settings(settings)
    # Not before the arguments are known to be right: MindSpore takes seconds.
    from ssh_ms.framework import ms, set_up
    from ssh_ms.network import SSHNetwork
    from ssh_ms.trainer import Schedule, Trainer
    from ssh_ms.training_graph import LossOptions, TrainingLoss, TrainStep

    folder = Path(settings.save_path)
    source = open_source(settings, folder)
    ms.set_seed(settings.seed)
    set_up(settings.mode, settings.device_target)
    network = SSHNetwork()
    if settings.pre_trained:
        prepare_network(network, settings.pre_trained, folder)
    canvas = CanvasOptions(settings.img_height, settings.img_width, settings.flip_ratio, settings.expand_ratio)
    losses = LossOptions(
        batch_size=settings.num_sampled,
        positive_fraction=settings.pos_fraction,
        hard_mining=settings.hard_mining,
        weight_decay=settings.weight_decay,
    )
    step = TrainStep(
        TrainingLoss(network, canvas.height, canvas.width, losses),
        settings.base_lr,
        settings.momentum,
        settings.double_bias,
    )
    schedule = Schedule(
        epochs=settings.epoch_size,
        batch_size=settings.batch_size,
        learning_rate=settings.base_lr,
        max_steps=settings.max_steps,
        decay_epoch=settings.lr_decay_epoch,
        save_every=settings.save_checkpoint_steps,
        keep=settings.keep_checkpoint_max,
        seed=settings.seed,
        workers=settings.num_parallel_workers,
    )
    matching = MatchOptions(settings.pos_overlap, settings.neg_overlap)
    print(f"{len(source)} images; results under {folder}")
    Trainer(step, source, ExampleMaker(canvas, matching), folder, schedule).run()
    return 0


def prepare_network(network: "SSHNetwork", pre_trained: str, folder: Path) -> None:
    """Load `pre_trained`, but for a training that is resumed in `folder`; the first layers are frozen in either.

    A checkpoint would replace all that was loaded, and the file may be gone by then.

    Raises:
        CheckpointError: it is read, and cannot be, or does not fit.
    """
    from ssh_ms.checkpoints import load_initial
    from ssh_ms.trainer import has_checkpoint
    from ssh_ms.training_graph import freeze_early_layers

    if has_checkpoint(folder):
        start = f"{pre_trained} is not read: the last checkpoint under {folder} has the weights"
    else:
        whole = load_initial(network, pre_trained)
        start = f"starts from {pre_trained}: {'an SSH network' if whole else 'VGG16'}"
    print(f"{start}; conv1 and conv2 are frozen")
    freeze_early_layers(network)


def check_settings(settings: SimpleNamespace) -> None:
    """Check that numbers are in their ranges.

    Raises:
        ConfigError: one is not; it is named.
    """
    cores = os.cpu_count() or 1
    ranges = {
        "img_height": (16, 8192),
        "img_width": (16, 8192),
        "flip_ratio": (0, 1),
        "expand_ratio": (1, 16),
        "num_parallel_workers": (1, cores),
        "mindrecord_shards": (1, 1000),
        "pos_overlap": (0, 1),
        "neg_overlap": (0, settings.pos_overlap),
        "num_sampled": (1, _MANY),
        "pos_fraction": (0, 1),
        "batch_size": (1, _MANY),
        "epoch_size": (1, _MANY),
        "max_steps": (0, _MANY),
        "base_lr": (0, 1e6),
        "lr_decay_epoch": (0, _MANY),
        "momentum": (0, 1),
        "weight_decay": (0, 1e6),
        "seed": (0, 2**31 - 1),
        "save_checkpoint_steps": (1, _MANY),
        "keep_checkpoint_max": (1, _MANY),
    }
    if not settings.save_path:
        raise ConfigError("save_path is empty; name a folder")
    for key, (low, high) in ranges.items():
        value = getattr(settings, key)
        if not low <= value <= high:
            reason = f" (this machine has {cores} cores)" if key == "num_parallel_workers" else ""
            most = f" and at most {high}" if value > high else ""
            bounds = f"at least {low}{most}" if high == _MANY else f"{low} to {high:g}"
            raise ConfigError(f"{key} is {bounds}{reason}, got {value}")


def open_source(settings: SimpleNamespace, folder: Path) -> DataSource:
    """The images themselves, or MindRecord shards, which are made if they are not there yet.

    Raises:
        DataError: images or shards cannot be read, or the shards are of other images than those that are there.
    """
    from ssh_ms.shards import MindRecordSource, shards, write_shards

    shard_folder, anno_path, image_dir = map(Path, (settings.mindrecord_dir, settings.anno_path, settings.image_dir))
    if settings.mindrecord_dir and shards(shard_folder):
        source = MindRecordSource(shard_folder)
        # The images may be elsewhere by now.
        if source.fingerprint and anno_path.exists() and image_dir.is_dir():
            records = load_records(anno_path, image_dir, folder / "cache", settings.skip_missing)
            if fingerprint(records) != source.fingerprint:
                raise DataError(
                    f"{shard_folder}: these shards were made of other images or boxes than {anno_path} names; remove "
                    "them, or give another --mindrecord_dir"
                )
        return source
    records = load_records(anno_path, image_dir, folder / "cache", settings.skip_missing)
    if not settings.mindrecord_dir:
        return FileSource(records)
    write_shards(shard_folder, records, settings.mindrecord_shards)
    return MindRecordSource(shard_folder)


if __name__ == "__main__":
    run_tool(main)

"""Arguments that several tools have in common."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ssh_tf
from ssh_tf.model.config import load_config, to_plain
from ssh_tf.model.inference.detection import THRESHOLD
from ssh_tf.model.inference.keeping import SAVES, FolderJob
from ssh_tf.model.inference.listing import FORMATS
from ssh_tf.model.precision import DETECTOR_PRECISIONS
from ssh_tf.model.sizes import DEFAULT_SIZE, SIZES, size_settings
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.arguments import positive, probability, share
from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.types import Config

_KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.\w+)*")


def add_model_arguments(parser: argparse.ArgumentParser, **model: Any) -> None:
    """`--model`, `--backbone` and `--precision` of a network that detects; `model` changes the first of them."""
    shown = {"metavar": "PATH", "help": "a checkpoint, .pb, .onnx or folder of a SavedModel"}
    parser.add_argument("--model", **{**shown, **model})
    add_backbone_argument(parser)
    add_precision_argument(parser)


def add_backbone_argument(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """`--backbone`: the network of a checkpoint."""
    default = "" if required else " (default: seen from its variables)"
    parser.add_argument(
        "--backbone", choices=list(BACKBONES), required=required, help=f"the network of a checkpoint{default}"
    )


def add_precision_argument(
    parser: argparse.ArgumentParser, choices: Sequence[str] = DETECTOR_PRECISIONS, meaning: str = "arithmetic"
) -> None:
    """`--precision`, one of `choices`."""
    parser.add_argument("--precision", choices=choices, default="auto", help=f"{meaning} (default: %(default)s)")


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """`--cfg` and `--set`."""
    parser.add_argument("--cfg", type=Path, metavar="FILE", help="YAML file of what differs from the defaults")
    parser.add_argument(
        "--set",
        nargs="+",
        action=_Settings,
        default=[],
        metavar=("KEY", "VALUE"),
        help="last on the line: change keys of the configuration, e.g. --set TEST.SCALES '[500,800,1200,1600]' for an "
        "image pyramid",
    )


def add_threshold_argument(parser: argparse.ArgumentParser) -> None:
    """`--threshold`."""
    parser.add_argument(
        "--threshold", type=probability, default=THRESHOLD, help="keep faces of a higher score (default: %(default)s)"
    )


def add_size_argument(parser: argparse.ArgumentParser) -> None:
    """`--size`."""
    parser.add_argument(
        "--size",
        type=_size,
        metavar="|".join((*SIZES, "PIXELS")),
        help="how large pictures are looked at; a number is the shortest side "
        f"(default: {DEFAULT_SIZE}, or as --cfg says)",
    )


def add_detection_arguments(parser: argparse.ArgumentParser, output: Path) -> None:
    """What a tool that detects faces in pictures takes, but for the model and the pictures."""
    add_threshold_argument(parser)
    add_size_argument(parser)
    parser.add_argument(
        "--output", type=Path, default=output, metavar="DIR", help="for the results (default: %(default)s)"
    )
    parser.add_argument(
        "--save",
        choices=SAVES,
        default="boxes",
        help="copies with boxes, square crops of the faces, copies whose faces are blurred, coarse or black, or no "
        "pictures; videos keep their sound where ffmpeg is on the PATH (default: %(default)s)",
    )
    parser.add_argument(
        "--crop_margin", type=share, default=0.3, metavar="PART", help="around a crop (default: %(default)s)"
    )
    parser.add_argument("--crop_side", type=positive, metavar="PIXELS", help="resize crops (default: as they are)")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="jsonl",
        help="write detections.csv or detections.coco.json too, beside detections.jsonl",
    )
    parser.add_argument("--track", action="store_true", help="number the faces of videos; wants the extra [track]")
    parser.add_argument("--show", action="store_true", help="open a window; needs opencv-python")
    parser.add_argument("--max_frames", type=positive, metavar="N", help="end each video or camera after N frames")
    add_config_arguments(parser)


def detection_config(arguments: argparse.Namespace) -> Config:
    """The configuration that the arguments of `add_detection_arguments` ask for.

    Raises:
        ConfigError: it cannot be read or holds what it must not.
    """
    size = arguments.size or (None if arguments.cfg else DEFAULT_SIZE)
    config = load_config(arguments.cfg, [*(size_settings(size) if size else []), *arguments.set])
    # Proposals below this score never leave the graph.
    config.TEST.SCORE_THRESH = min(config.TEST.SCORE_THRESH, arguments.threshold)
    return config


def detection_job(arguments: argparse.Namespace, model: str, config: Config) -> FolderJob:
    """What the arguments of `add_detection_arguments` want to be left, by `model` with `config`."""
    settings = {"threshold": arguments.threshold, "precision": arguments.precision, **to_plain(config.TEST)}
    return FolderJob(
        save=arguments.save,
        form=arguments.format,
        track=arguments.track,
        crop_margin=arguments.crop_margin,
        crop_side=arguments.crop_side,
        about={"model": model, "version": ssh_tf.__version__, "settings": settings},
    )


def _size(text: str) -> str:
    try:
        load_config(None, size_settings(text))
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


class _Settings(argparse.Action):
    """Pairs of a key and a value, behind one `--set` or several. What else lands there came too late on the line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        unknown = [f"{text!r} is no key of the configuration" for text in values[::2] if not _KEY.fullmatch(text)]
        if len(values) % 2:
            unknown.append(f"{values[-1]!r} has no value")
        if unknown:
            raise argparse.ArgumentError(self, f"{unknown[0]}: keys and values go in pairs, all else before --set")
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), *values])

"""Arguments that several tools have in common."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ssh_tf
from ssh_tf.model.config import load_config, to_plain
from ssh_tf.model.detector import DEFAULT_MODEL, FaceDetector
from ssh_tf.model.inference.detect_to_folder import detect_to_folder
from ssh_tf.model.inference.detection import THRESHOLD, Detector
from ssh_tf.model.inference.keeping import SAVES, FolderJob
from ssh_tf.model.inference.listing import FORMATS
from ssh_tf.model.precision import DETECTOR_PRECISIONS
from ssh_tf.model.sizes import DEFAULT_SIZE, SIZES, size_settings
from ssh_tf.model.test import SetDetections, SetImage, run_on_set, settings_of
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.arguments import at_most, positive, probability, share
from ssh_tf.utils.crops import MOST_MARGIN, MOST_SIDE
from ssh_tf.utils.errors import ConfigError, SSHError
from ssh_tf.utils.resources import DEMO_IMAGES
from ssh_tf.utils.types import Config

_MODEL = "a checkpoint, .pb, .onnx, folder of a SavedModel"
_NAMED = 5  # of the images that failed
_KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.\w+)*")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """`--model` (None: `DEFAULT_MODEL`), `--backbone` and `--precision` of a network that detects."""
    parser.add_argument(
        "--model",
        metavar="PATH|NAME",
        help=f"{_MODEL}, or name of one that comes with the package (default: {DEFAULT_MODEL})",
    )
    add_backbone_argument(parser)
    add_precision_argument(parser)


def add_set_arguments(parser: argparse.ArgumentParser) -> None:
    """What a tool takes that detects faces in a set of images (see `detect_set`), but for the set."""
    parser.add_argument("--model", required=True, type=Path, metavar="PATH", help=_MODEL)
    add_backbone_argument(parser)
    add_precision_argument(parser)
    parser.add_argument("--batch", type=positive, default=1, help="images of equal size in a batch (default: 1)")
    parser.add_argument("--workers", type=positive, default=2, help="threads that read and resize (default: 2)")
    parser.add_argument("--restart", action="store_true", help="delete what an earlier run has stored, and start over")
    add_config_arguments(parser)


def add_backbone_argument(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """`--backbone`: the network of a checkpoint."""
    default = "" if required else " (default: recognised by its variables)"
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
    parser.add_argument(
        "--cfg",
        type=Path,
        metavar="FILE",
        help="YAML file of what differs from the defaults, or one of the package by name, such as finetune",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        type=str,
        action=_Settings,
        default=[],
        metavar=("KEY", "VALUE"),
        help="change keys of the configuration; comes last, e.g. --set TEST.SCALES '[500,800,1200,1600]' for an "
        "image pyramid",
    )


def add_skip_missing_argument(parser: argparse.ArgumentParser) -> None:
    """`--skip_missing`."""
    parser.add_argument("--skip_missing", action="store_true", help="leave out images that are missing or unreadable")


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
        help="size that pictures are resized to; a number is the shortest side "
        f"(default: {DEFAULT_SIZE}, or as --cfg says)",
    )


def add_detection_arguments(parser: argparse.ArgumentParser, output: Path) -> None:
    """What a tool takes that detects faces in pictures (see `detect_inputs`), but for the model."""
    parser.add_argument(
        "inputs",
        nargs="*",
        type=str,
        metavar="INPUT",
        help="image, folder, pattern, video or number of a camera (default: the checkout's data/demo)",
    )
    add_threshold_argument(parser)
    add_size_argument(parser)
    parser.add_argument(
        "--output", type=Path, default=output, metavar="DIR", help="for the results (default: %(default)s)"
    )
    parser.add_argument(
        "--save",
        choices=SAVES,
        default="boxes",
        help="copies with boxes, square crops of the faces, copies whose faces are blurred, pixelated or black, or no "
        "pictures; videos keep their sound if ffmpeg is on the PATH (default: %(default)s)",
    )
    parser.add_argument(
        "--crop_margin",
        type=at_most(MOST_MARGIN, share),
        default=0.3,
        metavar="PART",
        help="margin around a crop, as a part of the face's longer side (default: %(default)s)",
    )
    parser.add_argument(
        "--crop_side",
        type=at_most(MOST_SIDE, positive),
        metavar="PIXELS",
        help="resize crops to this side (default: not resized)",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="jsonl",
        help="write detections.csv or detections.coco.json too, beside detections.jsonl",
    )
    parser.add_argument("--track", action="store_true", help="number the faces of videos; needs the extra [track]")
    parser.add_argument("--show", action="store_true", help="open a window; needs opencv-python")
    parser.add_argument("--max_frames", type=positive, metavar="N", help="end each video or camera after N frames")
    add_config_arguments(parser)


def detection_config(arguments: argparse.Namespace) -> Config:
    """The configuration that `--threshold`, `--size`, `--cfg` and `--set` ask for.

    Raises:
        ConfigError: it cannot be read or holds an invalid value.
    """
    size = arguments.size or (None if arguments.cfg else DEFAULT_SIZE)
    config = load_config(arguments.cfg, [*(size_settings(size) if size else []), *arguments.set])
    # Proposals below this score never leave the graph.
    config.TEST.SCORE_THRESH = min(config.TEST.SCORE_THRESH, arguments.threshold)
    return config


def detect_inputs(arguments: argparse.Namespace, detector: Detector, model: str) -> int:
    """Detect as the arguments of `add_detection_arguments` say, by the detector of `model`; the tool's exit code.

    Raises:
        SSHError: see `detect_to_folder`; or no input is named, and there are no demo images.
    """
    if not arguments.inputs and not DEMO_IMAGES.is_dir():
        raise SSHError("name the images to detect faces in: the demo images are in a checkout only")
    settings = {name: getattr(arguments, name) for name in ("threshold", "precision") if name in arguments}
    job = FolderJob(
        save=arguments.save,
        form=arguments.format,
        track=arguments.track,
        crop_margin=arguments.crop_margin,
        crop_side=arguments.crop_side,
        about={
            "model": model,
            "version": ssh_tf.__version__,
            "settings": {**settings, **to_plain(detector.config.TEST)},
        },
    )
    return detect_to_folder(
        detector,
        arguments.inputs or [DEMO_IMAGES],
        arguments.output,
        arguments.threshold,
        arguments.show,
        arguments.max_frames,
        job,
    )


def detect_set(
    arguments: argparse.Namespace, config: Config, images: Sequence[SetImage], folder: Path, backbone: str | None
) -> SetDetections:
    """Detect in all of `images` as the arguments of `add_set_arguments` say, and store it under `folder`.

    `backbone` is that of the model, None if it is a frozen graph.

    Raises:
        SSHError: see `run_on_set`; or the model is not there or does not fit.
    """
    return run_on_set(
        lambda: FaceDetector.from_file(arguments.model, backbone, config, arguments.precision),
        images,
        folder,
        settings_of(arguments.model, backbone, arguments.precision, config),
        threshold=config.TEST.SCORE_THRESH,
        batch=arguments.batch,
        workers=arguments.workers,
        restart=arguments.restart,
    )


def exit_code(run: SetDetections) -> int:
    """0, or 1 if images failed; the first of them are then named on standard error."""
    for name, reason in list(run.failed.items())[:_NAMED]:
        print(f"error: {name}: {reason}", file=sys.stderr)
    if run.failed:
        print(f"{len(run.failed)} of {len(run.detections)} images failed", file=sys.stderr)
    return 1 if run.failed else 0


def _size(text: str) -> str:
    try:
        load_config(None, size_settings(text))
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


class _Settings(argparse.Action):
    """Pairs of a key and a value, after one `--set` or several; anything else there should stand before `--set`."""

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

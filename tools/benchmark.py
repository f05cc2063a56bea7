"""Measure speed and memory on this machine: detection by stage, suppression side by side, training, how tools start.

Stages of an image, in milliseconds: read, resize; network (to the scores of all anchors); proposals (decoding and
suppression inside the graph); nms (over all branches); detect (from the resized picture to its faces, in one run of
the graph) and the part of it that Python takes; stream (between two images of many). The settings of a network take
turns, so that ratios hold on a busy machine too.

Runtimes, in processor time: model files from the shell to the first faces, and, at each size and batch, the network
with its proposals and the whole detection, beside what the processor could do.

Training, on square windows: a step in each precision, beside a pass and a step for each branch in turn; what reading,
cutting and matching add to a step; what a step costs by window and batch; memory over many steps.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from ssh_tf.model.precision import PRECISIONS
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.cpu import cpu_flags, cpu_name
from ssh_tf.utils.errors import SSHError, run_tool
from ssh_tf.utils.files import atomic_write, check_not_read, check_writable
from ssh_tf.utils.resources import DEMO_IMAGES
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import JsonObject
from ssh_tools.measuring.benchmark_inference import STAGES, Measured, Setting, measure_inference
from ssh_tools.measuring.benchmark_nms import MeasuredNms, measure_nms
from ssh_tools.measuring.benchmark_startup import measure_starts
from ssh_tools.measuring.benchmark_training import (
    MeasuredSteps,
    TrainingSetting,
    measure_matching,
    measure_memory,
    measure_steps,
    measure_targets,
)
from ssh_tools.measuring.runtime_report import report_runtimes

_DEMO_IMAGE = DEMO_IMAGES / "montage.jpg"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument("--inference", action="store_true", help="measure detection (default: all parts)")
    parser.add_argument("--train", action="store_true", help="measure training (default: all parts)")
    parser.add_argument("--nms", action="store_true", help="measure non-maximum suppression (default: all parts)")
    parser.add_argument("--startup", action="store_true", help="measure how tools start (default: all parts)")
    parser.add_argument(
        "--runtimes", action="store_true", help="measure model files under their runtimes (default: all parts)"
    )
    parser.add_argument(
        "--models", nargs="+", type=Path, default=[], metavar="FILE", help="for --runtimes (default: the package's)"
    )
    parser.add_argument("--pyramid", action="store_true", help="for --runtimes: an image pyramid too")
    parser.add_argument("--batch", nargs="+", type=positive, default=[1], help="for --runtimes: images at a time")
    parser.add_argument(
        "--backbone", nargs="+", choices=list(BACKBONES), default=["mobile", "res50", "vgg16"], help="networks to run"
    )
    parser.add_argument("--size", nargs="+", type=_size, default=[(1200, 1600)], metavar="HxW", help="network inputs")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["fp32", "bf16"], help="arithmetic")
    parser.add_argument(
        "--model", type=Path, metavar="FILE.pb", help="frozen model of one --backbone (default: random)"
    )
    parser.add_argument("--image", type=Path, metavar="FILE", help="picture to detect faces in (default: a demo image)")
    parser.add_argument("--boxes", nargs="+", type=positive, default=[1000, 5000], help="numbers of boxes to suppress")
    parser.add_argument(
        "--window", type=_side, default=640, metavar="PX", help="side to train on (default: %(default)s)"
    )
    parser.add_argument(
        "--steps", type=_steps, default=1000, help="steps to watch memory over, at least 101 (default: %(default)s)"
    )
    parser.add_argument(
        "--repeats", type=positive, default=5, help="times that each is measured (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    arguments = parser.parse_args(argv)
    if arguments.model and len(arguments.backbone) > 1:
        parser.error("--model is of one network: name it by --backbone")
    if arguments.models and not arguments.runtimes:
        parser.error("--models is for --runtimes")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0."""
    arguments = parse_arguments(argv)
    check_not_read([arguments.json], filter(None, [arguments.model, arguments.image, *arguments.models]))
    check_writable([arguments.json])
    parts = ("inference", "nms", "train", "runtimes", "startup")
    everything = not any(getattr(arguments, part) for part in parts)
    report: JsonObject = {"machine": _machine()}
    print("  ".join(f"{name}: {value}" for name, value in report["machine"].items()))
    if everything or arguments.inference:
        report["inference"] = _inference(arguments)
    if everything or arguments.nms:
        report["nms"] = _nms(arguments)
    if everything or arguments.startup:
        report["startup"] = _startup(arguments.repeats)
    if everything or arguments.train:
        report["training"] = _training(arguments)
    if everything or arguments.runtimes:
        report["runtimes"] = _runtimes(arguments)
    if arguments.json:
        with atomic_write(arguments.json) as stream:
            json.dump(report, stream, indent=1)
    return 0


def _image(arguments: argparse.Namespace) -> Path | None:
    return arguments.image or (_DEMO_IMAGE if _DEMO_IMAGE.exists() else None)


def _runtimes(arguments: argparse.Namespace) -> JsonObject:
    image = _image(arguments)
    if image is None:
        raise SSHError("--runtimes needs a picture: name it by --image")
    return report_runtimes(
        arguments.models,
        arguments.precision,
        arguments.size,
        arguments.batch,
        image,
        arguments.repeats,
        arguments.pyramid,
    )


def _inference(arguments: argparse.Namespace) -> list[JsonObject]:
    image = _image(arguments)
    columns = (*STAGES, "images/s", "peak MB")
    print("\ndetection, median ms" + " " * 12 + "".join(f"{name:>10}" for name in columns))
    report = []
    for backbone in arguments.backbone:
        for height, width in arguments.size:
            settings = [
                Setting(backbone, height, width, precision, arguments.model) for precision in arguments.precision
            ]
            measured = measure_inference(settings, image, arguments.repeats)
            for one in measured:
                report.append(_inference_report(one))
                _print_inference(report[-1])
            _print_ratio(measured)
    return report


def _inference_report(measured: Measured) -> JsonObject:
    setting = measured.setting
    stages = {stage: _spread(seconds) for stage, seconds in measured.seconds.items()}
    return {
        "backbone": setting.backbone,
        "height": setting.height,
        "width": setting.width,
        "precision": setting.precision,
        "stages": stages,
        "images_per_second": 1000 / stages["detect"]["median_ms"],
        "peak_memory_mb": measured.peak_memory / 1e6,
    }


def _print_inference(line: JsonObject) -> None:
    times = "".join(f"{line['stages'][stage]['median_ms']:10.1f}" for stage in STAGES)
    name = f"{line['backbone']} {line['height']}x{line['width']} {line['precision']}"
    print(f"{name:32}{times}{line['images_per_second']:10.2f}{line['peak_memory_mb']:10.0f}")


def _print_ratio(measured: Sequence[Measured]) -> None:
    times = {one.setting.precision: median(one.seconds["network"]) for one in measured}
    if {"fp32", "bf16"} <= times.keys():
        print(f"{'':32}network: bf16 is {times['fp32'] / times['bf16']:.2f} times as fast as fp32")


def _nms(arguments: argparse.Namespace) -> list[JsonObject]:
    print("\nnon-maximum suppression            boxes      kept    median ms   minimum ms")
    measured = measure_nms(arguments.boxes, arguments.repeats)
    for one in measured:
        spread = _spread(one.seconds)
        figures = f"{one.boxes:8d}{one.kept:10d}{spread['median_ms']:13.3f}{spread['minimum_ms']:13.3f}"
        print(f"{one.name:32}{figures}")
    return [_nms_report(one) for one in measured]


def _nms_report(measured: MeasuredNms) -> JsonObject:
    return {"name": measured.name, "boxes": measured.boxes, "kept": measured.kept, **_spread(measured.seconds)}


def _startup(repeats: int) -> list[JsonObject]:
    print("\n--help of a tool           median ms   processor ms     peak MB")
    report = []
    for one in measure_starts(repeats):
        line = {
            "tool": one.tool,
            "clock": _spread(one.clock),
            "processor": _spread(one.processor),
            "peak_memory_mb": one.peak / 1e6,
        }
        report.append(line)
        times = f"{line['clock']['median_ms']:12.0f}{line['processor']['median_ms']:15.0f}"
        print(f"{one.tool:24}{times}{line['peak_memory_mb']:12.0f}")
    return report


def _training(arguments: argparse.Namespace) -> JsonObject:
    image, repeats, side = _image(arguments), arguments.repeats, arguments.window
    report: JsonObject = {"steps": []}
    print(f"\ntraining step, window of {side} px, median ms      joint   branches in turn")
    for backbone in arguments.backbone:
        settings = [TrainingSetting(backbone, side, 1, precision) for precision in arguments.precision]
        measured = measure_steps(settings, image, repeats, in_turn=True)
        report["steps"] += [_steps_report(one) for one in measured]
        _print_steps(measured)
    # What follows is about data and sizes, so one network tells it.
    standard = TrainingSetting(arguments.backbone[0], side, 1, arguments.precision[-1])
    memory, pipeline, *others = measure_steps(
        [standard, standard._replace(from_memory=False), *_sizes(standard)], image, repeats
    )
    report["fed"] = [_steps_report(one) for one in (memory, pipeline)]
    print(f"\n{standard.backbone} {standard.precision}, median ms")
    ratio = median(pipeline.joint) / median(memory.joint)
    print(f"{'step, batches from memory':40}{1000 * median(memory.joint):10.1f}")
    print(f"{'step, batches from the pipeline':40}{1000 * median(pipeline.joint):10.1f}   {ratio:.3f} times as long")
    targets = measure_targets(standard, image, repeats)
    part = median(targets.seconds) / median(memory.joint)
    report["targets"] = _spread(targets.seconds)
    print(f"{'matching anchors, beside the step':40}{1000 * median(targets.seconds):10.1f}   {part:.1%} of a step")
    matching = measure_matching(1200, 1600, 2000)
    report["matching"] = matching._asdict()
    figures = f"{1000 * matching.seconds:10.1f}   {matching.peak / 1e6:.0f} MB at most"
    print(f"{'matching 2,000 faces at 1200x1600':40}{figures}")
    report["cost"] = _cost([memory, *others])
    grown = measure_memory(standard._replace(from_memory=False), image, (100, arguments.steps))
    first, last = (bytes_ / 1e6 for bytes_ in grown.peak.values())
    report["memory"] = grown.peak
    figures = f"{first:.0f} MB in 100 steps, {last:.0f} MB in {arguments.steps}, {last / first:.3f} times as much"
    print(f"\nresident memory at most: {figures}")
    return report


def _print_steps(measured: Sequence[MeasuredSteps]) -> None:
    by_precision = {one.setting.precision: one for one in measured}
    for precision, one in by_precision.items():
        name = f"{one.setting.backbone} {precision}"
        print(f"{name:40}{1000 * median(one.joint):10.1f}{1000 * median(one.in_turn):19.1f}")
    if {"fp32", "bf16"} <= by_precision.keys():
        ratio = median(by_precision["fp32"].in_turn) / median(by_precision["bf16"].joint)
        print(f"{'':40}a joint step in bf16 is {ratio:.2f} times as fast as fp32 steps in turn")


def _sizes(standard: TrainingSetting) -> list[TrainingSetting]:
    """Other windows, one a step, and other batches."""
    sides = [round(standard.side * factor / 32) * 32 for factor in (0.5, 1.5, 2.0)]
    return [
        *(standard._replace(side=side) for side in sides),
        *(standard._replace(images=images) for images in (2, 4, 8)),
    ]


def _cost(measured: Sequence[MeasuredSteps]) -> list[JsonObject]:
    print("\nwindow    images    ms a step   ms an image   ms a megapixel")
    report = []
    for one in sorted(measured, key=lambda one: (one.setting.images, one.setting.side)):
        line = _steps_report(one)
        images, milliseconds = one.setting.images, line["joint"]["median_ms"]
        per_megapixel = milliseconds / (images * one.setting.side**2 / 1e6)
        print(
            f"{one.setting.side:6d}{images:10d}{milliseconds:13.1f}{milliseconds / images:14.1f}{per_megapixel:17.1f}"
        )
        report.append(line)
    return report


def _steps_report(measured: MeasuredSteps) -> JsonObject:
    in_turn = {"in_turn": _spread(measured.in_turn)} if measured.in_turn else {}
    return {**measured.setting._asdict(), "joint": _spread(measured.joint), **in_turn}


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    return {"median_ms": 1000 * median(seconds), "minimum_ms": 1000 * min(seconds)}


def _machine() -> JsonObject:
    return {
        "processor": cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "bfloat16": ", ".join(sorted(cpu_flags() & {"amx_bf16", "avx512_bf16"})) or "none",
        "gpus": len(tf.config.list_physical_devices("GPU")),
        "tensorflow": tf.version.VERSION,
        "python": platform.python_version(),
    }


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not all(side.isdecimal() and len(side) < 6 and 16 <= int(side) <= 8192 for side in (height, width)):
        raise argparse.ArgumentTypeError(f"{text} is not HEIGHTxWIDTH of 16 to 8192 pixels each")
    return int(height), int(width)


def _side(text: str) -> int:
    if not (text.isdecimal() and len(text) < 6 and int(text) >= 64 and int(text) % 32 == 0):
        raise argparse.ArgumentTypeError(f"{text} is not a multiple of 32 pixels, 64 or more")
    return int(text)


def _steps(text: str) -> int:
    if (steps := positive(text)) <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not a number of steps above 100")
    return steps


if __name__ == "__main__":
    run_tool(main)

"""Measure speed and memory on this machine: detection by stage, and non-maximum suppression side by side.

Stages of an image, in milliseconds: read, resize; network (to the scores of all anchors); proposals (decoding and
thinning out inside the graph); nms (over all branches); detect (from the resized picture to its faces, in one run of
the graph) and the part of it that Python takes; stream (between two images of many). The settings of a network take
turns, so that ratios hold on a busy machine too.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ssh_tf.model.benchmark_inference import STAGES, Measured, Setting, measure_inference
from ssh_tf.model.benchmark_nms import MeasuredNms, measure_nms
from ssh_tf.model.precision import PRECISIONS
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.cpu import cpu_flags, cpu_name
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.tf1 import tf

_DEMO_IMAGE = Path(__file__).resolve().parent.parent / "data/demo/montage.jpg"


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inference", action="store_true", help="measure detection (default: all parts)")
    parser.add_argument("--nms", action="store_true", help="measure non-maximum suppression (default: all parts)")
    parser.add_argument(
        "--backbone", nargs="+", choices=list(BACKBONES), default=["mobile", "res50", "vgg16"], help="networks to run"
    )
    parser.add_argument("--size", nargs="+", type=_size, default=[(1200, 1600)], metavar="HxW", help="network inputs")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["fp32", "bf16"], help="arithmetic")
    parser.add_argument(
        "--model", type=Path, metavar="FILE.pb", help="frozen model of one --backbone (default: random)"
    )
    parser.add_argument("--image", type=Path, metavar="FILE", help="picture to look at (default: a demo image)")
    parser.add_argument("--boxes", nargs="+", type=int, default=[1000, 5000], help="numbers of boxes to suppress")
    parser.add_argument("--repeats", type=int, default=5, help="times that each is measured (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    arguments = parser.parse_args(argv)
    if arguments.model and len(arguments.backbone) > 1:
        parser.error("--model is of one network: name it by --backbone")
    if arguments.repeats < 1:
        parser.error("--repeats is at least 1")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0."""
    arguments = parse_arguments(argv)
    everything = not (arguments.inference or arguments.nms)
    report: dict[str, Any] = {"machine": _machine()}
    print("  ".join(f"{name}: {value}" for name, value in report["machine"].items()))
    if everything or arguments.inference:
        report["inference"] = _inference(arguments)
    if everything or arguments.nms:
        report["nms"] = _nms(arguments)
    if arguments.json:
        with atomic_write(arguments.json) as stream:
            json.dump(report, stream, indent=1)
    return 0


def _inference(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    image = arguments.image or (_DEMO_IMAGE if _DEMO_IMAGE.exists() else None)
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


def _inference_report(measured: Measured) -> dict[str, Any]:
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


def _print_inference(line: dict[str, Any]) -> None:
    times = "".join(f"{line['stages'][stage]['median_ms']:10.1f}" for stage in STAGES)
    name = f"{line['backbone']} {line['height']}x{line['width']} {line['precision']}"
    print(f"{name:32}{times}{line['images_per_second']:10.2f}{line['peak_memory_mb']:10.0f}")


def _print_ratio(measured: Sequence[Measured]) -> None:
    times = {one.setting.precision: median(one.seconds["network"]) for one in measured}
    if {"fp32", "bf16"} <= times.keys():
        print(f"{'':32}network: bf16 is {times['fp32'] / times['bf16']:.2f} times as fast as fp32")


def _nms(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    print("\nnon-maximum suppression            boxes      kept    median ms   minimum ms")
    measured = measure_nms(arguments.boxes, arguments.repeats)
    for one in measured:
        spread = _spread(one.seconds)
        figures = f"{one.boxes:8d}{one.kept:10d}{spread['median_ms']:13.3f}{spread['minimum_ms']:13.3f}"
        print(f"{one.name:32}{figures}")
    return [_nms_report(one) for one in measured]


def _nms_report(measured: MeasuredNms) -> dict[str, Any]:
    return {"name": measured.name, "boxes": measured.boxes, "kept": measured.kept, **_spread(measured.seconds)}


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    return {"median_ms": 1000 * median(seconds), "minimum_ms": 1000 * min(seconds)}


def _machine() -> dict[str, Any]:
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
    if not (height.isdecimal() and width.isdecimal() and min(int(height), int(width)) >= 16):
        raise argparse.ArgumentTypeError(f"{text} is not HEIGHTxWIDTH of at least 16 pixels each")
    return int(height), int(width)


if __name__ == "__main__":
    run_tool(main)

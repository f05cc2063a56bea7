"""Start-up, network and detection of model files under their runtimes: measured, printed, and as numbers for JSON."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from ssh_tf.model.files.onnx_files import read_onnx
from ssh_tf.model.precision import Precision
from ssh_tf.utils.resources import model_forms, model_names
from ssh_tf.utils.types import JsonObject
from ssh_tools.measuring.benchmark_runtimes import (
    Cost,
    RuntimeSetting,
    measure_runtimes,
    measure_start,
    network_operations,
    peak_operations,
)

_START_SIZE = ["TEST.SCALES", "[480]", "TEST.MAX_SIZE", "640"]


def report_runtimes(
    models: Sequence[Path],
    precisions: Sequence[Precision],
    sizes: Sequence[tuple[int, int]],
    batches: Sequence[int],
    image: Path,
    repeats: int,
    pyramid: bool = False,
) -> JsonObject:
    """Measure the files `models`: `.pb` files in each of `precisions`, `.onnx` files in what they hold.

    Each is measured at each of `sizes`, on each number of images in `batches`, and, if asked, with an image pyramid.
    Ratios are to the first line of a group, all lines of which were measured in turns.
    """
    models = models or [path for name in model_names() for path in model_forms(name).values()]
    variants = [(model, precision) for model in models for precision in _precisions_of(model, precisions)]
    graph = next((model for model in models if model.suffix == ".pb"), None)
    peak = peak_operations()
    print(f"\nfp32 within reach (matrix product of NumPy): {peak / 1e9:.1f} GFLOP a second of processor time")
    report: JsonObject = {"peak_gflop_s": peak / 1e9, "start": _start(variants, image, repeats), "costs": []}
    print("\nprocessor ms, median" + " " * 34 + "network    ratio  GFLOP/s of peak detection    ratio")
    groups = [(*size, images, False) for size in sizes for images in batches]
    for height, width, images, is_pyramid in [*groups, *([(*sizes[-1], 1, True)] if pyramid else [])]:
        settings = [RuntimeSetting(*variant, height, width, images, is_pyramid) for variant in variants]
        costs = measure_runtimes(settings, image, repeats)
        operations = None if graph is None or is_pyramid else images * network_operations(graph, height, width)
        report["costs"] += [_line(cost, costs[0], operations, peak) for cost in costs]
    return report


def _precisions_of(model: Path, precisions: Sequence[Precision]) -> Sequence[Precision]:
    if model.suffix.lower() != ".onnx":
        return precisions
    return ["int8" if read_onnx(model).is_int8 else "fp32"]


def _start(variants: Sequence[tuple[Path, Precision]], image: Path, repeats: int) -> list[JsonObject]:
    starts = measure_start(variants, image, _START_SIZE, repeats)
    print("\nfrom the shell to the faces of one picture (480x640)    processor s    ratio  peak MB    ratio")
    lines = []
    for (model, precision), start in zip(variants, starts, strict=True):
        seconds, first = median(start.seconds), starts[0]
        print(
            f"{model.name + ', ' + precision:54}{seconds:13.2f}{seconds / median(first.seconds):9.2f}"
            f"{start.peak_memory / 1e6:9.0f}{start.peak_memory / first.peak_memory:9.2f}"
        )
        lines.append({"model": model.name, "precision": precision, **start._asdict()})
    return lines


def _line(cost: Cost, first: Cost, operations: int | None, peak: float) -> JsonObject:
    setting = cost.setting
    network, detection = median(cost.network), median(cost.detection)
    size = "pyramid" if setting.pyramid else f"{setting.height}x{setting.width}"
    name = f"{setting.model.name}, {setting.precision}, {setting.images} of {size}"
    rate = "" if operations is None else f"{operations / network / 1e9:9.1f}{operations / network / peak:8.0%}"
    print(
        f"{name:52}{1000 * network:9.0f}{network / median(first.network):9.2f}{rate or ' ' * 17:17}"
        f"{1000 * detection:10.0f}{detection / median(first.detection):9.2f}"
    )
    measured = {"network": cost.network, "detection": cost.detection, "operations": operations}
    return {**setting._asdict(), "model": setting.model.name, **measured}

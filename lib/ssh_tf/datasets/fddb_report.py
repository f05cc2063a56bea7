"""FDDB from folders to results: all folds read, evaluated together and apart, and written.

`M` images of a fold.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ssh_tf.datasets.fddb_evaluation import (
    ImageCurve,
    Roc,
    continuous_text,
    discrete_text,
    image_curve,
    rate_at,
    roc,
)
from ssh_tf.datasets.fddb_files import Fold, Shape, read_fddb_detections, read_sizes, sizes_of
from ssh_tf.datasets.results import finite
from ssh_tf.utils.errors import DataError, ImageError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.images import image_size
from ssh_tf.utils.plots import PlotCurve, figure_files, roc_figure, save_figure
from ssh_tf.utils.reading import read_lines, reader
from ssh_tf.utils.types import FloatArray, JsonObject

#: Numbers of false positives at which results.json gives the rates.
FALSE_POSITIVES = (100, 500, 1000, 2000)

_SCORES = ("discrete", "continuous")
_CURVES = ("DiscROC.txt", "ContROC.txt")

Sizes = Callable[[Sequence[str]], list[tuple[int, int]]]
"""From the names of images to their (width, height)."""


class Results(NamedTuple):
    """The curves of all folds together, and of each fold by its number."""

    together: Roc
    by_fold: dict[int, Roc]


def sizes_from_file(path: str | os.PathLike[str]) -> Sizes:
    """Sizes from a text file ``name width height``.

    Raises:
        DataError: the file cannot be read; or, when asked, a size is missing.
    """
    sizes = read_sizes(path)
    return lambda names: sizes_of(names, sizes, str(path))


def sizes_from_images(folder: str | os.PathLike[str]) -> Sizes:
    """Sizes from the headers of ``folder/<name>.jpg``.

    Raises:
        DataError: when asked, if images are missing or unreadable.
    """

    def sizes(names: Sequence[str]) -> list[tuple[int, int]]:
        found, faults = [], []
        for name in names:
            try:
                height, width = image_size(Path(folder) / f"{name}.jpg")
                found.append((width, height))
            except ImageError as error:
                faults.append(str(error))
        if faults:
            raise DataError(f"{folder}: {len(faults)} of {len(names)} images cannot be read, such as {faults[0]}")
        return found

    return sizes


def evaluate_folds(
    folder: str | os.PathLike[str], folds: Sequence[Fold], sizes: Sizes, shape: Shape = Shape.RECTANGLE
) -> Results:
    """Evaluate the files ``FDDB-det-fold-NN.txt`` in `folder`.

    Raises:
        DataError: files are missing or malformed, or hold other images or another order; the message names each.
    """
    detections, faults = {}, []
    for fold in folds:
        try:
            detections[fold.number] = read_fddb_detections(folder, fold, shape)
        except DataError as error:
            faults.append(str(error))
    if faults:
        raise DataError(f"{len(faults)} of {len(folds)} detection files cannot be used: {'; '.join(faults)}")
    images: list[ImageCurve] = []
    by_fold = {}
    for fold in folds:
        columns = zip(detections[fold.number], fold.ellipses, sizes(fold.names), strict=True)
        curves = [image_curve(found, ellipses, size, shape) for found, ellipses, size in columns]
        by_fold[fold.number] = roc(curves, sum(map(len, fold.ellipses)))
        images += curves
    return Results(roc(images, sum(curve.faces for curve in by_fold.values())), by_fold)


def fddb_json(results: Results) -> JsonObject:
    """The content of results.json: faces, and true-positive rates at `FALSE_POSITIVES`, null where no faces are."""
    folds = {f"fold-{number:02d}": _rates(curve) for number, curve in results.by_fold.items()}
    return {"all": _rates(results.together), **folds}


def _rates(curve: Roc) -> JsonObject:
    def at(rates: FloatArray) -> dict[str, float | None]:
        return {str(allowed): finite(_rate_at(curve, rates, allowed)) for allowed in FALSE_POSITIVES}

    return {"faces": curve.faces, "discrete": at(curve.discrete), "continuous": at(curve.continuous)}


def _rate_at(curve: Roc, rates: FloatArray, allowed: int) -> float:
    """As `rate_at`; NaN where there are no faces to find, also if no point of the curve is within `allowed`."""
    return rate_at(rates, curve.false_positives, allowed) if curve.faces else math.nan


def shown_rate(rate: float | None, decimals: int = 4) -> str:
    """A rate of results.json for people: "-" where there is none."""
    return "-" if rate is None else f"{rate:.{decimals}f}"


def result_files(folder: str | os.PathLike[str], numbers: Iterable[int]) -> list[Path]:
    """The files that an evaluation of the folds `numbers` writes into `folder`: curves, results.json and plots."""
    root = Path(folder)
    places = [root, *(_fold_folder(root, number) for number in numbers)]
    plots = [path for score in _SCORES for path in figure_files(root / f"fddb_{score}")]
    curves = [place / name for place in places for name in _CURVES]
    return [*curves, root / "results.json", *plots]


def write_curves(folder: str | os.PathLike[str], results: Results) -> None:
    """Write ``DiscROC.txt`` and ``ContROC.txt`` of all folds, and those of each into ``fold-NN/``."""
    places = {Path(folder): results.together}
    places |= {_fold_folder(Path(folder), number): curve for number, curve in results.by_fold.items()}
    for place, curve in places.items():
        for name, text in zip(_CURVES, (discrete_text(curve), continuous_text(curve)), strict=True):
            with atomic_write(place / name) as stream:
                stream.write(text)


def _fold_folder(root: Path, number: int) -> Path:
    return root / f"fold-{number:02d}"


def read_other_curves(paths: Mapping[str, Path]) -> list[PlotCurve]:
    """Other detectors' ``DiscROC.txt``, by the names that the plot calls them.

    Raises:
        DataError: a file is missing or holds no curve.
    """
    return [PlotCurve(name, *_read_curve(path)) for name, path in paths.items()]


def fddb_plot(folder: str | os.PathLike[str], results: Results, others: Sequence[PlotCurve], label: str) -> list[Path]:
    """``fddb_discrete`` (with the curves of other detectors) and ``fddb_continuous``, PNG and PDF."""
    curve = results.together
    figures = {
        "discrete": [_ours(label, curve, curve.discrete), *others],
        "continuous": [_ours(label, curve, curve.continuous)],
    }
    paths = []
    for name, curves in figures.items():
        paths += save_figure(roc_figure(curves, f"FDDB, {name} score"), Path(folder) / f"fddb_{name}")
    return paths


def _ours(label: str, curve: Roc, rates: FloatArray) -> PlotCurve:
    at_thousand = shown_rate(finite(_rate_at(curve, rates, 1000)), decimals=3)
    return PlotCurve(f"{label} ({at_thousand} at 1000)", curve.false_positives, rates, emphasised=True)


@reader("a ROC curve of lines 'rate count [threshold]'")
def _read_curve(path: Path) -> tuple[list[float], list[float]]:
    """False positives and rates of a ``DiscROC.txt``: rate, false positives, and more columns or none."""
    rows = [line.split() for _, line in read_lines(path)]
    return [float(row[1]) for row in rows], [float(row[0]) for row in rows]

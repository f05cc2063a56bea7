"""FDDB from folders to results: all folds read, evaluated together and apart, and written.

`M` images of a fold.
"""

import os
from collections.abc import Callable, Mapping, Sequence
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
from ssh_tf.utils.errors import DataError, ImageError
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.images import image_size
from ssh_tf.utils.plots import PlotCurve, roc_figure, save_figure
from ssh_tf.utils.reading import read_lines, reader
from ssh_tf.utils.types import FloatArray, JsonObject

#: Numbers of false positives at which results.json gives the rates.
FALSE_POSITIVES = (100, 500, 1000, 2000)

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
    """The content of results.json: faces, and true-positive rates at `FALSE_POSITIVES`."""
    folds = {f"fold-{number:02d}": _rates(curve) for number, curve in results.by_fold.items()}
    return {"all": _rates(results.together), **folds}


def _rates(curve: Roc) -> JsonObject:
    def at(rates: FloatArray) -> dict[str, float]:
        return {str(allowed): rate_at(rates, curve.false_positives, allowed) for allowed in FALSE_POSITIVES}

    return {"faces": curve.faces, "discrete": at(curve.discrete), "continuous": at(curve.continuous)}


def write_curves(folder: str | os.PathLike[str], results: Results) -> None:
    """Write ``DiscROC.txt`` and ``ContROC.txt`` of all folds, and those of each into ``fold-NN/``."""
    places = {Path(folder): results.together}
    places |= {Path(folder) / f"fold-{number:02d}": curve for number, curve in results.by_fold.items()}
    for place, curve in places.items():
        for name, text in (("DiscROC.txt", discrete_text(curve)), ("ContROC.txt", continuous_text(curve))):
            with atomic_write(place / name) as stream:
                stream.write(text)


def fddb_plot(folder: str | os.PathLike[str], results: Results, others: Mapping[str, Path], label: str) -> list[Path]:
    """``fddb_discrete`` (with the curves of other detectors' ``DiscROC.txt``) and ``fddb_continuous``, PNG and PDF.

    Raises:
        DataError: a file of `others` holds no curve.
    """
    curve = results.together
    figures = {"discrete": [_ours(label, curve, curve.discrete)], "continuous": [_ours(label, curve, curve.continuous)]}
    figures["discrete"] += [PlotCurve(name, *_read_curve(path)) for name, path in others.items()]
    paths = []
    for name, curves in figures.items():
        paths += save_figure(roc_figure(curves, f"FDDB, {name} score"), Path(folder) / f"fddb_{name}")
    return paths


def _ours(label: str, curve: Roc, rates: FloatArray) -> PlotCurve:
    at_thousand = rate_at(rates, curve.false_positives, 1000)
    return PlotCurve(f"{label} ({at_thousand:.3f} at 1000)", curve.false_positives, rates, emphasised=True)


@reader("a ROC curve of lines 'rate count [threshold]'")
def _read_curve(path: Path) -> tuple[list[float], list[float]]:
    """False positives and rates of a ``DiscROC.txt``: rate, false positives, and more columns or none."""
    rows = [line.split() for _, line in read_lines(path)]
    return [float(row[1]) for row in rows], [float(row[0]) for row in rows]

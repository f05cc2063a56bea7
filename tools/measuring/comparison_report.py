"""What a comparison of detectors leaves: a table as text or Markdown, the content of a JSON file, a plot."""

import os
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.datasets import size_report
from ssh_tf.utils.cpu import cpu_name
from ssh_tf.utils.plots import PlotCurve, precision_recall_figure, save_figure
from ssh_tf.utils.types import JsonObject
from ssh_tools.measuring.comparison import OVERLAPS, ComparedDetector, Comparison


def text_table(comparison: Comparison) -> str:
    """A line a detector; the columns are aligned."""
    rows = _cells(comparison)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def markdown_table(comparison: Comparison) -> str:
    """The same as a table of Markdown."""
    header, *rows = _cells(comparison)
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def caption(comparison: Comparison) -> str:
    """What the table is of: images, faces of each size, and where it ran."""
    overall, *sizes = _faces(comparison.results[0])
    by_size = ", ".join(f"{number} of {name} px" for name, number in sizes)
    return f"{comparison.images} images, {overall[1]} faces: {by_size}. {machine()}."


def machine() -> str:
    """The processor's name, as far as the system tells, and how many cores there are."""
    return f"{cpu_name()}, {os.cpu_count()} cores"


def comparison_json(comparison: Comparison, left_out: Sequence[str]) -> JsonObject:
    """All figures of the comparison; `left_out` says which detectors are not in it, and why."""
    return {
        "images": comparison.images,
        "machine": machine(),
        "detectors": [
            {
                "name": result.name,
                "bytes": result.size,
                "images_per_second": result.images_per_second,
                "at_iou": {
                    f"{overlap:g}": size_report.size_json(evaluation)
                    for overlap, evaluation in zip(OVERLAPS, result.evaluations, strict=True)
                },
            }
            for result in comparison.results
        ],
        "left_out": list(left_out),
        "problems": comparison.problems.as_json(),
    }


def comparison_plot(stem: str | os.PathLike[str], comparison: Comparison, title: str) -> list[Path]:
    """Precision-recall curves of all faces at the first of `OVERLAPS`: ``stem.png`` and ``stem.pdf``."""
    curves: list[PlotCurve] = []
    for result in comparison.results:
        overall = result.evaluations[0].overall
        label = f"{result.name}: {overall.ap50:.3f}"
        curves.append(PlotCurve(label, overall.recall, overall.precision, emphasised=not curves))
    return save_figure(precision_recall_figure(curves, title), stem)


def _cells(comparison: Comparison) -> list[list[str]]:
    """The header, then a row for each detector. The smallest faces are in "all" only."""
    header = ["detector"]
    for overlap in OVERLAPS:
        header += [
            f"AP {overlap:g}: all",
            *(part.size.name for part in comparison.results[0].evaluations[0].by_size[1:]),
        ]
    rows = [[*header, "images/s", "MB"]]
    for result in comparison.results:
        precisions = [
            f"{part.ap50:.3f}" if part.faces else "-"
            for evaluation in result.evaluations
            for part in (evaluation.overall, *evaluation.by_size[1:])
        ]
        rows.append([result.name, *precisions, f"{result.images_per_second:.2f}", f"{result.size / 1e6:.1f}"])
    return rows


def _faces(result: ComparedDetector) -> list[tuple[str, int]]:
    """Names of the sizes, all first, and how many faces are of each."""
    evaluation = result.evaluations[0]
    return [(part.size.name, part.faces) for part in (evaluation.overall, *evaluation.by_size)]

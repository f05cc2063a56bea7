"""What marks a folder as one of results, so that a later run does not take them for its pictures."""

import sys
from collections.abc import Iterable

from ssh_tf.utils.errors import one_line

LIST_NAME = "detections.jsonl"
"""The list of a run that detects."""

PART = ".part"
"""Behind the name of a list that still grows, or whose run was killed."""

RUN_NAME = "_run.json"
"""Of a bulk run: what it is."""

PLAN_NAME = "_plan.parquet"
"""Of a bulk run: its shards."""

_MARKS = frozenset({LIST_NAME, LIST_NAME + PART, RUN_NAME, PLAN_NAME})


def are_results(names: Iterable[str]) -> bool:
    """Whether files of these `names` are what a run has left in a folder."""
    return not _MARKS.isdisjoint(names)


def tell_passed_over(folder: str) -> None:
    """Note on standard error that `folder` is not looked into."""
    print(one_line(f"note: {folder}: passed over, it holds results of a run"), file=sys.stderr)

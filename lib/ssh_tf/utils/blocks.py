"""Items in lists of equal length."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_Item = TypeVar("_Item")


def blocks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """`items` in lists of `size`, the last one shorter; no more items are taken than a list needs."""
    rest = iter(items)
    while block := list(islice(rest, size)):
        yield block

"""What was wrong with the items of a data set: counted by kind, with the names of the items; the run continues."""

from collections.abc import Iterator


class Problems:
    """Items with something wrong, by kind.

    >>> problems = Problems()
    >>> problems.add("no detection file", "0--Parade/a")
    >>> list(problems.lines())
    ['1 x no detection file: 0--Parade/a']
    """

    def __init__(self) -> None:
        self._items: dict[str, list[str]] = {}

    def add(self, kind: str, item: str) -> None:
        self._items.setdefault(kind, []).append(item)

    def counts(self) -> dict[str, int]:
        return {kind: len(items) for kind, items in self._items.items()}

    def items(self, kind: str) -> list[str]:
        return list(self._items.get(kind, []))

    def lines(self, named: int = 5) -> Iterator[str]:
        """A line for each kind, with the first few items by name."""
        for kind, items in self._items.items():
            more = f", … and {len(items) - named} more" if len(items) > named else ""
            yield f"{len(items)} x {kind}: {', '.join(items[:named])}{more}"

    def as_json(self) -> dict[str, list[str]]:
        return {kind: list(items) for kind, items in self._items.items()}

    def __len__(self) -> int:
        return sum(self.counts().values())

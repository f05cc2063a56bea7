"""What every format of labels is read into, and the pictures that the labels are about.

Boxes are x_min, y_min, x_max, y_max in pixels of the upright image, 0 being its left or upper edge.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ssh_tf.utils.errors import DataError, ImageError
from ssh_tf.utils.images import IMAGE_SUFFIXES, image_size

Box = tuple[float, float, float, float]

FACE_NAME = "face"

NO_LABELS = "image without a label file, taken to be without faces"
"""The only problem that loses no label."""


class Label(NamedTuple):
    """A box with a class.

    Attributes:
        ignore: crowd, difficult, invalid: neither face nor background.
        score: of a detection.
        where: file and line, or the like, for messages.
    """

    box: Box
    name: str = FACE_NAME
    ignore: bool = False
    score: float | None = None
    where: str = ""


class LabelledImage(NamedTuple):
    """An image as a label file names it, with its labels."""

    name: str
    labels: Sequence[Label]
    where: str = ""


class Pictures:
    """The image files below a folder. Names out of label files are looked up here, so they never lead outside."""

    def __init__(self, folder: Path) -> None:
        """Look through `folder`.

        Raises:
            DataError: it is no folder, or holds no images.
        """
        self.folder = folder
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
        self.names = [path.relative_to(folder).as_posix() for path in files]
        if not files:
            raise DataError(f"{folder}: no images there; --images names the folder that holds them")
        self._names = set(self.names)
        self._by_end: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for name in self.names:
            self._by_end.setdefault(name.rpartition("/")[2], []).append(name)
            self._by_stem.setdefault(str(Path(name).with_suffix("")), []).append(name)
        self._sizes: dict[str, tuple[int, int] | None] = {}

    def find(self, *candidates: str) -> str | None:
        """The file that one of `candidates` means, the first being the likeliest.

        Taken as they are; without leading folders; without a suffix; and by the file's own name if no other has it.
        """
        for candidate in candidates:
            parts = [part for part in candidate.replace("\\", "/").split("/") if part not in {"", "."}]
            for start in range(len(parts)):
                end = "/".join(parts[start:])
                found = [end] if end in self._names else self._by_stem.get(end, [])
                if len(found) == 1:
                    return found[0]
            if parts and len(found := self._by_end.get(parts[-1], [])) == 1:
                return found[0]
        return None

    def size(self, name: str) -> tuple[int, int] | None:
        """Height and width of one of `names`; None if it cannot be read."""
        if name not in self._sizes:
            try:
                self._sizes[name] = image_size(self.folder / name)
            except ImageError:
                self._sizes[name] = None
        return self._sizes[name]


def box_around(points: Iterable[tuple[float, float]]) -> Box:
    """The box around points; ValueError if there are none."""
    columns, rows = zip(*points, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def truth(value: object) -> bool:
    """Whether a flag of a label file is set: true, "true", "yes", 1, "1", …"""
    return str(value).strip().lower() in {"true", "yes", "1", "1.0"}

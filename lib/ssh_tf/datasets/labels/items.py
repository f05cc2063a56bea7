"""What every format of labels is read into, and the pictures that the labels are about.

Boxes are x_min, y_min, x_max, y_max in pixels of the upright image, 0 being its left or upper edge.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from ssh_tf.datasets.problems import Problems
from ssh_tf.utils.errors import DataError, ImageError
from ssh_tf.utils.images import IMAGE_SUFFIXES, image_size

Box = tuple[float, float, float, float]

FACE_NAME = "face"

LISTS, REGIONS = ("train.txt", "val.txt"), "labels.jsonl"
"""The files of a folder to train on, beside its images."""

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
        files = [path for path in files_below(folder) if path.suffix.lower() in IMAGE_SUFFIXES]
        self.names = [path.relative_to(folder).as_posix() for path in files]
        if not files:
            raise DataError(f"{folder}: no images there; --images names the folder that holds them")
        self._names = set(self.names)
        self._by_end: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        self._by_plain: dict[str, list[str]] = {}
        for name in self.names:
            own = name.rpartition("/")[2]
            for spelling in {_plain(own), _plain(Path(own).stem)}:
                self._by_plain.setdefault(spelling, []).append(name)
            self._by_end.setdefault(name.rpartition("/")[2], []).append(name)
            self._by_stem.setdefault(str(Path(name).with_suffix("")), []).append(name)
        self._sizes: dict[str, tuple[int, int] | None] = {}
        self._reasons: dict[str, str] = {}

    def find(self, *candidates: str) -> str | None:
        """The file that one of `candidates` means, the first being the likeliest.

        Taken as they are; without leading folders; without a suffix; and by the file's own name if no other has it,
        in the end in another spelling (see `_plain`).
        """
        exact = (self._as_written(candidate) for candidate in candidates)
        loose = (self._as_spelt(candidate) for candidate in candidates)
        return next((name for names in (exact, loose) for name in names if name is not None), None)

    def _as_written(self, candidate: str) -> str | None:
        parts = [part for part in candidate.replace("\\", "/").split("/") if part not in {"", "."}]
        for start in range(len(parts)):
            end = "/".join(parts[start:])
            found = [end] if end in self._names else self._by_stem.get(end, [])
            if len(found) == 1:
                return found[0]
        found = self._by_end.get(parts[-1], []) if parts else []
        return found[0] if len(found) == 1 else None

    def _as_spelt(self, candidate: str) -> str | None:
        own = unquote(candidate).replace("\\", "/").rpartition("/")[2].rpartition("?d=")[2]
        for name in (own, _UPLOADED.sub("", own)):
            if len(found := self._by_plain.get(_plain(name), [])) == 1:
                return found[0]
        return None

    def size(self, name: str) -> tuple[int, int] | None:
        """Height and width of one of `names`; None if it cannot be read, see `why`."""
        if name not in self._sizes:
            try:
                self._sizes[name] = image_size(self.folder / name)
            except ImageError as error:
                self._sizes[name], self._reasons[name] = None, str(error)
        return self._sizes[name]

    def why(self, name: str) -> str:
        """What is wrong with an image that has no `size`, and its name."""
        return self._reasons.get(name, name)


class SizedImage(NamedTuple):
    """An image that is there and can be read, with the name of its file."""

    name: str
    height: int
    width: int
    image: LabelledImage


def sized_images(images: Iterable[LabelledImage], pictures: Pictures, problems: Problems) -> Iterator[SizedImage]:
    """Those that are there and can be read, one for each file; `problems` names the others."""
    names = set()
    for image in images:
        name = pictures.find(image.name)
        if name is None:
            problems.add("image that is not there", f"{image.name} ({image.where})")
            continue
        size = pictures.size(name)
        if size is None:
            problems.add("image that cannot be read", pictures.why(name))
            continue
        if name in names:
            problems.add("image with labels already", f"{image.name} ({image.where})")
            continue
        names.add(name)
        yield SizedImage(name, *size, image)


_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the names of files that are uploaded to it."""


def _plain(name: str) -> str:
    """One spelling for all that programs give a name: its case, its form of umlauts, what Label Studio leaves of it."""
    normal = unicodedata.normalize("NFC", name).strip().replace(" ", "_")
    return re.sub(r"[^-\w.]", "", normal).casefold()


def files_below(folder: Path, pattern: str = "*") -> list[Path]:
    """Files below `folder`, but for those whose names begin with a dot, of which a Mac puts one beside each file."""
    return sorted(path for path in folder.rglob(pattern) if path.name[0] != "." and path.is_file())


def truth(value: object) -> bool:
    """Whether a flag of a label file is set: true, "true", "yes", 1, "1", …"""
    return str(value).strip().lower() in {"true", "yes", "1", "1.0"}

"""A detector over a set of images: read ahead, stored image by image, resumed after an interruption.

`M` images of the set, `N` detections of one image. A run stores the official text files, one an image, and makes its
``detections.npz`` from them: so an interrupted run ends with the same result as one that was not.
"""

import hashlib
import json
import os
import shutil
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ssh_tf.datasets.wider_detections import corner_boxes, parse_text, save_npz, write_text
from ssh_tf.model.config import to_plain
from ssh_tf.model.files.checkpoints import Checkpoint, model_files
from ssh_tf.model.files.frozen_graphs import is_frozen
from ssh_tf.model.inference.detection import Level
from ssh_tf.utils.blocks import blocks
from ssh_tf.utils.errors import CheckpointError, DataError, ImageError, SSHError, reason_of
from ssh_tf.utils.files import atomic_write, inside
from ssh_tf.utils.images import bytes_to_read, image_size, read_image
from ssh_tf.utils.locks import claimed
from ssh_tf.utils.prefetch import prefetched
from ssh_tf.utils.reading import read_json, read_text, reader
from ssh_tf.utils.types import Config, Faces, FloatArray, JsonObject

DETECTIONS = "detections"
STORED = "detections.npz"
SETTINGS = "run.json"
IMAGE_LIST = "images.json"

_SECONDS_BETWEEN_LOG_LINES = 30
_LARGEST = 1e9  # of a stored number
_PART = 2**12
"""Bytes of a part of an image's file of which a sum is taken."""


class SetImage(NamedTuple):
    """An image of a set: its name as `datasets.names.short_name` gives it, and its file."""

    name: str
    path: Path


class SetDetections(NamedTuple):
    """What a run gave.

    Attributes:
        detections: M arrays (N, 5) float32 x1, y1, x2, y2, score, best first; none for an image that failed.
        official: the same as the official text files have them, (N, 5) float64 x, y, width, height, score.
        failed: why an image failed, by its name.
        resumed: how many images an earlier run had done.
        seconds: how long this one took.
    """

    detections: list[Faces]
    official: list[FloatArray]
    failed: dict[str, str]
    resumed: int
    seconds: float


class SetDetector(Protocol):
    """What a run asks of a `FaceDetector`."""

    def prepare(self, image: npt.NDArray[np.uint8]) -> list[Level]:
        """What the network reads of `image`; called in a thread."""

    def detect_prepared(self, prepared: Sequence[list[Level]], threshold: float) -> list[Faces]:
        """The faces in each of the images that were prepared."""


def backbone_of(model: Path) -> str | None:
    """The backbone of a checkpoint, as its variables show it; None for a frozen graph.

    Raises:
        CheckpointError: `model` is neither.
    """
    return None if is_frozen(model) else Checkpoint(model).backbone()


def settings_of(model: Path, backbone: str | None, precision: str, config: Config) -> JsonObject:
    """All that the detections of a run depend on, except the images; `model` by the SHA-256 of its bytes."""
    relevant = {key: value for key, value in to_plain(config).items() if key != "TRAIN"}
    return {"model": _digest(model), "backbone": backbone, "precision": precision, "config": relevant}


def run_on_set(
    open_detector: Callable[[], SetDetector],
    images: Sequence[SetImage],
    folder: Path,
    settings: JsonObject,
    *,
    threshold: float,
    batch: int = 1,
    workers: int = 2,
    restart: bool = False,
) -> SetDetections:
    """Detect faces in all of `images`, and store them under `folder`.

    Images are read and prepared in threads while the network runs. Those whose files are there already are not run
    again. An image that cannot be read is noted, and the run continues.

    Args:
        open_detector: gives what finds the faces; not called if there is nothing left to do.
        images: the set; names are different.
        folder: gets ``detections/<event>/<image>.txt``, ``detections.npz``, ``run.json`` and ``images.json``.
        settings: what `settings_of` returned; a folder of another run is refused.
        threshold: least score stored.
        batch: images in a batch, where they are of equal size.
        workers: threads that read.
        restart: delete the detections that the folder holds, and start over.

    Raises:
        SSHError: another run writes into `folder`.
        DataError: `folder` holds the run of other settings or other images; two images have one name; a name leads out
            of `folder`.
    """
    started = time.monotonic()
    with claimed(folder):
        store = folder / DETECTIONS
        if restart:
            # All of it, and before the new settings are noted: an interruption must not leave files of both runs.
            _empty(store)
        _claim(folder, settings, restart)
        done = _present(images, store)
        _claim_images(folder, images, done)
        todo = [image for image in images if image.name not in done]
        if batch > 1:
            todo.sort(key=_size)
        failed: dict[str, str] = {}
        if todo:
            detector = open_detector()

        def load(image: SetImage) -> list[Level]:
            return detector.prepare(read_image(image.path))

        interval = 0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LOG_LINES
        with tqdm(total=len(images), initial=len(done), unit="image", mininterval=interval) as bar:
            loaded = prefetched(load, todo, workers, 2 * batch + workers, lambda image: bytes_to_read(image.path))
            for group in blocks(loaded, batch):
                failed |= _detect(detector, group, store, threshold)
                bar.update(len(group))
        official = [_stored(store, image.name) for image in images]
        detections = [corner_boxes(rows).astype(np.float32) for rows in official]
        save_npz(folder / STORED, [image.name for image in images], detections)
        return SetDetections(detections, official, failed, len(done), time.monotonic() - started)


def _detect(
    detector: SetDetector, group: Sequence[tuple[SetImage, Future[list[Level]]]], store: Path, threshold: float
) -> dict[str, str]:
    """Run the network on a group of images and store what it finds; the images that failed, with the reason."""
    failed, ready = {}, []
    for image, future in group:
        try:
            ready.append((image, future.result()))
        except Exception as error:  # one image must not end the run
            failed[image.name] = reason_of(error)
    if not ready:
        return failed
    try:
        found = detector.detect_prepared([prepared for _, prepared in ready], threshold)
    except CheckpointError:
        raise
    except (SSHError, MemoryError) as error:  # not enough memory for images of this size
        return failed | {image.name: reason_of(error) for image, _ in ready}
    for (image, _), rows in zip(ready, found, strict=True):
        write_text(store, image.name, rows)
    return failed


def _present(images: Sequence[SetImage], store: Path) -> set[str]:
    """The names of those whose detections are stored; and check that no two would be stored in one place."""
    paths = {image.name: inside(store, f"{image.name}.txt", str(store)) for image in images}
    if len(paths) != len(images):
        twice = next(name for name, times in Counter(image.name for image in images).items() if times > 1)
        raise DataError(f"{twice}: the set has two images of this name; their detections cannot be told apart")
    return {name for name, path in paths.items() if path.is_file()}


def _stored(store: Path, name: str) -> FloatArray:
    """What an image's text file holds; nothing where there is none."""
    path = store / f"{name}.txt"
    return _rows(path) if path.is_file() else np.zeros((0, 5))


@reader("a detection file")
def _rows(path: Path) -> FloatArray:
    rows = parse_text(read_text(path))
    if rows is None or not (np.abs(rows) < _LARGEST).all():
        raise DataError(f"{path}: malformed; delete it and run again")
    return rows


def _empty(store: Path) -> None:
    """Delete all in the folder `store`, which may itself be a link to another disk.

    Raises:
        OSError: something cannot be deleted: it would pass for a detection of the new run.
    """
    for entry in store.iterdir() if store.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _claim(folder: Path, settings: JsonObject, restart: bool) -> None:
    """Note the settings of the run in `folder`, or check that they are those of the run that is there."""
    path = folder / SETTINGS
    if path.is_file() and not restart:
        try:
            present = _noted(path)
        except DataError:
            present = None
        if present != json.loads(json.dumps(settings)):
            differ = sorted(_differences(present, settings)) if isinstance(present, dict) else ["unreadable"]
            raise DataError(
                f"{folder}: holds detections of a run with other settings ({', '.join(differ)} in {SETTINGS});"
                " give another --tag, or --restart"
            )
    elif not restart and next((folder / DETECTIONS).rglob("*.txt"), None):
        raise DataError(
            f"{folder}: holds detections, but no {SETTINGS} that says of which run; give another --tag, or --restart"
        )
    else:
        with atomic_write(path) as stream:
            json.dump(settings, stream, indent=1)


def _claim_images(folder: Path, images: Sequence[SetImage], done: Set[str]) -> None:
    """Note marks of the images' files, and check that the stored detections are of files of those marks."""
    path = folder / IMAGE_LIST
    noted = _noted(path) if done and path.is_file() else {}
    marks = {image.name: _mark(image.path) for image in images if image.path.is_file()}
    others = [name for name, mark in marks.items() if name in done and noted.get(name, mark) != mark]
    if others:
        raise DataError(
            f"{folder}: holds detections of other images under the same names ({len(others)}, such as {others[0]});"
            " give another --tag, or --restart"
        )
    if any(noted.get(name) != mark for name, mark in marks.items()):
        with atomic_write(path) as stream:
            json.dump(noted | marks, stream)


def _mark(path: Path) -> str:
    """A file's size in bytes, and a sum of three parts of it: pictures without compression are all of one size."""
    size = path.stat().st_size
    total = 0
    with suppress(OSError), path.open("rb") as stream:  # what cannot be read is told when it is its turn
        for start in (0, size // 2, max(size - _PART, 0)):
            stream.seek(start)
            total = zlib.crc32(stream.read(_PART), total)
    return f"{size} {total:08x}"


@reader("a table that this tool wrote")
def _noted(path: Path) -> JsonObject:
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: not a table that this tool wrote; give another --tag, or --restart")
    return content


def _differences(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in {*one, *other}:
        first, second = one.get(key), other.get(key)
        if isinstance(first, dict) and isinstance(second, dict):
            yield from _differences(first, second, f"{prefix}{key}.")
        elif first != second:
            yield f"{prefix}{key}"


def _size(image: SetImage) -> tuple[int, int]:
    """Height and width; an image that cannot be read goes first."""
    try:
        return image_size(image.path)
    except ImageError:
        return (0, 0)


def _digest(model: Path) -> str:
    """SHA-256 of the model's files and their names."""
    digest = hashlib.sha256()
    for path in model_files(model):
        digest.update(os.fsencode(path.name))
        try:
            with path.open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()

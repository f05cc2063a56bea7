"""Data sets by name or by folder."""

from pathlib import Path
from typing import NamedTuple

from ssh_tf.datasets.annotations import read_annotations, read_ignore_regions
from ssh_tf.datasets.records import ImageRecord, make_records
from ssh_tf.utils.errors import DataError


class _Layout(NamedTuple):
    images: str
    annotations: str


# Relative to the data root.
_LAYOUTS = {
    f"wider_face_{split}": _Layout(
        f"WIDER/WIDER_{split}/images", f"WIDER/WIDER_{split}/Annotations/wider_face_{split}.txt"
    )
    for split in ("train", "val")
}

DATASET_NAMES = tuple(_LAYOUTS)


def load_dataset(
    names: str, data_root: Path, cache_dir: Path | None = None, skip_missing: bool = False
) -> list[ImageRecord]:
    """Return the records of the sets in `names`, joined in the order written: ``wider_face_train+wider_face_val``.

    Args:
        names: one or several of `DATASET_NAMES`, with ``+`` between them.
        data_root: the folder that holds ``WIDER/``.
        cache_dir: where image sizes are kept; beside each set's ``images/`` if None.
        skip_missing: leave missing images out instead of stopping.

    Raises:
        DataError: a name is unknown, a file is missing or malformed, or no image is left.
    """
    records = []
    for name in names.split("+"):
        layout = _LAYOUTS.get(name)
        if layout is None:
            raise DataError(f"unknown data set {name!r}: the sets are {', '.join(DATASET_NAMES)}, or give a folder")
        annotations = data_root / layout.annotations
        if not annotations.exists():
            raise DataError(
                f"{annotations}: No such file; make it by tools/fetch_data.py wider and tools/prepare_wider.py"
            )
        records += _load(name, data_root / layout.images, annotations, None, cache_dir, skip_missing)
    return records


def load_folder(
    directory: Path, split: str, cache_dir: Path | None = None, skip_missing: bool = False
) -> list[ImageRecord]:
    """Return the records of any folder with ``images/`` and ``<split>.txt``, in file order.

    ``labels.jsonl``, if there is one, gives ignore regions.

    Args:
        directory: the data set's folder.
        split: ``train`` or ``val``, the stem of the annotation file.
        cache_dir: where image sizes are kept; `directory` if None.
        skip_missing: leave missing images out instead of stopping.

    Raises:
        DataError: a file is missing or malformed, or no image is left.
    """
    labels = directory / "labels.jsonl"
    return _load(
        directory.resolve().name,
        directory / "images",
        directory / f"{split}.txt",
        labels if labels.exists() else None,
        cache_dir,
        skip_missing,
    )


def _load(
    name: str, images: Path, annotations: Path, labels: Path | None, cache_dir: Path | None, skip_missing: bool
) -> list[ImageRecord]:
    size_cache = (cache_dir or images.parent) / f"{name}_image_sizes.json"
    records = make_records(
        annotations=read_annotations(annotations),
        source=annotations,
        images=images,
        ignore=read_ignore_regions(labels) if labels else {},
        size_cache=size_cache,
        skip_missing=skip_missing,
    )
    if not records:
        raise DataError(f"{annotations}: no images")
    return [record._replace(source=name) for record in records]

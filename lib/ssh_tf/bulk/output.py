"""The folder that a run fills: what the run is, its plan, and a file of rows for each shard that is done.

    _run.json            inputs, model and settings: what makes two runs the same
    _plan.parquet        the shards, a row each
    part-000012.parquet  the rows of shard 12, whole or absent
    _attempt-000012.json how often shard 12 was begun, while it is not done

Readers of Parquet folders skip names with an underscore.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from uuid import uuid4

from ssh_tf.bulk.inputs import Unit
from ssh_tf.bulk.storage import Filesystem, Root, bulk_package, said
from ssh_tf.utils.blocks import blocks
from ssh_tf.utils.errors import DataError, SSHError, utf8
from ssh_tf.utils.locks import claimed
from ssh_tf.utils.result_marks import PLAN_NAME as _PLAN
from ssh_tf.utils.result_marks import RUN_NAME as _RUN
from ssh_tf.utils.types import JsonObject

if TYPE_CHECKING:
    import pyarrow

_PART = re.compile(r"part-(\d{6,})\.parquet")
_GROUP = 32
"""Shards in a row group of the plan: a worker reads that much to learn what one shard is."""


class Row(NamedTuple):
    """A picture's row. Where there is an `error` there are no boxes, and no size if it could not be read."""

    name: str
    width: int | None = None
    height: int | None = None
    boxes: list[list[float]] | None = None
    """[x1, y1, x2, y2] in the picture's pixels, best first."""
    scores: list[float] | None = None
    ms: float | None = None
    error: str | None = None


class Output:
    """The folder `name` on the filesystem of `root`."""

    def __init__(self, root: Root, name: str) -> None:
        self.root, self.name = root, name.rstrip("/")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out of the folder, which is made as needed, until the block ends, where it is a local one.

        Raises:
            SSHError: another run holds it, or it cannot be written.
        """
        filesystem, path = self.root.place(self.name)
        if filesystem.type_name != "local":
            yield
            return
        with ExitStack() as stack:
            with _written(self.name):
                stack.enter_context(claimed(Path(path)))
            yield

    def begun(self, settings: JsonObject) -> int | None:
        """The number of shards of the run of `settings` that this folder holds; None if it holds none.

        Raises:
            DataError: it holds another run, or parts of an unknown one.
            SSHError: it cannot be read.
        """
        found = self._read_json(_RUN)
        if found is None:
            if any(_PART.fullmatch(name) for name in self._files()):
                raise DataError(f"{self.name}: holds parts of a run, but no {_RUN}: take another folder")
            return None
        shards = found.get("shards")
        differing = [key for key in settings if found.get(key) != settings[key]]
        if differing or not isinstance(shards, int):
            raise DataError(
                f"{self.name}: holds another run (of other {', '.join(differing) or 'shards'}): take another folder"
            )
        return shards

    def begin(self, settings: JsonObject, units: Iterable[Unit]) -> int:
        """Make the folder that of a run of `settings`, whose plan is `units`; the number of its shards.

        Raises:
            SSHError: it cannot be written, or what `units` raises.
        """
        shards = self._write_plan(units)
        with self._writing(_RUN) as stream:
            stream.write(json.dumps({**settings, "shards": shards}, indent=1).encode())
        return shards

    def missing(self, shards: int) -> list[int]:
        """The shards that have no rows yet."""
        done = {int(match[1]) for match in map(_PART.fullmatch, self._files()) if match}
        return [shard for shard in range(shards) if shard not in done]

    def unit(self, shard: int) -> Unit:
        """What shard `shard` is.

        Raises:
            DataError: the plan cannot be read.
        """
        filesystem, path = self._place(_PLAN)
        try:
            with bulk_package("pyarrow.parquet").ParquetFile(path, filesystem=filesystem) as file:
                rows = file.read_row_group(shard // _GROUP).slice(shard % _GROUP, 1).to_pylist()
            return Unit(**rows[0])
        except Exception as error:  # Arrow's errors, and those of as many filesystems
            raise DataError(f"{self.name}/{_PLAN}: cannot be read: {error}") from error

    def write_part(self, shard: int, rows: Iterable[list[Row]]) -> None:
        """Write a shard's rows as they come; the file is there when all of them are.

        Raises:
            SSHError: it cannot be written.
        """
        arrow, parquet = bulk_package("pyarrow"), bulk_package("pyarrow.parquet")
        schema = _row_schema(arrow)
        with self._writing(f"part-{shard:06d}.parquet") as stream, parquet.ParquetWriter(stream, schema) as writer:
            for block in rows:
                table = arrow.Table.from_pylist([_columns(row) for row in block], schema)
                with _written(self.name):
                    writer.write_table(table)
        self._remove(f"_attempt-{shard:06d}.json")

    def attempt(self, shard: int) -> JsonObject:
        """What earlier attempts at a shard left (see `note_attempt`); empty if there were none."""
        return self._read_json(f"_attempt-{shard:06d}.json") or {}

    def note_attempt(self, shard: int, attempt: JsonObject) -> None:
        """Leave `attempt` for whoever does the shard if this process dies."""
        with self._writing(f"_attempt-{shard:06d}.json") as stream:
            stream.write(json.dumps(attempt).encode())

    def _place(self, file: str) -> tuple[Filesystem, str]:
        return self.root.place(f"{self.name}/{file}")

    def _files(self) -> list[str]:
        filesystem, path = self.root.place(self.name)
        selector = bulk_package("pyarrow.fs").FileSelector(path, allow_not_found=True)
        with _written(self.name):
            return [info.base_name for info in filesystem.get_file_info(selector)]

    def _read_json(self, file: str) -> JsonObject | None:
        filesystem, path = self._place(file)
        with _written(self.name):
            if filesystem.get_file_info(path).type.name != "File":
                return None
            with filesystem.open_input_stream(path) as stream:
                data = stream.read()
        try:
            found = json.loads(data)
        except ValueError as error:
            raise DataError(f"{self.name}/{file}: damaged: take another folder") from error
        return found if isinstance(found, dict) else {}

    def _write_plan(self, units: Iterable[Unit]) -> int:
        arrow, parquet = bulk_package("pyarrow"), bulk_package("pyarrow.parquet")
        integer = arrow.int64()
        fields = {"kind": arrow.string(), "given": integer, "names": arrow.list_(arrow.string()), "group": integer}
        schema = arrow.schema([*fields.items(), ("first", integer)])
        shards = 0
        with self._writing(_PLAN) as stream, parquet.ParquetWriter(stream, schema) as writer:
            for block in blocks(units, _GROUP):
                shards += len(block)
                table = arrow.Table.from_pylist([unit._asdict() for unit in block], schema)
                with _written(self.name):
                    writer.write_table(table)
        return shards

    @contextmanager
    def _writing(self, file: str) -> Iterator[BinaryIO]:
        """A stream into `file`, which is there, whole, once the block has ended well."""
        filesystem, path = self._place(file)
        part = f"{path.rpartition('/')[0]}/.{file}.{uuid4().hex}.tmp"
        with _written(self.name):
            filesystem.create_dir(path.rpartition("/")[0], recursive=True)
            stream = filesystem.open_output_stream(part)
        try:
            with stream:
                yield stream
            with _written(self.name):
                filesystem.move(part, path)
        except BaseException:
            with _written(self.name):
                filesystem.delete_file(part)
            raise

    def _remove(self, file: str) -> None:
        filesystem, path = self._place(file)
        with _written(self.name):
            if filesystem.get_file_info(path).type.name == "File":
                filesystem.delete_file(path)


def _columns(row: Row) -> JsonObject:
    return row._asdict() | {"name": utf8(row.name), "error": None if row.error is None else utf8(row.error)}


@contextmanager
def _written(name: str) -> Iterator[None]:
    """Say of what a filesystem refuses that it was `name`."""
    try:
        yield
    except SSHError:
        raise
    except Exception as error:  # each filesystem has its own
        raise SSHError(f"{name}: cannot be written: {said(error)}") from error


def _row_schema(arrow: ModuleType) -> "pyarrow.Schema":
    number = arrow.float32()
    return arrow.schema(
        [
            arrow.field("name", arrow.string(), nullable=False),
            ("width", arrow.int32()),
            ("height", arrow.int32()),
            ("boxes", arrow.list_(arrow.list_(number, 4))),
            ("scores", arrow.list_(number)),
            ("ms", number),
            ("error", arrow.string()),
        ]
    )

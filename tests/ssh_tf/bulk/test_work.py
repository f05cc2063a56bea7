"""One process's work, without Ray: rows of a shard, whatever its pictures are."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bulk_runs import detector, picture_bytes, rows_of, write_pictures
from ssh_tf.bulk.inputs import find_units
from ssh_tf.bulk.output import Output
from ssh_tf.bulk.storage import root_and_name
from ssh_tf.bulk.work import Counts, do_shard
from ssh_tf.utils.errors import DataError, SSHError
from ssh_tf.utils.images import read_image


def run(tmp_path, *inputs, threshold=0.5, image_column=None, only=None):
    """All shards of `inputs` into tmp_path/out, or those of `only`; the sums of what they came to."""
    output = Output(*root_and_name(str(tmp_path / "out")))
    settings = {"inputs": list(inputs)}
    shards = output.begun(settings)
    if shards is None:
        shards = output.begin(settings, find_units(inputs, 1, shard=4, image_column=image_column))
    roots = [root_and_name(given)[0] for given in inputs]
    todo = [shard for shard in output.missing(shards) if only is None or shard in only]
    counts = [do_shard(detector(), threshold, roots, output, shard, image_column) for shard in todo]
    return Counts(*map(sum, zip(*counts, strict=True))) if counts else Counts(0, 0, 0)


def test_rows_hold_what_the_detector_finds(tmp_path):
    names = write_pictures(tmp_path / "pictures", 10)
    assert run(tmp_path, str(tmp_path / "pictures")) == Counts(10, 10, 0)
    rows = rows_of(tmp_path / "out")
    assert [row["name"] for row in rows] == names
    for name, row in zip(names, rows, strict=True):
        image = read_image(name)
        faces = detector()(image)
        assert (row["height"], row["width"]) == image.shape[:2]
        np.testing.assert_array_equal(np.float32(row["boxes"]), faces[:, :4])
        np.testing.assert_array_equal(np.float32(row["scores"]), faces[:, 4])
        assert row["error"] is None
        assert row["ms"] >= 0


def test_a_picture_that_fails_is_a_row(tmp_path):
    write_pictures(tmp_path / "pictures", 3)
    (tmp_path / "pictures" / "00001.png").write_bytes(b"no picture")
    listed = tmp_path / "pictures" / "list.txt"
    listed.write_text("00000.png\n00001.png\ngone.png\n00002.png\n")
    assert run(tmp_path, str(listed)) == Counts(4, 2, 2)
    errors = [row["error"] for row in rows_of(tmp_path / "out")]
    assert errors[0] is errors[3] is None
    assert "00001.png: not a picture" in errors[1]
    assert "gone.png: cannot be read" in errors[2]
    assert "\n" not in "".join(errors[1:3])


def test_pictures_of_tar_files_and_what_else_is_in_there(tmp_path):
    path = tmp_path / "shard.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in {
            "1.png": picture_bytes(1),
            "1.json": b"{}",
            "../2.png": picture_bytes(2),
            "3.jpg": b"broken",
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert run(tmp_path, str(path)) == Counts(3, 2, 1)
    assert [row["name"] for row in rows_of(tmp_path / "out")] == [f"{path}/{n}" for n in ("1.png", "../2.png", "3.jpg")]


def test_what_comes_before_a_tar_files_damage_is_kept(tmp_path):
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w") as archive:
        for number in range(3):
            info = tarfile.TarInfo(f"{number}.png")
            info.size = len(picture_bytes(number))
            archive.addfile(info, io.BytesIO(picture_bytes(number)))
    path.write_bytes(path.read_bytes()[:2148])
    counts = run(tmp_path, str(path))
    rows = rows_of(tmp_path / "out")
    assert counts.pictures == len(rows) >= 2
    assert rows[0]["error"] is None
    assert "the rest cannot be read" in rows[-1]["error"]


def tar_of(*entries, kind=tarfile.REGTYPE):
    """The bytes of a tar file of `entries`, (name, size it claims, data)."""
    blocks = []
    for name, size, data in entries:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, size
        blocks += [info.tobuf(tarfile.GNU_FORMAT), data, bytes(-len(data) % 512)]
    return b"".join(blocks)


PICTURE = ("1.png", len(picture_bytes(1)), picture_bytes(1))
CLOSED = tar_of(PICTURE) + bytes(10240)
DAMAGED_TARS = {
    "none": b"no tar file" * 99,
    "empty": b"",
    "a negative size": tar_of(("2.png", -5, b"")),
    "a picture without an end": tar_of(("2.png", 2**60, b"x")),
    "a text without an end": tar_of(("2.txt", 2**60, b"x")),
    "an unknown kind without an end": tar_of(("2.txt", 2**60, b"x"), kind=b"Q"),
    "a sparse file without an end": tar_of(("2.png", 2**60, b"x"), kind=tarfile.GNUTYPE_SPARSE),
    "a name without an end": tar_of(("2.png", 2**60, b"x"), kind=tarfile.GNUTYPE_LONGNAME),
    "remarks without an end": tar_of(("2.png", 2**60, b"x"), kind=tarfile.XHDTYPE),
    "another sum": gzip.compress(CLOSED)[:-8] + bytes(8),
    "another sum in bzip2": bz2.compress(CLOSED)[:-12] + bytes(12),
    "a cut xz": lzma.compress(CLOSED)[:-20],
}


@pytest.mark.parametrize("kind", DAMAGED_TARS)
def test_a_damaged_tar_file_ends_and_says_so(tmp_path, kind):
    path = tmp_path / "shard.tar"
    path.write_bytes(DAMAGED_TARS[kind])
    assert run(tmp_path, str(path)).failed >= 1
    last = rows_of(tmp_path / "out")[-1]
    assert last["name"] == str(path)
    assert last["error"].startswith(f"{path}: the rest cannot be read: ")


ODD_NAMES = ["gone.tar", "gone.parquet", "pipe.tar", "pipe.parquet", "pipe.png", "zero.tar", "folder", "a/*.png", "#"]
ODD_NAMES += [
    "nosuch://place/x.png",
    "s3://",
    "file://",
    "x" * 300,
    "x" * 5000,
    "\x1b[31m",
    "a\0b.png",
    "\x0b\u2028.png",
]


def test_a_list_of_whatever_has_a_row_for_each_name(tmp_path):
    (good,) = write_pictures(tmp_path, 1)
    (tmp_path / "folder").mkdir()
    (tmp_path / "zero.tar").symlink_to("/dev/zero")
    for name in ("pipe.tar", "pipe.parquet", "pipe.png"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "list.txt").write_text("\n".join([*ODD_NAMES, "00000.png"]), newline="")
    assert run(tmp_path, str(tmp_path / "list.txt")) == Counts(len(ODD_NAMES) + 1, 1, len(ODD_NAMES))
    rows = rows_of(tmp_path / "out")
    assert [row["name"] for row in rows if row["error"] is None] == [good]
    assert all("\n" not in row["error"] for row in rows if row["error"])


def test_a_damaged_parquet_file_of_a_folder_costs_its_own_row(tmp_path):
    write_pictures(tmp_path / "pictures", 1)
    (tmp_path / "pictures" / "rows.parquet").write_bytes(b"PAR1 and no more")
    assert run(tmp_path, str(tmp_path / "pictures")) == Counts(2, 1, 1)


@pytest.mark.parametrize("nested", [False, True])
def test_pictures_of_parquet_files(tmp_path, nested):
    path = tmp_path / "rows.parquet"
    pictures = [picture_bytes(0), None, picture_bytes(2), b"", picture_bytes(4)]
    values = [{"bytes": data, "path": "x"} for data in pictures] if nested else pictures
    pq.write_table(pa.table({"id": range(5), "image": values}), path, row_group_size=2)
    assert run(tmp_path, str(path)) == Counts(5, 3, 2)
    rows = rows_of(tmp_path / "out")
    assert [row["name"] for row in rows] == [f"{path}#{n}" for n in range(5)]
    assert [row["height"] for row in rows] == [40, None, 42, None, 44]
    assert rows[1]["error"] == f"{path}#1: no bytes"


def test_only_what_is_missing_is_done(tmp_path):
    names = write_pictures(tmp_path / "pictures", 10)
    inputs = str(tmp_path / "pictures")
    assert run(tmp_path, inputs, only=[1]).pictures == 3
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    # The plan is what the folder held when the run began.
    write_pictures(tmp_path / "pictures", 1, start=99)
    assert run(tmp_path, inputs).pictures == 7
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [row["name"] for row in rows_of(tmp_path / "out")] == names
    assert run(tmp_path, inputs) == Counts(0, 0, 0)


def test_a_folder_of_another_run_is_not_touched(tmp_path):
    write_pictures(tmp_path / "pictures", 2)
    run(tmp_path, str(tmp_path / "pictures"))
    with pytest.raises(DataError, match=r"out: holds another run \(of other inputs\)"):
        run(tmp_path, str(tmp_path / "pictures" / "00000.png"))
    (tmp_path / "out" / "_run.json").unlink()
    with pytest.raises(DataError, match="holds parts of a run, but no"):
        run(tmp_path, str(tmp_path / "pictures"))
    (tmp_path / "out" / "_run.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        run(tmp_path, str(tmp_path / "pictures"))


@pytest.mark.parametrize("output", ["a\0b", "\udcff", "x" * 300])
def test_a_name_that_no_output_can_have_is_said(tmp_path, output):
    with pytest.raises(SSHError, match="cannot be written"):
        Output(*root_and_name(str(tmp_path / output))).begun({})


def test_an_output_that_cannot_be_written_is_said(tmp_path):
    write_pictures(tmp_path / "pictures", 1)
    (tmp_path / "out").write_text("a file")
    with pytest.raises(SSHError, match="out: cannot be written"):
        run(tmp_path, str(tmp_path / "pictures"))


def test_a_picture_that_ends_its_process_is_passed_over_in_the_end(tmp_path):
    """In processes of this test's own, as Ray would start them one after the other."""
    write_pictures(tmp_path / "pictures", 4)  # the first one is black
    inputs = str(tmp_path / "pictures")
    output = Output(*root_and_name(str(tmp_path / "out")))
    output.begin({}, find_units([inputs], 1, shard=4))
    output.note_attempt(0, {"number": 4, "killers": [0], "at": 0})
    assert do_shard(detector(), 0.5, [root_and_name(inputs)[0]], output, 0, None) == Counts(1, 0, 1)
    (row,) = rows_of(tmp_path / "out")
    assert "the process ended" in row["error"]
    assert not [name for name in os.listdir(tmp_path / "out") if "attempt" in name]


def test_a_picture_at_which_one_process_was_ended_is_tried_again(tmp_path):
    """Whoever ended it: an attempt that is interrupted says nothing of the picture in hand."""
    write_pictures(tmp_path / "pictures", 4)
    inputs = str(tmp_path / "pictures")
    output = Output(*root_and_name(str(tmp_path / "out")))
    output.begin({}, find_units([inputs], 1, shard=1))
    output.note_attempt(1, {"number": 3, "killers": [0, 2], "at": 0})
    assert do_shard(detector(), 0.5, [root_and_name(inputs)[0]], output, 1, None).failed == 1
    output.note_attempt(2, {"number": 3, "killers": [], "at": 0})
    assert do_shard(detector(), 0.5, [root_and_name(inputs)[0]], output, 2, None).failed == 0


def test_a_member_of_a_tar_file_may_have_any_name(tmp_path):
    names = write_pictures(tmp_path / "pictures", 2)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for path, name in zip(names, (b"caf\xe9.png", b"b.png"), strict=True):
            archive.add(path, os.fsdecode(name))
    assert run(tmp_path, str(tmp_path / "a.tar")).failed == 0
    assert sorted(row["name"].rpartition("/")[2] for row in rows_of(tmp_path / "out")) == ["b.png", "caf\\udce9.png"]


def test_a_file_of_a_name_that_is_not_utf8_is_a_row(tmp_path):
    (name, _) = write_pictures(tmp_path / "pictures", 2)
    os.rename(name, os.fsdecode(os.fsencode(str(tmp_path / "pictures")) + b"/caf\xe9.png"))
    counts = run(tmp_path, str(tmp_path / "pictures"))
    assert (counts.pictures, counts.failed) == (2, 1)
    (reason,) = [row["error"] for row in rows_of(tmp_path / "out") if row["error"]]
    assert "caf\\udce9.png: " in reason


def test_two_runs_do_not_share_an_output(tmp_path):
    first, second = (Output(*root_and_name(str(tmp_path / "out"))) for _ in range(2))
    with first.held(), pytest.raises(SSHError, match="out: another run writes here"), second.held():
        pass
    with second.held():
        pass


def test_careful_attempts_give_the_same_rows(tmp_path):
    write_pictures(tmp_path / "pictures", 10)
    run(tmp_path, str(tmp_path / "pictures"), only=[0, 1])
    (tmp_path / "out" / "_attempt-000002.json").write_text(json.dumps({"number": 7, "killers": [], "at": None}))
    assert run(tmp_path, str(tmp_path / "pictures")) == Counts(4, 4, 0)
    assert len({row["name"] for row in rows_of(tmp_path / "out")}) == len(rows_of(tmp_path / "out")) == 10

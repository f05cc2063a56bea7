"""What a user names, as units."""

import io
import os
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_runs import picture_bytes, write_pictures
from ssh_tf.bulk.inputs import _divided, find_units
from ssh_tf.bulk.storage import Root
from ssh_tf.utils.errors import DataError

FIRST = [f"{number:05d}.png" for number in range(3)]
DEEP = [f"deep/{number:05d}.png" for number in range(3, 5)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_pictures(tmp_path / "a", 3)
    write_pictures(tmp_path / "a" / "deep", 2, start=3)
    (tmp_path / "a" / "notes.md").write_text("no picture")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*inputs, **options):
    return [name for unit in find_units([str(each) for each in inputs], 1, **options) for name in unit.names]


def test_a_folder_is_all_that_is_below_it_and_links_lead_nowhere(folder):
    in_a, below = [f"a/{n:05d}.png" for n in range(3)], [f"a/deep/{n:05d}.png" for n in (3, 4)]
    assert names("a") == [*in_a, *below]
    assert names("a/") == names("a")
    assert names(folder / "a") == [f"{folder}/{name}" for name in names("a")]


def test_patterns(folder):
    assert names("a/*.png") == [f"a/{n:05d}.png" for n in range(3)]
    assert names("a/**/*.png") == names("a")
    assert names("?/deep/0000[4-9].png") == ["a/deep/00004.png"]
    write_pictures(folder, 1)
    assert names("*.png") == ["00000.png"]


def test_lists_count_from_their_own_folder(folder):
    (folder / "a" / "list.txt").write_text("00001.png\n\n  deep/00003.png \nfile:///elsewhere/x.png\n/abs/y.png\n")
    assert names("a/list.txt") == ["a/00001.png", "a/deep/00003.png", "file:///elsewhere/x.png", "/abs/y.png"]


@pytest.mark.parametrize("scheme", ["file", "local"])
def test_uris_of_pyarrow_and_of_fsspec_name_the_same_pictures(folder, scheme):
    uri = f"{scheme}://{folder}/a"
    assert names(uri) == [f"{scheme}://{folder}/{name}" for name in names("a")]
    assert names(f"{uri}/*.png") == [f"{uri}/{n:05d}.png" for n in range(3)]


def test_a_tar_file_is_a_unit_and_a_parquet_file_as_many_as_it_has_row_groups(folder):
    with tarfile.open(folder / "a" / "more.tar", "w") as archive:
        info = tarfile.TarInfo("x.png")
        info.size = len(picture_bytes(1))
        archive.addfile(info, io.BytesIO(picture_bytes(1)))
    table = pa.table({"id": [1, 2, 3], "image": [picture_bytes(n) for n in range(3)]})
    pq.write_table(table, folder / "a" / "rows.parquet", row_group_size=2)
    units = list(find_units(["a"], 1))
    assert sorted(unit.kind for unit in units if unit.kind != "files") == ["parquet", "parquet", "tar"]
    assert [(unit.group, unit.first) for unit in units if unit.kind == "parquet"] == [(0, 0), (1, 2)]


@given(st.integers(0, 200), st.integers(1, 5), st.integers(1, 20))
def test_shards_are_the_pictures_in_order_and_give_every_worker_something(count, workers, size):
    pictures = [f"{n}.png" for n in range(count)]
    units = list(_divided(Root("", "/"), 0, "", iter(pictures), workers, size, None))
    assert [name for unit in units for name in unit.names] == pictures
    assert all(1 <= len(unit.names) <= size for unit in units)
    assert len(units) >= min(count, workers)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("nothing", "nothing: no such file or folder"),
        ("none/*.png", "no file matches this pattern"),
        ("a/*.gif", "no file matches this pattern"),
        ("empty", "no pictures, tar or Parquet files in this folder"),
        ("empty.txt", "the file is empty"),
        ("blank.txt", "the list is empty"),
        ("binary.txt", "not a list of names in UTF-8"),
        ("broken.parquet", "not a Parquet file that can be read"),
        ("numbers.parquet", "no columns of image bytes: name one by --image_column"),
        ("two.parquet", "2 columns of image bytes: name one by --image_column"),
        ("nosuch://place/x", "nosuch://place: no filesystem that can be read"),
        ("a/***/x", "not a pattern"),
        ("pipe.txt", "pipe.txt: is no regular file"),
        ("pipe.parquet", "pipe.parquet: not a Parquet file that can be read: is no regular file"),
        ("ftp://name:secret@127.0.0.1:1/x", r"^ftp://127\.0\.0\.1:1: cannot be reached: Connection refused$"),
        ("zip://x.png::nowhere.zip", "cannot be reached: No such file or directory"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(folder, given, reason):
    os.mkfifo(folder / "pipe.txt")
    os.mkfifo(folder / "pipe.parquet")
    (folder / "empty").mkdir()
    (folder / "empty.txt").touch()
    (folder / "blank.txt").write_text("\n \n")
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00\x01")
    (folder / "broken.parquet").write_bytes(b"PAR1 and no more")
    pq.write_table(pa.table({"number": [1]}), folder / "numbers.parquet")
    pq.write_table(pa.table({"a": [b"x"], "b": [b"y"]}), folder / "two.parquet")
    with pytest.raises(DataError, match=reason):
        names(given)


def test_a_table_beside_the_pictures_is_a_unit_that_fails_and_two_columns_have_to_be_told_apart(folder):
    (folder / "tables").mkdir()
    pq.write_table(pa.table({"number": [1]}), folder / "tables/metadata.parquet")
    pq.write_table(pa.table({"image": [b"x"]}), folder / "tables/pictures.parquet")
    assert names("tables") == ["tables/metadata.parquet", "tables/pictures.parquet"]
    assert names("tables", image_column="image") == ["tables/metadata.parquet", "tables/pictures.parquet"]
    pq.write_table(pa.table({"a": [b"x"], "b": [b"y"]}), folder / "tables/two.parquet")
    with pytest.raises(DataError, match=r"two\.parquet: 2 columns of image bytes"):
        names("tables")


def test_the_column_of_pictures_can_be_named(folder):
    pq.write_table(pa.table({"a": [b"x"], "b": [b"y"]}), folder / "two.parquet")
    assert names("two.parquet", image_column="b") == ["two.parquet"]
    with pytest.raises(DataError, match="no column 'c' of image bytes"):
        names("two.parquet", image_column="c")


def test_a_bucket_that_cannot_be_reached_is_said_in_one_line(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "name")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(DataError, match=r"^s3://bucket/photos: cannot be read: ") as caught:
        names("s3://bucket/photos?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mark", ["_run.json", "_plan.parquet", "detections.jsonl", "detections.jsonl.part"])
def test_results_of_runs_below_an_input_are_passed_over(folder, mark):
    write_pictures(folder / "a" / "faces", 1)
    (folder / "a" / "faces" / mark).touch()
    passed = []
    assert names("a", pass_over=passed.append) == [f"a/{name}" for name in (*FIRST, *DEEP)]
    assert passed == ["a/faces"]
    assert names("a/**/*.png") == [f"a/{name}" for name in (*FIRST, *DEEP)]
    assert names("a/faces/*.png") == ["a/faces/00000.png"], "what is named is taken"


def test_what_begins_with_a_dot_is_no_input(folder):
    for name in ("._00000.png", ".hidden/00000.png"):
        write_pictures((folder / "a" / name).parent, 1)
        (folder / "a" / name).write_bytes(b"no picture")
    assert names("a") == [f"a/{name}" for name in (*FIRST, *DEEP)]

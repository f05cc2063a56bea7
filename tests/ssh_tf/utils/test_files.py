"""Files that are whole or absent."""

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path

import pytest

from ssh_tf.utils.errors import DataError
from ssh_tf.utils.files import atomic_write, check_not_read, check_writable, inside, whole_file


@contextmanager
def by_name(path):
    """`whole_file` in the form of `atomic_write`."""
    with whole_file(path) as temporary, temporary.open("w") as stream:
        temporary.chmod(0o400)  # as MindSpore does
        yield stream


BOTH = pytest.mark.parametrize("write", [atomic_write, by_name])


def test_text_and_bytes_are_written_and_folders_made(tmp_path):
    with atomic_write(tmp_path / "a" / "b.txt") as stream:
        stream.write("Gesichter: ü")
    with atomic_write(tmp_path / "c.bin", "wb") as stream:
        stream.write(b"\0\1")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "Gesichter: ü"
    assert (tmp_path / "c.bin").read_bytes() == b"\0\1"


@BOTH
def test_a_failure_leaves_the_old_file_and_nothing_else(write, tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail_halfway():
        with write(path) as stream:
            stream.write("ne")
            assert path.read_text() == "old"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "old"


@BOTH
def test_a_result_is_as_readable_as_other_files(write, tmp_path):
    with (tmp_path / "plain").open("w"):
        pass
    with write(tmp_path / "atomic"):
        pass
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/etc/passwd", "..", "", ".", "C:/a", "c:a", "..\\a", "\\\\host\\a", "\\a"]
)
def test_names_that_lead_out_are_refused_with_their_place(name):
    with pytest.raises(DataError, match=r"^list\.txt:3: .*outside of its folder"):
        inside("folder", name, "list.txt:3")


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "\ud800", "a" * 251, "ü" * 126 + "/b", "a/" * 2000])
def test_names_that_no_file_has_are_refused_with_their_place(name):
    with pytest.raises(DataError, match=r"^list\.txt:3: the name "):
        inside("folder", name, "list.txt:3")


@pytest.mark.parametrize("name", ["a", "a/b.jpg", "a b/ü", "faces [v2]/a..b", "...", "a" * 250])
def test_other_names_lie_in_the_folder(name):
    assert inside("folder", name, "list.txt:3") == Path("folder", name)


@BOTH
def test_a_full_disk_names_the_file(write, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as raised, write(tmp_path / "a.txt") as stream:
        stream.write("a")
    assert raised.value.filename == str(tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())


@BOTH
def test_a_long_name_can_be_written(write, tmp_path):
    with write(tmp_path / ("ü" * 127)):
        pass
    assert len(list(tmp_path.iterdir())) == 1


@BOTH
def test_a_folder_in_the_place_of_a_file_is_named(write, tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError) as raised, write(tmp_path / "a"):
        pass
    assert raised.value.filename == str(tmp_path / "a")


def test_an_output_is_no_input_and_no_other_output(tmp_path):
    (tmp_path / "a.pb").touch()
    (tmp_path / "link").symlink_to("a.pb")
    check_not_read([tmp_path / "b.pb", None, tmp_path / "c.pb"], [tmp_path / "a.pb"])
    for outputs in (["a.pb"], ["link"], ["./a.pb"], ["b.pb", "b.pb"]):
        with pytest.raises(DataError, match=rf"{outputs[-1]}: is read or written by this command already"):
            check_not_read([tmp_path / name for name in outputs], [tmp_path / "a.pb"])


def test_what_cannot_be_written_is_told_before_the_run(tmp_path):
    (tmp_path / "old.json").write_text("old")
    (tmp_path / "folder").mkdir()
    check_writable([tmp_path / "old.json", None, tmp_path / "new" / "a.json"])
    assert (tmp_path / "old.json").read_text() == "old"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "new", "old.json"]
    with pytest.raises(IsADirectoryError, match="folder"):
        check_writable([tmp_path / "folder"])
    with pytest.raises(OSError, match=r"old\.json"):
        check_writable([tmp_path / "old.json" / "a.json"])

"""Files that are whole or absent."""

import stat

import pytest

from ssh_tf.utils.files import atomic_write


def test_text_and_bytes_are_written_and_folders_made(tmp_path):
    with atomic_write(tmp_path / "a" / "b.txt") as stream:
        stream.write("Gesichter: ü")
    with atomic_write(tmp_path / "c.bin", "wb") as stream:
        stream.write(b"\0\1")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "Gesichter: ü"
    assert (tmp_path / "c.bin").read_bytes() == b"\0\1"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail_halfway():
        with atomic_write(path) as stream:
            stream.write("ne")
            assert path.read_text() == "old"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "old"


def test_a_result_is_as_readable_as_other_files(tmp_path):
    with (tmp_path / "plain").open("w"):
        pass
    with atomic_write(tmp_path / "atomic"):
        pass
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "atomic")]
    assert modes[0] == modes[1]

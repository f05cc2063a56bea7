"""A list that is kept however the run ends."""

import errno

import pytest

from full_disk import files_no_larger_than
from ssh_tf.utils.growing import GrowingLines


def test_lines_are_in_the_file_at_once_and_named_in_the_end(tmp_path):
    path = tmp_path / "new/list.jsonl"
    with GrowingLines(path) as lines:
        lines.write("one")
        assert (tmp_path / "new/list.jsonl.part").read_text() == "one\n"
        lines.write("zwö")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "one\nzwö\n"
    assert [found.name for found in path.parent.iterdir()] == ["list.jsonl"]


def test_without_lines_the_earlier_file_stays(tmp_path):
    (tmp_path / "list").write_text("earlier\n")
    (tmp_path / "list.part").write_text("of a killed run\n")
    with GrowingLines(tmp_path / "list"):
        pass
    assert (tmp_path / "list").read_text() == "earlier\n"
    assert (tmp_path / "list.part").read_text() == "of a killed run\n"


def test_the_lines_of_a_killed_run_are_kept_until_another_has_ended(tmp_path):
    (tmp_path / "list.part").write_text("of a killed run\n")
    with GrowingLines(tmp_path / "list") as lines:
        lines.write("new")
        assert (tmp_path / "list").read_text() == "of a killed run\n"
        assert (tmp_path / "list.part").read_text() == "new\n"
    assert (tmp_path / "list").read_text() == "new\n"
    assert not (tmp_path / "list.part").exists()


def grow(path, lines, error=None):
    with GrowingLines(path) as grown:
        for line in lines:
            grown.write(line)
        if error:
            raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_ends_the_block_and_not_the_lines(tmp_path, error):
    with pytest.raises(error):
        grow(tmp_path / "list", ["one"], error)
    assert (tmp_path / "list").read_text() == "one\n"


def test_a_line_that_does_not_fit_leaves_no_part_of_itself(tmp_path):
    with files_no_larger_than(25), pytest.raises(OSError, match="list") as raised:
        grow(tmp_path / "list", [f"line {number}..." for number in range(9)])
    assert raised.value.errno == errno.EFBIG
    assert (tmp_path / "list").read_text() == "line 0...\nline 1...\n"

"""Lines of annotation files: what is written is read, names of every kind, files from before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssh_tf.datasets.annotation_lines import join_line, split_line
from ssh_tf.datasets.annotations import read_annotations

_LETTERS = st.characters(exclude_categories=["Cs"], min_codepoint=32, exclude_characters="\\")
# Four bytes a letter at most: no part of a name is longer than 250 of them.
NAMES = st.text(_LETTERS, min_size=1, max_size=60)
NUMBERS = st.lists(st.floats(-1e6, 1e6, width=32), max_size=8)


@given(NAMES, NUMBERS)
def test_what_is_written_is_read(name, values):
    read, numbers = split_line(join_line(name, values))
    assert read == name
    np.testing.assert_array_equal(np.float32(numbers), np.float32(values))


@given(
    st.lists(st.tuples(NAMES.filter(str.strip), NUMBERS), max_size=3), st.sampled_from(["\n", "\r\n"]), st.booleans()
)
def test_whole_lines_with_any_end_and_mark(tmp_path_factory, lines, end, mark):
    path = tmp_path_factory.mktemp("lines") / "train.txt"
    text = "".join(join_line(f"{number}/{name}.jpg", []) + end for number, (name, _) in enumerate(lines))
    path.write_bytes(text.encode("utf-8-sig" if mark else "utf-8"))
    assert [a.name for a in read_annotations(path)] == [f"{n}/{name}.jpg" for n, (name, _) in enumerate(lines)]


@pytest.mark.parametrize(
    ("line", "name", "values"),
    [
        ("a/b 1 2 3 4", "a/b", [1, 2, 3, 4]),
        ("a.jpg\t1\t2 3  4\r", "a.jpg", [1, 2, 3, 4]),
        ("a.jpg 1 2 3 4\t5 6 7 8", "a.jpg", [1, 2, 3, 4, 5, 6, 7, 8]),  # a file from before names could have spaces
        ('"a b.jpg" 1 2 3 4', "a b.jpg", [1, 2, 3, 4]),
        ('"a ""b"".jpg"', 'a "b".jpg', []),
        ("a b.jpg\t1\t2\t3\t4", "a b.jpg", [1, 2, 3, 4]),
        ("Foto 3 von 4\t1 2 3 4", "Foto 3 von 4", [1, 2, 3, 4]),
        ("a b.JPG", "a b.JPG", []),
        ("event\\Straße.jpg 1 2 3 4", "event/Straße.jpg", [1, 2, 3, 4]),
        ("9.41\u202fAM.png 1 2 3 4", "9.41\u202fAM.png", [1, 2, 3, 4]),
        ('"a".jpg 1 2 3 4', '"a".jpg', [1, 2, 3, 4]),  # no name in quotes: the quote does not end it
    ],
)
def test_names_of_every_kind(line, name, values):
    assert split_line(line) == (name, values)


def test_unquoted_spaces_say_what_to_do():
    with pytest.raises(ValueError, match=r"name\.jpg.*double quotes"):
        split_line("a name.jpg 1 2 3 4")


@pytest.mark.parametrize("name", ["", "a\nb", "a\tb", "a\\b", "\udcff"])
def test_names_that_no_line_can_hold(name):
    with pytest.raises(ValueError, match="cannot stand"):
        join_line(name, [])


def test_numbers_are_short_and_exact():
    values = np.array([3.0, 330.5, 0.1, 1 / 3], np.float32)
    assert join_line("a", values) == "a 3 330.5 0.1 0.33333334"

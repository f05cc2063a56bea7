"""An image is what its whole name says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssh_tf.datasets.names import file_name, short_name


@pytest.mark.parametrize(
    ("file", "short"),
    [
        ("0--Parade/a.jpg", "0--Parade/a"),
        ("a.png", "a.png"),
        ("a.JPG", "a.JPG"),
        ("a.png.jpg", "a.png.jpg"),
        ("a.b.jpg", "a.b"),
    ],
)
def test_short_names(file, short):
    assert (short_name(file), file_name(short)) == (short, file)


PART = st.sampled_from(["a", "b/", ".", "jpg", ".jpg", "png", ".png", ".JPG", ".txt"])


@given(st.lists(PART).map("".join).map(file_name))
def test_no_two_files_have_one_short_name(file):
    assert file_name(short_name(file)) == file


@pytest.mark.parametrize("name", ["a/b.jpg", "./a/b.jpg", "a//b.jpg", "a/./b.jpg", "a/b", "./a//b"])
def test_an_image_has_one_name_however_it_is_written(name):
    assert file_name(name) == "a/b.jpg"

"""The official text files and detections.npz: formats read, formats written, and what is wrong with them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.wider_detections import (
    ANOTHER_NAME,
    HAS_NAN,
    MALFORMED,
    NO_FILE,
    NOT_IN_SET,
    corner_boxes,
    load_npz,
    official_rows,
    parse_text,
    read_wider_detections,
    save_npz,
    write_text,
)
from ssh_tf.utils.errors import DataError

ROWS = [[1.0, 2.0, 3.0, 4.0, 0.5], [5.0, 6.0, 7.0, 8.0, 0.25]]


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg\n2\n1 2 3 4 0.5\n5 6 7 8 0.25\n",
        "a.jpg\n2\n1 2 3 4 0.5 \n5 6 7 8 0.25 \n",
        "a.jpg\n2\n1 2 3 4 0.5\n5 6 7 8 0.25",
        "a.jpg\r\n2\r\n1 2 3 4 0.5\r\n5 6 7 8 0.25\r\n",
        "a.jpg\n2.0\n1,2,3,4,0.5\n5, 6, 7, 8, 0.25\n",
        "a.jpg\n 2 \n1\t2\t3\t4\t0.5\n  5 6 7 8 2.5e-1\n",
        "a.jpg\n2\n1 2 3 4 0.5 9 9\n5 6 7 8 0.25\nanything\n\n",
    ],
)
def test_what_the_toolbox_reads(text):
    assert parse_text(text).tolist() == ROWS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.jpg\n",
        "a.jpg\nmany\n1 2 3 4 0.5\n",
        "a.jpg\n2.5\n1 2 3 4 0.5\n5 6 7 8 0.25\n",
        "a.jpg\nnan\n",
        "a.jpg\n2\n1 2 3 4 0.5",
        "a.jpg\n2\n1 2 3 4 0.5\n",
        "a.jpg\n2\n1 2 3 4 0.5\n5 6 7 8\n",
        "a.jpg\n2\n1 2 3 4 0.5\n\n5 6 7 8 0.25\n",
        "a.jpg\n2\n1 2 3 4 0.5\nface 5 6 7 8\n",
        "a.jpg\n2\n1 2 3 4 0.5\n5 6 7 8 0.25 face\n",
    ],
)
def test_what_the_toolbox_drops(text):
    assert parse_text(text) is None


@pytest.mark.parametrize("text", ["a.jpg\n0\n", "a.jpg\n0", "a.jpg\n-1\n1 2 3 4 5\n"])
def test_no_detections(text):
    assert parse_text(text).shape == (0, 5)


def test_nan_is_a_number_here():
    assert math.isnan(parse_text("a.jpg\n1\nNaN 2 3 4 0.5\n")[0, 0])


def test_text_counts_pixels(tmp_path):
    """A box over pixels 10…19 is 10 wide, as in the ground truth."""
    path = write_text(tmp_path, "0--Parade/a", [(10, 20, 19, 22.125, np.float32(0.9))])
    assert path == tmp_path / "0--Parade" / "a.txt"
    assert path.read_text() == "a.jpg\n1\n10.00 20.00 10.00 3.12 0.899999976\n"
    assert write_text(tmp_path, "0--Parade/b", np.zeros((0, 5))).read_text() == "b.jpg\n0\n"


finite = st.floats(-100, 3000, width=32)
detections_strategy = st.lists(st.tuples(finite, finite, finite, finite, st.floats(0, 1, width=32)), max_size=4)


@given(detections_strategy)
def test_text_and_npz_give_the_same_rows_to_the_last_bit(tmp_path_factory, detections):
    folder = tmp_path_factory.mktemp("detections")
    array = np.array(detections, np.float32).reshape(-1, 5)
    write_text(folder, "e/a", array)
    save_npz(folder / "d.npz", ["e/a"], [array])
    from_text = read_wider_detections(folder, ["e/a"], Problems())[0]
    from_npz = read_wider_detections(folder / "d.npz", ["e/a"], Problems())[0]
    np.testing.assert_array_equal(from_text[:, :4], from_npz[:, :4])
    np.testing.assert_array_equal(from_text[:, 4].astype(np.float32), from_npz[:, 4].astype(np.float32))
    np.testing.assert_allclose(corner_boxes(from_npz), array, atol=0.01)


def test_rows_have_two_decimals():
    rows = official_rows([(0.123, 0.456, 10.004, 10.006, 0.5)])
    assert rows.tolist() == [[0.12, 0.46, 10.88, 10.55, 0.5]]


def test_npz_holds_what_was_saved(tmp_path):
    images = [np.array([(1, 2, 3, 4, 0.5)], np.float32), np.zeros((0, 5), np.float32)]
    save_npz(tmp_path / "d.npz", ["e/a", "e/b"], images)
    stored = load_npz(tmp_path / "d.npz")
    assert stored.names == ("e/a", "e/b")
    assert [image.tolist() for image in stored.detections] == [image.tolist() for image in images]
    save_npz(tmp_path / "none.npz", [], [])
    assert load_npz(tmp_path / "none.npz") == ((), [])


NAMES = ["e/good", "e/missing", "e/short", "e/other", "e/nan"]


def spoiled_text(folder):
    (folder / "e").mkdir()
    for name, text in {
        "good": "good.jpg\n1\n1 2 3 4 0.5\n",
        "short": "short\n2\n1 2 3 4 0.5\n",
        "other": "e/another.jpg\n1\n1 2 3 4 0.5\n",
        "nan": "e/nan.jpg\n1\n1 2 3 nan 0.5\n",
        "extra": "extra\n0\n",
    }.items():
        (folder / "e" / f"{name}.txt").write_text(text)
    return folder


def test_faults_of_text_files_are_named(tmp_path):
    problems = Problems()
    rows = read_wider_detections(spoiled_text(tmp_path), NAMES, problems)
    assert [len(image) for image in rows] == [1, 0, 0, 1, 1]
    assert problems.as_json() == {
        NOT_IN_SET: ["e/extra"],
        NO_FILE: ["e/missing"],
        MALFORMED: ["e/short.txt"],
        ANOTHER_NAME: ["e/other.txt"],
        HAS_NAN: ["e/nan.txt"],
    }


@pytest.mark.parametrize("first", ["a", "a.jpg", "e/a.jpg", "e\\a.jpg", "/data/images/e/a.jpg", "a.txt"])
def test_ways_to_name_the_image(tmp_path, first):
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "a.txt").write_text(f"{first}\n0\n")
    problems = Problems()
    read_wider_detections(tmp_path, ["e/a"], problems)
    assert len(problems) == 0


def test_faults_of_npz_are_named(tmp_path):
    save_npz(tmp_path / "d.npz", ["e/good", "e/nan", "e/extra"], [[(1, 2, 3, 4, 5)], [(1, 2, 3, 4, math.nan)], []])
    problems = Problems()
    rows = read_wider_detections(tmp_path / "d.npz", ["e/good", "e/nan", "e/missing"], problems)
    assert [len(image) for image in rows] == [1, 1, 0]
    assert problems.as_json() == {NOT_IN_SET: ["e/extra"], HAS_NAN: ["e/nan"], NO_FILE: ["e/missing"]}


def test_folders_without_detections_are_errors(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_wider_detections(tmp_path / "nowhere", ["e/a"], Problems())
    with pytest.raises(DataError, match=r"no text files; expected <event>/<image>\.txt, such as e/a\.txt"):
        read_wider_detections(tmp_path, ["e/a"], Problems())
    spoiled_text(tmp_path)
    with pytest.raises(DataError, match="5 text files, none of an image of this set"):
        read_wider_detections(tmp_path, ["f/a"], Problems())


def test_an_empty_set_has_no_detections(tmp_path):
    save_npz(tmp_path / "d.npz", ["e/a"], [[]])
    with pytest.raises(DataError, match=r"d\.npz: 1 images, none of this set; expected names such as a/b"):
        read_wider_detections(tmp_path / "d.npz", [], Problems())
    with pytest.raises(DataError, match=r"expected <event>/<image>\.txt, such as a/b\.txt"):
        read_wider_detections(tmp_path, [], Problems())


def test_links_to_themselves_hold_no_detections(tmp_path):
    write_text(tmp_path, "e/a", [])
    for link in (tmp_path / "f", tmp_path / "e" / "b.txt"):
        link.symlink_to(link)
    problems = Problems()
    assert [len(rows) for rows in read_wider_detections(tmp_path, ["e/a", "e/b", "f/c"], problems)] == [0, 0, 0]
    assert problems.as_json() == {NO_FILE: ["e/b", "f/c"]}


def arrays(**changed):
    return {
        "names": np.array(["e/a"]),
        "counts": np.array([1]),
        "detections": np.zeros((1, 5), np.float32),
    } | changed


@pytest.mark.parametrize(
    "changed",
    [
        {"names": np.array([1])},
        {"counts": np.array([1, 0])},
        {"counts": np.array([1.0])},
        {"counts": np.array([2])},
        {"counts": np.array([-1])},
        {"detections": np.zeros((1, 4), np.float32)},
        {"detections": np.zeros((1, 5), int)},
    ],
)
def test_npz_that_does_not_fit_is_an_error(tmp_path, changed):
    np.savez(tmp_path / "d.npz", **arrays(**changed))
    with pytest.raises(DataError, match="do not fit"):
        load_npz(tmp_path / "d.npz")


def test_npz_that_is_none_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_npz(tmp_path / "d.npz")
    (tmp_path / "d.npz").write_bytes(b"PK noise")
    with pytest.raises(DataError, match=r"not a detections\.npz"):
        load_npz(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", names=np.array([{}], dtype=object))
    with pytest.raises(DataError, match=r"not a detections\.npz"):
        load_npz(tmp_path / "d.npz")
    save_npz(tmp_path / "d.npz", ["e/a"], [[]])
    with pytest.raises(DataError, match="1 images, none of this set"):
        read_wider_detections(tmp_path / "d.npz", ["f/a"], Problems())

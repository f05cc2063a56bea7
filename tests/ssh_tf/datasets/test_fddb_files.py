"""FDDB's text files, whole and broken."""

import numpy as np
import pytest

from ssh_tf.datasets.fddb_files import (
    Shape,
    folds_present,
    read_fddb_detections,
    read_fold,
    read_sizes,
    sizes_of,
    write_fddb_detections,
)
from ssh_tf.utils.errors import DataError

FACES = "2002/a\n2\n10.5 8 1.2 30 40  1\n9 7 -1.3 50.25 60  1\n2002/b\n1\n5 4 0 9 9 1\n"


@pytest.fixture
def folds(tmp_path):
    folder = tmp_path / "FDDB-folds"
    folder.mkdir()
    (folder / "FDDB-fold-03.txt").write_text("2002/a\n2002/b\n")
    (folder / "FDDB-fold-03-ellipseList.txt").write_text(FACES)
    return folder


def test_fold(folds):
    fold = read_fold(folds, 3)
    assert (fold.number, fold.names) == (3, ("2002/a", "2002/b"))
    assert fold.ellipses[0].tolist() == [[10.5, 8, 1.2, 30, 40], [9, 7, -1.3, 50.25, 60]]
    assert len(fold.ellipses[1]) == 1
    assert folds_present(folds) == (3,)


def test_detections_are_read_as_they_were_written(folds, tmp_path):
    """A box over pixels 10…19 is 10 wide; an image without detections has the count 0 and no made-up box."""
    path = write_fddb_detections(tmp_path / "out", 3, ("2002/a", "2002/b"), [[(10, 20, 19, 24.5, np.float32(0.9))], []])
    assert path.name == "FDDB-det-fold-03.txt"
    assert path.read_text() == "2002/a\n1\n10.000000 20.000000 10.000000 5.500000 0.899999976\n2002/b\n0\n"
    rows = read_fddb_detections(tmp_path / "out", read_fold(folds, 3))
    assert rows[0].tolist() == [[10, 20, 10, 5.5, 0.899999976]]
    assert rows[1].shape == (0, 5)


def test_elliptic_detections(folds, tmp_path):
    (tmp_path / "FDDB-det-fold-03.txt").write_text("2002/a\n1\n10 8 1.2 30 40 0.5\n\n2002/b\r\n0\r\n")
    assert read_fddb_detections(tmp_path, read_fold(folds, 3), Shape.ELLIPSE)[0].tolist() == [[10, 8, 1.2, 30, 40, 0.5]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2002/b\n0\n2002/a\n0\n", r":1: image '2002/b' where the fold's list has '2002/a'; the order must be"),
        ("2002/a\n0\n", r"fold-03\.txt: ends where the fold's list has '2002/b'"),
        ("", r": ends where the fold's list has '2002/a'"),
        ("2002/a\n0\n2002/b\n0\n2002/c\n0\n", r":5: '2002/c' after the last image"),
        ("2002/a\nmany\n", r":2: expected the count of 2002/a, not 'many'"),
        ("2002/a\n-1\n2002/b\n0\n", r":2: expected the count"),
        ("2002/a\n1\n1 2 3 4\n2002/b\n0\n", r":3: expected 5 numbers for 2002/a, not '1 2 3 4'"),
        ("2002/a\n1\n1 2 3 4 high\n2002/b\n0\n", r":3: expected 5 numbers"),
        ("2002/a\n2\n1 2 3 4 5\n2002/b\n0\n", r":4: expected 5 numbers for 2002/a, not '2002/b'"),
        ("2002/a\n1\n1 2 nan 4 0.5\n2002/b\n0\n", r":3: NaN or infinity in a row of 2002/a"),
        ("2002/a\n", r"fold-03\.txt: ends where the count of 2002/a should be; is it whole\?"),
        ("2002/a\n3\n1 2 3 4 0.5\n", r"fold-03\.txt: ends within the rows of 2002/a, after 1 of 3; is it whole\?"),
        ("2002/a\n1\n1 2 1e300 4 0.5\n2002/b\n0\n", r":3: a number of 2002/a is over 10000000 pixels"),
    ],
)
def test_faults_are_named_by_line(folds, tmp_path, text, words):
    (tmp_path / "FDDB-det-fold-03.txt").write_text(text)
    with pytest.raises(DataError, match=words):
        read_fddb_detections(tmp_path, read_fold(folds, 3))


def test_missing_files_are_named(folds, tmp_path):
    with pytest.raises(DataError, match=r"FDDB-det-fold-03\.txt: no such file"):
        read_fddb_detections(tmp_path, read_fold(folds, 3))
    with pytest.raises(DataError, match=r"FDDB-fold-04\.txt: no such file"):
        read_fold(folds, 4)
    with pytest.raises(DataError, match=r"no FDDB-fold-NN\.txt"):
        folds_present(tmp_path)


def test_sizes(tmp_path):
    path = tmp_path / "sizes.txt"
    path.write_text("2002/a 450 431\n\n2002/b 10 20\n")
    sizes = read_sizes(path)
    assert sizes_of(["2002/b", "2002/a"], sizes, "sizes.txt") == [(10, 20), (450, 431)]
    with pytest.raises(DataError, match=r"sizes\.txt: no size of 1 of 2 images, such as 2002/c"):
        sizes_of(["2002/a", "2002/c"], sizes, "sizes.txt")
    path.write_text("2002/a 450 431\n2002/b 10\n")
    with pytest.raises(DataError, match=r"sizes\.txt:2: expected 'name width height', not '2002/b 10'"):
        read_sizes(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/2002/c", "outside of its folder"),
        ("../2002/c", "outside of its folder"),
        ("2002/a", "line 1 already"),
        ("2002//a.jpg", "line 1 already"),
    ],
)
def test_names_in_a_list_are_checked(folds, line, words):
    (folds / "FDDB-fold-03.txt").write_text(f"2002/a\n{line}\n")
    with pytest.raises(DataError, match=rf"FDDB-fold-03\.txt:2: .*{words}"):
        read_fold(folds, 3)


@pytest.mark.parametrize("radii", ["-1 8", "10 -0.1"])
def test_a_radius_below_0_is_named(folds, radii):
    path = folds / "FDDB-fold-03-ellipseList.txt"
    (folds / "FDDB-fold-03.txt").write_text("a\n")
    path.write_text(f"a\n1\n{radii} 0 40 40 1\n")
    with pytest.raises(DataError, match=r"ellipseList\.txt:3: a radius of a is below 0"):
        read_fold(folds, 3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("b 0 80", "no image has 0x80 pixels"),
        ("b -1 80", "no image has -1x80 pixels"),
        ("b 1000000 1000000", "no image has"),
        (f"b {'9' * 300} 1", "no image has"),
        ("a 50 40", "a stands on line 1 already"),
    ],
)
def test_sizes_that_no_image_has_are_named(tmp_path, line, words):
    (tmp_path / "sizes.txt").write_text(f"a 100 80\n{line}\n")
    with pytest.raises(DataError, match=rf"sizes\.txt:2: {words}"):
        read_sizes(tmp_path / "sizes.txt")


@pytest.mark.parametrize("at", range(5))
def test_every_number_of_an_ellipse_has_a_bound(folds, at):
    row = [9.0, 7.0, -1.3, 50.25, 60.0]
    row[at] = 1e12
    text = FACES.replace("9 7 -1.3 50.25 60", " ".join(map(str, row)))
    (folds / "FDDB-fold-03-ellipseList.txt").write_text(text)
    with pytest.raises(DataError, match=r"ellipseList\.txt:4: a number of 2002/a is over 10000000 pixels"):
        read_fold(folds, 3)

"""Annotation files: what is read, and how what cannot be is named."""

import numpy as np
import pytest

from ssh_tf.datasets.annotations import read_annotations, read_ignore_regions
from ssh_tf.utils.errors import DataError


@pytest.fixture
def write(tmp_path):
    def write_text(text, encoding="utf-8"):
        path = tmp_path / "list.txt"
        path.write_text(text, encoding=encoding)
        return path

    return write_text


def test_lines_of_every_kind(write):
    path = write(
        "# made by hand\n"
        "0--Parade/0_Parade_1 449.0 330.5 570.0 478.0\n"
        "\n"
        "a/b.jpg 1 2 3 4  -5.5 6 7 8\t\n"
        "   \n"
        "empty.png\r\n"
        "last 0 0 0 0"
    )
    annotations = read_annotations(path)
    assert [(a.name, a.line) for a in annotations] == [
        ("0--Parade/0_Parade_1", 2),
        ("a/b.jpg", 4),
        ("empty.png", 6),
        ("last", 7),
    ]
    assert [a.boxes.tolist() for a in annotations] == [
        [[449.0, 330.5, 570.0, 478.0]],
        [[1, 2, 3, 4], [-5.5, 6, 7, 8]],
        [],
        [[0, 0, 0, 0]],
    ]
    assert all(a.boxes.dtype == np.float32 and a.boxes.shape[1] == 4 for a in annotations)


def test_byte_order_mark_is_no_part_of_a_name(write):
    assert read_annotations(write("a.jpg 1 2 3 4\n", "utf-8-sig"))[0].name == "a.jpg"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg 1 2 3", "3 numbers"),
        ("a.jpg 1 2 3 4 5", "5 numbers"),
        ("a.jpg 1 2 3 four", "four"),
        ("a name.jpg 1 2 3 4", "name.jpg"),
        ("a.jpg 1 2 nan 4", "a number of at most"),
        ("a.jpg 1 2 inf 4", "a number of at most"),
        ("a.jpg 1 2 1e39 4", "a number of at most"),
        (f"a.jpg 1 2 {'9' * 5000} 4", "a number of at most"),
        ("a.jpg 10 2 3 4", "x_max < x_min"),
        ("../../elsewhere/a.jpg 1 2 3 4", "outside of its folder"),
        ("/etc/a.jpg", "outside of its folder"),
        ("a" * 300, "too long"),
        ("good 5 6 7 8", "stands on line 2 already"),
        ("./good.jpg 5 6 7 8", "stands on line 2 already"),
        ("a.jpg 1 2 3 4 5 9 7 8", "y_max < y_min"),
    ],
)
def test_malformed_line_is_named(write, line, message):
    path = write(f"# comment\ngood.jpg 1 2 3 4\n{line}\n")
    with pytest.raises(DataError, match=message) as caught:
        read_annotations(path)
    assert str(caught.value).startswith(f"{path}:3: ")


@pytest.mark.parametrize("read", [read_annotations, read_ignore_regions])
def test_unreadable_file(tmp_path, read):
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "missing.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="UTF-8"):
        read(tmp_path / "binary.txt")


def test_ignore_regions(write):
    path = write(
        '{"image": "a/b.jpg", "ignore": [[1, 2, 3, 4], [5.5, 6, 7, 8]], "licence": "CC0"}\n'
        "\n"
        '{"image": "c.jpg", "ignore": []}\n'
    )
    regions = read_ignore_regions(path)
    assert {name: boxes.tolist() for name, boxes in regions.items()} == {
        "a/b.jpg": [[1, 2, 3, 4], [5.5, 6, 7, 8]],
        "c.jpg": [],
    }
    assert regions["c.jpg"].shape == (0, 4)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Expecting"),
        ("[1, 2]", "expected a JSON object"),
        ('{"image": "a"}', "'ignore' is missing"),
        ('{"ignore": []}', "'image' is missing"),
        ('{"image": 3, "ignore": []}', "not a string"),
        ('{"image": "a", "ignore": [[1, 2, 3]]}', "four numbers"),
        ('{"image": "a", "ignore": [[1, 2, 3, "x"]]}', "x"),
        ('{"image": "a", "ignore": [[1, 2, 3, null]]}', "expected a JSON object"),
        ('{"image": "a", "ignore": 5}', "expected a JSON object"),
        ('{"image": "a", "ignore": [[9, 2, 3, 4]]}', "x_max < x_min"),
        ('{"image": "../a", "ignore": []}', "outside of its folder"),
        ('{"image": "a\\u0000", "ignore": []}', "no file's name"),
        ('{"image": "\\ud800", "ignore": []}', "no file's name"),
        ('{"image": "good.jpg", "ignore": []}', "stands on line 1 already"),
        ("[" * 100000, "nested too deep"),
        ('{"image": "a", "ignore": [[1, 2, 3, ' + "9" * 400 + "]]}", "expected a JSON object"),
        ('{"image": "a", "ignore": [[1, 2, 3, ' + "9" * 5000 + "]]}", "or a damaged one"),
    ],
)
def test_malformed_label_is_named(write, line, message):
    path = write(f'{{"image": "good", "ignore": []}}\n{line}\n')
    with pytest.raises(DataError, match=message) as caught:
        read_ignore_regions(path)
    assert str(caught.value).startswith(f"{path}:2: ")

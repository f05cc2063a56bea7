"""The tool that makes annotation files from WIDER FACE's official ones."""

import numpy as np
import pytest
import scipy.io

from ssh_tf.datasets.annotations import read_annotations
from ssh_tf.utils.errors import DataError
from ssh_tools.prepare_wider import main
from wider_cases import column

TEXT = """0--Parade/0_Parade_marchingband_1_849.jpg
1
449 330 122 149 0 0 0 0 0 0
0--Parade/b.jpg
4
10 20 30 40 0 0 0 1 0 0
10 20 0 40 0 0 0 0 0 0
-3 5 10 1 0 0 0 0 2 1
1 1 0 0 0 0 0 1 0 0
1--Handshaking/none.jpg
0
0 0 0 0 0 0 0 0 0 0
"""
LINES = """0--Parade/0_Parade_marchingband_1_849 449.0 330.0 570.0 478.0
0--Parade/b -3.0 5.0 6.0 5.0
1--Handshaking/none
"""


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "wider_face_split"
    folder.mkdir()
    (folder / "wider_face_val_bbx_gt.txt").write_text(TEXT)
    boxes = [
        [[(449, 330, 122, 149)], [(10, 20, 30, 40), (10, 20, 0, 40), (-3, 5, 10, 1), (1, 1, 0, 0)]],
        [[(0, 0, 0, 0)]],
    ]
    flags = [[[0], [1, 0, 0, 1]], [[0]]]
    names = [["0_Parade_marchingband_1_849", "b"], ["none"]]
    scipy.io.savemat(
        folder / "wider_face_train.mat",
        {
            "event_list": column(["0--Parade", "1--Handshaking"]),
            "file_list": column([column(files) for files in names]),
            "face_bbx_list": column([column([np.array(rows, np.int32) for rows in images]) for images in boxes]),
            "invalid_label_list": column(
                [column([np.array(rows, np.uint8).reshape(-1, 1) for rows in images]) for images in flags]
            ),
        },
    )
    return folder


def written(data, split):
    return data / f"WIDER_{split}" / "Annotations" / f"wider_face_{split}.txt"


def test_text_and_mat_give_the_same_lines(source, tmp_path, capsys):
    """x + width - 1 is the last pixel; two boxes are flagged, one more has no width."""
    assert main(["--data", str(tmp_path)]) == 0
    assert written(tmp_path, "val").read_text() == LINES
    assert written(tmp_path, "train").read_text() == LINES
    from_mat, from_text = capsys.readouterr().out.splitlines()
    assert from_text.endswith(
        "3 images, 2 faces; left out 2 boxes flagged as invalid and 1 without area (from wider_face_val_bbx_gt.txt)"
    )
    assert "2 boxes flagged as invalid and 2 without area (from wider_face_train.mat)" in from_mat
    images = read_annotations(written(tmp_path, "val"))
    assert [len(image.boxes) for image in images] == [1, 1, 0]


def test_choice_of_source(source, tmp_path):
    elsewhere = source.rename(tmp_path / "elsewhere")
    arguments = ["--data", str(tmp_path / "data"), "--source", str(elsewhere), "--splits", "val"]
    assert main(arguments) == 0
    assert written(tmp_path / "data", "val").read_text() == LINES
    assert not written(tmp_path / "data", "train").exists()
    with pytest.raises(DataError, match=r"elsewhere: no wider_face_val\.mat; `tools/fetch_data\.py wider_split`"):
        main([*arguments, "--from", "mat"])


def test_absent_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no wider_face_train_bbx_gt\.txt or wider_face_train\.mat"):
        main(["--data", str(tmp_path)])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3 4\n", r"_gt\.txt:1: expected the name of an image, not '1 2 3 4'"),
        ("a/b.jpg\n", r"_gt\.txt:1: expected the count of a/b\.jpg, not ''"),
        ("a/b.jpg\nmany\n", r"_gt\.txt:2: expected the count of a/b\.jpg, not 'many'"),
        ("a/b.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", r"expected 10 whole numbers for a/b\.jpg, not ''"),
        ("a/b.jpg\n1\n1 2 3 4\n", r"_gt\.txt:3: expected 10 whole numbers for a/b\.jpg, not '1 2 3 4'"),
        ("a/b.jpg\n1\n1 2 3 4 0 0 0 0 0 x\n", r"_gt\.txt:3: expected 10 whole numbers"),
    ],
)
def test_malformed_lines_are_named(tmp_path, text, words):
    (tmp_path / "wider_face_val_bbx_gt.txt").write_text(text)
    with pytest.raises(DataError, match=words):
        main(["--data", str(tmp_path), "--source", str(tmp_path), "--splits", "val"])
    assert not written(tmp_path, "val").exists()


def test_mat_whose_lists_do_not_fit_is_named(source, tmp_path):
    path = source / "wider_face_train.mat"
    file = {name: cells for name, cells in scipy.io.loadmat(path).items() if not name.startswith("__")}
    file["invalid_label_list"][0, 0][1, 0] = np.zeros((2, 1), np.uint8)
    scipy.io.savemat(path, file)
    with pytest.raises(DataError, match=r"wider_face_train\.mat: 0--Parade/b has 4 boxes and 2 flags"):
        main(["--data", str(tmp_path), "--splits", "train"])


@pytest.mark.parametrize("name", ["../../x.jpg", "/x.jpg"])
def test_names_that_lead_out_are_not_passed_on(tmp_path, name):
    (tmp_path / "wider_face_split").mkdir()
    (tmp_path / "wider_face_split" / "wider_face_val_bbx_gt.txt").write_text(TEXT.replace("0--Parade/b.jpg", name))
    with pytest.raises(DataError, match=r"wider_face_val_bbx_gt\.txt:4: .*outside of its folder"):
        main(["--data", str(tmp_path), "--splits", "val"])
    assert not written(tmp_path, "val").exists()


@pytest.mark.parametrize("again", ["0--Parade/b.jpg", "./0--Parade//b.jpg", "0--Parade\\b.jpg"])
def test_an_image_that_stands_twice_is_named_with_both_lines(tmp_path, again):
    (tmp_path / "wider_face_val_bbx_gt.txt").write_text(TEXT.replace("1--Handshaking/none.jpg", again))
    with pytest.raises(DataError, match=r"wider_face_val_bbx_gt\.txt:10: .* stands on line 4 already"):
        main(["--data", str(tmp_path), "--source", str(tmp_path), "--splits", "val"])
    assert not written(tmp_path, "val").exists()


def test_any_name_is_that_of_its_file(tmp_path):
    names = {"a/my photo.jpg": "a/my photo", "a/b.jpeg": "a/b.jpeg", "a/b.JPG": "a/b.JPG", "a\\c.jpg": "a/c"}
    text = "".join(f"{name}\n1\n1 2 3 4 0 0 0 0 0 0\n" for name in names)
    (tmp_path / "wider_face_val_bbx_gt.txt").write_text(text)
    assert main(["--data", str(tmp_path), "--source", str(tmp_path), "--splits", "val"]) == 0
    assert [image.name for image in read_annotations(written(tmp_path, "val"))] == list(names.values())

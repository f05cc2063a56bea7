"""Reading the toolbox's .mat files, whole and broken."""

import numpy as np
import pytest
import scipy.io

from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.wider_ground_truth import read_ground_truth
from ssh_tf.utils.errors import DataError
from wider_cases import column, write_mat

IMAGES = {"0--Parade/a": [(1, 2, 3, 4), (5, 6, 7, 8)], "0--Parade/b": [], "1--Handshaking/c": [(9, 9, 0, 0)]}


def test_boxes_and_levels(tmp_path):
    write_mat(tmp_path, IMAGES, easy={"0--Parade/a": [1]}, medium={"0--Parade/a": [0, 1]})
    truth = read_ground_truth(tmp_path)
    assert truth.names == tuple(IMAGES)
    assert truth.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 9, 0, 0]]
    assert truth.boxes.dtype == np.int32
    assert truth.starts.tolist() == [0, 2, 2, 3]
    assert {level: flags.tolist() for level, flags in truth.evaluated.items()} == {
        "easy": [False, True, False],
        "medium": [True, True, False],
        "hard": [True, True, True],
    }
    assert truth.faces == {"easy": 1, "medium": 2, "hard": 3}


def test_places_past_255_do_not_wrap(tmp_path):
    """gt_list is uint8 where it fits: place 255 + 1 would be 0 in uint8."""
    boxes = [(at, 0, 1, 1) for at in range(300)]
    write_mat(tmp_path, {"e/a": boxes, "e/b": [(0, 0, 1, 1)]}, easy={"e/a": [254], "e/b": [0]})
    truth = read_ground_truth(tmp_path)
    assert np.flatnonzero(truth.evaluated["easy"]).tolist() == [254, 300]


def test_another_set_is_noted_and_used(tmp_path):
    problems = Problems()
    read_ground_truth(write_mat(tmp_path, IMAGES), problems)
    assert next(problems.lines()).endswith("3 images, 3 easy, 3 medium, 3 hard")


def without_file(folder):
    (folder / "wider_medium_val.mat").unlink()


def with_noise(folder):
    (folder / "wider_face_val.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(range(256)))


def without_list(folder):
    scipy.io.savemat(folder / "wider_hard_val.mat", {"other": 1})


def with_numbers(folder):
    scipy.io.savemat(folder / "wider_hard_val.mat", {"gt_list": np.zeros(3)})


def of_other_images(folder):
    scipy.io.savemat(folder / "wider_easy_val.mat", {"gt_list": column([column([np.zeros((0, 1))])])})


def beyond_the_boxes(folder):
    write_mat(folder, IMAGES, easy={"0--Parade/a": [2]})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_file, r"wider_medium_val\.mat: not there"),
        (with_noise, r"wider_face_val\.mat: not a MATLAB file"),
        (without_list, r"wider_hard_val\.mat: no cell array gt_list"),
        (with_numbers, r"wider_hard_val\.mat: no cell array gt_list"),
        (of_other_images, r"wider_easy_val\.mat: lists for 1 images, but wider_face_val\.mat has 3"),
        (beyond_the_boxes, r"wider_easy_val\.mat: 0--Parade/a lists a box that it does not have \(2 boxes\)"),
    ],
)
def test_broken_files_are_named(tmp_path, spoil, words):
    spoil(write_mat(tmp_path, IMAGES))
    with pytest.raises(DataError, match=words):
        read_ground_truth(tmp_path)


def test_absent_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        read_ground_truth(tmp_path / "nowhere")

"""The tool that looks at data before it is trained on."""

import shutil

import cv2
import numpy as np
import pytest

from ssh_tf.utils.errors import DataError
from ssh_tools.check_data import main
from training_runs import write_pictures


def test_sizes_problems_and_what_is_left_out(tmp_path, capsys):
    folder = write_pictures(tmp_path / "faces", 3, size=(96, 128), splits=["train"])
    shutil.copy(folder / "images/0.png", folder / "images/same.png")
    cv2.imwrite(str(folder / "images/empty.png"), np.zeros((96, 128, 3), np.uint8))
    (folder / "val.txt").write_text("same.png 10 10 310 11 5 5 25 25 5 5 25 25\nempty.png\n")
    assert main(["--data", str(folder), "--count", "6", "--set", "TRAIN.SCALES", "[96]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "train: 3 images, 6 faces, 0 ignore regions"
    assert "val: 2 images, 3 faces, 0 ignore regions" in lines
    assert "16-32           3" in lines
    assert "1 x image without faces: val: empty.png" in lines
    assert "1 x image with a box that stands twice: val: same.png" in lines
    assert "1 x image whose file is another one's too: val: same.png (train: 0.png)" in lines
    assert lines[-1].startswith("of 6 training samples 0 show no face; the others show 12, of which ")


def test_small_faces_become_regions_and_the_rest_matches_by_force(tmp_path, capsys):
    folder = write_pictures(tmp_path / "faces", 3, splits=["train"])
    settings = ["TRAIN.SCALES", "[96]", "TRAIN.FORCE_FG_FOR_EACH_GT", "True"]
    main(["--data", str(folder), "--count", "3", "--set", *settings])
    assert "show 6, of which 0 match no anchor; 0 regions" in capsys.readouterr().out
    window = ["TRAIN.AUGMENT.CROP_SIZE", "96", "TRAIN.AUGMENT.MIN_FACE", "500"]
    main(["--data", str(folder), "--count", "3", "--set", *settings, *window])
    assert "3 show no face" in capsys.readouterr().out


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(DataError, match=r"train\.txt"):
        main(["--data", str(tmp_path)])

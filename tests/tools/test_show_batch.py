"""The contact sheet of training samples."""

import cv2
import numpy as np
import pytest

from ssh_tf.datasets.factory import load_folder
from ssh_tf.model.config import load_config
from ssh_tf.model.options import pipeline_options
from ssh_tf.roi_data_layer.samples import FACE, Sampler
from ssh_tf.utils.errors import ConfigError, DataError, ImageError
from ssh_tf.utils.images import read_image
from ssh_tools.show_batch import main, sheet_of_samples


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / f"images/{name}.png"), np.full((60, 80, 3), 40, np.uint8))
    (tmp_path / "train.txt").write_text("a.png 10 10 40 50\nb.png\n")
    return tmp_path


def test_sheet_shows_boxes(folder, capsys):
    output = folder / "out/sheet.png"
    arguments = ["--data", str(folder), "--output", str(output), "--count", "3", "--tile", "100"]
    arguments += ["--set", "TRAIN.SCALES", "[60]"]
    assert main(arguments) == 0
    sheet = read_image(output)
    assert sheet.shape == (200, 200, 3)
    assert not list(folder.glob("*.json"))
    assert (output.parent / "cache").is_dir()
    # Two of three samples are of one image at least; the blue of a face outline is nowhere in the pictures.
    assert (sheet[..., 0].astype(int) - sheet[..., 2] > 100).any()
    assert "3 samples" in capsys.readouterr().out


def test_all_options(folder):
    """The sheet holds the samples of a training with the same settings, iteration after iteration."""
    output = folder / "sheet.png"
    (folder / "small.yml").write_text("TRAIN: {IMS_PER_BATCH: 2, AUGMENT: {CROP_SIZE: 64, GRAYSCALE_RATE: 0.5}}")
    changes = ["--cfg", str(folder / "small.yml"), "--set", "RNG_SEED", "1"]
    drawing = "--skip-missing --iteration 7 --tile 64 --count 4 --split train"
    assert main(["--data", str(folder), "--output", str(output), *drawing.split(), *changes]) == 0
    config = load_config(folder / "small.yml", ["RNG_SEED", "1"])
    sampler = Sampler(load_folder(folder, "train", folder), pipeline_options(config), 1, 2)
    samples = [sampler(iteration, slot) for iteration in (7, 8) for slot in (0, 1)]
    np.testing.assert_array_equal(read_image(output), sheet_of_samples(samples, 64))
    assert any((sample.kinds == FACE).any() for sample in samples)


def test_sets_by_name(folder):
    wider = folder / "WIDER/WIDER_val"
    (wider / "Annotations").mkdir(parents=True)
    (wider / "images/0--Parade").mkdir(parents=True)
    cv2.imwrite(str(wider / "images/0--Parade/x.jpg"), np.zeros((20, 30, 3), np.uint8))
    (wider / "Annotations/wider_face_val.txt").write_text("0--Parade/x 1 2 10 12\n")
    output = folder / "sheet.jpg"
    source = ["--imdb", "wider_face_val", "--data_root", str(folder)]
    assert main([*source, "--output", str(output), "--count", "1", "--tile", "64"]) == 0
    assert read_image(output).shape == (64, 64, 3)


def test_bad_input(folder, tmp_path):
    with pytest.raises(DataError, match=r"val\.txt"):
        main(["--data", str(folder), "--split", "val"])
    with pytest.raises(ConfigError, match="CROP_SIZE"):
        main(["--data", str(folder), "--set", "TRAIN.AUGMENT.CROP_SIZE", "-3"])
    with pytest.raises(ImageError, match=r"sheet\.xyz"):
        main(["--data", str(folder), "--output", str(tmp_path / "sheet.xyz"), "--count", "1"])
    data = ["--data", str(folder)]
    options = ["--count 0", "--iteration -5", "--tile x", "--imdb x"]
    for arguments in ([], *([*data, *option.split()] for option in options)):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


def test_a_picture_of_the_set_is_not_written_over(folder):
    with pytest.raises(DataError, match=r"a\.png: is read or written by this command"):
        main(["--data", str(folder), "--output", str(folder / "images/a.png")])


def test_a_sheet_has_a_bound(folder, capsys):
    with pytest.raises(SystemExit):
        main(["--data", str(folder), "--count", "2147483647"])
    assert "over 268 megapixels" in capsys.readouterr().err


def test_a_long_strip_keeps_a_line_in_a_small_tile(folder):
    cv2.imwrite(str(folder / "images/a.png"), np.full((20, 300, 3), 40, np.uint8))
    (folder / "train.txt").write_text("a.png 10 2 20 18\n")
    output = folder / "sheet.png"
    assert main(["--data", str(folder), "--output", str(output), "--count", "1", "--tile", "4"]) == 0
    assert read_image(output).shape == (4, 4, 3)

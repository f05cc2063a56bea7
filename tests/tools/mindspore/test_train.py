"""The port's train.py, on pictures of 64 pixels."""

import os
import re

import cv2
import numpy as np
import pytest

from ssh_ms.checkpoints import read_checkpoint, write_checkpoint
from ssh_ms.framework import set_up
from ssh_ms_weights import parameters
from ssh_tf.utils.errors import CheckpointError, ConfigError, DataError
from ssh_tools.mindspore.train import _DEFAULTS, main, open_source


@pytest.fixture(autouse=True)
def _back_to_pynative():
    yield
    set_up("pynative")


@pytest.fixture
def arguments(tmp_path):
    """Two pictures, in the official format, on a canvas of 32 × 48 pixels."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        path = tmp_path / f"images/{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (64, 64, 3), np.uint8))
    truth = "{}.jpg\n1\n10 10 30 30 0 0 0 0 0 0\n"
    (tmp_path / "truth.txt").write_text(truth.format("a") + truth.format("b"))
    return [
        *("--image_dir", str(tmp_path / "images"), "--anno_path", str(tmp_path / "truth.txt")),
        *("--img_height", "32", "--img_width", "48", "--num_parallel_workers", "1", "--mode", "pynative"),
        *("--save_path", str(tmp_path / "out")),
    ]


def test_random_weights_are_trained_and_gone_on_with(tmp_path, arguments, capsys):
    assert main([*arguments, "--max_steps", "1"]) == 0
    assert "conv1 and conv2 are frozen" not in capsys.readouterr().out
    assert main([*arguments, "--max_steps", "2", "--mindrecord_dir", ""]) == 0
    assert "resumed from" in capsys.readouterr().out
    log = (tmp_path / "out/loss_0.log").read_text().splitlines()
    assert [re.sub(r"^\d+ (.*): \d+\.\d{5}$", r"\1", line) for line in log] == [
        "epoch: 1 step: 1 total_loss",
        "epoch: 1 step: 2 total_loss",
    ]
    first, second = (read_checkpoint(tmp_path / f"out/ckpts/ssh-1_{step}.ckpt") for step in (1, 2))
    trained = {name for name in parameters() if (first[name] != second[name]).any()}
    # All of VGG16 too, since its weights were random. A branch without faces has no use for its offsets' biases.
    assert set(parameters()) - trained <= {f"ssh.m{branch}_detect_model.reg.bias" for branch in (1, 2, 3)}
    assert (tmp_path / "out/loss_0.png").exists()


def test_a_training_that_is_resumed_reads_no_start(tmp_path, arguments, capsys):
    start = tmp_path / "start.ckpt"
    write_checkpoint(start, parameters())
    more = [*arguments, "--pre_trained", str(start)]
    assert main([*more, "--max_steps", "1"]) == 0
    assert f"starts from {start}" in capsys.readouterr().out
    start.unlink()
    assert main([*more, "--max_steps", "2"]) == 0
    said = capsys.readouterr().out
    assert f"{start} is not read: the last checkpoint under {tmp_path / 'out'} has the weights; conv1 and conv2" in said
    assert "starts from" not in said
    # What was frozen is so again, though nothing was loaded.
    frozen = "ssh.vgg.conv4_3.0.weight"
    last = read_checkpoint(tmp_path / "out/ckpts/ssh-1_2.ckpt")
    np.testing.assert_array_equal(last[frozen], parameters()[frozen])


def test_missing_images_are_skipped_as_the_message_says(tmp_path, arguments):
    (tmp_path / "images/a.jpg").unlink()
    with pytest.raises(DataError, match="skip them with --skip_missing"):
        main([*arguments, "--max_steps", "1"])
    assert main([*arguments, "--max_steps", "1", "--skip_missing"]) == 0


def test_a_trained_network_keeps_its_first_layers(tmp_path, arguments, capsys):
    start = tmp_path / "start.ckpt"
    write_checkpoint(start, parameters())
    shards = tmp_path / "shards"
    assert main([*arguments, "--max_steps", "1", "--pre_trained", str(start), "--mindrecord_dir", str(shards)]) == 0
    assert "an SSH network; conv1 and conv2 are frozen" in capsys.readouterr().out
    found = read_checkpoint(tmp_path / "out/ckpts/ssh-1_1.ckpt")
    kept = {name for name, value in parameters().items() if (found[name] == value).all()}
    frozen = {f"ssh.vgg.conv4_3.{place}.{part}" for place in (0, 2, 5, 7) for part in ("weight", "bias")}
    assert frozen <= kept
    assert "ssh.vgg.conv4_3.10.weight" not in kept
    assert len(list(shards.glob("*.db"))) == 4


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--num_parallel_workers", "100000"], rf"num_parallel_workers is 1 to {os.cpu_count()} \(this machine has"),
        (["--batch_size", "0"], "batch_size is at least 1, got 0"),
        (["--neg_overlap", "0.6"], "neg_overlap is 0 to 0.5, got 0.6"),
        (["--base_lr", "fast"], "base_lr takes a float"),
        (["--mode", "eager"], "mode is one of"),
        (["--img_height", "8"], "img_height is 16 to 8192, got 8"),
        (["--img_height", "9" * 30], "img_height is 16 to 8192"),
        (["--base_lr", "1e308"], "base_lr is 0 to 1e"),
        (["--batch_size", "9" * 30], "batch_size is at least 1 and at most 2147483647"),
        (["--save_path", ""], "save_path is empty"),
    ],
)
def test_bad_settings(arguments, more, message):
    with pytest.raises(ConfigError, match=message):
        main([*arguments, *more])


def test_shards_of_other_images_are_refused(tmp_path, arguments):
    from ssh_ms.settings import read_settings

    def source(truth="truth.txt"):
        more = ["--mindrecord_dir", str(tmp_path / "shards"), "--anno_path", str(tmp_path / truth)]
        return open_source(read_settings([*arguments, *more], _DEFAULTS, ""), tmp_path / "out")

    assert source().fingerprint == source().fingerprint
    (tmp_path / "other.txt").write_text((tmp_path / "truth.txt").read_text().replace("10 10", "11 10", 1))
    with pytest.raises(DataError, match=r"shards: these shards were made of other images .*other\.txt"):
        source("other.txt")
    assert len(source("gone.txt")) == 2


def test_bad_files(tmp_path, arguments):
    with pytest.raises(CheckpointError, match="no such file"):
        main([*arguments, "--pre_trained", str(tmp_path / "none.ckpt")])
    with pytest.raises(DataError, match=r"none\.txt"):
        main([*arguments, "--anno_path", str(tmp_path / "none.txt")])

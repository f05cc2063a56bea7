"""Detection in a folder by the port's test.py, beside TensorFlow's demo.py."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import networks
from ssh_ms.checkpoints import write_checkpoint
from ssh_ms.framework import set_up
from ssh_ms_weights import parameters
from ssh_tf.utils.errors import CheckpointError, ConfigError
from ssh_tools import demo
from ssh_tools.mindspore import test as tool

DEMO = Path(__file__).parents[3] / "data/demo"
SMALL = ["--set", "TEST.SCALES", "[150]", "TEST.MAX_SIZE", "211"]
# Only the surest of what random weights see: few enough that rounding has no say in what suppresses what.
THRESHOLD = ["--threshold", "0.83"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "ssh.ckpt"
    write_checkpoint(path, parameters())
    yield str(path)
    set_up("pynative")


def lines(folder):
    entries = [json.loads(line) for line in (folder / "detections.jsonl").read_text().splitlines()]
    return [entry for entry in entries if "faces" in entry]


def test_detections_are_tensorflows(tmp_path, checkpoint):
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    for name in ("grace_hopper", "eileen_collins"):
        image = cv2.imread(str(DEMO / f"{name}.jpg"))
        cv2.imwrite(str(inputs / f"{name}.png"), image)
        cv2.imwrite(str(inputs / f"{name}_odd.png"), image[31:320, 57:410])
    before = {path: path.read_bytes() for path in inputs.iterdir()}
    reference = networks.write_checkpoint(tmp_path / "tf.ckpt", "vgg16")
    both = [str(inputs), *THRESHOLD, *SMALL, "--output"]
    tensorflow = ["--backbone", "vgg16", "--model", reference, "--precision", "fp32"]
    assert demo.main([*both, str(tmp_path / "tf"), *tensorflow]) == 0
    assert tool.main([*both, str(tmp_path / "ms"), "--model", checkpoint]) == 0
    counts = []
    for found, wanted in zip(lines(tmp_path / "ms"), lines(tmp_path / "tf"), strict=True):
        assert {key: found[key] for key in ("file", "width", "height")} == {
            key: wanted[key] for key in ("file", "width", "height")
        }
        counts.append(len(wanted["faces"]))
        assert len(found["faces"]) == counts[-1]
        for face, other in zip(found["faces"], wanted["faces"], strict=True):
            np.testing.assert_allclose(face["box"], other["box"], atol=0.1)
            np.testing.assert_allclose(face["score"], other["score"], atol=1e-4)
    assert min(counts) > 0
    assert {path: path.read_bytes() for path in inputs.iterdir()} == before
    drawn = cv2.imread(str(tmp_path / "ms/grace_hopper.png"))
    assert (drawn != cv2.imread(str(inputs / "grace_hopper.png"))).any()


def test_a_broken_picture_does_not_end_the_run(tmp_path, checkpoint, capsys):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((40, 50, 3), np.uint8))
    output = tmp_path / "out"
    arguments = [
        "--model",
        checkpoint,
        "--output",
        str(output),
        "--mode",
        "pynative",
        "--save",
        "none",
        "--format",
        "csv",
    ]
    assert tool.main([str(tmp_path), *arguments, *SMALL]) == 1
    assert [line["file"] for line in lines(output)] == [str(tmp_path / "b.png")]
    assert sorted(file.name for file in output.iterdir()) == ["detections.csv", "detections.jsonl"]
    assert "a.jpg" in capsys.readouterr().err


def test_results_beside_the_inputs_do_not_overwrite_them(tmp_path, checkpoint):
    path = tmp_path / "b.png"
    cv2.imwrite(str(path), np.zeros((40, 50, 3), np.uint8))
    before = path.read_bytes()
    assert tool.main([str(path), "--model", checkpoint, "--output", str(tmp_path), "--mode", "pynative", *SMALL]) == 0
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["b.png", "b_2.png", "detections.jsonl"]


def test_bad_arguments(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        tool.main(["--model", str(tmp_path / "none.ckpt")])
    with pytest.raises(SystemExit):
        tool.main(["--model", "a.ckpt", "--threshold", "2"])
    with pytest.raises(ConfigError, match=r"unknown key TEST\.SCALE"):
        tool.main(["--model", "a.ckpt", "--set", "TEST.SCALE", "1"])

"""The tools that detect faces, on files of every kind."""

import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from networks import SMALL, write_checkpoint
from ssh_tf.model import command_line
from ssh_tf.utils.errors import CheckpointError, ConfigError, SSHError
from ssh_tools import demo, inference

pytestmark = pytest.mark.usefixtures("kept_runners")

EXIF_ORIENTATION = 0x0112

USABLE = {
    "alpha.png": (60, 80),
    "animated.gif": (60, 80),
    "cmyk.jpg": (60, 80),
    "colour.jpg": (60, 80),
    "deep.png": (60, 80),
    "grey.png": (60, 80),
    "one_pixel.png": (1, 1),
    "turned.jpg": (80, 60),
}
"""Name: height and width as shown."""

UNUSABLE = {
    "cut_off.jpg": "cut off",
    "empty.jpg": "empty",
    "enormous.png": "too many",
    "narrow.png": "too narrow",
    "text.png": "not a picture",
}
"""Name: what is said of it."""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    colour = Image.fromarray(pixels)
    colour.save(folder / "colour.jpg")
    colour.convert("L").save(folder / "grey.png")
    colour.convert("RGBA").save(folder / "alpha.png")
    colour.convert("CMYK").save(folder / "cmyk.jpg")
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    colour.save(folder / "turned.jpg", exif=exif)
    colour.save(folder / "animated.gif", save_all=True, append_images=[colour.rotate(180)])
    cv2.imwrite(str(folder / "deep.png"), pixels.astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "one_pixel.png"), pixels[:1, :1])
    cv2.imwrite(str(folder / "narrow.png"), np.zeros((4, 2000, 3), np.uint8))
    (folder / "cut_off.jpg").write_bytes((folder / "colour.jpg").read_bytes()[:-600])
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("no picture")
    (folder / "enormous.png").write_bytes(_png_of_size(20000, 20000))
    return folder


def _png_of_size(height, width):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(bytes(100)), b"IEND"]
    parts = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def lines(output):
    entries = [json.loads(line) for line in (output / "detections.jsonl").read_text().splitlines()]
    assert "run" in entries[0]
    return [entry for entry in entries if "faces" in entry]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_demo_on_pictures_of_every_kind(checkpoint, zoo, tmp_path, capsys):
    arguments = [
        str(zoo),
        str(zoo / "missing.jpg"),
        "--model",
        checkpoint,
        "--backbone",
        "tiny",
        "--threshold",
        "0.4",
    ]
    code = demo.main([*arguments, "--output", str(tmp_path), "--precision", "fp32", "--set", *SMALL])
    captured = capsys.readouterr()
    assert code == 1
    found = lines(tmp_path)
    assert {Path(line["file"]).name: (line["height"], line["width"]) for line in found} == USABLE
    for line in found:
        assert sum(len(line["faces"]) for line in found) > 20
        for face in line["faces"]:
            x1, y1, x2, y2 = face["box"]
            assert 0 <= x1 <= x2 <= line["width"]
            assert 0 <= y1 <= y2 <= line["height"]
            assert face["score"] > 0.4
        scores = [face["score"] for face in line["faces"]]
        assert scores == sorted(scores, reverse=True)
    complaints = captured.err.strip().splitlines()
    assert len(complaints) == len(UNUSABLE) + 1
    for complaint, (name, words) in zip(complaints, [*UNUSABLE.items(), ("missing.jpg", "no such file")], strict=True):
        assert complaint.startswith(f"error: {zoo / name}: ")
        assert words in complaint
    total = sum(len(line["faces"]) for line in found)
    assert f"8 pictures, {total} faces, 6 failed" in captured.out
    for line in found:
        name = Path(line["file"]).name.replace(".gif", ".jpg")
        copy = cv2.imread(str(tmp_path / name))
        assert copy.shape[:2] == (line["height"], line["width"])


def test_inference_agrees_with_demo(checkpoint, frozen_model, zoo, tmp_path):
    common = [str(zoo / "colour.jpg"), "--precision", "fp32", "--threshold", "0.02", "--set", *SMALL]
    assert demo.main(["--model", checkpoint, "--output", str(tmp_path / "a"), *common]) == 0
    assert inference.main(["--model", str(frozen_model), "--output", str(tmp_path / "b"), *common]) == 0
    (one,), (other,) = lines(tmp_path / "a"), lines(tmp_path / "b")
    assert len(one["faces"]) > 20
    assert one["faces"] == other["faces"]


def test_demo_images_are_the_default(frozen_model, zoo, tmp_path, monkeypatch):
    monkeypatch.setattr(command_line, "DEMO_IMAGES", zoo / "none")
    with pytest.raises(SSHError, match="name the images"):
        demo.main(["--model", str(frozen_model)])
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/a.jpg").write_bytes((zoo / "colour.jpg").read_bytes())
    monkeypatch.setattr(command_line, "DEMO_IMAGES", tmp_path / "demo")
    assert demo.main(["--model", str(frozen_model), "--output", str(tmp_path / "out"), "--set", *SMALL]) == 0
    assert lines(tmp_path / "out")[0]["file"] == str(tmp_path / "demo/a.jpg")


def test_wrong_backbone(checkpoint):
    with pytest.raises(CheckpointError, match="for the backbone tiny"):
        demo.main(["x.jpg", "--model", checkpoint, "--backbone", "vgg16"])


def test_misshapen_variables(checkpoint):
    with pytest.raises(CheckpointError, match="has shape"):
        demo.main(["x.jpg", "--model", checkpoint])


@pytest.mark.parametrize("main", [demo.main, inference.main])
def test_corrupt_model(tmp_path, main):
    (tmp_path / "model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(CheckpointError, match="damaged"):
        main(["x.jpg", "--model", str(tmp_path / "model.pb")])


@pytest.mark.parametrize(
    ("setting", "words"), [(["TEST.NMSS", "1"], "unknown key"), (["TEST.NMS", "x"], "takes a float")]
)
def test_wrong_configuration(setting, words):
    with pytest.raises(ConfigError, match=words):
        demo.main(["x.jpg", "--model", "model.pb", "--set", *setting])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--threshold", "2"],
        ["--threshold", "high"],
        ["--precision", "fp8"],
        ["--backbone", "alexnet"],
        ["--max_frames", "x"],
        ["--max_frames", "-1"],
        ["--set", "TEST.NMS", "0.3", "a.jpg"],
        ["--set", "TEST.NMS", "0.3", "a.jpg", "b.jpg"],
    ],
)
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        demo.main(arguments)
    assert left.value.code == 2
    assert f"error: argument {arguments[0]}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--threshold", "abc"], "'abc' is not between 0 and 1"),
        (["--set", "TEST.NMS"], "'TEST.NMS' has no value: keys and values go in pairs, all else before --set"),
        (["--set", "TEST.NMS", "0.3", "a.jpg", "b.jpg"], "'a.jpg' is no key of the configuration: "),
        (["--set", "TEST.NMS", "0.3", "a.jpg"], "'a.jpg' is no key of the configuration: "),
    ],
)
def test_wrong_arguments_in_words(arguments, words, capsys):
    with pytest.raises(SystemExit):
        demo.main(arguments)
    assert words in capsys.readouterr().err


def test_settings_behind_one_option_or_several():
    split = demo.parse_arguments(["a.jpg", "--set", "TEST.NMS", "0.3", "--set", "TEST.MODE", "top"])
    joined = demo.parse_arguments(["a.jpg", "--set", "TEST.NMS", "0.3", "TEST.MODE", "top"])
    assert split.set == joined.set == ["TEST.NMS", "0.3", "TEST.MODE", "top"]
    assert demo.parse_arguments(["a.jpg"]).set == []


def test_checkpoint_given_to_inference(checkpoint):
    with pytest.raises(CheckpointError, match=r"a checkpoint, no frozen model: tools/demo\.py takes it, tools/convert"):
        inference.main(["x.jpg", "--model", checkpoint])


def test_an_error_is_one_line_and_exit_code_2(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["demo.py", "x.jpg", "--model", "nowhere/model"])
    with pytest.raises(SystemExit) as left:
        demo.entry()
    assert left.value.code == 2
    assert capsys.readouterr().err == (
        "error: nowhere/model: no checkpoint there (neither nowhere/model.index nor nowhere/model)\n"
    )


def test_a_low_threshold_reaches_into_the_graph(tmp_path, zoo):
    # Weights that give every anchor a score of about one in a hundred.
    prefix = write_checkpoint(tmp_path / "faint", "tiny", SMALL, face_logit=-4.6)
    arguments = [str(zoo / "colour.jpg"), "--model", prefix, "--output", str(tmp_path / "out")]
    assert demo.main([*arguments, "--threshold", "0.001", "--set", *SMALL]) == 0
    scores = [face["score"] for face in lines(tmp_path / "out")[0]["faces"]]
    assert len(scores) > 20
    assert max(scores) < 0.05

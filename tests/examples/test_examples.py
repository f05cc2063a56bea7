"""Each example finds the face of a demo picture, with the model that comes with the package."""

import functools
import json
import os
import runpy
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock, patch

import cv2
import numpy as np
import pytest
from onnxruntime.datasets import get_example
from PIL import Image

from ssh_tf.model.files.frozen_graphs import load_graph, save_saved_model
from ssh_tf.utils.errors import FullDiskError
from ssh_tf.utils.resources import INT8_FORM, model_forms, model_path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PICTURE = ROOT / "data/demo/grace_hopper.jpg"
FACE = [169, 115, 354, 336]
OTHER, OTHER_FACE = ROOT / "data/demo/eileen_collins.jpg", [178, 65, 269, 181]
"""A picture in which nothing else is taken for a face, at any size and a threshold of 0.2."""

INT8 = model_forms("mobile_ssh")[INT8_FORM]

TOP = 90
"""Where the strip of the picture begins."""


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A folder, which TensorFlow loads but once."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("saved") / "model"
    save_saved_model(load_graph(model_path("mobile_ssh")), folder)
    with patch.object(tf.saved_model, "load", functools.cache(tf.saved_model.load)):
        yield folder


@pytest.fixture(scope="module")
def strip(tmp_path_factory):
    """The picture's face in a strip four times as wide as high: of all shapes the smallest at the network."""
    picture = cv2.imread(str(PICTURE))[TOP : TOP + 270]
    path = tmp_path_factory.mktemp("strip") / "strip.png"
    cv2.imwrite(str(path), cv2.copyMakeBorder(picture, 0, 0, 0, 1080 - picture.shape[1], cv2.BORDER_REPLICATE))
    return path


@pytest.fixture(scope="module")
def thin(tmp_path_factory):
    """A picture one pixel high, which would have no height if it were made as small as its length asks for."""
    path = tmp_path_factory.mktemp("thin") / "thin.png"
    cv2.imwrite(str(path), np.zeros((1, 4000, 3), np.uint8))
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    """Run an example as a program; what it prints."""

    def started(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return started


def assert_is_the_face(printed, top=0):
    (line,) = printed.splitlines()
    *box, score = map(float, line.split())
    np.testing.assert_allclose(box, np.subtract(FACE, [0, top, 0, top]), atol=20)
    assert score > 0.9


def test_photos_to_crops(run, tmp_path):
    photos, crops, link = tmp_path / "photos", tmp_path / "photos/crops", tmp_path / "link"
    (photos / "day 1").mkdir(parents=True)
    shutil.copy(OTHER, photos / "day 1")
    (photos / "notes.txt").write_text("no picture")
    link.symlink_to(photos)
    # Once more: crops are not cut again, by whatever name their folder is called.
    for source in (photos, link):
        assert run("photos_to_crops.py", source, crops, INT8) == "day 1/eileen_collins.jpg: 1 faces\n"
    (crop,) = (crops / "day 1").iterdir()
    assert cv2.imread(str(crop)).shape == (224, 224, 3)


def test_crops_whose_names_are_odd_or_too_long(run, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for name in ("a" * 250 + ".jpg", os.fsdecode(b"b\xff.jpg")):
        shutil.copy(OTHER, tmp_path / "photos" / name)
    with pytest.raises(SystemExit, match="error: pictures left out: 1 of 2"):
        run("photos_to_crops.py", tmp_path / "photos", tmp_path, INT8)
    printed = capsys.readouterr()
    assert printed.out == "b\\udcff.jpg: 1 faces\n"
    assert printed.err.startswith("left out: ")
    assert [os.fsencode(crop.name) for crop in tmp_path.glob("*.jpg")] == [b"b\xff.jpg_1.jpg"]


def test_crops_are_not_put_among_the_photographs(run, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    with pytest.raises(SystemExit, match="link: the photographs are there"):
        run("photos_to_crops.py", tmp_path / "photos", tmp_path / "link")


def test_a_full_disk_ends_the_crops(run, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("1.jpg", "2.jpg"):
        shutil.copy(OTHER, tmp_path / "photos" / name)
    write = Mock(side_effect=FullDiskError("no room"))
    with patch("ssh_tf.utils.images.write_image", write), pytest.raises(SystemExit, match="error: no room"):
        run("photos_to_crops.py", tmp_path / "photos", tmp_path / "crops", INT8)
    write.assert_called_once()


def test_anonymous_folder(tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(OTHER, tmp_path / "in")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/ssh-detect"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tools/demo.py" "$@"\n')
    command.chmod(0o755)
    program = [EXAMPLES / "anonymous_folder.sh", tmp_path / "in", tmp_path / "out", "--size", "fast"]
    environment = {"PATH": f"{command.parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT / "lib")}
    subprocess.run(program, check=True, env=environment, capture_output=True)
    x1, y1, x2, y2 = OTHER_FACE
    before, after = cv2.imread(str(OTHER)), cv2.imread(str(tmp_path / "out/eileen_collins.jpg"))
    assert np.abs(before[y1:y2, x1:x2].astype(int) - after[y1:y2, x1:x2]).mean() > 10
    assert np.abs(before[300:].astype(int) - after[300:]).mean() < 3


def test_anonymous_folder_finds_the_command_beside_it(tmp_path):
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    program = [tmp_path / "examples/anonymous_folder.sh", "in", "out"]
    started = functools.partial(subprocess.run, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    without = started(program)
    assert (without.returncode, without.stderr.count("\n")) == (2, 1)
    assert "error: no ssh-detect" in without.stderr
    command = tmp_path / ".venv/bin/ssh-detect"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\necho "$@"\n')
    command.chmod(0o755)
    assert started(program).stdout == "in --output out --save blur --threshold 0.2\n"


def test_onnx_runtime(run, strip, thin):
    assert_is_the_face(run("onnx_runtime.py", INT8, strip), TOP)
    assert run("onnx_runtime.py", INT8, thin) == "no face found\n"


def test_onnx_runtime_with_no_model_of_faces(run, thin):
    with pytest.raises(SystemExit, match=r"\.png: not a model that ONNX Runtime can read .*\Z"):
        run("onnx_runtime.py", thin, thin)
    with pytest.raises(SystemExit, match=r"mul_1\.onnx: a model of something else"):
        run("onnx_runtime.py", get_example("mul_1.onnx"), thin)


def test_saved_model(run, saved_model, strip, thin):
    assert_is_the_face(run("saved_model.py", saved_model, strip), TOP)
    assert run("saved_model.py", saved_model, thin) == "no face found\n"


def test_saved_model_turns_photographs_upright(run, saved_model, strip, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    with Image.open(strip) as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.jpg", exif=exif)
    assert_is_the_face(run("saved_model.py", saved_model, tmp_path / "lying.jpg"), TOP)


def test_saved_model_with_no_model_or_picture(run, saved_model, thin, tmp_path):
    with pytest.raises(SystemExit, match="not a SavedModel"):
        run("saved_model.py", tmp_path, thin)
    (tmp_path / "cut.png").write_bytes(thin.read_bytes()[:40])
    with pytest.raises(SystemExit, match=r"cut\.png: not a picture"):
        run("saved_model.py", saved_model, tmp_path / "cut.png")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("photos_to_crops", "nowhere: no pictures there"),
        ("onnx_runtime", "usage: "),
        ("saved_model", "python examples/saved_model.py FOLDER PICTURE"),
        ("tensorflow_serving", "nowhere: not a picture"),
    ],
)
def test_mistakes_end_in_words(run, name, said, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"PICTURE|PHOTOS"):
        run(f"{name}.py")
    with pytest.raises(SystemExit, match=said):
        run(f"{name}.py", "nowhere", "nothing.jpg")
    assert not any(tmp_path.iterdir())


class Serving(BaseHTTPRequestHandler):
    """TensorFlow Serving's answer to a prediction in columns, by the SavedModel itself."""

    def do_POST(self):
        assert self.path == "/v1/models/ssh:predict"
        inputs = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
        outputs = self.server.detect(**{name: np.array(value, np.float32) for name, value in inputs.items()})
        answer = json.dumps({"outputs": {name: value.numpy().tolist() for name, value in outputs.items()}}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def started(server):
    """The address of a server that answers from now on."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def test_tensorflow_serving(run, saved_model, thin):
    import tensorflow as tf

    with ThreadingHTTPServer(("127.0.0.1", 0), Serving) as server:
        server.detect = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
        address = started(server)
        assert_is_the_face(run("tensorflow_serving.py", PICTURE, address))
        assert run("tensorflow_serving.py", thin, address) == "no face found\n"
        server.shutdown()


class Other(Serving):
    """Another server, or one that goes away in the middle."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(self.server.answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\n\r\n{"outputs": []}',
        b'HTTP/1.1 200 OK\r\n\r\n{"outputs": {"rois": {}, "roi_scores": []}}',
        b'HTTP/1.1 200 OK\r\n\r\n{"outputs": {"rois": [[0, 1, 1, 9, 9]], "roi_scores": []}}',
    ],
)
def test_no_answer_of_tensorflow_serving(run, thin, answer):
    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        server.answer = answer
        address = started(server)
        with pytest.raises(SystemExit, match=r"^http.*: no answer of TensorFlow Serving .*\Z"):
            run("tensorflow_serving.py", thin, address)
        server.shutdown()


def test_no_address_of_tensorflow_serving(run, thin):
    with pytest.raises(SystemExit, match=r"no answer of TensorFlow Serving \(ValueError"):
        run("tensorflow_serving.py", thin, "nowhere")

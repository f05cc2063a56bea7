"""Each example finds the face of a demo picture, with the model that comes with the package."""

import functools
import json
import runpy
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import pytest

from ssh_tf.model.files.frozen_graphs import load_graph, save_saved_model
from ssh_tf.utils.resources import INT8_FORM, model_forms, model_path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PICTURE = ROOT / "data/demo/grace_hopper.jpg"
FACE = [169, 115, 354, 336]
OTHER, OTHER_FACE = ROOT / "data/demo/eileen_collins.jpg", [178, 65, 269, 181]
"""A picture in which nothing else is taken for a face, at any size and a threshold of 0.2."""

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
    (tmp_path / "photos/day 1").mkdir(parents=True)
    shutil.copy(OTHER, tmp_path / "photos/day 1")
    (tmp_path / "photos/notes.txt").write_text("no picture")
    assert run("photos_to_crops.py", tmp_path / "photos", tmp_path / "crops") == "day 1/eileen_collins.jpg: 1 faces\n"
    (crop,) = (tmp_path / "crops/day 1").iterdir()
    assert cv2.imread(str(crop)).shape == (224, 224, 3)


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


def test_onnx_runtime(run, strip):
    assert_is_the_face(run("onnx_runtime.py", model_forms("mobile_ssh")[INT8_FORM], strip), TOP)


def test_saved_model(run, saved_model, strip):
    assert_is_the_face(run("saved_model.py", saved_model, strip), TOP)


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


def test_tensorflow_serving(run, saved_model):
    import tensorflow as tf

    with ThreadingHTTPServer(("127.0.0.1", 0), Serving) as server:
        server.detect = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        printed = run("tensorflow_serving.py", PICTURE, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert_is_the_face(printed)

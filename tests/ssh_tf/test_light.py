"""Detection by an .onnx file stands on NumPy, OpenCV and ONNX Runtime."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from networks import SMALL
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector

HEAVY = ["tensorflow", "tf_slim", "tf_keras", "keras", "scipy", "matplotlib", "h5py", "tf2onnx"]

DETECT = """
import json, sys
import cv2
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
model, picture, settings = json.loads(sys.argv[1])
faces = FaceDetector(model, load_config(None, settings))(cv2.imread(picture), 0.0)
print(json.dumps([faces.tolist(), sorted(name for name in sys.modules if "." not in name)]))
"""

DEMO = f"""
import sys
sys.modules.update(dict.fromkeys({HEAVY}))
from ssh_tools.demo import entry
entry()
"""


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8))
    return path


def run(program, *arguments):
    return subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True)


def test_nothing_heavy_is_imported(onnx_model, frozen_model, picture):
    done = run(DETECT, json.dumps([str(onnx_model), str(picture), SMALL]))
    assert done.returncode == 0, done.stderr
    found, modules = json.loads(done.stdout)
    assert "onnxruntime" in modules
    assert not set(modules) & set(HEAVY)
    wanted = FaceDetector(frozen_model, load_config(None, SMALL), "fp32")(cv2.imread(str(picture)), 0.05)
    assert len(wanted) > 20
    np.testing.assert_allclose(found, wanted, atol=0.01)


def test_demo_where_nothing_heavy_is_installed(onnx_model, picture, tmp_path):
    done = run(DEMO, picture, "--model", onnx_model, "--output", tmp_path / "found", "--set", *SMALL)
    assert done.returncode == 0, done.stderr
    _, line = (tmp_path / "found/detections.jsonl").read_text().splitlines()
    assert json.loads(line)["width"] == 120


def test_what_needs_tensorflow_says_so(frozen_model, checkpoint, picture, tmp_path):
    for model in (frozen_model, checkpoint):
        done = run(DEMO, picture, "--model", model, "--output", tmp_path / "found", "--set", *SMALL)
        assert done.returncode == 2
        assert "pip install 'ssh-face-detector[tensorflow]'" in done.stderr
        assert len(done.stderr.splitlines()) == 1

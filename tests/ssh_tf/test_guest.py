"""As a library in somebody's program, this one changes nothing there."""

import json
import subprocess
import sys

import pytest

from networks import SMALL

HOST = """
import json, logging, os, sys, warnings

def load():
    # What the program and this library stand on; importing it changes the environment and the filters of warnings.
    import cv2, h5py, keras, scipy.io, tensorflow, tqdm
    import PIL.Image

def own_work():
    import keras
    import numpy as np
    import tensorflow as tf
    keras.utils.set_random_seed(7)
    inputs = np.random.default_rng(0).random((16, 3), np.float32)
    model = tf.keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = model.fit(inputs, inputs.sum(1), epochs=2, verbose=0, shuffle=False).history["loss"]
    total = tf.zeros(())
    for batch in tf.data.Dataset.from_tensor_slices(inputs).batch(5):
        total += tf.reduce_sum(batch ** 2)
    return {
        "eager": tf.executing_eagerly(),
        "keras": [tf.keras.__version__, type(model).__module__],
        "losses": losses,
        "loop": float(total.numpy()),
        "random": tf.random.normal((2,)).numpy().tolist(),
        "mode": [tf.config.get_soft_device_placement(), len(tf.config.list_physical_devices())],
    }

def surroundings():
    import cv2
    import PIL.Image
    level = cv2.getLogLevel() if hasattr(cv2, "getLogLevel") else cv2.utils.logging.getLogLevel()
    return {
        "environment": dict(os.environ),
        "warnings": [str(entry) for entry in warnings.filters],
        "opencv": [level, cv2.getNumThreads()],
        "pillow": PIL.Image.MAX_IMAGE_PIXELS,
        "logging": [logging.getLogger(name).level for name in ("", "tensorflow", "absl")],
    }

def use_the_library():
    import numpy as np
    from ssh_tf import FaceDetector
    from ssh_tf.model.config import load_config
    from ssh_tf.utils.images import read_image
    model, picture, damaged, settings = json.loads(sys.argv[1])
    try:
        read_image(damaged)
    except Exception as error:
        assert type(error).__name__ == "ImageError", error
    detector = FaceDetector(model, load_config(None, settings), "fp32")
    return detector(read_image(picture), 0.05).tolist()

report = {}
"""

BEFORE = """
load()
report["surroundings"] = [surroundings()]
report["own"] = [own_work()]
report["found"] = use_the_library()
report["own"].append(own_work())
report["again"] = use_the_library()
report["own"].append(own_work())
report["surroundings"].append(surroundings())
print(json.dumps(report))
"""

AFTER = """
report["found"] = use_the_library()
load()
report["own"] = [own_work()]
report["surroundings"] = [surroundings()]
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def run(frozen_model, tmp_path_factory):
    """A function of the program: what it reports, run by a process of its own."""
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("guest")
    picture, damaged = folder / "picture.png", folder / "damaged.png"
    cv2.imwrite(str(picture), np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8))
    damaged.write_bytes(b"no picture")

    def report(program):
        arguments = json.dumps([str(frozen_model), str(picture), str(damaged), SMALL])
        command = [sys.executable, "-c", HOST + program, arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return report


def test_a_program_that_imports_us_later_or_first(run):
    later, first = run(BEFORE), run(AFTER)
    before, between, after = later["own"]
    assert before == between == after == first["own"][0]
    assert before["eager"]
    assert before["keras"][0].startswith("3.")
    assert later["surroundings"][0] == later["surroundings"][1]
    assert first["surroundings"][0] == later["surroundings"][0]
    assert later["found"] == later["again"] == first["found"]
    assert len(first["found"]) > 20

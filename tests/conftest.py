"""What the tests of several packages share."""

import os
import threading
import time

import numpy as np
import pytest
from hypothesis import settings

# The machine's load is not what the tests are about.
settings.register_profile("unhurried", deadline=None, max_examples=60)
settings.load_profile("unhurried")

# TensorFlow is neither to take all of a GPU's memory nor to fill the report with its greetings.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# tf2onnx is not to copy the graph before each of its optimisers, lest one fail: here that would be an error.
os.environ.setdefault("TF2ONNX_CATCH_ERRORS", "FALSE")
# As for a tool, which owns its process: see `ssh_tf.utils.quiet`.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


@pytest.fixture
def random_boxes():
    """A function of N: (N, 4) float32 boxes of 4 to 200 pixels, by size as on photographs, in 800 × 600."""
    generator = np.random.default_rng(20170814)

    def draw(count):
        corner = generator.random((count, 2)) * (800, 600)
        sides = np.exp(generator.uniform(np.log(4), np.log(200), (count, 2)))
        return np.hstack([corner, corner + sides]).astype(np.float32)

    return draw


@pytest.fixture
def longest_pause():
    """A function of a call: the longest time for which it kept Python from other threads, as a share of its own."""

    def measure(call):
        worker = threading.Thread(target=call)
        worker.start()
        turns = [time.perf_counter()]
        while worker.is_alive():
            turns.append(time.perf_counter())
        return np.diff(turns).max() / (turns[-1] - turns[0])

    return measure


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Prefix of a checkpoint of the backbone `tiny` (settings: `networks.SMALL`)."""
    from networks import SMALL, write_checkpoint

    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "small", "tiny", SMALL)


@pytest.fixture(scope="session")
def frozen_model(checkpoint):
    """The same network as a frozen graph, a `.pb` file."""
    from networks import freeze_checkpoint

    return freeze_checkpoint(checkpoint)


@pytest.fixture
def unseen_plots(monkeypatch):
    """Figures are made as ever, but what they look like is not written: for tests that look at other files."""
    monkeypatch.setattr("ssh_tf.utils.plots._save", lambda figure, path: path.touch())


@pytest.fixture
def quick():
    """Trainings of a test are quick ones; those that several tests share, made before, are as users have them."""
    from training_runs import quick_trainings

    with quick_trainings():
        yield


@pytest.fixture(scope="module")
def kept_runners():
    """Networks that tools load one after the other are loaded once."""
    from networks import kept_runners

    with kept_runners():
        yield


@pytest.fixture(scope="session")
def onnx_model(frozen_model):
    """The same network as an ONNX file."""
    pytest.importorskip("tf2onnx", reason="the extra onnx is not installed")
    from ssh_tf.model.files.frozen_graphs import load_graph
    from ssh_tf.model.files.onnx_files import save_onnx

    path = frozen_model.with_suffix(".onnx")
    save_onnx(load_graph(frozen_model), path)
    return path

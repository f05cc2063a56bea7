"""The script that trains a network: what it passes on, and from which weights."""

import os
import signal
import subprocess
import sys

import pytest

from script_runs import make_checkout, run_script

SCRIPT = "train_ssh.sh"
# In the place of a training: goes on until a signal comes, and then takes its time to save.
UNTIL_SIGNAL = f"""#!{sys.executable}
import signal, time
came = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: came.append(True))
print("training", flush=True)
while not came:
    time.sleep(0.02)
time.sleep(0.2)
print("snapshot", flush=True)
"""


@pytest.fixture
def checkout(tmp_path):
    """A tree with the script, a configuration of one network and weights of another."""
    (tmp_path / "experiments" / "cfgs").mkdir(parents=True)
    (tmp_path / "experiments" / "cfgs" / "vgg16.yml").touch()
    (tmp_path / "data" / "imagenet_weights").mkdir(parents=True)
    (tmp_path / "data" / "imagenet_weights" / "mobile.npz").touch()
    return tmp_path


@pytest.fixture
def command(checkout):
    """A function of arguments and environment: what the script has Python do."""
    make_checkout(checkout, SCRIPT)

    def ask(*arguments, **environment):
        done = run_script(checkout, SCRIPT, *arguments, **environment)
        assert done.returncode == 0, done.stderr
        log, line = done.stdout.splitlines()
        assert (checkout / log.removeprefix("Logging to ")).read_text().strip() == line
        return line

    return ask


def test_wider_face(command, checkout):
    assert command("0,1", "wider_face", "vgg16") == (
        "gpu=0,1 tools/trainval_net.py --backbone vgg16 --imdb wider_face_train --imdbval wider_face_val"
        " --weight data/imagenet_weights/vgg16.ckpt --iters 300000 --cfg experiments/cfgs/vgg16.yml"
    )
    (log,) = (checkout / "experiments" / "logs").iterdir()
    assert log.name.startswith("train_vgg16_wider_face_")


def test_folder_and_options(command, checkout):
    """Options come behind the script's own, so that they hold."""
    (checkout / "faces").mkdir()
    assert command("cpu", "faces", "mobile", "--iters", "20", "--set", "TRAIN.SCALES", "[800]") == (
        "gpu=-1 tools/trainval_net.py --backbone mobile --data faces --weight data/imagenet_weights/mobile.npz"
        " --iters 300000 --iters 20 --set TRAIN.SCALES [800]"
    )


def test_other_weights_and_none(command):
    assert " --weight x.ckpt --iters" in command("0", "wider_face", "mobile", WEIGHT="x.ckpt")
    assert "--weight" not in command("0", "wider_face", "mobile", WEIGHT="none")


def test_weights_that_are_there(command, checkout):
    """The most particular file is taken; that of a checkpoint is known by its index too."""
    folder = checkout / "data" / "imagenet_weights"
    for there, taken in (
        ("resnet_v1_50.ckpt", "resnet_v1_50.ckpt"),
        ("res50.ckpt.index", "res50.ckpt"),
        ("res50.npz", "res50.npz"),
    ):
        (folder / there).touch()
        assert f" --weight data/imagenet_weights/{taken} --iters" in command("0", "wider_face", "res50")


def test_what_python_returns_is_returned(checkout):
    make_checkout(checkout, SCRIPT)
    assert run_script(checkout, SCRIPT, "cpu", "wider_face", "mobile", EXIT="2").returncode == 2


def test_too_few_arguments(checkout):
    make_checkout(checkout, SCRIPT)
    done = run_script(checkout, SCRIPT, "cpu", "wider_face")
    assert done.returncode == 2
    assert "train_ssh.sh GPU_ID DATASET NET" in done.stderr
    assert not (checkout / "experiments" / "logs").exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_answered_by_python_and_logged(checkout, sent):
    """To all of its processes, as a terminal sends it: what is saved then is still told."""
    make_checkout(checkout, SCRIPT, UNTIL_SIGNAL)
    line = [str(checkout / "experiments" / "scripts" / SCRIPT), "cpu", "wider_face", "mobile"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout.readline().startswith("Logging to ")
        assert process.stdout.readline() == "training\n"
        os.killpg(process.pid, sent)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, output) == (0, "snapshot\n")
    (log,) = (checkout / "experiments" / "logs").iterdir()
    assert log.read_text() == "training\nsnapshot\n"

"""The script that evaluates a trained network: which model it takes, and what it passes on."""

import os

import pytest

from script_runs import make_checkout, run_script


@pytest.fixture
def checkout(tmp_path):
    """A tree with the script, the stand-in, a configuration and two snapshots."""
    make_checkout(tmp_path, "test_ssh.sh")
    (tmp_path / "experiments" / "cfgs").mkdir()
    (tmp_path / "experiments" / "cfgs" / "vgg16.yml").touch()
    for age, (imdb, tag, iteration) in enumerate(
        [("x", "default", 200), ("wider_face_train", "default", 100), ("x", "b", 1), ("b", "second", 7)]
    ):
        path = tmp_path / "output" / "vgg16" / imdb / tag / f"ssh_iter_{iteration}.ckpt.index"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1000 + age, 1000 + age))
    return tmp_path


def run(checkout, *arguments, **environment):
    return run_script(checkout, "test_ssh.sh", *arguments, **environment)


def test_newest_snapshot_of_the_tag(checkout):
    done = run(checkout, "0,1", "wider_face_val", "vgg16")
    assert done.returncode == 0, done.stderr
    log, line = done.stdout.splitlines()
    assert line == (
        "gpu=0,1 tools/test_net.py --imdb wider_face_val"
        " --model output/vgg16/wider_face_train/default/ssh_iter_100.ckpt --backbone vgg16"
        " --cfg experiments/cfgs/vgg16.yml --tag default"
    )
    path = checkout / log.removeprefix("Logging to ")
    assert path.read_text().strip() == line
    assert path.name.startswith("test_vgg16_wider_face_val_default_")


def test_tag_folder_model_and_options(checkout):
    (checkout / "faces").mkdir()
    line = run(
        checkout, "cpu", "faces", "mobile", "b", "--set", "TEST.SCALES", "[800]", MODEL="x.pb"
    ).stdout.splitlines()[1]
    assert line == (
        "gpu=-1 tools/test_net.py --imdb folder --data faces --model x.pb --backbone mobile --tag b"
        " --set TEST.SCALES [800]"
    )
    line = run(checkout, "cpu", "wider_face_val", "vgg16", "b").stdout.splitlines()[1]
    assert "--model output/vgg16/x/b/ssh_iter_1.ckpt" in line
    line = run(checkout, "cpu", "wider_face_val", "vgg16", "--batch", "2").stdout.splitlines()[1]
    assert line.endswith("--tag default --batch 2")


def test_what_python_returns_is_returned(checkout):
    assert run(checkout, "cpu", "wider_face_val", "vgg16", EXIT="1").returncode == 1


def test_mistakes_are_told(checkout):
    done = run(checkout, "cpu", "wider_face_val")
    assert done.returncode == 2
    assert "GPU_ID DATASET NET [TAG]" in done.stderr
    done = run(checkout, "cpu", "wider_face_val", "res50")
    assert done.returncode == 2
    assert done.stderr == "error: no snapshot under output/res50/*/default; train one, or name a file by MODEL=…\n"

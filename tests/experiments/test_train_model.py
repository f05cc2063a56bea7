"""The script that trains the shipped model: its stages, and from which weights each begins."""

import os
import signal
import subprocess
import sys

import pytest

from script_runs import make_checkout, run_script

SCRIPT = "train_model.sh"
# In the place of a training: goes on until a signal comes, and then takes its time to save.
UNTIL_SIGNAL = f"""#!{sys.executable}
import signal, time
came = []
signal.signal(signal.SIGTERM, lambda *_: came.append(True))
print("training", flush=True)
while not came:
    time.sleep(0.02)
time.sleep(0.3)
print("snapshot after", len(came), "signals", flush=True)
"""
# In the place of Python: says what it was given, and leaves a snapshot of the tag and iterations asked for.
STAND_IN = """#!/bin/bash
echo "gpu=$CUDA_VISIBLE_DEVICES $*"
while [ $# -gt 0 ]; do
    case $1 in --iters) steps=$2 ;; --tag) tag=$2 ;; esac
    shift
done
if [ -n "${tag:-}" ] && [ -z "${STOPPED:-}" ]; then
    mkdir -p "output/mobile/faces+wider/$tag"
    touch "output/mobile/faces+wider/$tag/mobile_ssh_iter_$steps.ckpt.index"
fi
"""
TRAIN = "tools/trainval_net.py --backbone mobile --data faces wider --weight"
SECOND = "--cfg experiments/cfgs/mobile_wider.yml --tag second_stage"
THIRD = "--cfg experiments/cfgs/mobile_m1.yml --tag third_stage"
FOURTH = "--cfg experiments/cfgs/mobile_mosaic.yml --tag fourth_stage"
FIFTH = "--cfg experiments/cfgs/mobile_exposure.yml --tag fifth_stage"
SETTING = ("--set", "TRAIN.EMA", "0.9")


@pytest.fixture
def checkout(tmp_path):
    for name in ("faces", "wider"):
        (tmp_path / name).mkdir()
    (tmp_path / "data/imagenet_weights").mkdir(parents=True)
    (tmp_path / "data/imagenet_weights/mobile.npz").touch()
    return make_checkout(tmp_path, SCRIPT, STAND_IN)


def test_all_stages_and_the_graph(checkout):
    done = run_script(checkout, SCRIPT, "0,1", "faces", "wider", "--", *SETTING, STEPS="20 30 40 50 60")
    assert done.returncode == 0, done.stderr
    output = "output/mobile/faces+wider"
    assert [line for line in done.stdout.splitlines() if line.startswith("gpu=")] == [
        f"gpu=0,1 {TRAIN} data/imagenet_weights/mobile.npz --iters 20 --cfg experiments/cfgs/mobile_faces.yml"
        " --tag first_stage --set TRAIN.EMA 0.9",
        f"gpu=0,1 {TRAIN} {output}/first_stage/mobile_ssh_iter_20.ckpt --iters 30 {SECOND} --set TRAIN.EMA 0.9",
        f"gpu=0,1 {TRAIN} {output}/second_stage/mobile_ssh_iter_30.ckpt --iters 40 {THIRD} --set TRAIN.EMA 0.9",
        f"gpu=0,1 {TRAIN} {output}/third_stage/mobile_ssh_iter_40.ckpt --iters 50 {FOURTH} --set TRAIN.EMA 0.9",
        f"gpu=0,1 {TRAIN} {output}/fourth_stage/mobile_ssh_iter_50.ckpt --iters 60 {FIFTH} --set TRAIN.EMA 0.9",
        f"gpu=0,1 tools/convert_ckpt_to_pb.py --backbone mobile --model {output}/fifth_stage/mobile_ssh_iter_60.ckpt"
        " --output output/mobile_ssh.pb --half",
    ]


def test_from_an_ssh_network_the_second_stage_comes_at_once(checkout):
    done = run_script(checkout, SCRIPT, "cpu", "faces", "wider", WEIGHT="data/models/mobile_ssh.pb")
    assert done.returncode == 0, done.stderr
    first, *_ = [line for line in done.stdout.splitlines() if line.startswith("gpu=")]
    assert first == f"gpu=-1 {TRAIN} data/models/mobile_ssh.pb --iters 3121 {SECOND}"


@pytest.mark.parametrize(
    ("weight", "stage"), [("data/mean_ssh.ckpt", "second_stage"), ("ssh-face/backbone.npz", "first_stage")]
)
def test_the_name_of_the_file_says_what_it_holds(checkout, weight, stage):
    done = run_script(checkout, SCRIPT, "cpu", "faces", "wider", WEIGHT=weight)
    assert done.returncode == 0, done.stderr
    first, *_ = [line for line in done.stdout.splitlines() if line.startswith("gpu=")]
    assert f"--weight {weight} " in first
    assert first.endswith(f"--tag {stage}")


def test_without_first_weights_it_says_what_makes_them(checkout):
    (checkout / "data/imagenet_weights/mobile.npz").unlink()
    done = run_script(checkout, SCRIPT, "cpu", "faces", "wider")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "tools/convert_faceapi_mobile.py" in done.stderr


def test_a_stage_of_no_steps_is_left_out(checkout):
    done = run_script(checkout, SCRIPT, "cpu", "faces", "wider", WEIGHT="data/models/mobile_ssh.pb", STEPS="0 0 40")
    assert done.returncode == 0, done.stderr
    first, last = [line for line in done.stdout.splitlines() if line.startswith("gpu=")]
    assert first == f"gpu=-1 {TRAIN} data/models/mobile_ssh.pb --iters 40 {THIRD}"
    assert "third_stage/mobile_ssh_iter_40.ckpt" in last


def test_what_was_stopped_is_not_frozen(checkout):
    done = run_script(checkout, SCRIPT, "cpu", "faces", "wider", STOPPED="1")
    assert done.returncode == 1
    assert "convert" not in done.stdout
    assert "the same command resumes it" in done.stdout


@pytest.mark.parametrize("to_all", [False, True], ids=["the script", "all of its processes"])
def test_a_signal_reaches_the_training_once_and_is_waited_for(tmp_path, to_all):
    for name in ("faces", "wider"):
        (tmp_path / name).mkdir()
    checkout = make_checkout(tmp_path, SCRIPT, UNTIL_SIGNAL)
    line = [str(checkout / "experiments" / "scripts" / SCRIPT), "cpu", "faces", "wider"]
    environment = os.environ | {"WEIGHT": "ssh.ckpt"}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment)
    try:
        assert process.stdout.readline().startswith("Logging to ")
        assert process.stdout.readline().startswith("second_stage: ")
        assert process.stdout.readline() == "training\n"
        (os.killpg if to_all else os.kill)(process.pid, signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert output.splitlines() == [
        "snapshot after 1 signals",
        "second_stage ended before iteration 3121; if it was stopped, the same command resumes it",
    ]


@pytest.mark.parametrize("arguments", [[], ["cpu"], ["cpu", "nowhere"], ["cpu", "--", "--iters", "3"]])
def test_wrong_use(checkout, arguments):
    done = run_script(checkout, SCRIPT, *arguments)
    assert done.returncode == 2
    assert done.stderr

"""Whole trainings: resuming, stopping, what breaks them off, what they write, several devices and workers."""

import csv
import json
import math
import os
import re
import shutil
import signal
import socket
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from networks import weight
from ssh_tf.model import train_val
from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.model.training.log import TrainingLog
from ssh_tf.model.training.snapshots import SnapshotFolder
from ssh_tf.model.training.tables import LOSS_COLUMNS, VALIDATION_COLUMNS
from ssh_tf.nets.network import network_heads
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.errors import CheckpointError, ConfigError, DataError, SSHError
from ssh_tf.utils.locks import claimed
from ssh_tf.utils.tf1 import tf
from ssh_tools import trainval_net
from ssh_tools.trainval_net import main
from training_runs import TrainingProcess, cluster, settings, write_pictures

pytestmark = pytest.mark.usefixtures("quick")

STEPS = 20
# In this process: die, as by kill -9, in the midst of iteration 13.
KILL = """
import os, signal
from ssh_tf.model import train_val
iterate = train_val._Training._iterate
def dying(self, iteration, stop):
    if iteration == 12:
        os.kill(os.getpid(), signal.SIGKILL)
    return iterate(self, iteration, stop)
train_val._Training._iterate = dying
"""
# In this process: a signal comes after iteration 3.
SIGNAL = """
import os, signal
from ssh_tf.model.training.log import TrainingLog
step = TrainingLog.step
def signalled(self, row):
    step(self, row)
    if row.iteration == 3:
        os.kill(os.getpid(), signal.SIGTERM)
TrainingLog.step = signalled
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures") / "faces")


@pytest.fixture(scope="module")
def first_weights(tmp_path_factory):
    """Weights that keep activations and gradients alive, for all variables of the network."""
    with tf.Graph().as_default():
        network_heads(tf.zeros((1, 64, 64, 3)), NetworkOptions("tiny", depth_multiplier=0.25))
        shapes = {variable.op.name: variable.shape.as_list() for variable in tf.global_variables()}
    path = tmp_path_factory.mktemp("weights") / "first.npz"
    np.savez(path, **{name: weight(name, shape) for name, shape in shapes.items()})
    return path


@pytest.fixture(scope="module")
def arguments(pictures, first_weights, tmp_path_factory):
    """A function of a tag and settings: the command line of a training, and the folder of its snapshots."""
    root = tmp_path_factory.mktemp("trainings")

    def make(tag, *options, steps=STEPS, **changes):
        places = ["--output_root", str(root / "output"), "--tensorboard_root", str(root / "tensorboard")]
        line = ["--backbone", "tiny", "--data", str(pictures), "--iters", str(steps), "--tag", tag, *places]
        line += ["--weight", str(first_weights), "--precision", "fp32", *options, "--set", *settings(**changes)]
        return line, root / "output" / "tiny" / "faces" / tag

    return make


@pytest.fixture(scope="module")
def unbroken(arguments):
    """The folder of a training of 20 iterations in one go, on one device."""
    line, folder = arguments("unbroken")
    assert main(line) == 0
    return folder


def variables(folder, iteration=STEPS):
    checkpoint = Checkpoint(folder / f"tiny_ssh_iter_{iteration}.ckpt")
    return {name: checkpoint.value(name) for name in checkpoint.shapes}


def assert_same_weights(folder, unbroken, several_devices=False):
    """Two trainings have come to the same weights.

    Several devices take their sums in another order, by processor, and mining and momentum make that grow: it is
    measured by how far the last ten iterations have taken a variable (seen: 0.2 % for weights, 1.2 % for momenta).
    """
    before, ours, theirs = variables(unbroken, 10), variables(folder), variables(unbroken)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        momentum = name.endswith("/Momentum")
        if several_devices:
            tolerance = 0.02 * np.abs(value).max() if momentum else 0.005 * np.abs(value - before[name]).max()
        else:
            # The learning rate makes weights of momenta.
            tolerance = 1e-5 / 0.001 if momentum else 1e-5
        np.testing.assert_allclose(ours[name], value, rtol=0, atol=tolerance, err_msg=name)


def rows(folder):
    with (folder / "loss.csv").open(newline="") as stream:
        header, *content = csv.reader(stream)
    assert tuple(header) == LOSS_COLUMNS
    return np.array(content, float)


def test_training_changes_what_it_should(unbroken, first_weights):
    """All but the frozen layers and the statistics have moved; those have not."""
    before, after = np.load(first_weights), variables(unbroken)
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    # No anchor of M3 stands for a face, and biases do not decay.
    frozen = re.compile(r"Tiny/Conv2d_0/|/BatchNorm/|M3_rpn_bbox_pred/biases")
    assert moved == {name for name in before if not frozen.search(name)}


def test_layers_that_are_named_alone_are_trained(arguments, first_weights):
    line, folder = arguments("branch", steps=2, TRAIN__LAYERS="['M1/', 'M1_box']", TRAIN__EMA=0.5)
    assert main(line) == 0
    before, after = np.load(first_weights), variables(folder, 2)
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith(("Tiny/M1/", "Tiny/M1_box/"))}
    line, folder = arguments("no_branch", TRAIN__LAYERS="M4")
    with pytest.raises(ConfigError, match=r"TRAIN\.LAYERS: nothing that is trained begins with 'M4'; there are .*M1, "):
        main(line)


def test_a_resumed_training_by_adamw_is_as_an_unbroken_one(arguments, first_weights):
    settings = {"TRAIN__OPTIMIZER": "adamw", "TRAIN__EMA": 0.5, "TRAIN__SNAPSHOT_ITERS": 1}
    ends = []
    for tag, parts in (("adamw", [4]), ("adamw_in_parts", [2, 4])):
        for steps in parts:
            line, folder = arguments(tag, steps=steps, **settings)
            assert main(line) == 0
        ends.append(variables(folder, 4))
    assert {"Tiny/M1/conv2/weights/Adam_1", "Tiny/M1/conv2/weights/Other", "beta1_power"} <= ends[0].keys()
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name], err_msg=name)
    assert not np.array_equal(ends[0]["Tiny/M1/conv2/weights"], np.load(first_weights)["Tiny/M1/conv2/weights"])


def test_what_a_training_writes(unbroken):
    assert {path.name for path in unbroken.iterdir()} == {
        "loss.csv",
        "loss.png",
        *(
            f"tiny_ssh_iter_{done}.{ending}"
            for done in (10, 20)
            for ending in ("json", "ckpt.index", "ckpt.data-00000-of-00001")
        ),
    }
    table = rows(unbroken)
    assert table[:, 0].tolist() == [4, 8, 10, 12, 16, 20]
    assert np.isfinite(table).all()
    parts = table[:, 2:9].sum(1)
    np.testing.assert_allclose(table[:, 9], parts, rtol=1e-4)
    state = json.loads((unbroken / "tiny_ssh_iter_20.json").read_text())
    assert state["iteration"] == 20
    assert state["seed"] == state["config"]["RNG_SEED"]
    assert state["config"]["TRAIN"]["AUGMENT"]["CROP_SIZE"] == [96]
    assert {"method", "iterations", "batch", "images", "code", "backbone"} <= state.keys()


def test_killed_and_resumed(arguments, unbroken, tmp_path, capsys):
    line, folder = arguments("killed")
    code, output, _ = TrainingProcess(tmp_path / "killed", line, before=KILL).finish()
    assert code == -signal.SIGKILL
    assert "iter 12/20" in output
    assert main(line) == 0
    assert f"resumed from {folder / 'tiny_ssh_iter_10.ckpt'}, 10 iterations done" in capsys.readouterr().out
    assert_same_weights(folder, unbroken)
    np.testing.assert_allclose(rows(folder), rows(unbroken), rtol=1e-4, atol=1e-7)
    # And once more: all is done.
    assert main(line) == 0
    assert "nothing to do: 20 iterations are done" in capsys.readouterr().out


def test_several_devices_train_as_one(arguments, unbroken, capsys):
    line, folder = arguments("devices", "--cpu-devices", "2", TRAIN__IMS_PER_BATCH=1)
    assert main(line) == 0
    assert "2 devices" in capsys.readouterr().out
    assert_same_weights(folder, unbroken, several_devices=True)
    state = json.loads((folder / "tiny_ssh_iter_20.json").read_text())
    assert state["batch"] == 2


def test_one_device_and_two_resume_each_other(arguments, unbroken, capsys):
    line, folder = arguments("exchanged", TRAIN__SNAPSHOT_ITERS=5)
    on_two, _ = arguments("exchanged", "--cpu-devices", "2", TRAIN__SNAPSHOT_ITERS=5, TRAIN__IMS_PER_BATCH=1)
    folder.mkdir(parents=True)
    for path in unbroken.glob("tiny_ssh_iter_10.*"):
        shutil.copy(path, folder)
    assert main(on_two) == 0
    assert "10 iterations done" in capsys.readouterr().out
    assert_same_weights(folder, unbroken, several_devices=True)
    (folder / "tiny_ssh_iter_20.json").unlink()
    assert main(line) == 0
    assert "15 iterations done" in capsys.readouterr().out
    assert_same_weights(folder, unbroken, several_devices=True)


@pytest.fixture
def ports():
    """Two free ports."""
    with socket.socket() as first, socket.socket() as second:
        for opened in (first, second):
            opened.bind(("localhost", 0))
        return first.getsockname()[1], second.getsockname()[1]


def test_several_workers_train_as_one(arguments, unbroken, ports, tmp_path, capsys):
    """A signal to one of them ends all with a snapshot; the loss of one ends them too; one device resumes."""
    line, folder = arguments("workers", TRAIN__IMS_PER_BATCH=1)
    alone, _ = arguments("workers")
    # The other worker has neither the weights nor the snapshots.
    other = list(line)
    other[other.index("--output_root") + 1] = str(tmp_path / "elsewhere")
    other[other.index("--weight") + 1] = "nowhere.npz"

    def start(name, before):
        """What becomes of the two, of which the second does `before`."""
        lines = [(line, ""), (other, before)]
        workers = [
            TrainingProcess(tmp_path / f"{name}{index}", of_worker, cluster(ports, index), first)
            for index, (of_worker, first) in enumerate(lines)
        ]
        return zip(*(worker.finish() for worker in workers), strict=True)

    codes, outputs, errors = start("signalled", SIGNAL)
    assert codes == (0, 0), errors
    # The first worker hears of it with the next step.
    assert "stopped by another worker after 4 iterations; resume with: env " in outputs[0]
    assert "stopped by SIGTERM after 4 iterations" in outputs[1]
    assert SnapshotFolder(folder, "tiny_ssh", 3).latest().iteration == 4

    codes, outputs, errors = start("killed", KILL)
    assert codes == (2, -signal.SIGKILL)
    assert "4 iterations done" in outputs[0]
    assert "iter 12/20" in outputs[1]
    assert f"error: another worker (localhost:{ports[1]}) has stopped or cannot be reached; start all" in errors[0]
    assert f"waiting for the other workers: localhost:{ports[1]}\n" in outputs[0]
    assert "TF_CONFIG=" in errors[0]

    assert not list(tmp_path.rglob("*.ckpt.*"))
    assert not list(tmp_path.rglob("loss.csv"))

    assert main(alone) == 0
    assert "10 iterations done" in capsys.readouterr().out
    assert_same_weights(folder, unbroken, several_devices=True)


def test_a_signal_ends_it_with_a_snapshot(arguments, unbroken, monkeypatch, capsys):
    step = TrainingLog.step

    def step_and_signal(self, row):
        step(self, row)
        if row.iteration == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    line, folder = arguments("stopped", steps=STEPS)
    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingLog, "step", step_and_signal)
        assert main(line) == 0
    assert signal.getsignal(signal.SIGTERM) == before
    said = capsys.readouterr().out
    assert "stopped by SIGTERM after" in said
    command = said[said.index("resume with: ") :]
    assert "trainval_net.py --backbone tiny" in command
    assert "--tag stopped" in command
    done = SnapshotFolder(folder, "tiny_ssh", 3).latest().iteration
    assert done in (3, 4)
    assert main(line) == 0
    assert_same_weights(folder, unbroken)


def test_a_loss_that_is_not_finite(arguments):
    line, folder = arguments("diverging", TRAIN__LEARNING_RATE=1e6, TRAIN__SNAPSHOT_ITERS=1)
    with pytest.raises(SSHError) as caught:
        main(line)
    message = r"the loss of iteration (\d) is (?:nan|inf), with the images \d\.png, \d\.png; the snapshot of (\d) iter"
    failed, kept = map(int, re.match(message, str(caught.value)).groups())
    assert SnapshotFolder(folder, "tiny_ssh", 3).latest().iteration == kept == failed - 1
    assert all(np.isfinite(value).all() for value in variables(folder, kept).values())


def test_weights_that_are_not_finite_are_not_saved(arguments, monkeypatch):
    line, folder = arguments("overflowing", TRAIN__SNAPSHOT_ITERS=1)
    monkeypatch.setattr(train_val, "learning_rate", lambda *_: math.inf)
    with pytest.raises(
        SSHError, match=r"^iteration 1 has left weights that are not finite, with .*; there is no snapshot"
    ):
        main(line)
    assert SnapshotFolder(folder, "tiny_ssh", 3).latest() is None


def test_settings_that_changed_are_told(arguments, unbroken, capsys):
    line, _ = arguments("unbroken", "--method", "random", steps=STEPS + 1, TRAIN__MOMENTUM=0.8)
    message = r"tiny_ssh_iter_20\.ckpt: does not fit this training \(Tiny/Conv2d_0/weights has shape \[3, 3, 3, 8\]"
    with pytest.raises(CheckpointError, match=message):
        main([*line, "MOBILENET.DEPTH_MULTIPLIER", "0.5"])
    said = capsys.readouterr().out
    assert "config.TRAIN.MOMENTUM was 0.9, is 0.8" in said
    assert "method was group, is random" in said
    assert "config.MOBILENET.DEPTH_MULTIPLIER was 0.25, is 0.5" in said
    assert "first.npz is not read" in said


def test_a_training_is_resumed_on_its_own_data_only(arguments, unbroken, tmp_path):
    """Another folder of the same name has the same place for its snapshots; they stay as they are."""
    line, _ = arguments("unbroken", steps=STEPS + 1)
    line[line.index("--data") + 1] = str(write_pictures(tmp_path / "faces", seed=1))
    before = {path: path.stat().st_mtime_ns for path in unbroken.iterdir()}
    with pytest.raises(SSHError, match=r"tiny_ssh_iter_20\.ckpt: was trained on other images .* give another --tag"):
        main(line)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_unreadable_picture_is_named(arguments, pictures, tmp_path):
    broken = write_pictures(tmp_path / "broken", count=2)
    picture = broken / "images" / "1.png"
    line, _ = arguments("broken", steps=2)
    line[line.index("--data") + 1] = str(broken)
    picture.write_bytes(picture.read_bytes()[:300])
    with pytest.raises(DataError, match=r"training image .*1\.png"):
        main(line)
    (broken / "train.txt").write_text("0.png 1 2 3\n")
    with pytest.raises(DataError, match=r"train\.txt:1: 3 numbers"):
        main(line)


def test_random_training_and_validation(arguments, capsys):
    """`random` and the validation, with the settings that make it quick."""
    line, folder = arguments(
        "random",
        "--method",
        "random",
        steps=3,
        TRAIN__VAL_ITERS=2,
        TRAIN__VAL_IMAGES=3,
        TRAIN__SCALES=[64],
        TEST__SCALES=[64],
        TRAIN__HARD_POSITIVE_MINING=False,
        TRAIN__HARD_NEGATIVE_MINING=False,
        TRAIN__SUMMARY_INTERVAL=1,
    )
    assert main(line) == 0
    said = capsys.readouterr().out
    for done in (2, 3):
        assert re.search(rf"^validation loss at {done}: total \d+\.\d+  M1_class \d", said, re.MULTILINE)
        assert re.search(rf"^validation at {done}: AP50 ", said, re.MULTILINE)
    with (folder / "validation.csv").open(newline="") as stream:
        header, *validations = csv.reader(stream)
    assert tuple(header) == VALIDATION_COLUMNS
    assert [line[0] for line in validations] == ["2", "3"]
    table = rows(folder)
    np.testing.assert_allclose(table[:, 9], table[:, 2:9].sum(1), rtol=1e-4)
    board = Path(str(folder).replace("/output/", "/tensorboard/"))
    for events in (board, Path(f"{board}_val")):
        assert [path.name.startswith("events.out") for path in events.iterdir()] == [True]


class Killed(BaseException):
    """What comes at once and nothing handles."""


@pytest.fixture
def scored(monkeypatch):
    """A function of scores by iteration: they stand in the place of what validations find. An exception is raised."""

    def replace(scores):
        def validate(snapshot, log):
            score = scores[snapshot.iteration]
            if isinstance(score, BaseException):
                raise score
            log.files.add_validation(snapshot.iteration, {"AP50": score}, [])
            return score

        monkeypatch.setattr(trainval_net, "Validation", lambda *_: validate)

    return replace


@pytest.fixture
def signalled(monkeypatch):
    """A function of a number: meanwhile a signal comes in the midst of that iteration."""
    iterate = train_val._Training._iterate

    @contextmanager
    def signal_in(number):
        def iterate_and_signal(self, iteration, stop):
            found = iterate(self, iteration, stop)
            if iteration + 1 == number:
                os.kill(os.getpid(), signal.SIGTERM)
            return found

        with monkeypatch.context() as patch:
            patch.setattr(train_val._Training, "_iterate", iterate_and_signal)
            yield

    return signal_in


def validated(folder):
    """The iterations that have been validated, and the best one with its score."""
    with (folder / "validation.csv").open(newline="") as stream:
        iterations = [int(row[0]) for row in list(csv.reader(stream))[1:]]
    best, score = SnapshotFolder(folder, "tiny_ssh", 1).best()
    return iterations, (best.iteration, score)


@pytest.mark.parametrize("left_out", [2, 4])
def test_a_validation_that_a_signal_left_out_is_made_up(arguments, scored, signalled, capsys, left_out):
    """In the last iteration too: validations and the best one are as without the signal."""
    line, folder = arguments(f"signal_in_{left_out}", steps=4, TRAIN__VAL_ITERS=2)
    scored({2: 0.1, 4: 0.1} | {left_out: 0.5})
    with signalled(left_out):
        assert main(line) == 0
    said = capsys.readouterr().out
    assert f"stopped by SIGTERM after {left_out} iterations; resume with: " in said
    assert "validated" not in said
    assert main(line) == 0
    said = capsys.readouterr().out
    assert f"the snapshot of {left_out} iterations has not been validated yet" in said
    assert "nothing to do" not in said
    assert validated(folder) == ([2, 4], (left_out, 0.5))
    assert main(line) == 0
    assert "nothing to do: 4 iterations are done" in capsys.readouterr().out
    assert validated(folder) == ([2, 4], (left_out, 0.5))


def test_a_validation_that_a_kill_broke_off_is_made_up(arguments, scored):
    line, folder = arguments("killed_in_validation", steps=4, TRAIN__VAL_ITERS=2)
    scored({2: Killed()})
    with pytest.raises(Killed):
        main(line)
    scored({2: 0.5, 4: 0.1})
    assert main(line) == 0
    assert validated(folder) == ([2, 4], (2, 0.5))


def test_a_validation_that_is_made_up_may_end_the_training(arguments, scored, signalled, capsys):
    line, folder = arguments("ended_late", steps=4, TRAIN__VAL_ITERS=1, TRAIN__STOP_AFTER=1)
    scored({1: 0.5, 2: 0.4})
    with signalled(2):
        assert main(line) == 0
    assert main(line) == 0
    assert (
        "stopped after 2 iterations: 1 validations have been no better than that of 1 iter" in capsys.readouterr().out
    )
    assert validated(folder) == ([1, 2], (1, 0.5))


def test_a_signal_in_the_last_iteration_leaves_nothing_to_resume(arguments, signalled, capsys):
    line, folder = arguments("signal_at_end", steps=2)
    with signalled(2):
        assert main(line) == 0
    assert "resume with" not in capsys.readouterr().out
    assert SnapshotFolder(folder, "tiny_ssh", 1).latest().iteration == 2
    assert main(line) == 0
    assert "nothing to do: 2 iterations are done" in capsys.readouterr().out


def test_validations_keep_the_best_and_end_the_training(arguments, scored, capsys):
    """The second of the validations is the best; two more that are not end it, and so does resuming then."""
    line, folder = arguments("ended", steps=9, TRAIN__VAL_ITERS=1, TRAIN__STOP_AFTER=2, TRAIN__SNAPSHOT_KEPT=1)
    scored({1: 0.1, 2: 0.5, 3: 0.5, 4: 0.4})
    for _ in range(2):
        assert main(line) == 0
        said = capsys.readouterr().out
        assert "stopped after 4 iterations: 2 validations have been no better than that of 2 iterations" in said
    assert SnapshotFolder(folder, "tiny_ssh", 1).latest().iteration == 4
    best, score = SnapshotFolder(folder, "tiny_ssh", 1).best()
    assert (best.iteration, score) == (2, 0.5)
    kept = Checkpoint(folder / "tiny_ssh_best.ckpt")
    assert any(not np.array_equal(kept.value(name), value) for name, value in variables(folder, 4).items())


def test_two_trainings_do_not_share_an_output(arguments):
    line, folder = arguments("shared")
    with (
        claimed(folder),
        pytest.raises(SSHError, match=rf"shared: another run .* \(process {os.getpid()} "),
    ):
        main(line)


def test_wrong_cluster(arguments, monkeypatch):
    line, _ = arguments("cluster")
    for content in ("{", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}'):
        monkeypatch.setenv("TF_CONFIG", content)
        with pytest.raises(ConfigError, match="TF_CONFIG cannot be used"):
            main(line)

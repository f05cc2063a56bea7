"""The running mean of the weights: the law it moves by, in whole trainings, resumed ones and on two devices."""

import shutil

import numpy as np
import pytest

import networks  # noqa: F401  (the small backbone)
from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.model.training.mean_weights import mean_share
from ssh_tf.utils.errors import CheckpointError
from ssh_tools.trainval_net import main
from training_runs import settings, write_pictures

pytestmark = pytest.mark.usefixtures("quick")

STEPS, KEPT = 4, 0.2


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """A function of a tag and options: a command line, and the folder of its snapshots, of which all are kept."""
    root = tmp_path_factory.mktemp("means")
    pictures = write_pictures(root / "faces")

    def make(tag, kept=KEPT, *options):
        places = ["--output_root", str(root / "output"), "--tensorboard_root", str(root / "board"), "--tag", tag]
        line = ["--backbone", "tiny", "--data", str(pictures), "--iters", str(STEPS), "--precision", "fp32", *places]
        changed = settings(TRAIN__SNAPSHOT_ITERS=1, TRAIN__SNAPSHOT_KEPT=STEPS, TRAIN__EMA=kept)
        return [*line, *options, "--set", *changed], root / "output" / "tiny" / "faces" / tag

    return make


@pytest.fixture(scope="module")
def with_means(arguments):
    line, folder = arguments("means")
    assert main(line) == 0
    return folder


@pytest.fixture(scope="module")
def without(arguments):
    line, folder = arguments("plain", 0.0)
    assert main(line) == 0
    return folder


def values(folder, iteration):
    checkpoint = Checkpoint(folder / f"tiny_ssh_iter_{iteration}.ckpt")
    return {name: checkpoint.value(name) for name in checkpoint.shapes}


def trained(table):
    return {name.removesuffix("/Other"): value for name, value in table.items() if name.endswith("/Other")}


def assert_means_follow(folder):
    tables = [values(folder, iteration) for iteration in range(1, STEPS + 1)]
    for iteration in range(1, STEPS):
        share = mean_share(iteration, KEPT)
        for name, weights in trained(tables[iteration]).items():
            before = tables[iteration - 1][name]
            expected = before + share * (weights - before)
            np.testing.assert_allclose(tables[iteration][name], expected, rtol=1e-5, atol=1e-7, err_msg=name)


def test_the_share_of_new_weights():
    shares = [mean_share(iteration, 0.9) for iteration in range(200)]
    assert shares[0] == pytest.approx(9 / 11)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(0.1)
    assert mean_share(5, 0.0) == 1.0


def test_the_mean_follows_the_weights(with_means):
    assert_means_follow(with_means)
    last = values(with_means, STEPS)
    assert any((last[name] != value).any() for name, value in trained(last).items())


def test_the_weights_are_trained_as_without_a_mean(with_means, without):
    last, plain = values(with_means, STEPS), values(without, STEPS)
    assert {name for name in last if not name.endswith("/Other")} == set(plain)
    for name, value in trained(last).items():
        np.testing.assert_allclose(value, plain[name], rtol=0, atol=1e-6, err_msg=name)
    frozen = set(plain) - set(trained(last))
    assert all("/BatchNorm/" in name or "Conv2d_" in name or name.endswith("/Momentum") for name in frozen)


def copied(folder, target, iterations):
    target.mkdir(parents=True)
    for iteration in iterations:
        for path in folder.glob(f"tiny_ssh_iter_{iteration}.*"):
            shutil.copy(path, target)


def test_resumed_as_if_unbroken(arguments, with_means):
    line, folder = arguments("resumed")
    copied(with_means, folder, [1, 2])
    assert main(line) == 0
    ours, theirs = values(folder, STEPS), values(with_means, STEPS)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=0, atol=1e-5, err_msg=name)


def test_a_mean_begins_at_a_snapshot_without_one(arguments, without, capsys):
    line, folder = arguments("begun")
    copied(without, folder, [2])
    assert main(line) == 0
    assert "config.TRAIN.EMA was 0.0, is 0.2" in capsys.readouterr().out
    before, after = values(without, 2), values(folder, 3)
    for name, value in trained(after).items():
        expected = before[name] + mean_share(2, KEPT) * (value - before[name])
        np.testing.assert_allclose(after[name], expected, rtol=1e-5, atol=1e-7, err_msg=name)


def test_on_two_devices(arguments):
    line, folder = arguments("two", KEPT, "--cpu-devices", "2")
    assert main(line) == 0
    assert_means_follow(folder)


def test_another_networks_snapshot_is_named(arguments, with_means, tmp_path):
    line, folder = arguments("other")
    copied(with_means, folder, [2])
    with pytest.raises(CheckpointError, match="does not fit this training"):
        main([*line, "MOBILENET.DEPTH_MULTIPLIER", "0.5"])

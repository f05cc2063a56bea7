"""The mean of several networks as a checkpoint."""

import numpy as np
import pytest

from networks import SMALL
from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.utils.errors import CheckpointError, DataError
from ssh_tools.average_weights import main


@pytest.fixture(scope="module")
def other(checkpoint, tmp_path_factory):
    """The network of `checkpoint` with all its weights doubled, as an .npz."""
    stored = Checkpoint(checkpoint)
    path = tmp_path_factory.mktemp("other") / "doubled.npz"
    np.savez(path, **{name: 2 * stored.value(name) for name in stored.shapes if "/" in name})
    return path


def run(output, *models, share=(), backbone="tiny"):
    shares = ["--share", *map(str, share)] if share else []
    named = ["--backbone", backbone, "--output", str(output)]
    return main(["--model", *map(str, models), *shares, *named, "--set", *SMALL])


def ratios(path, checkpoint):
    """By how much each variable differs from `checkpoint`'s."""
    before, after = Checkpoint(checkpoint), Checkpoint(path)
    assert after.shapes == {name: shape for name, shape in before.shapes.items() if "/" in name}
    return np.concatenate([(after.value(name) / before.value(name)).ravel() for name in after.shapes])


def test_models_count_equally(checkpoint, frozen_model, other, tmp_path):
    assert run(tmp_path / "new" / "mean.ckpt", checkpoint, other) == 0
    np.testing.assert_allclose(ratios(tmp_path / "new" / "mean.ckpt", checkpoint), 1.5, rtol=1e-6)
    assert run(tmp_path / "three.ckpt", checkpoint, frozen_model, other) == 0
    np.testing.assert_allclose(ratios(tmp_path / "three.ckpt", checkpoint), 4 / 3, rtol=1e-6)


def test_models_count_by_their_shares(checkpoint, other, tmp_path):
    assert run(tmp_path / "mean.ckpt", checkpoint, other, share=(3, 1)) == 0
    np.testing.assert_allclose(ratios(tmp_path / "mean.ckpt", checkpoint), 1.25, rtol=1e-6)
    assert run(tmp_path / "large.ckpt", checkpoint, other, share=(1e308, 1e308)) == 0
    np.testing.assert_allclose(ratios(tmp_path / "large.ckpt", checkpoint), 1.5, rtol=1e-6)


def test_the_mean_of_one_is_that_one(checkpoint, tmp_path):
    assert run(tmp_path / "mean.ckpt", checkpoint) == 0
    assert (ratios(tmp_path / "mean.ckpt", checkpoint) == 1).all()


def test_wrong_input_is_named(checkpoint, other, tmp_path, capsys):
    with pytest.raises(CheckpointError, match=r"lacks vgg_16/conv1/conv1_1/weights"):
        run(tmp_path / "mean.ckpt", checkpoint, other, backbone="vgg16")
    with pytest.raises(DataError, match=r"\.index: is read or written by this command already"):
        run(checkpoint, checkpoint, other)
    with pytest.raises(CheckpointError, match="no such file"):
        run(tmp_path / "mean.ckpt", checkpoint, tmp_path / "gone.npz")
    with pytest.raises(SystemExit):
        run(tmp_path / "mean.ckpt", checkpoint, other, share=(1, 2, 3))
    assert "--share names 3 numbers, --model 2 networks" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(tmp_path / "mean.ckpt", checkpoint, other, share=(1, 0))
    assert "'0' is not a number above 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_backbone_alone_is_refused(checkpoint, tmp_path):
    stored = Checkpoint(checkpoint)
    backbone = [name for name in stored.shapes if name.startswith("Tiny/Conv2d")]
    np.savez(tmp_path / "backbone.npz", **{name: stored.value(name) for name in backbone})
    with pytest.raises(CheckpointError, match="no whole SSH network"):
        run(tmp_path / "mean.ckpt", tmp_path / "backbone.npz")

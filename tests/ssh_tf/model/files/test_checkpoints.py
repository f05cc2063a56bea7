"""Checkpoints: where they may be named, and what is said of one that does not fit."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from networks import weight
from ssh_tf.model.files.checkpoints import Checkpoint, model_files
from ssh_tf.nets.network import network_heads
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.tf1 import tf

NAME = "Tiny/Conv2d_0/weights"


@pytest.fixture(scope="module")
def first_format(tmp_path_factory):
    """TensorFlow's first format: one file."""
    prefix = tmp_path_factory.mktemp("first") / "vgg16_faster_rcnn_iter_1.ckpt"
    with tf.Graph().as_default(), tf.Session() as session, tf.variable_scope("Tiny/Conv2d_0"):
        variable = tf.get_variable("weights", initializer=weight(NAME, [3, 3, 3, 8]))
        session.run(variable.initializer)
        tf.train.Saver(write_version=tf.train.SaverDef.V1).save(session, str(prefix), write_meta_graph=False)
    return prefix


@pytest.fixture
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def variables(backbone="tiny", multiplier=0.25):
    images = tf.placeholder(tf.float32, (None, None, None, 3))
    network_heads(images, NetworkOptions(backbone, depth_multiplier=multiplier))
    return tf.global_variables()


@pytest.mark.parametrize("suffix", ["", ".index", ".data-00000-of-00001"])
def test_named_by_prefix_or_by_file(checkpoint, suffix):
    found = Checkpoint(checkpoint + suffix)
    assert found.shapes[NAME] == (3, 3, 3, 8)
    np.testing.assert_array_equal(found.value(NAME), weight(NAME, [3, 3, 3, 8]))


def test_named_by_folder(checkpoint):
    assert Checkpoint(Path(checkpoint).parent).prefix == checkpoint


def test_first_format(first_format):
    np.testing.assert_array_equal(Checkpoint(first_format).value(NAME), weight(NAME, [3, 3, 3, 8]))


def test_backbone_is_seen_from_the_variables(checkpoint):
    assert Checkpoint(checkpoint).backbone() == "tiny"


@pytest.mark.usefixtures("graph")
def test_restore_gives_the_stored_values_and_leaves_the_optimiser_alone(checkpoint):
    wanted = variables()
    # The checkpoint has them, with other values.
    slots = [tf.get_variable("Momentum", initializer=tf.fill([3], 7.0)), tf.get_variable("global_step", initializer=7)]
    assert {slot.op.name for slot in slots} <= Checkpoint(checkpoint).shapes.keys()
    with tf.Session() as session:
        session.run(tf.variables_initializer(slots))
        Checkpoint(checkpoint).restore(session, wanted, "tiny")
        for variable, value in zip(wanted, session.run(wanted), strict=True):
            np.testing.assert_array_equal(value, weight(variable.op.name, value.shape), err_msg=variable.op.name)
        for slot, value in zip(slots, session.run(slots), strict=True):
            np.testing.assert_array_equal(value, np.full(value.shape, 7), err_msg=slot.op.name)


@pytest.mark.usefixtures("graph")
def test_checkpoint_for_another_backbone(checkpoint):
    with pytest.raises(CheckpointError, match=r"for the backbone tiny \(scope Tiny\), not vgg16"):
        Checkpoint(checkpoint).check(variables("vgg16"), "vgg16")


@pytest.mark.usefixtures("graph")
def test_misshapen_variable(checkpoint):
    with pytest.raises(CheckpointError, match=r"Conv2d_0/weights has shape \[3, 3, 3, 8\], expected \[3, 3, 3, 16\]"):
        Checkpoint(checkpoint).check(variables(multiplier=0.5), "tiny")


@pytest.mark.usefixtures("graph")
def test_missing_variables(first_format):
    with pytest.raises(CheckpointError, match=r"lacks Tiny/Conv2d_0/BatchNorm/gamma and \d+ others of \d+"):
        Checkpoint(first_format).check(variables(), "tiny")


def test_no_network_at_all(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("other/weights", initializer=tf.zeros(3))
        session.run(variable.initializer)
        prefix = tf.train.Saver().save(session, str(tmp_path / "other"))
    with pytest.raises(CheckpointError, match="holds no variables of a known network"):
        Checkpoint(prefix).backbone()


def test_value_that_is_not_there(checkpoint):
    with pytest.raises(CheckpointError, match="no variable nothing"):
        Checkpoint(checkpoint).value("nothing")


def test_nothing_there(tmp_path):
    with pytest.raises(CheckpointError, match=r"none: no checkpoint there"):
        Checkpoint(tmp_path / "none")
    with pytest.raises(CheckpointError, match="the folder holds no checkpoint"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", bytes(range(256)) * 40])
def test_not_a_checkpoint(tmp_path, content):
    (tmp_path / "model.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"not a TensorFlow checkpoint, or a damaged one$"):
        Checkpoint(tmp_path / "model.ckpt")


def test_data_cut_off(checkpoint, tmp_path):
    for file in Path(checkpoint).parent.glob("*"):
        shutil.copy(file, tmp_path)
    data = next(tmp_path.glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="M3/conv1/weights: not a whole variable"):
        Checkpoint(tmp_path / Path(checkpoint).name).value("Tiny/M3/conv1/weights")


@pytest.mark.parametrize("name", ["m[1].ckpt", "m[1].ckpt.index", "m[1].ckpt.data-00000-of-00001", "m[1].ckpt.meta"])
def test_files_of_a_checkpoint(tmp_path, name):
    for suffix in ("index", "data-00000-of-00001", "meta"):
        (tmp_path / f"m[1].ckpt.{suffix}").touch()
        (tmp_path / f"m1.ckpt.{suffix}").touch()
    names = ["m[1].ckpt.data-00000-of-00001", "m[1].ckpt.index"]
    assert [file.name for file in model_files(tmp_path / name)] == names


def test_files_of_a_folder(checkpoint, tmp_path):
    assert len(model_files(Path(checkpoint).parent)) == 2
    for name in ("saved_model.pb", "variables/v"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert model_files(tmp_path) == [tmp_path / "saved_model.pb", tmp_path / "variables" / "v"]
    assert model_files(tmp_path / "saved_model.pb") == [tmp_path / "saved_model.pb"]


def test_files_of_nothing(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.pb: no such file$"):
        model_files(tmp_path / "none.pb")
    with pytest.raises(CheckpointError, match="none: no checkpoint there"):
        model_files(tmp_path / "none")


@pytest.mark.parametrize("folder", ["faces [v2]", "a*b", "what?", "back\\slash", "ü"])
def test_any_folder_name_works(checkpoint, tmp_path, folder):
    """TensorFlow itself takes `[` in a prefix for a pattern."""
    place = tmp_path / folder
    place.mkdir()
    for file in Path(checkpoint).parent.glob(f"{Path(checkpoint).name}.*"):
        shutil.copy(file, place / file.name.replace("small", "small[1]"))
    name = "Tiny/M3/conv1/weights"
    found = Checkpoint(place / "small[1]")
    np.testing.assert_array_equal(found.value(name), Checkpoint(checkpoint).value(name))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "names no checkpoint"),
        (b"\xff\xfe\0", "not a UTF-8 text file"),
        (b"model_checkpoint_path: 3", "names no checkpoint"),
        (b'model_checkpoint_path: "../other/small"', "outside of its folder"),
        (b'model_checkpoint_path: "gone"', "no checkpoint there"),
        (b'model_checkpoint_path: "\\377"', "or a damaged one"),
    ],
)
def test_damaged_state_of_a_folder(tmp_path, content, words):
    (tmp_path / "checkpoint").write_bytes(content)
    with pytest.raises(CheckpointError, match=words):
        Checkpoint(tmp_path)


def test_a_folder_that_was_moved_is_still_read(checkpoint, tmp_path):
    shutil.copytree(Path(checkpoint).parent, tmp_path / "moved")
    assert str(Path(checkpoint).parent) in (tmp_path / "moved" / "checkpoint").read_text()
    assert Checkpoint(tmp_path / "moved").prefix == str(tmp_path / "moved" / "small")

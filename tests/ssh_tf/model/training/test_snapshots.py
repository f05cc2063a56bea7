"""Snapshots: complete or not there, pruned, and what breaks while they are written."""

import json
import math

import numpy as np
import pytest

from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.model.training.snapshots import SnapshotFolder, check_data, code_digest, differences
from ssh_tf.utils.errors import CheckpointError, SSHError
from ssh_tf.utils.tf1 import tf


class Training:
    """A graph of one variable and its saver."""

    def __init__(self, session):
        self.session = session
        self.variable = tf.get_variable("MobilenetV1/weights", initializer=tf.zeros(1000))
        self.saver = tf.train.Saver(max_to_keep=0)
        session.run(self.variable.initializer)

    def save(self, folder, iteration):
        self.variable.load(np.full(1000, iteration, np.float32), self.session)
        return folder.save(self.session, self.saver, iteration, {"seed": 3})

    def restore(self, folder):
        snapshot = folder.latest()
        folder.restore(self.session, self.saver, snapshot, [self.variable], "mobile")
        values = self.session.run(self.variable)
        assert (values == values[0]).all()
        return values[0]


@pytest.fixture
def training():
    with tf.Graph().as_default(), tf.Session() as session:
        yield Training(session)


@pytest.fixture
def folder(tmp_path):
    return SnapshotFolder(tmp_path / "run", "mobile_ssh", 2)


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "run").iterdir())


def files_of(iteration):
    return [f"mobile_ssh_iter_{iteration}.{ending}" for ending in ("ckpt.data-00000-of-00001", "ckpt.index", "json")]


def test_saved_and_restored(training, folder, tmp_path):
    assert folder.latest() is None
    saved = training.save(folder, 7)
    assert folder.latest() == saved
    assert saved.state["iteration"] == 7
    assert saved.state["seed"] == 3
    assert training.restore(folder) == 7
    assert names(tmp_path) == files_of(7)


def test_the_last_few_are_kept(training, folder, tmp_path):
    for iteration in (1, 2, 10):
        training.save(folder, iteration)
    assert names(tmp_path) == sorted(files_of(2) + files_of(10))
    assert training.restore(folder) == 10


def test_others_files_are_left_alone(training, folder, tmp_path):
    (tmp_path / "run").mkdir()
    others = ["loss.csv", "mobile_ssh_iter_x.json", "vgg16_ssh_iter_1.json", "mobile_ssh_iter_1.ckptx"]
    for name in others:
        (tmp_path / "run" / name).write_text("mine")
    for iteration in range(5):
        training.save(folder, iteration)
    assert set(others) <= set(names(tmp_path))


@pytest.mark.parametrize("lost", range(3))
def test_a_part_alone_is_no_snapshot(training, folder, tmp_path, lost):
    """A kill leaves some of the files: the one before counts, and the next snapshot sweeps them out."""
    training.save(folder, 1)
    training.save(folder, 2)
    (tmp_path / "run" / files_of(2)[lost]).unlink()
    assert training.restore(folder) == 1
    training.save(folder, 3)
    assert names(tmp_path) == sorted(files_of(1) + files_of(3))


@pytest.mark.parametrize("lost", range(3))
def test_a_shortened_file_is_no_snapshot(training, folder, tmp_path, lost):
    training.save(folder, 1)
    training.save(folder, 2)
    path = tmp_path / "run" / files_of(2)[lost]
    path.write_bytes(path.read_bytes()[:-10])
    assert training.restore(folder) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"iteration": 2}',
        '{"iteration": 2, "files": {}}',
        '{"iteration": 2, "files": {"more.data": 5}}',
        '{"iteration": "two", "files": {"mobile_ssh_iter_2.ckpt.index": SIZE}}',
        '{"iteration": Infinity, "files": {"mobile_ssh_iter_2.ckpt.index": SIZE}}',
        '{"iteration": 1, "files": {"mobile_ssh_iter_2.ckpt.index": SIZE}}',
        '{"iteration": 2, "files": "mobile_ssh_iter_2.ckpt.index"}',
        '{"iteration": 2, "files": ["mobile_ssh_iter_2.ckpt.index"]}',
    ],
)
def test_a_state_that_says_anything_else_is_none(training, folder, tmp_path, text):
    training.save(folder, 1)
    training.save(folder, 2)
    size = (tmp_path / "run" / files_of(2)[1]).stat().st_size
    (tmp_path / "run" / files_of(2)[2]).write_text(text.replace("SIZE", str(size)))
    assert training.restore(folder) == 1


def test_saving_over_an_older_one(training, folder):
    """A run that resumed from 1 comes to 2 again."""
    training.save(folder, 1)
    training.save(folder, 2)
    assert training.save(folder, 2) == folder.latest()
    assert training.restore(folder) == 2


class Full:
    """A saver whose disk is full after a part of the data."""

    def save(self, session, prefix, **_):
        with open(f"{prefix}.data-00000-of-00001.tempstate1", "wb") as stream:
            stream.write(b"part")
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")


def test_a_full_disk(training, folder, tmp_path):
    training.save(folder, 1)
    message = r"mobile_ssh_iter_2\.ckpt: the snapshot could not be written \(No space left on device\)"
    with pytest.raises(SSHError, match=message):
        folder.save(training.session, Full(), 2, {})
    assert names(tmp_path) == files_of(1)
    assert training.restore(folder) == 1


def test_a_disk_that_is_full_for_the_state(training, folder, tmp_path):
    class Unwritable(dict):
        def items(self):
            raise OSError(28, "No space left on device")

    training.save(folder, 1)
    with pytest.raises(SSHError, match="No space left on device"):
        folder.save(training.session, training.saver, 2, {"config": Unwritable(a=1)})
    assert names(tmp_path) == files_of(1)


def test_a_damaged_checkpoint(training, folder, tmp_path):
    training.save(folder, 1)
    path = tmp_path / "run" / files_of(1)[0]
    path.write_bytes(bytes(len(path.read_bytes())))
    with pytest.raises(CheckpointError, match=r"mobile_ssh_iter_1\.ckpt: does not fit this training"):
        training.restore(folder)


def test_another_networks_checkpoint(training, folder):
    training.save(folder, 1)
    other = tf.get_variable("MobilenetV1/other", initializer=tf.zeros(3))
    with pytest.raises(
        CheckpointError, match=r"mobile_ssh_iter_1\.ckpt: does not fit this training .*lacks MobilenetV1/other"
    ):
        folder.restore(training.session, training.saver, folder.latest(), [training.variable, other], "mobile")


def test_the_state_is_plain_json(training, folder, tmp_path):
    training.save(folder, 1)
    state = json.loads((tmp_path / "run" / files_of(1)[2]).read_text())
    assert state["files"].keys() == set(files_of(1)[:2])


def test_differences_of_states():
    before = {"seed": 3, "config": {"TRAIN": {"A": 1, "B": [1, 2]}}, "gone": 1}
    now = {"seed": 4, "config": {"TRAIN": {"A": 1, "B": [2]}}, "new": 1}
    assert list(differences(before, now)) == ["seed was 3, is 4", "config.TRAIN.B was [1, 2], is [2]"]
    assert list(differences(before, before)) == []


def test_the_codes_fingerprint():
    assert code_digest() == code_digest()
    assert len(code_digest()) == 16


def test_the_best_one_is_kept(training, folder, tmp_path):
    assert folder.best() is None
    for iteration, score in ((1, math.nan), (2, 0.5), (3, 0.5), (4, 0.6), (5, 0.2), (6, math.nan), (7, 0.6)):
        assert folder.keep_best(training.save(folder, iteration), score) == (iteration in (2, 4)), iteration
    best, score = folder.best()
    assert (best.iteration, score) == (4, 0.6)
    assert folder.latest().iteration == 7
    assert (Checkpoint(best.prefix).value(training.variable.op.name) == 4).all()
    assert best.prefix == tmp_path / "run" / "mobile_ssh_best.ckpt"


def test_a_best_one_of_lost_work_is_replaced(training, folder):
    assert folder.keep_best(training.save(folder, 9), 0.9)
    assert folder.keep_best(training.save(folder, 3), 0.1)
    assert folder.best()[0].iteration == 3


@pytest.mark.parametrize("spoil", ["cut", "state", "gone"])
def test_a_best_one_that_is_not_whole_is_none(training, folder, tmp_path, spoil):
    folder.keep_best(training.save(folder, 1), 0.9)
    path = tmp_path / "run" / "mobile_ssh_best.json"
    if spoil == "cut":
        path.with_name("mobile_ssh_best.ckpt.index").write_bytes(b"")
    elif spoil == "state":
        path.write_text("{")
    else:
        path.unlink()
    assert folder.best() is None
    assert folder.keep_best(training.save(folder, 2), 0.1)


@pytest.mark.parametrize("suffix", ["json", "ckpt.index", "ckpt.data-00000-of-00001"])
def test_of_a_damaged_newest_snapshot_the_one_before_is_taken(training, folder, tmp_path, suffix):
    """Also where its size is right: sums are compared."""
    for iteration in (1, 2):
        training.save(folder, iteration)
    path = next(tmp_path.glob(f"run/*_iter_2.{suffix}"))
    content = path.read_bytes()
    path.write_bytes(bytes(byte ^ 0x55 for byte in content[:200]) + content[200:])
    said = []
    assert folder.latest_sound(said.append).iteration == 1
    assert len(said) == 1
    assert "_iter_2.ckpt: the snapshot is damaged; the one before it is taken, of 1 iterations" in said[0]


def test_snapshots_that_are_all_damaged_are_an_error(training, folder, tmp_path):
    training.save(folder, 1)
    next(tmp_path.glob("run/*_iter_1.json")).write_bytes(b"\xff")
    with pytest.raises(CheckpointError, match="none before it is whole"):
        folder.latest_sound(pytest.fail)


def test_what_a_kill_left_is_no_damage(training, folder, tmp_path):
    assert folder.latest_sound(pytest.fail) is None
    for iteration in (1, 2):
        training.save(folder, iteration)
    next(tmp_path.glob("run/*_iter_2.json")).unlink()
    assert folder.latest_sound(pytest.fail).iteration == 1


def test_any_folder_name_works(training, tmp_path):
    """TensorFlow takes `[` for a pattern."""
    folder = SnapshotFolder(tmp_path / "faces [v2]", "mobile_ssh", 2)
    training.save(folder, 1)
    assert folder.latest_sound(pytest.fail).iteration == 1
    assert training.restore(folder) == 1


def test_a_training_belongs_to_its_data(training, folder):
    snapshot = training.save(folder, 1)
    check_data(snapshot, {"data": "of a state without one", "images": "2"})
    snapshot.state.update(data="a", images="2 (x)")
    check_data(snapshot, {"data": "a", "images": "2 (x)"})
    with pytest.raises(SSHError, match=r"iter_1\.ckpt: was trained on other images .* give another --tag"):
        check_data(snapshot, {"data": "b", "images": "2 (x)"})

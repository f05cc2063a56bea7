"""The training loop, with a network of one weight."""

import os
import signal

import cv2
import numpy as np
import pytest

from spoiling import HOSTILE
from ssh_ms.checkpoints import read_checkpoint, write_checkpoint
from ssh_ms.framework import ms, nn
from ssh_ms.shards import MindRecordSource, write_shards
from ssh_ms.sources import FileSource
from ssh_ms.trainer import CheckpointFolder, Place, Schedule, Trainer, has_checkpoint
from ssh_ms.training_data import CanvasOptions, ExampleMaker
from ssh_ms.training_log import LOG_NAME, read_step_log
from ssh_tf.datasets.records import ImageRecord
from ssh_tf.layer_utils.matching import MatchOptions
from ssh_tf.utils.errors import CheckpointError, DataError, SSHError

CANVAS = CanvasOptions(32, 32)


class OneWeight(nn.Cell):
    """Stands for the real step: its weight is pulled towards the images' mean, with momentum."""

    def __init__(self, before_step=lambda count: None):
        super().__init__()
        self.weight = ms.Parameter(np.zeros(1, np.float32), name="weight")
        self.speed = ms.Parameter(np.zeros(1, np.float32), name="moments.weight")
        self.rate = 0.0
        self.rates = []
        self._before_step = before_step

    def set_learning_rate(self, value):
        self.rate = value

    def construct(self, images, labels, targets, random):
        self._before_step(len(self.rates))
        self.rates.append(self.rate)
        difference = self.weight - images.mean()
        self.speed.set_data(0.5 * self.speed + difference + random.mean())
        self.weight.set_data(self.weight - self.rate * self.speed)
        return (difference**2).sum(), None


@pytest.fixture
def records(tmp_path):
    rng = np.random.default_rng(0)
    records = []
    for number in range(5):
        path = tmp_path / f"images/{number}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (40, 50, 3), np.uint8))
        boxes = np.array([[5, 5, 30, 30]], np.float32)[: number % 2]
        records.append(ImageRecord(path, path.name, 40, 50, boxes, np.zeros((0, 4), np.float32)))
    return records


def run(folder, source, step=None, **changes):
    step = step or OneWeight()
    schedule = Schedule(**{"epochs": 3, "batch_size": 2, "learning_rate": 0.1, "workers": 1, **changes})
    place = Trainer(step, source, ExampleMaker(CANVAS, MatchOptions()), folder, schedule).run()
    return place, float(step.weight.asnumpy()[0])


def losses(folder):
    return [(line.epoch, line.step, line.loss) for line in read_step_log(folder / LOG_NAME)]


@pytest.fixture(params=["files", "shards"])
def source(request, records, tmp_path):
    if request.param == "files":
        return FileSource(records)
    write_shards(tmp_path / "shards", records, 2)
    return MindRecordSource(tmp_path / "shards")


def test_a_run_in_two_parts_is_a_run(tmp_path, source):
    place, weight = run(tmp_path / "whole", source)
    assert place == Place(3, 2)
    # Five images make two batches of two; one is left over.
    assert [entry[:2] for entry in losses(tmp_path / "whole")] == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]
    # It ends in the middle of an epoch.
    assert run(tmp_path / "parts", source, max_steps=3)[0] == Place(2, 1)
    assert run(tmp_path / "parts", source) == (place, weight)
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")


def test_what_would_be_resumed_is_known(tmp_path, records):
    assert not has_checkpoint(tmp_path / "out")
    run(tmp_path / "out", FileSource(records), max_steps=1)
    assert has_checkpoint(tmp_path / "out")


def test_a_finished_run_is_left_alone(tmp_path, records):
    first = run(tmp_path, FileSource(records))
    step = OneWeight()
    assert run(tmp_path, FileSource(records), step) == first
    assert not step.rates


def test_checkpoints_are_kept_by_number(tmp_path, records):
    run(tmp_path, FileSource(records), save_every=1, keep=3)
    assert sorted(path.name for path in (tmp_path / "ckpts").iterdir()) == [
        "ssh-2_2.ckpt",
        "ssh-3_1.ckpt",
        "ssh-3_2.ckpt",
    ]
    assert set(read_checkpoint(tmp_path / "ckpts/ssh-3_2.ckpt")) == {"weight", "moments.weight"}


def test_ten_comes_after_nine(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    for place in (Place(9, 1), Place(10, 9), Place(10, 10)):
        write_checkpoint(folder.path(place), {"weight": np.zeros(1, np.float32)})
    (tmp_path / "ssh-99_1.ckpt.part").touch()
    assert folder.latest() == Place(10, 10)
    assert CheckpointFolder(tmp_path / "none", keep=2).latest() is None


def test_the_learning_rate_falls_once(tmp_path, records):
    step = OneWeight()
    run(tmp_path, FileSource(records), step, decay_epoch=2)
    np.testing.assert_allclose(step.rates, [0.1] * 4 + [0.01] * 2)


def test_a_signal_ends_it_with_a_checkpoint(tmp_path, records, capsys):
    def interrupt(count):
        if count == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    whole = run(tmp_path / "whole", FileSource(records))
    assert run(tmp_path / "parts", FileSource(records), OneWeight(interrupt))[0] == Place(2, 1)
    assert "SIGTERM: stopped" in capsys.readouterr().out
    assert run(tmp_path / "parts", FileSource(records)) == whole


def test_a_loss_that_is_not_finite_names_the_images(tmp_path, records):
    step = OneWeight()

    def spoil(count):
        if count == 3:
            step.weight.set_data(ms.Tensor(np.array([np.nan], np.float32)))

    step._before_step = spoil
    with pytest.raises(SSHError, match=r"step 2 of epoch 2 is nan on the images \d\.png, \d\.png"):
        run(tmp_path, FileSource(records), step, save_every=1)
    assert CheckpointFolder(tmp_path / "ckpts", keep=4).latest() == Place(2, 1)


def test_a_picture_that_cannot_be_read(tmp_path, records):
    records[0].path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"training image 0\.png"):
        run(tmp_path, FileSource(records[:2]))


def test_of_a_damaged_newest_checkpoint_the_one_before_is_taken(tmp_path, records, capsys):
    whole = run(tmp_path / "whole", FileSource(records))
    folder = CheckpointFolder(tmp_path / "parts/ckpts", keep=4)
    run(tmp_path / "parts", FileSource(records), max_steps=3, save_every=1)
    newest = folder.path(Place(2, 1))
    newest.write_bytes(newest.read_bytes()[:-30])
    assert run(tmp_path / "parts", FileSource(records)) == whole
    assert "ssh-2_1.ckpt: " in (said := capsys.readouterr().out)
    assert "the checkpoint before it is taken, ssh-1_2.ckpt" in said
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")


def test_checkpoints_that_are_all_damaged_are_an_error(tmp_path, records):
    run(tmp_path, FileSource(records), max_steps=2, save_every=1)
    checkpoints = sorted((tmp_path / "ckpts").iterdir())
    for path in checkpoints:
        path.write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"ssh-1_2\.ckpt: .* none before it is whole: remove them"):
        run(tmp_path, FileSource(records))
    assert sorted((tmp_path / "ckpts").iterdir()) == checkpoints


def test_a_training_belongs_to_its_data(tmp_path, records):
    run(tmp_path / "out", FileSource(records), max_steps=1)
    others = [*records[:4], records[4]._replace(boxes=np.array([[1, 1, 9, 9]], np.float32))]
    with pytest.raises(SSHError, match=r"out: .* on other images or other boxes; give another --save_path"):
        run(tmp_path / "out", FileSource(others))
    write_shards(tmp_path / "shards", records, 2)
    assert run(tmp_path / "out", MindRecordSource(tmp_path / "shards"), max_steps=2)[0] == Place(1, 2)
    # One that has no checkpoint yet has nothing to lose.
    run(tmp_path / "new", FileSource(others), max_steps=1)
    for path in (tmp_path / "new/ckpts").iterdir():
        path.unlink()
    run(tmp_path / "new", FileSource(records), max_steps=1)


def test_a_damaged_note_of_the_data_is_named(tmp_path, records):
    run(tmp_path, FileSource(records), max_steps=1)
    for content in HOSTILE:
        (tmp_path / "data.json").write_bytes(content)
        with pytest.raises(DataError, match=r"data\.json: "):
            run(tmp_path, FileSource(records))


def test_too_few_pictures(tmp_path, records):
    with pytest.raises(DataError, match="1 images do not make a batch of 2"):
        run(tmp_path, FileSource(records[:1]))


def test_a_checkpoint_of_another_network(tmp_path, records):
    write_checkpoint(tmp_path / "ckpts/ssh-1_1.ckpt", {"other": np.zeros(1, np.float32)})
    with pytest.raises(CheckpointError, match="lacks weight"):
        run(tmp_path, FileSource(records))

"""The losses on images that are not trained on."""

import numpy as np
import pytest

from networks import write_checkpoint
from ssh_tf.datasets.factory import load_folder
from ssh_tf.model.config import load_config
from ssh_tf.model.training.snapshots import Snapshot
from ssh_tf.model.training.tables import mean_row
from ssh_tf.model.training.validation_loss import ValidationLoss
from training_runs import settings, write_pictures


def snapshot_and_config(folder):
    overrides = settings(TRAIN__SCALES=[64], TRAIN__AUGMENT__COLOR_JITTER=0.5)
    prefix = write_checkpoint(folder / "some.ckpt", "tiny", overrides)
    return Snapshot(prefix, 40, {}), load_config(None, overrides)


def test_the_mean_over_the_images(tmp_path):
    """Of each image once, whole and unaltered whatever the training does to them, and the same each time."""
    records = load_folder(write_pictures(tmp_path / "faces", count=2), "val")
    snapshot, config = snapshot_and_config(tmp_path)
    of_all = ValidationLoss(records, "tiny", config, "fp32")
    found, again = of_all(snapshot), of_all(snapshot)
    singles = [ValidationLoss([record], "tiny", config, "fp32")(snapshot) for record in records]
    assert found.iteration == 40
    assert singles[0].total != singles[1].total
    np.testing.assert_allclose(found.values()[2:], mean_row(singles).values()[2:], rtol=1e-5)
    np.testing.assert_allclose(found.values()[2:], again.values()[2:], rtol=1e-5)
    np.testing.assert_allclose(found.total, found.branches.sum() + found.decay, rtol=1e-5)


@pytest.mark.parametrize("broken", range(3))
def test_an_unreadable_image_is_left_out(tmp_path, broken):
    """Wherever it comes in the epoch, the others count once each."""
    records = load_folder(write_pictures(tmp_path / "faces", count=3), "val")
    snapshot, config = snapshot_and_config(tmp_path)
    records[broken].path.write_bytes(b"no picture")
    readable = [record for record in records if record is not records[broken]]
    found, wanted = (ValidationLoss(part, "tiny", config, "fp32")(snapshot) for part in (records, readable))
    np.testing.assert_allclose(found.values()[2:], wanted.values()[2:], rtol=1e-5)

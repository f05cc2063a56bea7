"""Renaming between the frameworks."""

import numpy as np
import pytest

from ssh_ms.conversion import to_parameters, to_variables
from ssh_tf.utils.errors import CheckpointError

NAMES = {"vgg_16/conv1/weights": "ssh.vgg.0.weight", "vgg_16/M1/conv1/weights": "ssh.m1.weight"}
WHOLE = {name: np.array([number]) for number, name in enumerate(NAMES)}


def test_there_and_back():
    there = to_parameters("a.h5", WHOLE, NAMES)
    assert there.whole
    assert there.arrays == {
        "ssh.vgg.0.weight": WHOLE["vgg_16/conv1/weights"],
        "ssh.m1.weight": WHOLE["vgg_16/M1/conv1/weights"],
    }
    assert to_variables("a.ckpt", there.arrays, NAMES).arrays == WHOLE


def test_what_is_left_out_is_listed():
    more = {"vgg_16/conv1/weights/Momentum": np.zeros(1), "global_step": np.zeros(1), "vgg_16/extra": np.zeros(1)}
    there = to_parameters("a.h5", {**WHOLE, **more}, NAMES)
    assert there.optimizer == ["global_step", "vgg_16/conv1/weights/Momentum"]
    assert there.unknown == ["vgg_16/extra"]
    back = to_variables("a.ckpt", {**there.arrays, "moments.ssh.m1.weight": np.zeros(1)}, NAMES)
    assert back.optimizer == ["moments.ssh.m1.weight"]


def test_vgg16_alone():
    classifier = {"vgg_16/conv1/weights": np.zeros(1), "vgg_16/fc8/weights": np.zeros(1)}
    there = to_parameters("a.h5", classifier, NAMES)
    assert not there.whole
    assert list(there.arrays) == ["ssh.vgg.0.weight"]
    assert there.unknown == ["vgg_16/fc8/weights"]


def test_what_is_missing_is_named():
    with pytest.raises(CheckpointError, match=r"a\.h5: lacks vgg_16/conv1/weights of 2 variables"):
        to_parameters("a.h5", {"vgg_16/M1/conv1/weights": np.zeros(1)}, NAMES)
    with pytest.raises(CheckpointError, match=r"lacks vgg_16/conv1/weights of 1 variables; is it .* another network"):
        to_parameters("a.h5", {"MobilenetV1/Conv2d_0/weights": np.zeros(1)}, NAMES)
    with pytest.raises(CheckpointError, match=r"a\.ckpt: lacks ssh\.vgg\.0\.weight and 1 others of 2 parameters"):
        to_variables("a.ckpt", {}, NAMES)

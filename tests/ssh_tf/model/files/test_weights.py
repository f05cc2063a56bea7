"""What a training starts from: ImageNet checkpoints, arrays, SSH checkpoints, and files that do not fit."""

import numpy as np
import pytest

from networks import save_checkpoint, weight
from ssh_tf.model.files.weights import initial_weights, weights_table
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.nets.network import network_heads
from ssh_tf.nets.network_options import NetworkOptions
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.tf1 import tf

MODULES = ("M1", "M2", "M3", "M1_box", "M2_box", "M3_box")


@pytest.fixture(scope="module")
def variables():
    """A function of a backbone: the variables of its SSH network, the smallest there is."""
    built = {}

    def of(backbone):
        if backbone not in built:
            with tf.Graph().as_default():
                network_heads(tf.zeros((1, 64, 64, 3)), NetworkOptions(backbone, depth_multiplier=0.25))
                built[backbone] = tf.global_variables()
        return built[backbone]

    return of


def arrays(variables, backbone_only):
    names = {variable.op.name: variable.shape.as_list() for variable in variables}
    return {
        name: weight(name, shape)
        for name, shape in names.items()
        if not (backbone_only and name.split("/")[1] in MODULES)
    }


@pytest.mark.parametrize(
    ("backbone", "first", "scale"), [("mobile", "Conv2d_0/weights", 127.5), ("mobile_v2", "Conv/weights", 127.5)]
)
def test_an_imagenet_checkpoint_of_slim(tmp_path, variables, backbone, first, scale):
    """The first layer was trained on RGB from -1 to 1; the classifier is left out; the modules are not there."""
    scope = BACKBONES[backbone].scope
    stored = arrays(variables(backbone), backbone_only=True)
    extra = {f"{scope}/Logits/Conv2d_1c_1x1/weights": np.zeros((1, 1, 8, 10), np.float32), "global_step": np.int64(7)}
    path = save_checkpoint(tmp_path / "imagenet.ckpt", stored | extra)
    found = initial_weights(path, backbone, variables(backbone))
    assert found.values.keys() == stored.keys()
    assert sorted(found.skipped) == sorted(extra)
    assert {name.split("/")[1] for name in found.initial} == set(MODULES)
    for name, value in stored.items():
        if name == f"{scope}/{first}":
            for rgb in range(3):
                np.testing.assert_allclose(found.values[name][:, :, 2 - rgb], value[:, :, rgb] / scale, rtol=1e-6)
        else:
            np.testing.assert_array_equal(found.values[name], value)


def test_scales_of_the_backbones():
    """VGG16 and ResNets saw grey levels less the mean; MobileNets -1 to 1; Darknet53 0 to 1."""
    assert {name: row.input_scale for name, row in BACKBONES.items() if name != "tiny"} == {
        "vgg16": 1.0,
        "res50": 1.0,
        "res101": 1.0,
        "res152": 1.0,
        "mobile": 127.5,
        "mobile_v2": 127.5,
        "darknet53": 255.0,
    }


def test_an_archive_of_arrays(tmp_path):
    """Darknet53's names may come without the scope."""
    shapes = {"Darknet53/conv_0/weights": (3, 3, 3, 4), "Darknet53/M1/conv1/weights": (3, 3, 4, 2)}
    with tf.Graph().as_default():
        made = [tf.get_variable(name, shape, use_resource=True) for name, shape in shapes.items()]
    values = np.arange(108, dtype=np.float32).reshape(3, 3, 3, 4)
    for name in ("conv_0/weights", "Darknet53/conv_0/weights"):
        path = tmp_path / "darknet53.npz"
        np.savez(path, **{name: values})
        found = initial_weights(path, "darknet53", made)
        np.testing.assert_allclose(found.values["Darknet53/conv_0/weights"], values[:, :, ::-1] / 255, rtol=1e-6)
        assert found.initial == ["Darknet53/M1/conv1/weights"]
        assert found.skipped == []


def test_an_ssh_checkpoint_is_taken_as_it_is(tmp_path, variables):
    stored = arrays(variables("mobile"), backbone_only=False)
    slots = {f"{name}/Momentum": np.zeros_like(value) for name, value in list(stored.items())[:3]}
    found = initial_weights(save_checkpoint(tmp_path / "ssh.ckpt", stored | slots), "mobile", variables("mobile"))
    assert found.initial == []
    assert sorted(found.skipped) == sorted(slots)
    for name, value in stored.items():
        np.testing.assert_array_equal(found.values[name], value)


def test_the_table(tmp_path, variables):
    stored = arrays(variables("mobile"), backbone_only=True) | {"global_step": np.int64(7)}
    path = tmp_path / "some.npz"
    np.savez(path, **stored)
    table = weights_table(path, initial_weights(path, "mobile", variables("mobile")))
    rows = {cells[0]: cells[1:] for cells in map(str.split, table.splitlines()[2:])}
    assert table.splitlines()[0] == f"Weights from {path}"
    assert rows["MobilenetV1/Conv2d_0"] == ["5"]
    assert rows["global_step"] == ["1"]
    assert rows["MobilenetV1/M1"] == ["16"]
    assert table.splitlines()[-1].split() == ["arrays", "in", "all", str(len(stored) - 1), "1", "48"]


def test_files_that_do_not_fit(tmp_path, variables):
    stored = arrays(variables("mobile"), backbone_only=True)
    first = next(iter(stored))

    def fails(message, values=None, name="x.npz", backbone="mobile"):
        path = tmp_path / name
        if values is not None:
            np.savez(path, **values)
        with pytest.raises(CheckpointError, match=message):
            initial_weights(path, backbone, variables(backbone))

    fails(r"x\.npz: lacks MobilenetV1/Conv2d_0/weights \[3, 3, 3, 8\]", {"a": np.zeros(1)})
    fails(
        r"x\.npz: lacks MobilenetV2/Conv/weights .* is it a file for the backbone mobile_v2",
        stored,
        backbone="mobile_v2",
    )
    wrong = stored | {first: np.zeros((3, 3, 3, 32), np.float32)}
    fails(rf"x\.npz: {first} has the shape \[3, 3, 3, 32\], mobile needs \[3, 3, 3, 8\]", wrong)
    shape = stored[first].shape
    for value in (np.full(shape, np.nan), np.full(shape, np.inf), np.full(shape, "1")):
        fails(rf"x\.npz: {first} holds something else than finite numbers", stored | {first: value})
    whole = arrays(variables("mobile"), backbone_only=False)
    del whole["MobilenetV1/M2/conv1/weights"]
    fails(r"x\.npz: lacks MobilenetV1/M2/conv1/weights", whole)
    fails(r"nothing\.npz: no such file", name="nothing.npz")
    fails(r"nothing\.ckpt: no checkpoint there", name="nothing.ckpt")
    (tmp_path / "text.npz").write_text("no archive")
    fails(r"text\.npz: not an \.npz", name="text.npz")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], object))
    fails(r"objects\.npz: not an \.npz", name="objects.npz")
    (tmp_path / "cut.ckpt.index").write_bytes(b"nothing of the kind")
    fails(r"cut\.ckpt: not a TensorFlow checkpoint", name="cut.ckpt")

"""MindSpore checkpoints."""

import random

import numpy as np
import pytest

from spoiling import contents
from ssh_ms.checkpoints import load_initial, load_network, read_checkpoint, write_checkpoint
from ssh_ms.network import SSHNetwork
from ssh_ms_weights import parameters
from ssh_tf.utils.errors import CheckpointError

FIRST = "ssh.vgg.conv4_3.0.weight"


@pytest.fixture(scope="module")
def network():
    return SSHNetwork()


def values(network):
    return {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}


def test_round_trip(checkpoint, network):
    load_network(network, checkpoint)
    found = values(network)
    for name, value in parameters().items():
        np.testing.assert_array_equal(found[name], value)


def test_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "a.ckpt"
    write_checkpoint(path, {"a": np.ones(2, np.float32)})
    write_checkpoint(path, {"a": np.zeros(3, np.float32)})
    np.testing.assert_array_equal(read_checkpoint(path)["a"], np.zeros(3))
    assert [file.name for file in tmp_path.iterdir()] == ["a.ckpt"]


def test_a_network_starts_from_another(checkpoint, network):
    assert load_initial(network, checkpoint)
    np.testing.assert_array_equal(values(network)[FIRST], parameters()[FIRST])


def test_a_network_starts_from_vgg16_trained_on_rgb(tmp_path, network):
    path = tmp_path / "vgg.ckpt"
    vgg = {name: value for name, value in parameters().items() if name.startswith("ssh.vgg.")}
    write_checkpoint(path, vgg)
    before = values(network)
    assert not load_initial(network, path)
    after = values(network)
    np.testing.assert_array_equal(after[FIRST], vgg[FIRST][:, ::-1])
    np.testing.assert_array_equal(after["ssh.vgg.conv5_3.5.weight"], vgg["ssh.vgg.conv5_3.5.weight"])
    np.testing.assert_array_equal(after["ssh.m1_conv.0.weight"], before["ssh.m1_conv.0.weight"])


def without(name):
    return {key: value for key, value in parameters().items() if key != name}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (without("ssh.m1_conv.0.bias"), r"lacks ssh\.m1_conv\.0\.bias of 74 parameters"),
        # The port's first version had one score for each anchor.
        (
            {**parameters(), "ssh.m2_detect_model.cls.bias": np.zeros(2, np.float32)},
            r"ssh\.m2_detect_model\.cls\.bias has shape \[2\], expected \[4\]",
        ),
        ({"fc.weight": np.zeros(3, np.float32)}, r"lacks .* and 73 others of 74 parameters"),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path, network, arrays, message):
    path = tmp_path / "a.ckpt"
    write_checkpoint(path, arrays)
    with pytest.raises(CheckpointError, match=message):
        load_network(network, path)


def test_any_content_is_read_or_named(tmp_path, capfd):
    path = tmp_path / "a.ckpt"
    write_checkpoint(path, {"a": np.arange(6, dtype=np.float32), "b": np.ones((2, 2), np.float16)})
    whole = path.read_bytes()
    # As MindSpore writes it by itself: without a sum, so that what is within is parsed.
    messages = []
    for start in (whole, whole[:-17]):
        for _, content in contents(start, random.Random(0)):
            path.write_bytes(content)
            try:
                read_checkpoint(path)
            except CheckpointError as error:
                messages.append(str(error))
    assert len(messages) > 100
    assert all(message.startswith(f"{path}: ") for message in messages)
    assert capfd.readouterr().err == ""


def test_a_bit_that_is_another_is_seen(tmp_path):
    path = tmp_path / "a.ckpt"
    write_checkpoint(path, {"a": np.arange(600, dtype=np.float32)})
    whole = path.read_bytes()
    path.write_bytes(whole[:900] + bytes([whole[900] ^ 1]) + whole[901:])
    with pytest.raises(CheckpointError, match=r"a\.ckpt: the checkpoint is damaged"):
        read_checkpoint(path)


def test_what_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        read_checkpoint(tmp_path / "a.ckpt")
    (tmp_path / "b.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="not a MindSpore checkpoint"):
        read_checkpoint(tmp_path / "b.ckpt")
    with pytest.raises(CheckpointError, match=r"name ends with \.ckpt"):
        write_checkpoint(tmp_path / "c.h5", {})
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_checkpoint(tmp_path / "file/d.ckpt", {"a": np.ones(1, np.float32)})

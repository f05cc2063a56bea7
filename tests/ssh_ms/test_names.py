"""The table of names."""

import pytest

from networks import variable_contract
from ssh_ms.names import read_name_table
from ssh_ms_weights import NAMES
from ssh_tf.utils.errors import CheckpointError


def test_every_variable_has_one_parameter():
    names = read_name_table(NAMES)
    assert set(names) == set(variable_contract("vgg16"))
    assert len(set(names.values())) == len(names) == 74


@pytest.mark.parametrize(
    ("variable", "parameter"),
    [
        # The first row, which must not be taken for a header.
        ("vgg_16/conv1/conv1_1/weights", "ssh.vgg.conv4_3.0.weight"),
        ("vgg_16/conv5/conv5_3/biases", "ssh.vgg.conv5_3.5.bias"),
        # In M1 `conv2` comes before `conv1`.
        ("vgg_16/M1/conv2/weights", "ssh.m1_conv.0.weight"),
        ("vgg_16/M1/conv1/weights", "ssh.m1_detect_model.conv1.weight"),
        ("vgg_16/M1/conv1_1/weights", "ssh.m1_dim_red1.weight"),
        ("vgg_16/M1/conv1_2/weights", "ssh.m1_dim_red2.weight"),
        ("vgg_16/M3/context_module/conv2/weights", "ssh.m3_detect_model.context_model.channel_1.0.weight"),
        ("vgg_16/M3/context_module/conv4/weights", "ssh.m3_detect_model.context_model.channel_2.2.weight"),
        ("vgg_16/M2_box/M2_rpn_bbox_pred/biases", "ssh.m2_detect_model.reg.bias"),
    ],
)
def test_pairs(variable, parameter):
    assert read_name_table(NAMES)[variable] == parameter


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r":1: expected the header"),
        ("a/weights,b.weight\n", r":1: expected the header"),
        ("tensorflow,mindspore\na,b\na,c\n", r":3: a is mapped twice"),
        ("tensorflow,mindspore\na,b\nc,b\n", r":3: b is mapped twice"),
        ("tensorflow,mindspore\na,b,c\n", r":2: expected a variable and a parameter"),
        ("tensorflow,mindspore\na,\n", r":2: expected a variable and a parameter"),
        ("tensorflow,mindspore\n\xff", r"not a UTF-8 text file"),
    ],
)
def test_malformed_tables(tmp_path, text, message):
    path = tmp_path / "map.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match=message):
        read_name_table(path)


def test_missing_table(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        read_name_table(tmp_path / "map.csv")

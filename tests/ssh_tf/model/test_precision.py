"""Which arithmetic is chosen, and that it computes nearly the same."""

import numpy as np
import pytest

from ssh_tf.model import precision
from ssh_tf.model.precision import reduced_precision, session_config
from ssh_tf.utils.cpu import cpu_flags
from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.tf1 import tf

ONEDNN = "auto_mixed_precision_onednn_bfloat16"


@pytest.mark.parametrize(
    ("asked", "flags", "gpu", "rewriter"),
    [
        ("auto", set(), False, None),
        ("auto", {"avx512f"}, False, None),
        ("auto", {"avx512_bf16"}, False, ONEDNN),
        ("auto", {"amx_bf16"}, False, ONEDNN),
        ("auto", set(), True, "auto_mixed_precision"),
        ("bf16", {"amx_bf16"}, False, ONEDNN),
        ("bf16", set(), True, "auto_mixed_precision"),
        ("fp32", {"amx_bf16"}, False, None),
        ("fp32", set(), True, None),
    ],
)
def test_choice(asked, flags, gpu, rewriter, caplog):
    assert reduced_precision(asked, flags, gpu) == rewriter
    assert not caplog.records


@pytest.mark.parametrize(
    ("flags", "effect"), [({"avx2"}, "is computed in fp32 here"), ({"avx2", "avx512f"}, "is slower than fp32 here")]
)
def test_bf16_without_hardware_warns_in_one_line(flags, effect, caplog):
    assert reduced_precision("bf16", flags, gpu=False) == ONEDNN
    assert [record.getMessage() for record in caplog.records] == [
        f"bf16: this processor has no bfloat16 arithmetic, so it {effect}"
    ]


@pytest.mark.skipif(bool(cpu_flags() & {"avx512f", "avx_ne_convert"}), reason="bfloat16 is computed here")
def test_bf16_is_fp32_where_the_message_says_so():
    values = np.random.default_rng(0).normal(size=(1, 32, 32, 64)).astype(np.float32)
    with tf.Graph().as_default():
        image = tf.placeholder(tf.float32, values.shape)
        result = tf.nn.conv2d(image, tf.transpose(image[:, :3, :3], (1, 2, 3, 0)), 1, "SAME")
        sessions = [tf.Session(config=session_config(name)) for name in ("fp32", "bf16")]
        exact, asked = (session.run(result, {image: values}) for session in sessions)
    np.testing.assert_array_equal(asked, exact)


def test_unknown_precision():
    with pytest.raises(ConfigError, match="one of auto, fp32, bf16, got 'fp8'"):
        session_config("fp8")


@pytest.mark.parametrize(("asked", "switched_on"), [("fp32", False), ("auto", True)])
def test_session_config_turns_the_rewriter_on(monkeypatch, asked, switched_on):
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset({"amx_bf16"}))
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", lambda kind: [])
    options = session_config(asked).graph_options.rewrite_options
    assert (options.auto_mixed_precision_onednn_bfloat16 == 1) == switched_on

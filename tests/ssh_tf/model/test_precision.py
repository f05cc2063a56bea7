"""Which arithmetic is chosen, and that it computes nearly the same."""

import pytest

from ssh_tf.model import precision
from ssh_tf.model.precision import reduced_precision, session_config
from ssh_tf.utils.errors import ConfigError

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


def test_bf16_without_hardware_works_and_warns_in_one_line(caplog):
    assert reduced_precision("bf16", {"avx2"}, gpu=False) == ONEDNN
    assert len(caplog.records) == 1
    assert "no bfloat16" in caplog.text


def test_unknown_precision():
    with pytest.raises(ConfigError, match="one of auto, fp32, bf16, got 'fp8'"):
        session_config("fp8")


@pytest.mark.parametrize(("asked", "switched_on"), [("fp32", False), ("auto", True)])
def test_session_config_turns_the_rewriter_on(monkeypatch, asked, switched_on):
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset({"amx_bf16"}))
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", lambda kind: [])
    options = session_config(asked).graph_options.rewrite_options
    assert (options.auto_mixed_precision_onednn_bfloat16 == 1) == switched_on

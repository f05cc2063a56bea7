"""The arithmetic of a network: single precision, or less where the hardware multiplies it faster."""

import logging
from collections.abc import Set
from typing import Literal

from ssh_tf.utils.cpu import cpu_flags
from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.tf1 import tf
from ssh_tf.utils.types import SessionConfig

Precision = Literal["auto", "fp32", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "bf16")
"""What TensorFlow's sessions compute in, and so what a network is trained in."""

DETECTOR_PRECISIONS: tuple[Precision, ...] = (*PRECISIONS, "int8")
"""What detectors compute in: "int8" is a file of its own, under ONNX Runtime."""

_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
# What oneDNN, under TensorFlow, needs to compute in bfloat16 at all; on other processors the rewriter does nothing.
_EMULATED_BF16_FLAGS = frozenset({"avx512f", "avx_ne_convert"})
_INT8_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "asimddp"})
_ON = 1

_LOG = logging.getLogger(__name__)


def session_config(precision: Precision) -> SessionConfig:
    """A ConfigProto for `precision`, on this machine; "bf16" without hardware for it warns: it is slow, or fp32.

    Raises:
        ConfigError: no such precision.
    """
    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True
    rewriter = reduced_precision(precision, cpu_flags(), bool(tf.config.list_physical_devices("GPU")))
    if rewriter is not None:
        setattr(config.graph_options.rewrite_options, rewriter, _ON)
    return config


def reduced_precision(precision: Precision, flags: Set[str], gpu: bool) -> str | None:
    """The graph rewriter, a field of `RewriterConfig`, that lowers the precision; None for plain float32.

    "auto" lowers it where the processor has bfloat16 arithmetic (`flags`: its instruction sets), and on a `gpu`, for
    which TensorFlow's rewriter takes float16.

    Raises:
        ConfigError: no such precision.
    """
    if precision == "int8":
        raise ConfigError(
            "int8: a model in this precision is an .onnx file; tools/convert_ckpt_to_pb.py --int8 makes it"
        )
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is one of {', '.join(PRECISIONS)}, got {precision!r}")
    in_hardware = gpu or bool(flags & _BF16_FLAGS)
    if precision == "fp32" or (precision == "auto" and not in_hardware):
        return None
    if not in_hardware:
        effect = "is slower than fp32" if flags & _EMULATED_BF16_FLAGS else "is computed in fp32"
        _LOG.warning("bf16: this processor has no bfloat16 arithmetic, so it %s here", effect)
    return "auto_mixed_precision" if gpu else "auto_mixed_precision_onednn_bfloat16"


def has_int8(flags: Set[str]) -> bool:
    """Whether a processor with the instruction sets `flags` multiplies 8-bit integers in dot products (VNNI)."""
    return bool(flags & _INT8_FLAGS)


def prefers_int8(flags: Set[str]) -> bool:
    """Whether "int8" is what "auto" takes where a model has it: VNNI, and no bfloat16, which is as fast and closer."""
    return has_int8(flags) and not flags & _BF16_FLAGS

"""What the processor is and can do."""

import platform
from functools import cache
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")


@cache
def _cpu_info() -> dict[str, str]:
    """Linux's words on the first processor; empty elsewhere."""
    if not _CPU_INFO.exists():
        return {}
    first = _CPU_INFO.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def cpu_flags() -> frozenset[str]:
    """Instruction sets of the processor as Linux names them ("avx512_bf16", "amx_bf16"); empty on other systems."""
    info = _cpu_info()
    return frozenset(info.get("flags", info.get("Features", "")).split())


def cpu_name() -> str:
    """The processor's model."""
    return _cpu_info().get("model name") or platform.processor() or platform.machine()

"""What the processor can do."""

import platform
from functools import cache
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")


@cache
def cpu_flags() -> frozenset[str]:
    """Instruction sets of this machine's processor as Linux names them ("avx512_bf16", "amx_bf16"); else empty."""
    if platform.system() != "Linux" or not _CPU_INFO.exists():
        return frozenset()
    for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()

"""What memory this process has taken."""

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_peak() -> int:
    """The largest resident memory of this process so far, in bytes."""
    # `getrusage` of a process that another one started counts what that one held when it did; Linux says it apart.
    if _STATUS.exists() and (found := re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)):
        return int(found[1]) * 1024
    # Bytes on macOS, KiB elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

"""results.json: what an evaluation found."""

import json
import math
import os
from collections.abc import Mapping
from typing import Any

from ssh_tf.utils.files import atomic_write


def finite(value: float) -> float | None:
    """JSON has no NaN: an average precision over no faces is null."""
    return value if math.isfinite(value) else None


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write `content` whole or not at all.

    Raises:
        ValueError: it holds NaN or infinity.
    """
    with atomic_write(path) as stream:
        json.dump(content, stream, indent=1, allow_nan=False)
        stream.write("\n")

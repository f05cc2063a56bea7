"""The learning rate of an iteration."""

import math
from collections.abc import Sequence


def learning_rate(
    iteration: int,
    base: float,
    steps: Sequence[int],
    gamma: float,
    warmup: int = 0,
    schedule: str = "step",
    iterations: int = 0,
) -> float:
    """Learning rate of `iteration` (the first is 0).

    "step": `base` times `gamma` for each of `steps` that has been reached. "cosine": half a cosine from `base` to 0 at
    `iterations`. In the first `warmup` iterations it rises linearly from a tenth of that.
    """
    if schedule == "cosine":
        rate = base * 0.5 * (1 + math.cos(math.pi * min(iteration / max(iterations, 1), 1.0)))
    else:
        rate = base * gamma ** sum(iteration >= step for step in steps)
    return rate * (0.1 + 0.9 * iteration / warmup) if iteration < warmup else rate

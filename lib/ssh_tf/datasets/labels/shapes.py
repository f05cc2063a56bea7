"""Boxes around the shapes that other programs draw. Angles are in radians."""

import math
from collections.abc import Iterable

from ssh_tf.datasets.labels.items import Box


def box_around(points: Iterable[tuple[float, float]]) -> Box:
    """The box around points; ValueError if there are none."""
    columns, rows = zip(*points, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def box_around_ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0) -> Box:
    """Of a middle and two radii, turned by `angle`."""
    half_width = math.hypot(rx * math.cos(angle), ry * math.sin(angle))
    half_height = math.hypot(rx * math.sin(angle), ry * math.cos(angle))
    return x - half_width, y - half_height, x + half_width, y + half_height


def box_around_turned(box: Box, angle: float) -> Box:
    """Around a box that is turned about its middle."""
    x1, y1, x2, y2 = box
    across, along = abs(math.cos(angle)), abs(math.sin(angle))
    half_width = (across * (x2 - x1) + along * (y2 - y1)) / 2
    half_height = (along * (x2 - x1) + across * (y2 - y1)) / 2
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height

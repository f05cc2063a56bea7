"""Every key of the configuration: its default (which gives its type), its range and what it means.

``python -m ssh_tf.model.config_keys`` prints this table as `docs/configuration.md`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

_MANY = 2**31 - 1


class ConfigKey(NamedTuple):
    """A key of the configuration. A list takes items of its first one's type; a table takes numbers by any name."""

    default: Any
    meaning: str
    low: float | None = None
    """Smallest value; of a list or a table, of each item."""
    high: float | None = None
    choices: tuple[str, ...] = ()
    items: int | None = None
    """Of a list: how many, if that is fixed."""
    alone: bool = False
    """Of a list: one value stands for it too."""


def _part(default: float, meaning: str) -> ConfigKey:
    return ConfigKey(default, meaning, 0, 1)


def _count(default: int, meaning: str, low: int = 1) -> ConfigKey:
    return ConfigKey(default, meaning, low, _MANY)


def _sides(default: int | list[int], meaning: str, items: int | None = None) -> ConfigKey:
    return ConfigKey(default, meaning, 16, 32768, items=items)


CONFIG_KEYS: Mapping[str, ConfigKey] = MappingProxyType(
    {
        "RNG_SEED": _count(3, "seed of the order of images, of augmentation and of random sampling", 0),
        "TRAIN.LEARNING_RATE": ConfigKey(0.001, "learning rate of the first iteration after the warm-up", 0, 1e6),
        "TRAIN.OPTIMIZER": ConfigKey(
            "momentum", "momentum: gradient descent with momentum; adamw: AdamW", choices=("momentum", "adamw")
        ),
        "TRAIN.MOMENTUM": _part(0.9, "momentum of the gradient descent"),
        "TRAIN.ADAMW_DECAY": ConfigKey(
            0.01, "AdamW, in place of WEIGHT_DECAY: a step takes this part of the learning rate off the weights", 0, 1e6
        ),
        "TRAIN.WEIGHT_DECAY": ConfigKey(0.0001, "factor of the L2 terms, once for each branch", 0, 1e6),
        "TRAIN.GAMMA": ConfigKey(0.1, "factor of the learning rate at each iteration of STEPSIZE", 0, 1e6),
        "TRAIN.STEPSIZE": ConfigKey([120000], "iterations at which the learning rate is multiplied by GAMMA", 1, _MANY),
        "TRAIN.SCHEDULE": ConfigKey(
            "step", "step: by STEPSIZE and GAMMA; cosine: falls to 0 at the last iteration", choices=("step", "cosine")
        ),
        "TRAIN.WARMUP": _count(0, "iterations over which the learning rate rises linearly from a tenth", 0),
        "TRAIN.CLIP_GRADIENTS": ConfigKey(0.0, "longest L2 norm of the whole gradient; 0: not clipped", 0, 1e30),
        "TRAIN.EMA": ConfigKey(
            0.0,
            "decay of the running mean of the weights, which snapshots hold (smaller at the start); 0: none",
            0,
            0.999999,
        ),
        "TRAIN.LAYERS": ConfigKey(
            ["all"],
            "what is trained: beginnings of the layers' names below the network's (M1: that branch alone); "
            "all: whatever the backbone does not freeze",
            alone=True,
        ),
        "TRAIN.DOUBLE_BIAS": ConfigKey(True, "double the gradients of biases (with AdamW nothing comes of it)"),
        "TRAIN.BIAS_DECAY": ConfigKey(False, "apply weight decay to biases too"),
        "TRAIN.IMS_PER_BATCH": _count(1, "images of a step on each device"),
        "TRAIN.ASPECT_GROUPING": ConfigKey(True, "whole images: those of a batch are all wide or all tall"),
        "TRAIN.USE_FLIPPED": ConfigKey(True, "mirror half of the images"),
        "TRAIN.SCALES": _sides([1200], "whole images: shortest side in pixels; one is drawn for each batch"),
        "TRAIN.MAX_SIZE": _sides(1600, "whole images: largest longest side"),
        "TRAIN.RPN_BATCHSIZE": _count(256, "anchors sampled of each image and branch"),
        "TRAIN.RPN_FG_FRACTION": _part(0.5, "at most this part of them is positive"),
        "TRAIN.RPN_POSITIVE_OVERLAP": _part(0.5, "an anchor that overlaps a face at least this much is positive"),
        "TRAIN.RPN_NEGATIVE_OVERLAP": _part(0.3, "an anchor that overlaps every face less is negative"),
        "TRAIN.IGNORE_COVERAGE": _part(
            0.5, "an anchor is left out if an ignore region covers at least this part of it"
        ),
        "TRAIN.FORCE_FG_FOR_EACH_GT": ConfigKey(False, "each face's best anchor is positive, whatever the overlap"),
        "TRAIN.HARD_POSITIVE_MINING": ConfigKey(
            True, "sample the positives that the network gets most wrong; else at random"
        ),
        "TRAIN.HARD_NEGATIVE_MINING": ConfigKey(
            True, "sample the negatives that the network gets most wrong; else at random"
        ),
        "TRAIN.SMOOTH_L1_SIGMA": ConfigKey(3.0, "smooth L1 turns linear at 1/sigma²", 1e-6, 1e6),
        "TRAIN.BOX_WEIGHT": ConfigKey(1.0, "weight of the box loss relative to the classification loss", 0, 1e6),
        "TRAIN.DISPLAY": _count(20, "iterations between printed lines"),
        "TRAIN.SUMMARY_INTERVAL": _count(100, "iterations between points in TensorBoard"),
        "TRAIN.SNAPSHOT_ITERS": _count(5000, "iterations between snapshots"),
        "TRAIN.SNAPSHOT_KEPT": _count(3, "how many of the last snapshots are kept"),
        "TRAIN.SNAPSHOT_PREFIX": ConfigKey("ssh", "snapshots are called <backbone>_<prefix>_iter_<n>"),
        "TRAIN.VAL_ITERS": _count(5000, "iterations between validations; 0: none", 0),
        "TRAIN.VAL_IMAGES": _count(100, "images of a validation, spread over the set"),
        "TRAIN.STOP_AFTER": _count(0, "validations without a better AP50 after which training stops; 0: never", 0),
        "TRAIN.AUGMENT.CROP_SIZE": ConfigKey(
            [0],
            "side in pixels of a window cut around a face; of several, one is drawn for each step; 0: whole images",
            0,
            32768,
            alone=True,
        ),
        "TRAIN.AUGMENT.FACE_SIDES": ConfigKey(
            [[8.0, 500.0, 1.0]],
            "windows: face sides at the network's input, drawn log-uniformly: [from, to, weight]",
        ),
        "TRAIN.AUGMENT.ANYWHERE_RATE": _part(
            0.0, "windows: share cut at a random place and scale instead of around a face"
        ),
        "TRAIN.AUGMENT.MOSAIC_RATE": _part(
            0.0, "windows: share made of four windows of half the side, each of an image of its own"
        ),
        "TRAIN.AUGMENT.STRETCH": _part(
            0.0, "windows: largest logarithm of the ratio by which their width is stretched against their height"
        ),
        "TRAIN.AUGMENT.COARSE_RATE": _part(
            0.0, "windows: share shrunk 1.2 to 2.1 times and enlarged again, where they are not enlarged anyway"
        ),
        "TRAIN.AUGMENT.ROTATE_RATE": _part(
            0.0, "windows: share rotated about their centre, by up to 45 degrees or, one in ten, by any angle"
        ),
        "TRAIN.AUGMENT.MAX_UPSCALE": ConfigKey(
            3.0, "windows: largest factor by which pictures are enlarged", 1e-3, 1e3
        ),
        "TRAIN.AUGMENT.MIN_FACE": ConfigKey(6.0, "windows: smaller faces (pixels) become ignore regions", 0, 32768),
        "TRAIN.AUGMENT.VISIBLE": ConfigKey(
            [0.0, 0.5],
            "windows: shares of a face's area inside; below the first it is background, from the second on a face, "
            "between them an ignore region",
            0,
            1,
            items=2,
        ),
        "TRAIN.AUGMENT.COLOR_JITTER": _part(0.0, "largest change of brightness, contrast and saturation"),
        "TRAIN.AUGMENT.HUE_JITTER": ConfigKey(0.0, "largest turn of the hue, degrees", 0, 180),
        "TRAIN.AUGMENT.GRAYSCALE_RATE": _part(0.0, "share of images converted to grey"),
        "TRAIN.AUGMENT.EXPOSURE_RATE": _part(
            0.0, "share of images darkened, to 0.6 of the light or down to 0.07, or, one in four, overexposed"
        ),
        "TRAIN.AUGMENT.BLUR_RATE": _part(0.0, "share of images blurred"),
        "TRAIN.AUGMENT.JPEG_RATE": _part(0.0, "share of images compressed as JPEG again"),
        "TRAIN.AUGMENT.BLANK_IGNORED": ConfigKey(False, "fill ignore regions with the mean colour"),
        "TRAIN.AUGMENT.GROUP_WEIGHTS": ConfigKey(
            {},
            "table: weight by which images of a group (first folder of their path, or name of the data folder) are "
            "drawn; 1 for all others",
            0,
            1e6,
        ),
        "TRAIN.AUGMENT.CROWD_POWER": _part(
            0.0, "an image with n faces is drawn in proportion to n + 1 to this power; 0: all alike"
        ),
        "TEST.SCALES": _sides([1200], "shortest sides in pixels; one: a single scale; several: an image pyramid"),
        "TEST.MAX_SIZE": _sides(1600, "single scale: largest longest side"),
        "TEST.CLOSE_UP": ConfigKey(
            0, "single scale: shortest side of a second one, smaller, for faces that fill the image; 0: none", 0, 32768
        ),
        "TEST.PYRAMID_BASE": _sides(
            [800, 1200], "pyramid: shortest side that its scales are relative to, and largest longest side of that", 2
        ),
        "TEST.FLIP": ConfigKey(False, "run the mirrored image too and merge the detections"),
        "TEST.MODE": ConfigKey(
            "nms", "proposals of a branch: nms, or the top RPN_TOP_N anchors as they are", choices=("nms", "top")
        ),
        "TEST.SCORE_THRESH": _part(0.05, "lowest score of a proposal"),
        "TEST.RPN_NMS_THRESH": _part(
            0.3, "mode nms: a proposal that overlaps a better one of its branch more is suppressed"
        ),
        "TEST.RPN_POST_NMS_TOP_N": _count(300, "mode nms: proposals kept of each branch"),
        "TEST.RPN_TOP_N": _count(5000, "mode top: anchors kept of each branch"),
        "TEST.NMS": _part(0.3, "a detection that overlaps a better one of any branch or scale more is suppressed"),
        "RESNET.FIXED_BLOCKS": ConfigKey(1, "blocks frozen in training after the root, which is always frozen", 0, 3),
        "MOBILENET.FIXED_LAYERS": ConfigKey(3, "MobileNetV1: layers frozen in training, from the input on", 0, 14),
        "MOBILENET.TRAIN_AFFINE": ConfigKey(
            False, "MobileNetV1: train gamma and beta of batch normalisation in the layers that are not frozen"
        ),
        "MOBILENET.WEIGHT_DECAY": ConfigKey(0.00004, "both MobileNets: factor of the backbone's L2 terms", 0, 1e6),
        "MOBILENET.DEPTH_MULTIPLIER": ConfigKey(1.0, "MobileNetV1: all channel counts are scaled by it", 1e-3, 100),
        "MOBILENET_V2.DEPTH_MULTIPLIER": ConfigKey(1.0, "MobileNetV2: all channel counts are scaled by it", 1e-3, 100),
        "MOBILENET_V2.MIN_DEPTH": _count(16, "MobileNetV2: fewest channels of a layer"),
        "MOBILENET_V2.TRAIN_BN": ConfigKey(
            False, "MobileNetV2: train with the batch's own statistics; needs batches of several images"
        ),
    }
)


def config_page() -> str:
    """`docs/configuration.md`."""
    lines = [
        "# Configuration",
        "",
        "Every tool that builds a network takes `--cfg FILE`, a YAML file of what differs from these defaults, and",
        "`--set KEY VALUE …`, which comes last and changes single keys:",
        "",
        "```sh",
        ".venv/bin/python tools/demo.py --cfg mine.yml --set TEST.SCALES '[500,800,1200,1600]' TEST.FLIP true",
        "```",
        "",
        "A key that does not exist, a value of another type and one out of range are errors. A table takes the keys",
        "it is given besides those it has; `--set KEY '{}'` empties it. A training's snapshots hold the configuration",
        "that made them. `python -m ssh_tf.model.config_keys` prints this page.",
    ]
    section = None
    for name, key in CONFIG_KEYS.items():
        place, _, short = name.rpartition(".")
        if place != section or section is None:
            section = place
            lines += ["", f"## {place or 'General'}", "", "| key | default | values | meaning |", "| - | - | - | - |"]
        lines.append(f"| `{short}` | `{_yaml(key.default)}` | {_values(key)} | {key.meaning} |")
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(key: ConfigKey) -> str:
    if key.choices:
        return ", ".join(key.choices)
    item = key.default
    kind = {bool: "true or false", int: "whole number", float: "number", str: "name", dict: "numbers by name"}
    if not isinstance(item, list):
        words = kind[type(item)]
    else:
        count = f"{key.items} " if key.items else ""
        words = f"list of {count}{'lists' if isinstance(item[0], list) else kind[type(item[0])] + 's'}"
        words = f"{kind[type(item[0])]} or {words}" if key.alone else words
    if key.low is None or key.high is None:
        return words
    return f"{words}, {key.low:g} and up" if key.high in (_MANY, 1e6, 1e30) else f"{words}, {key.low:g} to {key.high:g}"


if __name__ == "__main__":
    print(config_page(), end="")

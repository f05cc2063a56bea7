"""The configuration: defaults, YAML files, `--set KEY VALUE`.

`load_config` makes a fresh EasyDict each time; nothing global is ever changed. A key that is not in the defaults, or a
value of another type, is an error that names it.
"""

import ast
import copy
import difflib
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from easydict import EasyDict

from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.reading import read_yaml, reader

_DEFAULTS: dict[str, Any] = {
    # Seed of the order of images, of augmentation and of random sampling.
    "RNG_SEED": 3,
    "TRAIN": {
        "LEARNING_RATE": 0.001,
        "MOMENTUM": 0.9,
        "WEIGHT_DECAY": 0.0001,
        # The learning rate is multiplied by GAMMA at each iteration of STEPSIZE.
        "GAMMA": 0.1,
        "STEPSIZE": [120000],
        # "step" as above; "cosine" falls to 0 at the last iteration.
        "SCHEDULE": "step",
        # Iterations over which the learning rate rises linearly from a tenth.
        "WARMUP": 0,
        # Longest L2 norm of the whole gradient; 0 leaves gradients alone.
        "CLIP_GRADIENTS": 0.0,
        # Train biases at twice the learning rate.
        "DOUBLE_BIAS": True,
        # L2 on biases too.
        "BIAS_DECAY": False,
        # Images per step and device.
        "IMS_PER_BATCH": 1,
        # Images of one batch are all wide or all tall.
        "ASPECT_GROUPING": True,
        "USE_FLIPPED": True,
        # Shortest side in pixels; one is drawn for each batch. The longest side stays within MAX_SIZE.
        "SCALES": [1200],
        "MAX_SIZE": 1600,
        # Anchors per image and branch, and the part of them that may be faces.
        "RPN_BATCHSIZE": 256,
        "RPN_FG_FRACTION": 0.5,
        "RPN_POSITIVE_OVERLAP": 0.5,
        "RPN_NEGATIVE_OVERLAP": 0.3,
        # An anchor covered by an ignore region to this part is not trained on.
        "IGNORE_COVERAGE": 0.5,
        # Each face marks its best anchor as positive, whatever the overlap.
        "FORCE_FG_FOR_EACH_GT": False,
        # Sample the positives and the negatives that the network gets most wrong; else at random.
        "HARD_POSITIVE_MINING": True,
        "HARD_NEGATIVE_MINING": True,
        # Smooth L1 turns linear at 1/sigma².
        "SMOOTH_L1_SIGMA": 3.0,
        # Iterations between lines, TensorBoard points, snapshots, validations (0: never).
        "DISPLAY": 20,
        "SUMMARY_INTERVAL": 100,
        "SNAPSHOT_ITERS": 5000,
        "SNAPSHOT_KEPT": 3,
        "SNAPSHOT_PREFIX": "ssh",
        "VAL_ITERS": 5000,
        # Images of the validation pass.
        "VAL_IMAGES": 100,
        # Validations without a better AP50 after which training stops; 0: never.
        "STOP_AFTER": 0,
        # Augmentation. A window of CROP_SIZE pixels around a face; 0 trains on whole images.
        "AUGMENT": {
            "CROP_SIZE": 0,
            # Face sides in pixels at the network's input, drawn log-uniformly: [from, to, how often].
            "FACE_SIDES": [[8.0, 500.0, 1.0]],
            # Share of windows cut anywhere, at any scale, instead of around a face.
            "ANYWHERE_RATE": 0.0,
            "MAX_UPSCALE": 3.0,
            # Of windows: smaller faces become ignore regions.
            "MIN_FACE": 6.0,
            # Shares of a face's area in the window: below the first it is background, from the second on a face.
            "VISIBLE": [0.0, 0.5],
            # Largest change of brightness, contrast and saturation (of 1) and of hue (degrees).
            "COLOR_JITTER": 0.0,
            "HUE_JITTER": 0.0,
            "GRAYSCALE_RATE": 0.0,
            "BLUR_RATE": 0.0,
            "JPEG_RATE": 0.0,
            # Fill ignore regions with the mean colour.
            "BLANK_IGNORED": False,
            # How often images of a group (first folder of their path) or of a data set (name of its folder) are drawn,
            # others being 1.
            "GROUP_WEIGHTS": {},
        },
    },
    "TEST": {
        # Shortest sides in pixels. One value: the image at that size. Several: an image pyramid.
        "SCALES": [1200],
        # Longest side of a single scale. A pyramid's scale 1 has the shortest side of PYRAMID_BASE's first number, the
        # longest bounded by its second.
        "MAX_SIZE": 1600,
        "PYRAMID_BASE": [800, 1200],
        # Run the mirrored image too and merge.
        "FLIP": False,
        # Proposals: "nms" or "top".
        "MODE": "nms",
        "SCORE_THRESH": 0.05,
        "RPN_NMS_THRESH": 0.3,
        "RPN_POST_NMS_TOP_N": 300,
        "RPN_TOP_N": 5000,
        # Non-maximum suppression over all branches and scales.
        "NMS": 0.3,
    },
    "RESNET": {
        # Blocks frozen in training, 0 to 3, behind the root, which always is.
        "FIXED_BLOCKS": 1,
    },
    "MOBILENET": {
        "FIXED_LAYERS": 3,
        "WEIGHT_DECAY": 0.00004,
        "DEPTH_MULTIPLIER": 1.0,
    },
    "MOBILENET_V2": {
        "DEPTH_MULTIPLIER": 1.0,
        "MIN_DEPTH": 16,
        # Train with the batch's own statistics; wants batches of several images.
        "TRAIN_BN": False,
    },
}

# Tables of numbers under any name.
_FREE_TABLES = {"TRAIN.AUGMENT.GROUP_WEIGHTS"}
_PLAIN_NAME = re.compile(r"\w[\w.-]*")
_CHOICES = {"TEST.MODE": ("nms", "top"), "TRAIN.SCHEDULE": ("step", "cosine")}

# Smallest and largest value; of a list, of each of its items.
_PART, _COUNT, _SIDE = (0, 1), (1, 2**31 - 1), (16, 32768)
_RANGES = {
    "RNG_SEED": (0, 2**31 - 1),
    "TRAIN.LEARNING_RATE": (0, 1e6),
    "TRAIN.MOMENTUM": _PART,
    "TRAIN.WEIGHT_DECAY": (0, 1e6),
    "TRAIN.GAMMA": (0, 1e6),
    "TRAIN.WARMUP": (0, 2**31 - 1),
    "TRAIN.CLIP_GRADIENTS": (0, 1e30),
    "TRAIN.IMS_PER_BATCH": _COUNT,
    "TRAIN.SCALES": _SIDE,
    "TRAIN.MAX_SIZE": _SIDE,
    "TRAIN.RPN_BATCHSIZE": _COUNT,
    "TRAIN.RPN_FG_FRACTION": _PART,
    "TRAIN.RPN_POSITIVE_OVERLAP": _PART,
    "TRAIN.RPN_NEGATIVE_OVERLAP": _PART,
    "TRAIN.IGNORE_COVERAGE": _PART,
    "TRAIN.SMOOTH_L1_SIGMA": (1e-6, 1e6),
    "TRAIN.DISPLAY": _COUNT,
    "TRAIN.SUMMARY_INTERVAL": _COUNT,
    "TRAIN.SNAPSHOT_ITERS": _COUNT,
    "TRAIN.SNAPSHOT_KEPT": _COUNT,
    "TRAIN.VAL_ITERS": (0, 2**31 - 1),
    "TRAIN.VAL_IMAGES": _COUNT,
    "TRAIN.STOP_AFTER": (0, 2**31 - 1),
    "TRAIN.AUGMENT.CROP_SIZE": (0, 32768),
    "TRAIN.AUGMENT.ANYWHERE_RATE": _PART,
    "TRAIN.AUGMENT.MAX_UPSCALE": (1e-3, 1e3),
    "TRAIN.AUGMENT.MIN_FACE": (0, 32768),
    "TRAIN.AUGMENT.VISIBLE": (0, 1),
    "TRAIN.AUGMENT.COLOR_JITTER": _PART,
    "TRAIN.AUGMENT.HUE_JITTER": (0, 180),
    "TRAIN.AUGMENT.GRAYSCALE_RATE": _PART,
    "TRAIN.AUGMENT.BLUR_RATE": _PART,
    "TRAIN.AUGMENT.JPEG_RATE": _PART,
    "TEST.SCALES": _SIDE,
    "TEST.MAX_SIZE": _SIDE,
    "TEST.PYRAMID_BASE": _SIDE,
    "TEST.SCORE_THRESH": _PART,
    "TEST.RPN_NMS_THRESH": _PART,
    "TEST.RPN_POST_NMS_TOP_N": _COUNT,
    "TEST.RPN_TOP_N": _COUNT,
    "TEST.NMS": _PART,
    "RESNET.FIXED_BLOCKS": (0, 3),
    "MOBILENET.FIXED_LAYERS": (0, 14),
    "MOBILENET.WEIGHT_DECAY": (0, 1e6),
    "MOBILENET.DEPTH_MULTIPLIER": (1e-3, 100),
    "MOBILENET_V2.DEPTH_MULTIPLIER": (1e-3, 100),
    "MOBILENET_V2.MIN_DEPTH": _COUNT,
}


def load_config(path: str | os.PathLike[str] | None = None, overrides: Sequence[str] = ()) -> EasyDict:
    """Defaults, changed by the YAML file at `path`, changed by `overrides`.

    Args:
        path: a file that holds only what differs from the defaults, or None.
        overrides: keys and values in turn, as `--set` takes them: ``["TEST.SCALES", "[800]", "TEST.MODE", "top"]``.

    Raises:
        ConfigError: the file is unreadable, a key is unknown, a value is of another type or out of range.
    """
    config = copy.deepcopy(_DEFAULTS)
    if path is not None:
        _merge(config, _read_yaml(path), prefix="", source=str(path))
    if len(overrides) % 2:
        raise ConfigError(f"--set takes keys and values in pairs; {overrides[-1]!r} has no value")
    for key, text in zip(overrides[::2], overrides[1::2], strict=True):
        nested: Any = _literal(text)
        for part in reversed(key.split(".")):
            nested = {part: nested}
        _merge(config, nested, prefix="", source="--set")
    _check(config)
    return EasyDict(config)


def to_plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as plain dicts, lists and numbers, for JSON and YAML."""
    return {key: to_plain(value) if isinstance(value, Mapping) else _listed(value) for key, value in config.items()}


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


@reader("valid YAML", ConfigError)
def _read_yaml(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    documents = read_yaml(path)
    if len(documents) > 1:
        raise ConfigError(f"{path}: a configuration is one document, these are {len(documents)}")
    content = documents[0] if documents else None
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: a configuration is a table of keys, this is a {type(content).__name__}")
    return content


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        # YAML's words for truth are taken too; anything else is a string.
        return {"true": True, "false": False}.get(text.lower(), text)


def _merge(config: dict[str, Any], changes: Mapping[str, Any], prefix: str, source: str) -> None:
    for key, value in changes.items():
        name = f"{prefix}{key}"
        if key not in config:
            if prefix.removesuffix(".") in _FREE_TABLES:
                # YAML reads 2017 as a number, and a table of settings has names.
                config[str(key)] = _converted(value, 1.0, f"{prefix}{key}", source)
                continue
            raise ConfigError(f"{source}: unknown key {name}{_suggestion(key, config)}")
        if isinstance(config[key], dict):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{source}: {name} is a table of keys, got {value!r}")
            _merge(config[key], value, f"{name}.", source)
        else:
            config[key] = _converted(value, config[key], name, source)


def _suggestion(key: Any, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(key), list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _converted(value: Any, default: Any, name: str, source: str) -> Any:
    """`value` in the type of `default`. A whole number stands for a float, YAML's `1e-3` is a string and does too."""
    wanted = type(default)
    if wanted is float and not isinstance(value, bool):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    elif wanted is list and isinstance(value, list | tuple):
        return [_converted(item, default[0], name, source) for item in value]
    elif type(value) is wanted:
        return value
    expected = f"list of {type(default[0]).__name__}" if wanted is list else wanted.__name__
    raise ConfigError(f"{source}: {name} takes a {expected}, got {value!r}")


def _check(config: Mapping[str, Any]) -> None:
    """Values that have the right type and still cannot work."""

    def value(name: str) -> Any:
        found: Any = config
        for part in name.split("."):
            found = found[part]
        return found

    for name, choices in _CHOICES.items():
        if value(name) not in choices:
            raise ConfigError(f"{name} is one of {', '.join(choices)}, got {value(name)!r}")
    for name, (low, high) in _RANGES.items():
        found = value(name)
        numbers = found if isinstance(found, list) else [found]
        # Written so that NaN is out of every range.
        if not numbers or not all(low <= number <= high for number in numbers):
            raise ConfigError(f"{name} lies between {low:g} and {high:g}, got {found!r}")
    for name in ("TEST.PYRAMID_BASE", "TRAIN.AUGMENT.VISIBLE"):
        if len(value(name)) != 2:
            raise ConfigError(f"{name} holds 2 numbers, got {value(name)!r}")
    background, face = value("TRAIN.AUGMENT.VISIBLE")
    if background > face:
        raise ConfigError(f"TRAIN.AUGMENT.VISIBLE holds two shares in ascending order, got {background:g} and {face:g}")
    sides = value("TRAIN.AUGMENT.FACE_SIDES")
    if any(len(side) != 3 or not (0 < side[0] < side[1] < math.inf and 0 <= side[2] < math.inf) for side in sides):
        raise ConfigError(f"TRAIN.AUGMENT.FACE_SIDES holds [from, to, how often] with 0 < from < to, got {sides!r}")
    if not any(side[2] for side in sides):
        raise ConfigError(f"TRAIN.AUGMENT.FACE_SIDES wants a range that is drawn at all, got {sides!r}")
    if not _PLAIN_NAME.fullmatch(value("TRAIN.SNAPSHOT_PREFIX")):
        raise ConfigError(
            f"TRAIN.SNAPSHOT_PREFIX begins file names: letters, digits and _ . - are allowed, "
            f"got {value('TRAIN.SNAPSHOT_PREFIX')!r}"
        )

"""The configuration: the defaults of `config_keys`, YAML files, `--set KEY VALUE`.

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

from ssh_tf.model.config_keys import CONFIG_KEYS
from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.reading import read_yaml, reader
from ssh_tf.utils.resources import config_path, is_name

_PLAIN_NAME = re.compile(r"\w[\w.-]*")


def load_config(path: str | os.PathLike[str] | None = None, overrides: Sequence[str] = ()) -> EasyDict:
    """Defaults, changed by the YAML file at `path`, changed by `overrides`.

    Args:
        path: a file that holds only what differs from the defaults, the name of one that comes with the package, such
            as ``"finetune"``, or None.
        overrides: keys and values in turn, as `--set` takes them: ``["TEST.SCALES", "[800]", "TEST.MODE", "top"]``.

    Raises:
        ConfigError: the file is unreadable, a key is unknown, a value is of another type or out of range.
    """
    config = _defaults()
    if path is not None:
        if is_name(path):
            path = config_path(os.fspath(path))
        _merge(config, _read_yaml(path), prefix="", source=str(path))
        try:
            _check(config)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
    if len(overrides) % 2:
        raise ConfigError(f"--set takes keys and values in pairs; {overrides[-1]!r} has no value")
    for key, text in zip(overrides[::2], overrides[1::2], strict=True):
        nested: Any = _literal(text)
        for part in reversed(key.split(".")):
            nested = {part: nested}
        _merge(config, nested, prefix="", source="--set")
    _check(config)
    return EasyDict(config)


def _defaults() -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, key in CONFIG_KEYS.items():
        *places, last = name.split(".")
        table = config
        for place in places:
            table = table.setdefault(place, {})
        table[last] = copy.deepcopy(key.default)
    return config


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
            if prefix.removesuffix(".") in CONFIG_KEYS:
                # YAML reads 2017 as a number, and a table of settings has names.
                config[str(key)] = _converted(value, 1.0, f"{prefix}{key}", source)
                continue
            raise ConfigError(f"{source}: unknown key {name}{_suggestion(key, config)}")
        if isinstance(config[key], dict):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{source}: {name} is a table of keys, got {value!r}")
            if not value and name in CONFIG_KEYS:
                config[key].clear()
            _merge(config[key], value, f"{name}.", source)
        else:
            config[key] = _converted(value, config[key], name, source)


def _suggestion(key: object, known: Iterable[str]) -> str:
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
    elif wanted is list and CONFIG_KEYS[name].alone and type(value) is type(default[0]):
        return [value]
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

    for name, key in CONFIG_KEYS.items():
        found = value(name)
        if key.choices and found not in key.choices:
            raise ConfigError(f"{name} is one of {', '.join(key.choices)}, got {found!r}")
        if key.low is not None and key.high is not None:
            numbers = found if isinstance(found, list) else found.values() if isinstance(found, dict) else [found]
            # Written so that NaN is out of every range.
            if found == [] or not all(key.low <= number <= key.high for number in numbers):
                raise ConfigError(f"{name} lies between {key.low:g} and {key.high:g}, got {found!r}")
        if key.items is not None and len(found) != key.items:
            raise ConfigError(f"{name} holds {key.items} numbers, got {found!r}")
    background, face = value("TRAIN.AUGMENT.VISIBLE")
    if background > face:
        raise ConfigError(f"TRAIN.AUGMENT.VISIBLE holds two shares in ascending order, got {background:g} and {face:g}")
    if 0 in (windows := value("TRAIN.AUGMENT.CROP_SIZE")) and len(windows) > 1:
        raise ConfigError(f"TRAIN.AUGMENT.CROP_SIZE holds sizes of windows, or 0 alone, got {windows!r}")
    sides = value("TRAIN.AUGMENT.FACE_SIDES")
    if any(len(side) != 3 or not (0 < side[0] < side[1] < math.inf and 0 <= side[2] < math.inf) for side in sides):
        raise ConfigError(f"TRAIN.AUGMENT.FACE_SIDES holds [from, to, weight] with 0 < from < to, got {sides!r}")
    if not any(side[2] for side in sides):
        raise ConfigError(f"TRAIN.AUGMENT.FACE_SIDES needs a range with a weight above 0, got {sides!r}")
    if not all(value("TRAIN.LAYERS") or [""]):
        raise ConfigError(f"TRAIN.LAYERS names layers, or says all, got {value('TRAIN.LAYERS')!r}")
    if not _PLAIN_NAME.fullmatch(value("TRAIN.SNAPSHOT_PREFIX")):
        raise ConfigError(
            f"TRAIN.SNAPSHOT_PREFIX begins file names: letters, digits and _ . - are allowed, "
            f"got {value('TRAIN.SNAPSHOT_PREFIX')!r}"
        )

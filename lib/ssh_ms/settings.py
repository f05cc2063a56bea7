"""The settings of a training: `default_config.yaml`, a file of differences, flags.

The default file holds three YAML documents, as MindSpore's models have them: values, what they mean, choices.
"""

import contextlib
import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import ConfigError
from ssh_tf.utils.reading import parse_yaml, read_yaml, reader


def read_settings(argv: Sequence[str] | None, default: Path, description: str | None) -> SimpleNamespace:
    """The settings by name: those of `default`, changed by --config_path, changed by a flag for each key.

    A flag's text is taken as it is where the setting is a text, and as YAML elsewhere. A switch needs no value.

    Raises:
        ConfigError: a file cannot be read, a key is unknown, a value is of another type or none of the choices.
    """
    values, meanings, choices = _documents(default, 3)
    parser = ToolParser(description)
    parser.add_argument("--config_path", type=Path, metavar="FILE", help="YAML file of what differs from the defaults")
    for key, value in values.items():
        kind = f"{type(value).__name__}, default {value!r}".replace("%", "%%")
        allowed = f"; one of {', '.join(choices[key])}" if key in choices else ""
        bare: dict[str, Any] = {"nargs": "?", "const": "true"} if isinstance(value, bool) else {}
        parser.add_argument(f"--{key}", type=str, metavar="VALUE", help=f"{meanings[key]} ({kind}{allowed})", **bare)
    arguments = vars(parser.parse_args(argv))
    path = arguments.pop("config_path")
    given = {key: text for key, text in arguments.items() if text is not None}
    # A path may be `out #1` or `010`, which YAML takes for something else.
    changes = [
        (f"--{key}", {key: text if isinstance(values[key], str) else _value(f"--{key}", text)})
        for key, text in given.items()
    ]
    if path is not None:
        changes.insert(0, (str(path), _documents(path, 1)[0]))
    for source, changed in changes:
        for key, value in changed.items():
            values[key] = _checked(key, value, values, choices, source)
    return SimpleNamespace(**values)


@reader("a value in YAML", ConfigError)
def _value(flag: str, text: str) -> Any:
    return next(iter(parse_yaml(text)), None)


@reader("valid YAML", ConfigError)
def _documents(path: str | os.PathLike[str], count: int) -> list[dict[str, Any]]:
    """The first `count` YAML documents of a file, each a table."""
    documents = [{} if document is None else document for document in read_yaml(path)[:count]]
    if not all(isinstance(document, Mapping) for document in documents):
        raise ConfigError(f"{path}: a configuration is a table of keys")
    return documents + [{}] * (count - len(documents))


def _checked(key: Any, value: Any, values: Mapping[str, Any], choices: Mapping[str, Sequence[str]], source: str) -> Any:
    """`value` in the type of the key's default. A whole number stands for a float, and so does YAML's string 1e-3."""
    if key not in values:
        close = difflib.get_close_matches(str(key), list(values), n=1)
        raise ConfigError(f"{source}: unknown key {key}{f'; did you mean {close[0]}?' if close else ''}")
    wanted = type(values[key])
    if wanted is float and not isinstance(value, bool):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            value = float(value)
    elif wanted is str:
        value = "" if value is None else str(value)
    if type(value) is not wanted:
        raise ConfigError(f"{source}: {key} takes a {wanted.__name__}, got {value!r}")
    if key in choices and value not in choices[key]:
        raise ConfigError(f"{source}: {key} is one of {', '.join(choices[key])}, got {value!r}")
    return value

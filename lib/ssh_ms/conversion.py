"""Renaming between SSH-TensorFlow's variables and the port's parameters, with nothing lost silently.

Arrays have their axes in MindSpore's order on both sides.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

from ssh_ms.hdf5 import sort_names
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.types import Array

_MODULES = "vgg_16/M"


class Converted(NamedTuple):
    """Arrays by their new names, and the names that were left out.

    Attributes:
        arrays: axes in MindSpore's order.
        optimizer: what an optimiser had added.
        unknown: what neither the network nor an optimiser has, such as an ImageNet classifier's dense layers.
        whole: it is a whole SSH network, not VGG16 alone.
    """

    arrays: dict[str, Array]
    optimizer: list[str]
    unknown: list[str]
    whole: bool


def to_parameters(path: str | os.PathLike[str], variables: Mapping[str, Array], names: Mapping[str, str]) -> Converted:
    """Rename `variables`, which came from `path`, by `names` {variable: parameter}.

    A VGG16 without SSH's modules, as ImageNet classifiers are, gives the backbone's parameters.

    Raises:
        CheckpointError: a variable is missing; the first one is named.
    """
    model, optimizer = sort_names(variables)
    whole = any(name.startswith(_MODULES) for name in model)
    wanted = {name: target for name, target in names.items() if whole or not name.startswith(_MODULES)}
    _require(path, wanted, model, "variables")
    unknown = [name for name in model if name not in wanted]
    return Converted({target: variables[name] for name, target in wanted.items()}, optimizer, unknown, whole)


def to_variables(path: str | os.PathLike[str], parameters: Mapping[str, Array], names: Mapping[str, str]) -> Converted:
    """The inverse of `to_parameters` for a whole network; all that is no parameter of it is the optimiser's.

    Raises:
        CheckpointError: a parameter is missing; the first one is named.
    """
    wanted = {target: name for name, target in names.items()}
    _require(path, wanted, list(parameters), "parameters")
    optimizer = [name for name in parameters if name not in wanted]
    return Converted({name: parameters[target] for target, name in wanted.items()}, optimizer, [], True)


def _require(path: str | os.PathLike[str], wanted: Mapping[str, str], found: list[str], what: str) -> None:
    missing = [name for name in wanted if name not in set(found)]
    if missing:
        others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise CheckpointError(
            f"{path}: lacks {missing[0]}{others} of {len(wanted)} {what}; is it a checkpoint of another network?"
        )

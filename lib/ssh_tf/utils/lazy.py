"""Modules that are imported when they are first used: what is only asked for help need not wait for them."""

import importlib
from types import ModuleType
from typing import Any

from ssh_tf.utils.errors import SSHError


class LazyModule(ModuleType):
    """Stands for the module of its name, and imports that when an attribute is first asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def extra_package(name: str, extra: str) -> ModuleType:
    """Import `name`, a module of one of the packages that the extra `extra` of this project brings.

    Raises:
        SSHError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SSHError(
            f"{name.partition('.')[0]} is not installed: pip install 'ssh-face-detector[{extra}]', or in a checkout "
            f"pip install '.[{extra}]'"
        ) from error

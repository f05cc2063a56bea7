"""The models and configurations that come with the package.

In a checkout (and an editable install) they lie in `data/models` and `experiments/cfgs`; an installed package carries
copies, which setup.py puts into `ssh_tf/resources`.
"""

from importlib.resources import files
from pathlib import Path

from ssh_tf.utils.errors import CheckpointError, ConfigError, SSHError

_PACKAGE = Path(str(files("ssh_tf")))
_CHECKOUT = _PACKAGE.parent.parent


def model_path(name: str) -> Path:
    """The frozen graph `name`.pb that comes with the package.

    Raises:
        CheckpointError: there is none of that name; the message lists those there are.
    """
    return _find("models", "data/models", name, ".pb", CheckpointError)


def model_names() -> list[str]:
    """The frozen graphs that come with the package, as `model_path` takes them."""
    return _names(_folder("models", "data/models"), ".pb")


def config_path(name: str) -> Path:
    """The settings `name`.yml of a backbone that come with the package.

    Raises:
        ConfigError: there are none of that name; the message lists those there are.
    """
    return _find("cfgs", "experiments/cfgs", name, ".yml", ConfigError)


def _find(packaged: str, checked_out: str, name: str, suffix: str, error: type[SSHError]) -> Path:
    folder = _folder(packaged, checked_out)
    path = folder / f"{name}{suffix}"
    if not path.is_file():
        known = ", ".join(_names(folder, suffix)) or "none"
        raise error(f"no {suffix} file named {name!r} comes with the package; those that do: {known}")
    return path


def _folder(packaged: str, checked_out: str) -> Path:
    folder = _PACKAGE / "resources" / packaged
    return folder if folder.is_dir() else _CHECKOUT / checked_out


def _names(folder: Path, suffix: str) -> list[str]:
    return sorted(found.stem for found in folder.glob(f"*{suffix}"))

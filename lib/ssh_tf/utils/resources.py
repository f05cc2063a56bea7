"""The models and configurations that come with the package.

In a checkout (and an editable install) they lie in `data/models` and `experiments/cfgs`; an installed package carries
copies, which setup.py puts into `ssh_tf/resources`.
"""

import os
import re
from importlib.resources import files
from pathlib import Path

from ssh_tf.utils.errors import CheckpointError, ConfigError, SSHError

INT8_FORM = "_int8.onnx"
MODEL_FORMS = (".pb", ".onnx", INT8_FORM)
"""What follows a model's name: TensorFlow's graph, ONNX Runtime's, and that one in 8 bits."""

_PACKAGE = Path(str(files("ssh_tf")))
_CHECKOUT = _PACKAGE.parent.parent

DEMO_IMAGES = _CHECKOUT / "data/demo"
"""The pictures of a checkout; an installed package has none."""


def is_name(text: str | os.PathLike[str]) -> bool:
    """Whether a model or settings are meant by name: a word alone, where no file and no checkpoint is called that."""
    word = os.fspath(text)
    return bool(re.fullmatch(r"\w+", word)) and not os.path.exists(word) and not os.path.exists(f"{word}.index")


def model_path(name: str) -> Path:
    """The frozen graph `name`.pb that comes with the package, or `name`.onnx where that is all there is.

    Raises:
        CheckpointError: there is none of that name; the message lists those there are.
    """
    return next(iter(model_forms(name).values()))


def model_forms(name: str) -> dict[str, Path]:
    """The files of the model `name` that come with the package, by what follows the name: keys of `MODEL_FORMS`.

    Raises:
        CheckpointError: there are none; the message lists the models there are.
    """
    folder = _folder("models", "data/models")
    forms = {form: folder / f"{name}{form}" for form in MODEL_FORMS}
    found = {form: path for form, path in forms.items() if path.is_file()}
    if not (found.keys() - {INT8_FORM}):
        raise CheckpointError(
            f"no model named {name!r} comes with the package; those that do: {', '.join(model_names()) or 'none'}"
        )
    return found


def model_names() -> list[str]:
    """The models that come with the package, as `model_path` takes them."""
    folder = _folder("models", "data/models")
    names = {name for suffix in (".pb", ".onnx") for name in _names(folder, suffix)}
    int8 = {name for name in names if f"{name}.onnx".endswith(INT8_FORM)}
    return sorted(names - int8)


def config_path(name: str) -> Path:
    """The settings `name`.yml that come with the package.

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

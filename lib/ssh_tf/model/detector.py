"""The detector that every tool uses: `Detector` on TensorFlow's networks, from whatever file."""

import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ssh_tf.model.config import load_config
from ssh_tf.model.files.checkpoints import Checkpoint
from ssh_tf.model.files.freezing import freeze, loaded
from ssh_tf.model.files.frozen_graphs import is_frozen, load_graph
from ssh_tf.model.inference.detection import Detector, Runner, proposal_options
from ssh_tf.model.inference.graph_runner import GraphRunner
from ssh_tf.model.inference.onnx_runner import OnnxRunner
from ssh_tf.model.options import network_options
from ssh_tf.model.precision import DETECTOR_PRECISIONS, Precision, prefers_int8
from ssh_tf.model.sizes import DEFAULT_SIZE, size_settings
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.cpu import cpu_flags
from ssh_tf.utils.errors import CheckpointError, ConfigError, SSHError
from ssh_tf.utils.resources import INT8_FORM, is_name, model_forms, model_names
from ssh_tf.utils.tf1 import has_tensorflow
from ssh_tf.utils.types import Config

DEFAULT_MODEL = "mobile_ssh"

_LOG = logging.getLogger(__name__)


class FaceDetector(Detector):
    """Detects faces: ``FaceDetector()(image)`` with the model that comes with the package."""

    def __init__(
        self,
        model: str | os.PathLike[str] | Runner | None = None,
        config: Config | None = None,
        precision: Precision = "auto",
        *,
        size: str | int | None = None,
        backbone: str | None = None,
    ) -> None:
        """Take a model in `precision`: the one that comes with the package, another, or a network that runs already.

        Args:
            model: the name of a model that comes with the package, such as ``"mobile_ssh"``; the path of a checkpoint,
                a `.pb` file, the folder of a SavedModel or a `.onnx` file; or a `Runner`.
            config: says at which scales faces are detected and how boxes are suppressed; None: as `size` says.
            precision: of the arithmetic.
            size: instead of `config`: the size a picture is resized to; a name of `SIZES`, or the shortest side
                (None: `DEFAULT_SIZE`).
            backbone: of a checkpoint (a key of `BACKBONES`; None: found by itself).

        Raises:
            CheckpointError: the model is not there or does not fit.
            ConfigError: there is no such size or precision, there is a `config` besides, or `model` is none of these.
        """
        config = _config(config, size)
        if precision not in DETECTOR_PRECISIONS:
            raise ConfigError(f"precision is one of {', '.join(DETECTOR_PRECISIONS)}, got {precision!r}")
        if not (
            model is None or (isinstance(model, str) and model) or isinstance(model, os.PathLike) or callable(model)
        ):
            raise ConfigError(f"expected the name of a model, a path or a runner, got {model!r}")
        if model is None:
            runner = _frozen_runner(_default_model(precision), config, precision)
        elif isinstance(model, str | os.PathLike):
            runner = _runner_of(model, backbone, config, precision)
        else:
            runner = model
        super().__init__(runner, config)
        self._made_by: Callable[[], FaceDetector] | None = None
        if model is None or isinstance(model, str | os.PathLike):
            self._made_by = partial(type(self), model, config, precision, backbone=backbone)

    def __reduce__(self) -> tuple[Callable[[], "FaceDetector"], tuple[()]]:
        """Pickled by what it was made from; who unpickles it loads the model again."""
        if self._made_by is None:
            raise SSHError("a detector of a network that runs already cannot be pickled: make it of the model's path")
        return self._made_by, ()

    @classmethod
    def from_checkpoint(
        cls,
        path: str | os.PathLike[str],
        backbone: str | None = None,
        config: Config | None = None,
        precision: Precision = "auto",
    ) -> "FaceDetector":
        """Use the checkpoint at `path` of an SSH network with `backbone` (a key of `BACKBONES`; None: found by itself).

        Raises:
            CheckpointError: the checkpoint is not there or does not fit.
        """
        config = _config(config)
        detector = cls(_checkpoint_runner(path, backbone, config, precision), config)
        detector._made_by = partial(cls.from_checkpoint, path, backbone, config, precision)
        return detector

    @classmethod
    def from_frozen(
        cls, path: str | os.PathLike[str], config: Config | None = None, precision: Precision = "auto"
    ) -> "FaceDetector":
        """Use a frozen graph: a `.pb` file, the folder of a SavedModel or a `.onnx` file.

        Graphs that `inference_graph` built follow all of `config.TEST`. Of others the proposals are taken as they are
        (`SCORE_THRESH`, `MODE` and the `RPN_…` keys mean nothing), and if they do not say which branch a proposal came
        from, an image pyramid keeps all of the largest scale's.

        Raises:
            CheckpointError: the file is no such graph, or holds operations that are not allowed.
        """
        config = _config(config)
        file = _in_int8(path) if precision == "int8" else path
        detector = cls(_frozen_runner(Path(file), config, precision), config)
        detector._made_by = partial(cls.from_frozen, path, config, precision)
        return detector

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        backbone: str | None = None,
        config: Config | None = None,
        precision: Precision = "auto",
    ) -> "FaceDetector":
        """The constructor, for a model that is a path or a name."""
        return cls(path, config, precision, backbone=backbone)


def _config(config: Config | None, size: str | int | None = None) -> Config:
    if config is None:
        return load_config(None, size_settings(DEFAULT_SIZE if size is None else size))
    if size is not None:
        raise ConfigError("a detector takes a size or a configuration, not both: set TEST.SCALES in the configuration")
    if not isinstance(config, Mapping):
        raise ConfigError(f"config is what load_config returns, got {config!r}")
    return config


def _runner_of(model: str | os.PathLike[str], backbone: str | None, config: Config, precision: Precision) -> Runner:
    file = model_file(model, precision)
    if is_frozen(file):
        return _frozen_runner(Path(file), config, precision)
    if is_name(file):
        raise CheckpointError(
            f"{file}: no checkpoint there; models of the package: {', '.join(model_names()) or 'none'}"
        )
    return _checkpoint_runner(file, backbone, config, precision)


def model_file(model: str | os.PathLike[str], precision: Precision) -> str | os.PathLike[str]:
    """The file that `model` is, or, if it is the name of a model that comes with the package, that model's."""
    if is_name(model) and os.fspath(model) in model_names():
        return packaged_model(os.fspath(model), precision)
    return _in_int8(model) if precision == "int8" else model


def _in_int8(model: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The file in 8 bits that lies beside the file or folder `model`, or `model` where there is none."""
    # The model may be named ".".
    path = Path(os.path.abspath(model))
    int8 = path.with_name(f"{path.stem}{INT8_FORM}")
    return int8 if int8.is_file() else model


def packaged_model(name: str, precision: Precision) -> Path:
    """Which file of a model that comes with the package to use: what can run it here, and what "auto" prefers."""
    forms = model_forms(name)
    if precision == "int8" and INT8_FORM not in forms:
        raise CheckpointError(f"{name} does not come in int8; tools/convert_ckpt_to_pb.py --int8 makes such a file")
    if precision == "auto" and INT8_FORM in forms and prefers_int8(cpu_flags()):
        _LOG.warning("int8, since this processor has VNNI and no bfloat16: nearly as exact; precision fp32 is exact")
        return forms[INT8_FORM]
    if precision == "int8":
        return forms[INT8_FORM]
    if has_tensorflow():
        wanted: tuple[str, ...] = (".pb", ".onnx")
    else:
        # Better in 8 bits than not at all; but who asks for a precision gets it or an error.
        wanted = (".onnx", INT8_FORM, ".pb") if precision == "auto" else (".onnx", ".pb")
    return next(forms[form] for form in wanted if form in forms)


def _checkpoint_runner(
    path: str | os.PathLike[str], backbone: str | None, config: Config, precision: Precision
) -> Runner:
    backbone = backbone or Checkpoint(path).backbone()
    if backbone not in BACKBONES:
        raise ConfigError(f"no backbone is called {backbone!r}; there are {', '.join(BACKBONES)}")
    GraphRunner.check_process()
    with loaded(path, network_options(config, backbone), proposal_options(config)) as session:
        graph_def = freeze(session)
    return GraphRunner(graph_def, proposal_options(config), precision)


def _default_model(precision: Precision) -> Path:
    if DEFAULT_MODEL not in model_names():
        raise CheckpointError(
            f"no trained model comes with this package (data/models/{DEFAULT_MODEL}.pb): name a checkpoint or a frozen "
            "model, such as --model output/…/mobile_ssh_iter_40000.ckpt, or train one with tools/trainval_net.py"
        )
    return packaged_model(DEFAULT_MODEL, precision)


def _frozen_runner(path: Path, config: Config, precision: Precision) -> Runner:
    if path.suffix.lower() == ".onnx":
        return OnnxRunner(path, precision)
    try:
        return GraphRunner(load_graph(path), proposal_options(config), precision)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error

"""The network as a file that runs without this code: MINDIR or ONNX.

Both take `images` (1, 3, H, W) float32 of any size, BGR minus the means, and give logits (1, K), face minus background,
and deltas (1, K, 4). Each is run beside the network before it is kept.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_ms.framework import ms, nn
from ssh_ms.network import SSHNetwork, any_size
from ssh_tf.utils.errors import CheckpointError, ConfigError
from ssh_tf.utils.files import whole_file

NetworkOutput = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]

# An even and an odd size, and one at which M3's map would vanish.
_SIZES = ((64, 96), (83, 121), (16, 40))
_TOLERANCE = 1e-4


def export(network: SSHNetwork, path: str | os.PathLike[str]) -> float:
    """Write `network` to the file at `path`, `.mindir` or `.onnx`.

    Returns:
        The largest difference between what the file and the network compute for noise of several sizes, relative to the
        largest output.

    Raises:
        ConfigError: another suffix, or ONNX is not installed.
        CheckpointError: the file cannot be written, or computes something else (and is not kept).
    """
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise ConfigError(f"{path}: the suffix is one of {', '.join(_WRITERS)}")
    any_size(network).set_train(False)
    try:
        with whole_file(path) as temporary:
            runs = _WRITERS[path.suffix](network, temporary)
            difference = _difference(network, runs)
            if not difference <= _TOLERANCE:
                raise CheckpointError(f"{path}: not kept, since it differs from the network by {difference:.1e}")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written: {error}") from error
    return difference


def _write_mindir(network: SSHNetwork, path: Path) -> Callable[[npt.NDArray[np.float32]], NetworkOutput]:
    images = ms.Tensor(shape=[1, 3, None, None], dtype=ms.float32)
    ms.export(network, images, file_name=str(path), file_format="MINDIR")
    written = nn.GraphCell(ms.load(str(path)))
    return lambda images: _arrays(written(ms.Tensor(images)))


def _write_onnx(network: SSHNetwork, path: Path) -> Callable[[npt.NDArray[np.float32]], NetworkOutput]:
    try:
        import onnx
        import onnxruntime

        from ssh_ms.onnx_graph import INPUT, build_onnx
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install '.[onnx]'") from error
    onnx.save(build_onnx({p.name: p.asnumpy() for p in network.get_parameters()}), path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: tuple(session.run(None, {INPUT: images}))


_WRITERS = {".mindir": _write_mindir, ".onnx": _write_onnx}


def _difference(network: SSHNetwork, runs: Callable[[npt.NDArray[np.float32]], NetworkOutput]) -> float:
    rng = np.random.default_rng(0)
    differences = []
    for height, width in _SIZES:
        images = rng.uniform(-110, 130, (1, 3, height, width)).astype(np.float32)
        for found, wanted in zip(runs(images), _arrays(network(ms.Tensor(images))), strict=True):
            if found.shape != wanted.shape:
                return float("inf")
            differences.append(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-6))
    return float(np.max(differences))


def _arrays(rows: tuple[ms.Tensor, ms.Tensor]) -> NetworkOutput:
    logits, deltas = rows
    return logits.asnumpy(), deltas.asnumpy()

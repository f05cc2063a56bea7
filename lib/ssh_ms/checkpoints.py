"""MindSpore checkpoints of the port: read, checked, written whole or not at all.

MindSpore's own loading only warns of parameters that a file lacks; here that is an error.
"""

import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ssh_ms.framework import ms, nn, without_log
from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.files import whole_file
from ssh_tf.utils.reading import Refused, read_bytes, reader
from ssh_tf.utils.types import Array

SUFFIX = ".ckpt"
# MindSpore's own, behind all else.
_SUM_MARK, _SUM_BYTES = b"crc_num", 17

_FIRST_LAYER = "ssh.vgg.conv4_3.0.weight"


@reader("a MindSpore checkpoint", CheckpointError)
def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read all that the checkpoint at `path` holds, by name.

    Raises:
        CheckpointError: it is missing, or no MindSpore checkpoint.
    """
    _check_sum(read_bytes(path))
    with without_log():
        parameters = ms.load_checkpoint(str(path))
    return {name: np.asarray(parameter.asnumpy()) for name, parameter in parameters.items()}


def _check_sum(content: bytes) -> None:
    """Compare the sum at the end of a file, which `write_checkpoint` puts there, and others need not.

    MindSpore, asked to compare it, takes any failure for a lack of permission.
    """
    if not content:
        raise Refused("the file is empty")
    body, mark, found = content[:-_SUM_BYTES], content[-_SUM_BYTES:-10], content[-10:]
    if mark == _SUM_MARK and zlib.crc32(body) != int.from_bytes(found, "big"):
        raise Refused("the checkpoint is damaged (its sum is another)")


def write_checkpoint(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write `arrays` by name to the checkpoint at `path`, whose suffix is `.ckpt`.

    Raises:
        CheckpointError: another suffix, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise CheckpointError(f"{path}: a MindSpore checkpoint's name ends with {SUFFIX}")
    parameters = [{"name": name, "data": ms.Tensor(np.ascontiguousarray(array))} for name, array in arrays.items()]
    try:
        with whole_file(path) as temporary:
            ms.save_checkpoint(parameters, str(temporary), crc_check=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be written: {error}") from error


def check_shapes(path: str | os.PathLike[str], arrays: Mapping[str, Array], parameters: Iterable[ms.Parameter]) -> None:
    """Check that `arrays`, which came from `path`, holds every one of `parameters` in its shape.

    Raises:
        CheckpointError: it does not; the first parameter that differs is named.
    """
    wanted = {parameter.name: tuple(parameter.shape) for parameter in parameters}
    missing = [name for name in wanted if name not in arrays]
    if missing:
        others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise CheckpointError(
            f"{path}: lacks {missing[0]}{others} of {len(wanted)} parameters; is it a checkpoint of another network?"
        )
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise CheckpointError(f"{path}: {name} has shape {list(arrays[name].shape)}, expected {list(shape)}")


def load_network(network: nn.Cell, path: str | os.PathLike[str]) -> None:
    """Load the checkpoint at `path` into `network`; what an optimiser added to it is left alone.

    Raises:
        CheckpointError: it cannot be read or does not fit.
    """
    arrays = read_checkpoint(path)
    check_shapes(path, arrays, network.get_parameters())
    _assign(network, arrays)


def load_initial(network: nn.Cell, path: str | os.PathLike[str]) -> bool:
    """Start `network` from the checkpoint at `path`: a whole SSH network, or a VGG16 trained on ImageNet alone.

    That one was trained on RGB, so the input channels of its first layer are reversed. Returns whether it was a whole
    network.

    Raises:
        CheckpointError: it cannot be read, or does not fit.
    """
    arrays = read_checkpoint(path)
    parts = {name.split(".")[1] for name in arrays if name.startswith("ssh.")}
    if parts != {"vgg"}:
        check_shapes(path, arrays, network.get_parameters())
        _assign(network, arrays)
        return True
    check_shapes(path, arrays, network.ssh.vgg.get_parameters())
    _assign(network.ssh.vgg, {**arrays, _FIRST_LAYER: arrays[_FIRST_LAYER][:, ::-1]})
    return False


def _assign(network: nn.Cell, arrays: Mapping[str, Array]) -> None:
    for parameter in network.get_parameters():
        parameter.set_data(ms.Tensor(np.ascontiguousarray(arrays[parameter.name], np.float32)))

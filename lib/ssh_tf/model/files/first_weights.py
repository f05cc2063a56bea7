"""Weights out of other programs' packages, as an `.npz` that a training starts from."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.files import atomic_write, check_not_read
from ssh_tf.utils.types import Array


def convert_first_weights(
    parser: ToolParser, argv: Sequence[str] | None, packed: str, read: Callable[[Path], Mapping[str, Array]]
) -> int:
    """Be a tool that writes what `read` finds in one file; 0.

    Args:
        parser: the tool's, which gets its arguments here.
        argv: the command line.
        packed: what the file is, for the help.
        read: gives the arrays of a file by their names in slim's backbones.

    Raises:
        SSHError: as `read`; the output is the input.
    """
    parser.add_argument("input", type=Path, help=packed)
    parser.add_argument("output", type=Path, help="the .npz to write, for trainval_net.py --weight")
    arguments = parser.parse_args(argv)
    check_not_read([arguments.output], [arguments.input])
    arrays = read(arguments.input)
    with atomic_write(arguments.output, "wb") as stream:
        np.savez(stream, **cast(Any, arrays))
    print(f"{arguments.output}: {len(arrays)} arrays")
    return 0

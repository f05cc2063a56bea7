"""From a MindSpore checkpoint of the port to one of SSH-TensorFlow, to evaluate and freeze there. Needs both.

What the optimiser added is left out and listed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ssh_ms.conversion import to_variables
from ssh_ms.hdf5 import to_channels_last
from ssh_ms.names import read_name_table
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import CheckpointError, run_tool
from ssh_tf.utils.tf1 import cpu_session, tf
from ssh_tf.utils.types import Array

_MAP = Path(__file__).with_name("map.csv")


def save_variables(path: str, arrays: Mapping[str, Array]) -> None:
    """Write `arrays` by variable name to the TensorFlow checkpoint with the prefix `path`.

    Raises:
        CheckpointError: it cannot be written.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with cpu_session() as session:
        variables = [tf.get_variable(name, array.shape) for name, array in arrays.items()]
        for variable, array in zip(variables, arrays.values(), strict=True):
            variable.load(array, session)
        try:
            tf.train.Saver(variables).save(session, path, write_meta_graph=False, write_state=False)
        except (tf.errors.OpError, ValueError) as error:
            raise CheckpointError(f"{path}: cannot be written: {error}") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 0 when the checkpoint is written."""
    parser = ToolParser(__doc__)
    parser.add_argument("--infile", required=True, metavar="FILE.ckpt", help="MindSpore checkpoint")
    parser.add_argument("--outfile", required=True, metavar="CKPT", help="prefix of the checkpoint to write")
    parser.add_argument("--map", default=_MAP, metavar="FILE.csv", help="table of names (default: %(default)s)")
    arguments = parser.parse_args(argv)
    # Not before the arguments are known to be right: MindSpore takes seconds.
    # Its own protobuf messages have to be there before TensorFlow's.
    from ssh_ms.checkpoints import check_shapes, read_checkpoint
    from ssh_ms.network import SSHNetwork

    parameters = read_checkpoint(arguments.infile)
    check_shapes(arguments.infile, parameters, SSHNetwork().get_parameters())
    converted = to_variables(arguments.infile, parameters, read_name_table(arguments.map))
    save_variables(arguments.outfile, {name: to_channels_last(array) for name, array in converted.arrays.items()})
    for name in converted.optimizer:
        print(f"left out: {name}")
    print(f"{arguments.outfile}: {len(converted.arrays)} variables; {len(converted.optimizer)} others left out")
    return 0


if __name__ == "__main__":
    run_tool(main)

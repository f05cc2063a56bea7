"""From the HDF5 file of tf2h5.py to a MindSpore checkpoint of the port. Runs with MindSpore.

Every name is taken from the table and every shape compared with the network's. A file of VGG16 alone, trained on
ImageNet, gives a checkpoint that training can start from.
"""

from collections.abc import Sequence
from pathlib import Path

from ssh_ms.conversion import to_parameters
from ssh_ms.hdf5 import read_weights_hdf5
from ssh_ms.names import read_name_table
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import run_tool

_MAP = Path(__file__).with_name("map.csv")


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 0 when the checkpoint is written."""
    parser = ToolParser(__doc__)
    parser.add_argument("--infile", required=True, metavar="FILE.h5", help="file of tf2h5.py")
    parser.add_argument("--outfile", required=True, metavar="FILE.ckpt", help="checkpoint to write")
    parser.add_argument("--map", default=_MAP, metavar="FILE.csv", help="table of names (default: %(default)s)")
    arguments = parser.parse_args(argv)
    # Not before the arguments are known to be right: MindSpore takes seconds.
    from ssh_ms.checkpoints import check_shapes, write_checkpoint
    from ssh_ms.network import SSHNetwork

    converted = to_parameters(arguments.infile, read_weights_hdf5(arguments.infile), read_name_table(arguments.map))
    network = SSHNetwork()
    parameters = (network if converted.whole else network.ssh.vgg).get_parameters()
    check_shapes(arguments.infile, converted.arrays, parameters)
    write_checkpoint(arguments.outfile, converted.arrays)
    for name in converted.optimizer + converted.unknown:
        print(f"left out: {name}")
    what = "SSH network" if converted.whole else "VGG16 alone, to start a training from"
    print(f"{arguments.outfile}: {what}, {len(converted.arrays)} parameters")
    return 0


if __name__ == "__main__":
    run_tool(main)

"""From an SSH network with VGG16 in TensorFlow, or from VGG16 alone, to HDF5. Runs with TensorFlow.

What is there to resume a training is left out and listed: what the optimiser added (momentum, counters), and with
TRAIN.EMA the raw weights, whose running mean is the model.
"""

from collections.abc import Sequence

from ssh_ms.hdf5 import sort_names, to_channels_first, write_hdf5
from ssh_tf.model.files.weights import open_arrays
from ssh_tf.nets.backbones import BACKBONES
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import CheckpointError, run_tool

_BACKBONE = "vgg16"


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 0 when the file is written."""
    parser = ToolParser(__doc__)
    parser.add_argument(
        "--infile", required=True, metavar="CKPT", help="checkpoint, frozen .pb or .npz of named arrays"
    )
    parser.add_argument("--outfile", required=True, metavar="FILE.h5", help="file to write")
    arguments = parser.parse_args(argv)
    stored = open_arrays(arguments.infile)
    scopes = {name.partition("/")[0] for name in stored.shapes}
    found = [name for name, backbone in BACKBONES.items() if backbone.scope in scopes]
    if found != [_BACKBONE]:
        what = f"holds a network with the backbone {found[0]}" if found else "holds no network of this project"
        raise CheckpointError(f"{arguments.infile}: {what}; the port has {_BACKBONE} alone")
    model, optimizer = sort_names(stored.shapes)
    write_hdf5(arguments.outfile, {name: to_channels_first(stored.read(name)) for name in model})
    for name in optimizer:
        print(f"left out: {name}")
    print(f"{arguments.outfile}: {len(model)} arrays; {len(optimizer)} others left out")
    return 0


if __name__ == "__main__":
    run_tool(main)

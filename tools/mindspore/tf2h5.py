"""From a checkpoint of SSH-TensorFlow with VGG16, or of VGG16 alone, to HDF5. Runs with TensorFlow.

What the optimiser added (momentum, counters) is left out and listed.
"""

import argparse
from collections.abc import Sequence

from ssh_ms.hdf5 import sort_names, to_channels_first, write_hdf5
from ssh_tf.model.checkpoints import Checkpoint
from ssh_tf.utils.errors import CheckpointError, run_tool

_BACKBONE = "vgg16"


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 0 when the file is written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--infile", required=True, metavar="CKPT", help="prefix of a checkpoint, or its only file")
    parser.add_argument("--outfile", required=True, metavar="FILE.h5", help="file to write")
    arguments = parser.parse_args(argv)
    checkpoint = Checkpoint(arguments.infile)
    backbone = checkpoint.backbone()
    if backbone != _BACKBONE:
        found = f"a checkpoint for the backbone {backbone}" if backbone else "no checkpoint of an SSH network"
        raise CheckpointError(f"{checkpoint.prefix}: is {found}; the port has {_BACKBONE} alone")
    model, optimizer = sort_names(checkpoint.shapes)
    write_hdf5(arguments.outfile, {name: to_channels_first(checkpoint.value(name)) for name in model})
    for name in optimizer:
        print(f"left out: {name}")
    print(f"{arguments.outfile}: {len(model)} arrays; {len(optimizer)} of the optimiser left out")
    return 0


if __name__ == "__main__":
    run_tool(main)

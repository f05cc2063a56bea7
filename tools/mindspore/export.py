"""Export a MindSpore checkpoint of the port to MINDIR or ONNX, for images of any size.

The file takes `images` (1, 3, H, W) float32, BGR minus the means, and gives `logits` (1, K), face minus background, and
`deltas` (1, K, 4). It is run beside the network before it is kept. For ONNX with boxes and suppression inside, take
ckpt2tf.py and tools/convert_ckpt_to_pb.py.
"""

from collections.abc import Sequence

from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import run_tool


def main(argv: Sequence[str] | None = None) -> int:
    """Export; 0 when the file is written."""
    parser = ToolParser(__doc__)
    parser.add_argument("--infile", required=True, metavar="FILE.ckpt", help="MindSpore checkpoint")
    parser.add_argument("--outfile", required=True, metavar="FILE", help="file to write: .mindir or .onnx")
    arguments = parser.parse_args(argv)
    # Not before the arguments are known to be right: MindSpore takes seconds.
    from ssh_ms.checkpoints import load_network
    from ssh_ms.export import export
    from ssh_ms.framework import set_up
    from ssh_ms.network import SSHNetwork

    set_up("graph")
    network = SSHNetwork()
    load_network(network, arguments.infile)
    difference = export(network, arguments.outfile)
    print(f"{arguments.outfile}: equals the network within {difference:.1e} of its largest output")
    return 0


if __name__ == "__main__":
    run_tool(main)

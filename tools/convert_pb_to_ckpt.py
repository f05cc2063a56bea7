"""Get a checkpoint back from a frozen graph, to evaluate, convert or train on."""

from collections.abc import Sequence
from pathlib import Path

from ssh_tf.model.command_line import add_backbone_argument, add_config_arguments
from ssh_tf.model.config import load_config
from ssh_tf.model.files.averaging import save_average
from ssh_tf.model.options import network_options
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import CheckpointError, run_tool


def main(argv: Sequence[str] | None = None) -> int:
    """Write one checkpoint."""
    parser = ToolParser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the frozen graph, a .pb file of this project")
    add_backbone_argument(parser, required=True)
    parser.add_argument("--output", type=Path, required=True, help="the checkpoint's prefix, e.g. mobile_ssh.ckpt")
    add_config_arguments(parser)
    arguments = parser.parse_args(argv)
    if arguments.model.suffix != ".pb":
        raise CheckpointError(f"{arguments.model}: not a .pb file")
    options = network_options(load_config(arguments.cfg, arguments.set), arguments.backbone)
    count = save_average([arguments.model], [1.0], options, arguments.output)
    print(f"{arguments.output}: {count} variables")
    return 0


if __name__ == "__main__":
    run_tool(main)

"""Average the weights of several networks into a checkpoint.

The mean of snapshots of one training, or of trainings that started from one another, is often better than each of them
(Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, UAI 2018). The mean of networks
that were trained from different first weights finds nothing.
"""

from collections.abc import Sequence
from pathlib import Path

from ssh_tf.model.command_line import add_backbone_argument, add_config_arguments
from ssh_tf.model.config import load_config
from ssh_tf.model.files.averaging import save_average
from ssh_tf.model.options import network_options
from ssh_tf.utils.arguments import ToolParser, length
from ssh_tf.utils.errors import run_tool


def main(argv: Sequence[str] | None = None) -> int:
    """Write one checkpoint."""
    parser = ToolParser(__doc__)
    parser.add_argument(
        "--model", nargs="+", type=Path, required=True, metavar="PATH", help="checkpoints and .pb files of this project"
    )
    parser.add_argument(
        "--share",
        nargs="+",
        type=length,
        metavar="W",
        help="how much each counts, as a part of their sum (default: equally)",
    )
    add_backbone_argument(parser, required=True)
    parser.add_argument("--output", type=Path, required=True, help="the checkpoint's prefix, e.g. averaged.ckpt")
    add_config_arguments(parser)
    arguments = parser.parse_args(argv)
    shares = arguments.share or [1.0] * len(arguments.model)
    if len(shares) != len(arguments.model):
        parser.error(f"--share names {len(shares)} numbers, --model {len(arguments.model)} networks")
    options = network_options(load_config(arguments.cfg, arguments.set), arguments.backbone)
    count = save_average(arguments.model, shares, options, arguments.output)
    print(f"{arguments.output}: {count} variables, the mean of {len(shares)} networks")
    return 0


if __name__ == "__main__":
    run_tool(main)

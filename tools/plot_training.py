"""Plot the losses and the validations of a training, from the log of what it printed."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.model.training.curves import read_log
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.plots import save_figure, training_figure


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path, help="what tools/trainval_net.py printed")
    parser.add_argument("--output", type=Path, metavar="STEM", help="STEM.png and STEM.pdf (default: beside the log)")
    parser.add_argument("--title", help="over the losses (default: the log's name)")
    arguments = parser.parse_args(argv)
    curves = read_log(arguments.log)
    figure = training_figure(curves.losses, curves.validations, title=arguments.title or arguments.log.stem)
    paths = save_figure(figure, arguments.output or arguments.log.with_suffix(""))
    print(", ".join(map(str, paths)))
    return 0


if __name__ == "__main__":
    run_tool(main)

"""Plot the losses and the validations of a training, from its tables or from what an earlier one printed."""

from collections.abc import Sequence
from pathlib import Path

from ssh_tf.model.training.curves import read_curves
from ssh_tf.utils.arguments import ToolParser
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.plots import save_figure, training_figure


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; return its exit code."""
    parser = ToolParser(__doc__)
    parser.add_argument(
        "run",
        type=Path,
        help="folder of a training, its loss.csv, or a log of what tools/trainval_net.py printed",
    )
    parser.add_argument("--output", type=Path, metavar="STEM", help="STEM.png and STEM.pdf (default: beside it)")
    parser.add_argument("--title", help="over the losses (default: its name)")
    arguments = parser.parse_args(argv)
    run: Path = arguments.run
    name = run.resolve().name if run.is_dir() else run.stem
    figure = training_figure(*read_curves(run), title=arguments.title or name)
    beside = run / "training" if run.is_dir() else run.with_suffix("")
    paths = save_figure(figure, arguments.output or beside)
    print(", ".join(map(str, paths)))
    return 0


if __name__ == "__main__":
    run_tool(main)

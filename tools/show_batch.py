"""Write a contact sheet of training samples as the network sees them, with their boxes drawn.

The samples are those of a training with the same data, --cfg and --set.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.factory import DATASET_NAMES, load_dataset, load_folder
from ssh_tf.model.command_line import add_config_arguments, add_skip_missing_argument
from ssh_tf.model.config import load_config
from ssh_tf.model.options import pipeline_options
from ssh_tf.roi_data_layer.samples import FACE, IGNORE, Sampler, TrainingSample
from ssh_tf.utils.arguments import ToolParser, at_most, not_negative, positive
from ssh_tf.utils.drawing import draw_truth
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.files import check_not_read
from ssh_tf.utils.images import MAX_PIXELS, write_image
from ssh_tf.utils.opencv import cv2


def sheet_of_samples(samples: Sequence[TrainingSample], tile: int) -> npt.NDArray[np.uint8]:
    """Return the samples, boxes drawn and each shrunk to fit `tile` pixels, in a grid about as wide as high."""
    columns = math.ceil(math.sqrt(len(samples)))
    rows = math.ceil(len(samples) / columns)
    sheet = np.zeros((rows * tile, columns * tile, 3), dtype=np.uint8)
    for position, sample in enumerate(samples):
        drawn = draw_truth(sample.image, sample.boxes[sample.kinds == FACE], sample.boxes[sample.kinds == IGNORE])
        factor = min(1.0, tile / max(drawn.shape[:2]))
        size = [max(1, round(length * factor)) for length in drawn.shape[1::-1]]
        drawn = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)
        top, left = position // columns * tile, position % columns * tile
        sheet[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return sheet


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; return its exit code."""
    parser = ToolParser(__doc__, epilog="Faces are blue, ignored regions grey.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="folder with images/ and train.txt")
    source.add_argument("--imdb", metavar="NAME", help=f"{', '.join(DATASET_NAMES)}, or several joined by +")
    parser.add_argument("--split", default="train", help="with --data: stem of the annotation file (default: train)")
    parser.add_argument(
        "--data_root", type=Path, default=Path("data"), help="with --imdb: folder that holds WIDER/ (default: data)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("output/show_batch.jpg"),
        metavar="FILE",
        help="picture to write (default: %(default)s)",
    )
    parser.add_argument("--count", type=positive, default=16, help="training samples to show (default: %(default)s)")
    parser.add_argument(
        "--iteration", type=not_negative, default=0, help="training iteration to begin with (default: %(default)s)"
    )
    parser.add_argument(
        "--tile",
        type=at_most(4096, positive),
        default=480,
        metavar="PX",
        help="side of a sample on the sheet (default: %(default)s)",
    )
    add_skip_missing_argument(parser)
    add_config_arguments(parser)
    arguments = parser.parse_args(argv)
    if arguments.count * arguments.tile**2 > MAX_PIXELS:
        parser.error(f"--count of --tile come to over {MAX_PIXELS / 1e6:.0f} megapixels; ask for fewer or smaller ones")

    config = load_config(arguments.cfg, arguments.set)
    cache = arguments.output.parent / "cache"
    if arguments.data:
        records = load_folder(arguments.data, arguments.split, cache, arguments.skip_missing)
    else:
        records = load_dataset(arguments.imdb, arguments.data_root, cache, arguments.skip_missing)
    check_not_read([arguments.output], [record.path for record in records])
    batch = config.TRAIN.IMS_PER_BATCH
    options = pipeline_options(config)._replace(skip_unreadable=arguments.skip_missing)
    sampler = Sampler(records, options, config.RNG_SEED, batch)
    samples = [sampler(arguments.iteration + number // batch, number % batch) for number in range(arguments.count)]
    write_image(arguments.output, sheet_of_samples(samples, arguments.tile))
    faces = sum(int((sample.kinds == FACE).sum()) for sample in samples)
    print(f"{arguments.output}: {len(samples)} samples, {faces} faces")
    return 0


def entry() -> None:
    """The command `ssh-show-batch`."""
    run_tool(main)


if __name__ == "__main__":
    entry()

"""Write a contact sheet of training samples as the network sees them, with their boxes drawn."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ssh_tf.datasets.factory import DATASET_NAMES, load_dataset, load_folder
from ssh_tf.roi_data_layer.options import PipelineOptions
from ssh_tf.roi_data_layer.sampling import FACE, IGNORE, Sample, Sampler
from ssh_tf.utils.arguments import not_negative, positive, probability
from ssh_tf.utils.drawing import draw_truth
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.images import write_image


def contact_sheet(samples: Sequence[Sample], tile: int) -> npt.NDArray[np.uint8]:
    """Return the samples, boxes drawn and each shrunk to fit `tile` pixels, in a grid about as wide as high."""
    columns = math.ceil(math.sqrt(len(samples)))
    rows = math.ceil(len(samples) / columns)
    sheet = np.zeros((rows * tile, columns * tile, 3), dtype=np.uint8)
    for position, sample in enumerate(samples):
        drawn = draw_truth(sample.image, sample.boxes[sample.kinds == FACE], sample.boxes[sample.kinds == IGNORE])
        factor = min(1.0, tile / max(drawn.shape[:2]))
        drawn = np.asarray(cv2.resize(drawn, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
        top, left = position // columns * tile, position % columns * tile
        sheet[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return sheet


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter, epilog="Faces blue, ignored grey."
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="folder with images/ and train.txt")
    source.add_argument("--imdb", metavar="NAME", help=f"{', '.join(DATASET_NAMES)}, or several joined by +")
    parser.add_argument("--split", default="train", help="with --data: stem of the annotation file")
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="with --imdb: folder that holds WIDER/")
    parser.add_argument("--output", type=Path, default=Path("output/show_batch.jpg"), help="picture to write")
    parser.add_argument("--count", type=positive, default=16, help="samples to show")
    parser.add_argument("--iteration", type=not_negative, default=0, help="training iteration to show")
    parser.add_argument("--seed", type=not_negative, default=3, help="seed of the order and of the augmentation")
    parser.add_argument("--tile", type=positive, default=480, help="pixels of a sample's side on the sheet")
    parser.add_argument("--scale", type=positive, default=1200, help="shortest side, without --crop")
    parser.add_argument("--max-size", type=positive, default=1600, help="bound of the longest side, without --crop")
    parser.add_argument(
        "--crop", type=not_negative, default=0, metavar="SIDE", help="random windows of this side around faces"
    )
    parser.add_argument("--flip", type=probability, default=0.0, metavar="RATE", help="share of mirrored samples")
    parser.add_argument("--colour", type=probability, default=0.0, metavar="AMOUNT", help="colour jitter, 0 to 1")
    parser.add_argument(
        "--grey", type=probability, default=0.0, metavar="RATE", help="share of samples without colours"
    )
    parser.add_argument("--blur", type=probability, default=0.0, metavar="RATE", help="share of blurred samples")
    parser.add_argument("--jpeg", type=probability, default=0.0, metavar="RATE", help="share of recompressed samples")
    parser.add_argument("--blank-ignored", action="store_true", help="paint ignore regions in the mean colour")
    parser.add_argument("--skip-missing", action="store_true", help="leave missing images out")
    arguments = parser.parse_args(argv)

    cache = arguments.output.parent / "cache"
    if arguments.data:
        records = load_folder(arguments.data, arguments.split, cache, arguments.skip_missing)
    else:
        records = load_dataset(arguments.imdb, arguments.data_root, cache, arguments.skip_missing)
    options = PipelineOptions(
        scales=(arguments.scale,),
        max_size=arguments.max_size,
        crop_size=arguments.crop,
        flip_rate=arguments.flip,
        brightness=0.3 * arguments.colour,
        contrast=0.5 * arguments.colour,
        saturation=0.8 * arguments.colour,
        hue=30.0 * arguments.colour,
        grayscale_rate=arguments.grey,
        blur_rate=arguments.blur,
        jpeg_rate=arguments.jpeg,
        blank_ignored=arguments.blank_ignored,
    )
    sampler = Sampler(records, options, arguments.seed, arguments.count)
    samples = [sampler(arguments.iteration, slot) for slot in range(arguments.count)]
    write_image(arguments.output, contact_sheet(samples, arguments.tile))
    faces = sum(int((sample.kinds == FACE).sum()) for sample in samples)
    print(f"{arguments.output}: {len(samples)} samples, {faces} faces")
    return 0


if __name__ == "__main__":
    run_tool(main)

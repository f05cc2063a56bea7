"""Detect faces in more pictures than one machine can do, with Ray Data: on this machine, or on a cluster.

Inputs are folders, patterns, lists (.txt, a name a line), pictures, tar files, and Parquet files with a column of image
bytes, on the local disk or any filesystem of PyArrow or fsspec (s3://bucket/folder). The results are Parquet: a row a
picture with name, width, height, boxes, scores, ms and error. Started again with the same arguments, only what is
missing is done. Needs the extra `bulk`; docs/bulk.md has more.
"""

import argparse
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from tqdm import tqdm

from ssh_tf.bulk.cluster import Job, Share, connected, read_model, run_shards
from ssh_tf.bulk.inputs import SHARD, find_units
from ssh_tf.bulk.output import Output
from ssh_tf.bulk.storage import root_and_name
from ssh_tf.bulk.work import Counts
from ssh_tf.model.command_line import (
    add_config_arguments,
    add_model_arguments,
    add_size_argument,
    add_threshold_argument,
    detection_config,
)
from ssh_tf.model.detector import DEFAULT_MODEL, FaceDetector, model_file
from ssh_tf.model.files.checkpoints import model_files
from ssh_tf.utils.arguments import ToolParser, length, positive
from ssh_tf.utils.errors import SSHError, run_tool
from ssh_tf.utils.result_marks import tell_passed_over


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="folder, pattern, list, picture, tar, Parquet; URIs too"
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="for the results; a URI too")
    parser.add_argument("--image_column", metavar="NAME", help="of Parquet files (default: the only one of bytes)")
    add_model_arguments(parser)
    add_threshold_argument(parser)
    add_size_argument(parser)
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="processes (default: as many as there is room for)"
    )
    parser.add_argument("--cpus_per_worker", type=length, default=1, metavar="C", help="default: %(default)s")
    parser.add_argument(
        "--gpus_per_worker", type=length, default=0, metavar="G", help="0.5: two share one (default: 0)"
    )
    parser.add_argument(
        "--shard_size", type=positive, default=SHARD, metavar="M", help="pictures (default: %(default)s)"
    )
    parser.add_argument(
        "--address", metavar="HOST:PORT", help="of a Ray cluster, or auto (default: this machine alone)"
    )
    add_config_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Detect; 0, or 1 if any picture failed."""
    arguments = parse_arguments(argv)
    config = detection_config(arguments)
    path = Path(model_file(arguments.model or DEFAULT_MODEL, arguments.precision))
    load = partial(FaceDetector.from_file, backbone=arguments.backbone, config=config, precision=arguments.precision)
    model = read_model(load, path, model_files(path))
    roots, names = zip(*map(root_and_name, arguments.inputs), strict=True)
    output = Output(*root_and_name(arguments.output))
    places = [_place(name) for name in names]
    if _place(output.name) in places:
        raise SSHError(f"{output.name}: both an input and the output; name another output folder")
    settings = {
        "inputs": places,
        "image_column": arguments.image_column,
        "model": hashlib.sha256(b"".join(model.files[name] for name in sorted(model.files))).hexdigest(),
        "backbone": arguments.backbone,
        "threshold": arguments.threshold,
        "precision": arguments.precision,
        "config": config.TEST,
    }
    shards = output.begun(settings)
    if shards is not None and not output.missing(shards):
        print(f"all {shards} shards were there already; results in {output.name}")
        return 0
    if shards is None:
        # A file that is no model is not to have a folder of results.
        load(path).close()
    share = Share(arguments.workers, arguments.cpus_per_worker, arguments.gpus_per_worker)
    # Ray prints there of processes that died, which is ours to tell in the picture's row.
    with (
        output.held(),
        open(os.devnull, "w") as nowhere,
        redirect_stdout(nowhere),
        connected(arguments.address, share) as workers,
    ):
        # Another run may have begun, or ended, since.
        shards = output.begun(settings)
        if shards is None:
            units = find_units(
                arguments.inputs, workers, arguments.shard_size, arguments.image_column, tell_passed_over
            )
            shards = output.begin(settings, units)
        job = Job(arguments.threshold, roots, output, arguments.image_column)
        failed, summary = work(run_shards(model, job, output.missing(shards), workers, share), output, shards)
    print(summary)
    return 1 if failed else 0


def _place(name: str) -> str:
    return name.rstrip("/") if "://" in name else os.path.realpath(name)


def work(counts: Iterator[Counts], output: Output, shards: int) -> tuple[int, str]:
    """Follow a run to its end; how many pictures failed, and what it came to in words."""
    started = time.perf_counter()
    before = shards - len(output.missing(shards))
    pictures = faces = failed = 0
    with tqdm(total=shards, initial=before, unit="shard", disable=None) as progress:
        for done in counts:
            pictures, faces, failed = pictures + done.pictures, faces + done.faces, failed + done.failed
            progress.set_postfix_str(f"{pictures} pictures, {failed} failed", refresh=False)
            progress.update()
    speed = pictures / (time.perf_counter() - started)
    earlier = f"; {before} of {shards} shards were there already" if before else ""
    return failed, (
        f"{pictures} pictures, {faces} faces, {failed} failed; {speed:.1f} pictures a second{earlier}; "
        f"results in {output.name}"
    )


if __name__ == "__main__":
    run_tool(main)

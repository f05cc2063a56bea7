"""Show the detector on a web page: drop or photograph a picture, move the threshold, change the size, take the JSON.

The page is for this machine alone unless --host says otherwise. It has an API too, documented at its foot. Needs the
extra `web` (Gradio).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ssh_tf.model.command_line import add_model_arguments, add_threshold_argument
from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.inference.detection import Detector
from ssh_tf.model.inference.result import DetectionResult
from ssh_tf.model.sizes import SIZES, size_settings
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.errors import run_tool
from ssh_tf.utils.images import read_image
from ssh_tf.utils.resources import DEMO_IMAGES
from ssh_tf.web.page import LOWEST_SHOWN, face_page, serve


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ToolParser(__doc__)
    add_model_arguments(parser)
    add_threshold_argument(parser)
    parser.add_argument(
        "--size", choices=list(SIZES), default="balanced", help="size that the page starts with (default: %(default)s)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s; 0.0.0.0: any)")
    parser.add_argument("--port", type=positive, default=7860, help="default: %(default)s")
    parser.add_argument("--max_megabytes", type=positive, default=20, metavar="M", help="largest upload (default: 20)")
    parser.add_argument(
        "--max_megapixels", type=positive, default=50, metavar="M", help="largest picture (default: 50)"
    )
    arguments = parser.parse_args(argv)
    if arguments.threshold < LOWEST_SHOWN:
        parser.error(f"argument --threshold: the page shows faces of scores from {LOWEST_SHOWN} up")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the page until Ctrl-C."""
    arguments = parse_arguments(argv)
    detector = FaceDetector(arguments.model, load_config(), arguments.precision, backbone=arguments.backbone)

    def find(file: Path, size: str) -> DetectionResult:
        image = read_image(file, arguments.max_megapixels * 10**6)
        # The sizes share the network: they differ in what it is shown.
        return Detector(detector.runner, load_config(None, size_settings(size))).detect(image, LOWEST_SHOWN)

    examples = sorted(DEMO_IMAGES.glob("*.jpg"))
    page = face_page(find, list(SIZES), arguments.size, arguments.threshold, examples)
    serve(page, arguments.host, arguments.port, arguments.max_megabytes * 2**20)
    return 0


if __name__ == "__main__":
    run_tool(main)

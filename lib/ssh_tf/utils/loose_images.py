"""Pictures in the forms that programs have them in. Letters: `H, W` size of a picture."""

import os
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import read_image
from ssh_tf.utils.pillow import COLOUR_MODES, upright_bgr

LooseImage: TypeAlias = npt.NDArray[np.uint8] | str | os.PathLike[str] | Image.Image
"""(H, W, 3) uint8, the path of a file, or a PIL image."""


def as_bgr(image: LooseImage, rgb: bool = False) -> npt.NDArray[np.uint8]:
    """`image` as (H, W, 3) uint8 BGR. `rgb` says that an array is RGB; files and PIL images know their order.

    A PIL image is turned upright as its EXIF says, and its transparency dropped, as `read_image` does.

    Raises:
        ImageError: it is none of these, or a file that cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        return read_image(image)
    if isinstance(image, Image.Image):
        return _from_pil(image)
    if not isinstance(image, np.ndarray):
        advice = ": give its .numpy()" if hasattr(image, "numpy") else ""
        raise ImageError(f"expected an array, a path or a PIL image, got {kind_of(image)}{advice}")
    # Whether it is a picture at all, the detector sees.
    return np.ascontiguousarray(image[..., ::-1]) if rgb and image.ndim else image


def kind_of(thing: object) -> str:
    """What `thing` is, for messages."""
    if thing is None:
        return "None (what cv2.imread gives for a file that it cannot read)"
    return f"{'an' if type(thing).__name__[0] in 'aeiouAEIOU' else 'a'} {type(thing).__name__}"


def _from_pil(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode not in COLOUR_MODES:
        raise ImageError(f"a PIL image of mode {image.mode} has no 8-bit colours: convert it to RGB first")
    if 0 in image.size:
        raise ImageError(f"expected a picture, got a PIL image of {image.width}x{image.height} pixels")
    try:
        return upright_bgr(image)
    except (OSError, ValueError) as error:
        raise ImageError(f"a PIL image that cannot be read: {error}") from error

"""Pictures: read and written, resized, mean subtracted.

Letters: `H, W` height and width of a picture in pixels. Pictures are (H, W, 3) uint8 in OpenCV's channel order (BGR).
NumPy, OpenCV and Pillow only: the MindSpore port shares this module.
"""

import io
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ssh_tf.utils import pillow
from ssh_tf.utils.errors import FullDiskError, ImageError, first_line, is_full, reason_of, unwritable
from ssh_tf.utils.files import atomic_write
from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.picture_bytes import Flawed, checked, is_foreign, is_heif, is_loud
from ssh_tf.utils.reading import Refused, open_file, read_bytes, reader, reading
from ssh_tf.utils.types import Array

# What the backbones were trained on, in 0..255.
PIXEL_MEANS_BGR = np.array([102.9801, 115.9465, 122.7717], dtype=np.float32)

# 2^28 pixels are 0.8 GB decoded; the largest camera sensors have 200 megapixels.
MAX_PIXELS = 2**28

# Files that a folder of pictures is searched for.
IMAGE_SUFFIXES = frozenset(
    {
        *(".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
        *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    }
)

# Above this many pixels a picture is shrunk in uint8: a float copy would take 12 bytes a pixel.
_MAX_FLOAT_PIXELS = 2**25

_PICTURE = "a picture"


def read_image(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.uint8]:
    """Read a picture as (H, W, 3) uint8 BGR, upright.

    Grey is spread over three channels, 16 bits are cut to 8, CMYK is converted, transparency is dropped (the colour
    under it is kept, as `cv2.imread` does), an EXIF rotation is applied, and of an animation the first frame is taken.

    Raises:
        ImageError: the file is missing, empty, cut off, no picture that OpenCV knows, or has over `max_pixels` pixels.
    """
    return decode_image(_read_bytes(path), path, max_pixels)


def decode_image(data: bytes, path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> npt.NDArray[np.uint8]:
    """`read_image` for the bytes of a file; errors name `path`."""
    size = _header_size(io.BytesIO(data), path, max_pixels)
    if is_heif(data):
        return _decode_heif(data, path, max_pixels)
    try:
        data = checked(data)
    except Flawed as flaw:
        raise ImageError(f"{path}: {flaw}") from flaw
    image: Array | None = _by_pillow(data, path)
    if image is None and size is None and is_foreign(data):
        raise ImageError(f"{path}: a format that is not read; save it as PNG or JPEG")
    if image is None:
        try:
            image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
        except cv2.error as error:
            raise ImageError(f"{path}: OpenCV cannot decode it ({error.err})") from error
    if image is None or image.size == 0:
        reason = "not a picture that OpenCV can read" if size is None else "the picture is damaged"
        raise ImageError(f"{path}: {reason}")
    if image.shape[0] * image.shape[1] > max_pixels:
        raise _too_large(path, (image.shape[0], image.shape[1]), max_pixels)
    return np.asarray(image, dtype=np.uint8)


@reader(_PICTURE, ImageError)
def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Return (height, width) of what `read_image` gives, from the file's header alone where Pillow knows the format.

    Raises:
        ImageError: as `read_image`, as far as the header shows it.
    """
    with open_file(path) as stream:
        size = _header_size(stream, path, MAX_PIXELS)
    if size is None:
        height, width = read_image(path).shape[:2]
        return height, width
    return size


def bytes_to_read(path: str | os.PathLike[str]) -> int:
    """About how many bytes of memory it takes to read and resize a picture, as far as the header tells: a bound of what
    many of them take at once. 0 where there is none to be read.
    """
    try:
        with reading(path, _PICTURE, ImageError), open_file(path) as stream:
            return _bytes_to_read(stream, path)
    except ImageError:
        return 0


def bytes_to_decode(data: bytes, path: str | os.PathLike[str]) -> int:
    """`bytes_to_read` for the bytes of a file."""
    try:
        return len(data) + _bytes_to_read(io.BytesIO(data), path)
    except ImageError:
        return 0


def _bytes_to_read(stream: BinaryIO, path: str | os.PathLike[str]) -> int:
    height, width = _header_size(stream, path, MAX_PIXELS) or (1, MAX_PIXELS)
    pixels = height * width
    # uint8 with Pillow's copy of four bytes; or uint8 and float32.
    return pixels * (3 + 4 if pixels > _MAX_FLOAT_PIXELS else 3 + 12)


def write_image(path: str | os.PathLike[str], image: npt.NDArray[np.uint8]) -> None:
    """Write (H, W, 3) BGR in the format that the suffix of `path` names; folders are made as needed.

    Raises:
        ImageError: OpenCV writes no such format or no picture of this size in it, or the file cannot be written.
        FullDiskError: the disk has no room left.
    """
    suffix = Path(path).suffix
    if not suffix or not cv2.haveImageWriter(f"picture{suffix}"):
        raise ImageError(f"{path}: OpenCV writes no pictures with the suffix {suffix!r}")
    try:
        written, data = cv2.imencode(suffix, image)
    except cv2.error:
        written = False
    if not written:
        raise ImageError(f"{path}: {suffix} cannot hold {image.shape[1]}x{image.shape[0]} pixels")
    try:
        with atomic_write(path, "wb") as stream:
            stream.write(data.tobytes())
    except OSError as error:
        if is_full(error):
            raise FullDiskError(unwritable(error, path)) from error
        raise ImageError(f"{path}: {error.strerror}") from error


def shortest_side_scale(height: int, width: int, shortest: int = 1200, longest: int = 1600) -> float:
    """Return the factor that brings the shortest side to `shortest`, or the longest to `longest` if it would pass that.

    The comparison rounds as the reference's: ``round(scale * max(height, width)) > longest``.
    """
    scale = shortest / min(height, width)
    if round(scale * max(height, width)) > longest:
        scale = longest / max(height, width)
    return scale


def resize(image: Array, scale: float) -> Array:
    """Resize (H, W, 3) bilinearly by one factor; uint8 stays uint8. No side becomes shorter than one pixel."""
    height, width = image.shape[:2]
    if round(scale * min(height, width)) < 1:
        size = (max(1, round(scale * width)), max(1, round(scale * height)))
        return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)


def subtract_mean(image: Array) -> npt.NDArray[np.float32]:
    """Return (H, W, 3) float32: `image` minus `PIXEL_MEANS_BGR`."""
    means = (*(float(mean) for mean in PIXEL_MEANS_BGR), 0.0)
    # The stubs of OpenCV do not know that an operand may be a colour.
    difference = cv2.subtract(image, means, dtype=cv2.CV_32F)  # type: ignore[call-overload]
    return np.asarray(difference, dtype=np.float32)


def network_input(image: npt.NDArray[np.uint8], scale: float) -> npt.NDArray[np.float32]:
    """Return what the network reads, (round(scale·H), round(scale·W), 3) float32: mean subtracted, then resized.

    The resize runs in float32: in uint8 OpenCV interpolates with 11-bit weights and rounds, up to 0.78 grey levels off,
    and is no faster. Only a picture over 2^25 pixels is shrunk in uint8, for its memory.
    """
    if scale < 1.0 and image.shape[0] * image.shape[1] > _MAX_FLOAT_PIXELS:
        return subtract_mean(resize(image, scale))
    return np.asarray(resize(subtract_mean(image), scale), dtype=np.float32)


@reader(_PICTURE, ImageError)
def _read_bytes(path: str | os.PathLike[str]) -> bytes:
    # Not `cv2.imread`: it fails on some platforms for names outside ASCII, and gives no reason.
    data = read_bytes(path)
    if not data:
        raise Refused("the file is empty")
    return data


def _by_pillow(data: bytes, path: str | os.PathLike[str]) -> npt.NDArray[np.uint8] | None:
    try:
        return pillow.decode_by_pillow(data)
    except Exception as error:  # whatever its parser stumbles on
        if is_loud(data):
            raise ImageError(f"{path}: the picture is damaged ({first_line(error)})") from error
        return None  # OpenCV has the last word


def _decode_heif(data: bytes, path: str | os.PathLike[str], max_pixels: int) -> npt.NDArray[np.uint8]:
    try:
        image = pillow.decode_heif(data, max_pixels)
    except ImportError as error:
        raise ImageError(f"{path}: a HEIC picture; pip install 'ssh-face-detector[heif]' to read such") from error
    except Exception as error:  # whatever its parser stumbles on
        raise ImageError(f"{path}: the picture is damaged ({reason_of(error)})") from error
    if isinstance(image, tuple):
        raise _too_large(path, image, max_pixels)
    return image


def _header_size(stream: BinaryIO, path: str | os.PathLike[str], max_pixels: int) -> tuple[int, int] | None:
    """Height and width after EXIF rotation, or None where Pillow does not know the format."""
    size = pillow.upright_size(stream)
    if size is not None and size[0] * size[1] > max_pixels:
        raise _too_large(path, size, max_pixels)
    return size


def _too_large(path: str | os.PathLike[str], size: tuple[int, int], most: int) -> ImageError:
    return ImageError(f"{path}: {size[1]}x{size[0]} pixels are too many (at most {most / 1e6:.0f} megapixels)")

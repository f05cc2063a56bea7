"""Pillow as a decoder: silent, whatever a file holds, and upright. Letters: `H, W` size of a picture.

OpenCV's decoders of JPEG and PNG report damage on standard error, from C, where no level of its log holds them.
"""

import ctypes
import io
import logging
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ssh_tf.utils.opencv import cv2
from ssh_tf.utils.picture_bytes import late_exif
from ssh_tf.utils.types import Array

COLOUR_MODES = frozenset({"1", "CMYK", "L", "LA", "P", "PA", "RGB", "RGBA"})
"""Of PIL images: those that become 8-bit colours without loss of light."""

_DEEP_PNG = ("PNG", "I;16")
"""Format and mode of 16 bits of grey."""

# AVIF, TIFF and WebP, since OpenCV before 4.13 does not turn them; GIF, since it does not read it.
_FORMATS = ("AVIF", "GIF", "JPEG", "PNG", "TIFF", "WEBP")

# Of TIFF files: modes of which OpenCV makes the same, in less time. It darkens the colours of those with transparency.
_PLAIN_TIFF = ("1", "CMYK", "L", "P", "RGB")

# Pixels that are converted at a time: a copy of all of a picture is dear.
_STRIP = 2**18

_EXIF_ORIENTATION = 0x0112

_TURNS: dict[object, Callable[[npt.NDArray[np.uint8]], Array]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: lambda image: cv2.transpose(image),
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.rotate(cv2.transpose(image), cv2.ROTATE_180),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
"""What brings a picture upright, by EXIF's orientation."""


def decode_by_pillow(data: bytes) -> npt.NDArray[np.uint8] | None:
    """A JPEG, PNG, GIF, TIFF, WebP or AVIF file as (H, W, 3) BGR, upright.

    None for what Pillow cannot make 8-bit colours of, and for `_PLAIN_TIFF` that is not to be turned. Raises whatever
    another format or a damaged file leads Pillow to.
    """
    with _open(io.BytesIO(data), _FORMATS) as picture:
        is_plain = picture.format == "TIFF" and picture.mode in _PLAIN_TIFF
        if is_plain and picture.getexif().get(_EXIF_ORIENTATION) not in _TURNS:
            return None
        if picture.format == "TIFF" and not logging.getLogger("PIL").isEnabledFor(logging.ERROR):
            _silence_libtiff()
        if picture.mode not in COLOUR_MODES and (picture.format, picture.mode) != _DEEP_PNG:
            return None
        image = _strips(picture)
        turn = _TURNS.get(_orientation(picture))
    return image if turn is None else np.asarray(turn(image), dtype=np.uint8)


def decode_heif(data: bytes, most: int) -> npt.NDArray[np.uint8] | tuple[int, int]:
    """A HEIC file, which is stored with its rotation, as (H, W, 3) BGR; its (H, W) if that is over `most` pixels.

    Raises ImportError without the extra `heif`, and whatever a damaged file leads the decoder to.
    """
    import pillow_heif

    picture = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    width, height = picture.size
    if width * height > most:
        return height, width
    return _bgr(picture.to_pillow())


def upright_size(stream: BinaryIO) -> tuple[int, int] | None:
    """(H, W) of what a file holds, after its EXIF rotation; None where Pillow does not know the format."""
    try:
        with _open(stream) as picture:
            width, height = picture.size
            late = late_exif(stream) if picture.format == "PNG" else b""
            return (width, height) if _orientation(picture, late) in (5, 6, 7, 8) else (height, width)
    except Exception:  # a damaged header raises whatever its parser stumbles on; the decoder has the last word
        return None


def upright_bgr(picture: Image.Image) -> npt.NDArray[np.uint8]:
    """A PIL image of one of `COLOUR_MODES` as (H, W, 3) BGR, turned as its EXIF says."""
    return _bgr(ImageOps.exif_transpose(picture))


@cache
def _silence_libtiff() -> None:
    """Have Pillow's libtiff, whose errors Pillow raises, not print them too: it does so from C, past Pillow's log."""
    # Looked up through the module, a symbol is found in the library that it was linked to; on Windows there is none.
    with suppress(OSError, AttributeError):
        set_handler = ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler
        set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        set_handler(None)


def _strips(picture: Image.Image) -> npt.NDArray[np.uint8]:
    picture.load()
    width, height = picture.size
    image = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        image[top : top + rows] = _bgr(picture.crop((0, top, width, min(top + rows, height))))
    return image


def _bgr(picture: Image.Image) -> npt.NDArray[np.uint8]:
    if picture.mode == _DEEP_PNG[1]:
        return np.asarray(cv2.cvtColor((np.asarray(picture) >> 8).astype(np.uint8), cv2.COLOR_GRAY2BGR))
    # Over black or white a half-transparent edge would change: the colours alone are taken.
    with_alpha = picture.convert("RGBA") if "transparency" in picture.info else picture
    colours = with_alpha if with_alpha.mode == "RGB" else with_alpha.convert("RGB")
    return np.asarray(cv2.cvtColor(np.asarray(colours), cv2.COLOR_RGB2BGR))


def _orientation(picture: Image.Image, late: bytes = b"") -> object:
    """EXIF's number for how a file's picture is to be turned, 1 to 8, or another value if the file holds one."""
    if picture.format == "TIFF":  # Pillow's reader turns it itself
        return 1
    # Not `getexif`: it decodes a whole PNG to look for EXIF after its pixels.
    exif = Image.Exif()
    exif.load(picture.info.get("exif", late))
    return exif.get(_EXIF_ORIENTATION)


def _open(stream: BinaryIO, formats: Iterable[str] = ()) -> Image.Image:
    """`PIL.Image.open` without its limit on pixels: that is a setting of the whole process, and lower than ours."""
    start = stream.read(16)
    for load in (Image.preinit, Image.init):
        load()
        for name in formats or tuple(Image.ID):
            if name not in Image.OPEN:
                continue
            read, accepts = Image.OPEN[name]
            # Some formats have no signature, and show only when they are read that they are not meant.
            with suppress(SyntaxError, IndexError, TypeError, struct.error):
                accepted = accepts is None or accepts(start)
                # A string says why this Pillow cannot read what it recognises.
                if accepted and not isinstance(accepted, str):
                    stream.seek(0)
                    return read(stream, "")
    raise UnidentifiedImageError("no header of a known format")

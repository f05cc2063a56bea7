"""What the bytes of a picture file show before they are decoded: that they are whole, and not too expensive to decode.

Decoders are not asked: some return a picture whose rest is grey, some report damage on standard error.
"""

import re
import zlib
from typing import BinaryIO

MAX_SCANS = 64
"""Passes over the picture in one JPEG; cameras and programs make 1 to 15. Hundreds take minutes to decode."""

# A marker in JPEG's entropy-coded data: 0xFF that is neither stuffed, nor a restart marker, nor fill.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_END_OF_IMAGE, _JPEG_SCAN = 0xD9, 0xDA

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PNG_KEPT = (*_PNG_PIXELS, b"tRNS", b"eXIf")

_MOST_EXIF = 2**20

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})

_CUT = "the picture is cut off before its end"


class Flawed(Exception):
    """Why a file is not to be decoded."""


def checked(data: bytes) -> bytes:
    """What a decoder is to be given of a picture file: all of it, or a PNG reduced to the chunks of its picture.

    Raises:
        Flawed: a JPEG or PNG that is cut off, a PNG with a damaged chunk, a JPEG of too many scans.
    """
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif data.startswith(_PNG_SIGNATURE):
        return _plain_png(data)
    return data


def is_loud(data: bytes) -> bool:
    """Whether OpenCV's decoder of the format reports damage on standard error: that of a JPEG or a PNG."""
    return data.startswith((b"\xff\xd8", _PNG_SIGNATURE))


def is_foreign(data: bytes) -> bool:
    """Whether OpenCV would decode it and Pillow would not say how large it is: Radiance, PFM, PAM, OpenEXR."""
    return data.startswith((b"#?", b"PF", b"Pf", b"P7", b"\x76\x2f\x31\x01"))


def is_heif(data: bytes) -> bool:
    """Whether it is a HEIC picture or another of its container, AVIF aside."""
    if data[4:8] != b"ftyp":
        return False
    box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    brands = {box[i : i + 4] for i in range(0, len(box), 4)}
    return bool(brands & _HEIF_BRANDS) and not brands & _AVIF_BRANDS


def late_exif(stream: BinaryIO) -> bytes:
    """The EXIF data of a PNG file, wherever they are; some programs write them after the pixels. Empty if none."""
    position = len(_PNG_SIGNATURE)
    while True:
        stream.seek(position)
        head = stream.read(8)
        length = int.from_bytes(head[:4], "big")
        if len(head) < 8 or head[4:] == b"IEND":
            return b""
        if head[4:] == b"eXIf" and length <= _MOST_EXIF:
            content, check = stream.read(length), stream.read(4)
            return content if zlib.crc32(head[4:] + content) == int.from_bytes(check, "big") else b""
        position += 12 + length


def _check_jpeg(data: bytes) -> None:
    """Walk the segments of a JPEG stream to its end-of-image marker.

    The marker's bytes may also stand in a thumbnail or in what a camera appends, so the segments are walked.
    """
    position, scans = 2, 0
    while True:
        # Entropy-coded data follow a scan header; elsewhere the next marker is right here or after fill bytes.
        found = _JPEG_MARKER.search(data, position)
        if found is None:
            raise Flawed(_CUT)
        position = found.end()
        if data[position - 1] == _JPEG_END_OF_IMAGE:
            return
        scans += data[position - 1] == _JPEG_SCAN
        if scans > MAX_SCANS:
            raise Flawed(f"a JPEG of more than {MAX_SCANS} scans, which would take too long; save it again")
        position += int.from_bytes(data[position : position + 2], "big")


def _plain_png(data: bytes) -> bytes:
    """A PNG of the parts that its pixels, their transparency and its orientation are made of."""
    view, kept, position = memoryview(data), [_PNG_SIGNATURE], 8
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        if kind in _PNG_KEPT and end <= len(data):
            is_sound = zlib.crc32(view[position + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")
            if is_sound:
                kept.append(data[position:end])
            elif kind in _PNG_PIXELS:
                raise Flawed(f"the picture is damaged (the checksum of a part {kind.decode()} is another)")
        if kind == b"IEND":
            return b"".join(kept)
        position = end
    raise Flawed(_CUT)

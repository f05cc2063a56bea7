"""MATLAB's files of format 5 as WIDER FACE uses them: numbers, text, and cells of these.

Ours, since SciPy's reader ends the process on some damaged files (a segmentation fault), and has no bound on what it
decompresses. After "MAT-File Format" (MathWorks), chapter 1; arrays are as `scipy.io.loadmat` gives them.
"""

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from ssh_tf.utils.reading import Refused, read_bytes
from ssh_tf.utils.types import Array

# The largest of WIDER FACE's has 10 MB.
_MAX_BYTES = 2**28

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _CHAR = 1, 4
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = 0x0800


def read_mat(path: Path, names: Collection[str]) -> dict[str, Array]:
    """The arrays `names` of the file at `path`, as far as they are there. For the inside of a guard (`reading`).

    Raises:
        NotImplementedError: the file is of format 7.3, which is HDF5.
        Refused: it is no such file, is damaged, or holds something else under these names.
    """
    content = read_bytes(path, _MAX_BYTES)
    if content[124:126] in {b"\x00\x02", b"\x02\x00"} and content[126:128] in {b"IM", b"MI"}:
        raise NotImplementedError("format 7.3")
    if content[126:128] not in {b"IM", b"MI"}:
        raise Refused("not a MATLAB file of format 5")
    order = "<" if content[126:128] == b"IM" else ">"
    found = {}
    budget = _MAX_BYTES
    for kind, data in _elements(memoryview(content)[_HEADER:], order):
        if kind == _COMPRESSED:
            inner = zlib.decompressobj().decompress(data, budget)
            budget -= len(inner)
            if budget <= 0:
                raise Refused(f"holds more than {_MAX_BYTES:,} bytes once it is decompressed")
            kind, data = next(_elements(memoryview(inner), order))
        if kind == _MATRIX:
            name, array = _matrix(data, order, names)
            if array is not None:
                found[name] = array
    return found


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and content of the elements that follow one another."""
    at = 0
    while at + 8 <= len(data):
        kind, length = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:
            # At most four bytes, in place of the length's second half.
            kind, length, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        else:
            start = at + 8
            end = start + length + (0 if kind == _COMPRESSED else -length % 8)
        if start + length > len(data) or start + length > end:
            raise Refused("damaged: an element is longer than what it lies in")
        yield kind, data[start : start + length]
        at = end


def _matrix(data: memoryview, order: str, names: Collection[str] | None = None) -> tuple[str, Array | None]:
    """Name and array of a matrix; None if its name is not one of `names`."""
    if not data:
        return "", np.zeros((0, 0))
    parts = _elements(data, order)
    (_, flags), (_, sides), (_, title) = (next(parts) for _ in range(3))
    flag = struct.unpack_from(f"{order}I", flags)[0]
    shape = tuple(np.frombuffer(sides, f"{order}i4").tolist())
    name = bytes(title).decode("latin-1")
    if names is not None and name not in names:
        return name, None
    if len(shape) < 2 or len(shape) > 8 or min(shape) < 0 or flag & _COMPLEX:
        raise Refused(f"damaged: an array {name!r} of the shape {shape}")
    what, count = flag & 0xFF, math.prod(shape)
    if what == _CELL:
        cells = [_matrix(cell, order)[1] for kind, cell in parts if kind == _MATRIX]
        if len(cells) != count:
            raise Refused(f"damaged: {len(cells)} cells where {count} should be")
        array: Array = np.empty(count, object)
        array[:] = cells
        return name, array.reshape(shape, order="F")
    kind, values = next(parts, (5, memoryview(b"")))
    if what == _CHAR:
        # An order of its own for two and four bytes a letter.
        coding = _TEXT[kind] + ({"<": "-le", ">": "-be"}[order] if _TEXT[kind] in {"utf-16", "utf-32"} else "")
        return name, np.array([bytes(values).decode(coding)])
    if what not in _CLASSES:
        raise Refused(f"{name or 'a cell'} is neither numbers nor text nor cells")
    numbers = np.frombuffer(values, f"{order}{_STORED[kind]}")
    if len(numbers) != count:
        raise Refused(f"damaged: {len(numbers)} numbers where {count} should be")
    return name, numbers.astype(_CLASSES[what]).reshape(shape, order="F")

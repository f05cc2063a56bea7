"""What a file may hold: anything."""

import re

HOSTILE = [
    b"",
    b"\0",
    b"\xff\xfe\0\x80",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"<a>" * 100_000,
    b"- " * 5_000,
    b"9" * 5_000,
    b"[" + b"9" * 5_000 + b"]",
    b"[1e999, -1e999, NaN]",
    b"a: 2020-99-99",
    b"a: !!int x",
    b"a: !!python/object/apply:os.system [ls]",
    b"a: &x [1]\nb: [*x, *x]",
    b"../../elsewhere/a.jpg 1 2 3 4\n",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x93NUMPY\x01\x00v\x00",
    b"\x89HDF\r\n\x1a\n",
    b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\xff" * 64,
    b"<!DOCTYPE html><html>",
]
NUMBERS = [b"1e39", b"1e999", b"-1", b"9" * 20, b"9" * 400, b"9" * 5_000, b"nan", b"\xd9\xa3", b"x"]
KINDS = {"hostile": 0, "random": 10, "cut": 15, "flipped": 30, "holed": 10, "numbers": 15}


def spoiled(whole, kind, rng):
    """`whole`, spoiled in one of many ways."""
    if kind == "random":
        return rng.randbytes(rng.choice([1, 8, 100, 3000]))
    at = rng.randrange(max(len(whole), 1))
    if kind == "cut":
        return whole[:at]
    content = bytearray(whole)
    if kind == "flipped":
        for _ in range(rng.choice([1, 1, 2, 8])):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == "holed":
        length = rng.choice([1, 4, 8, 64])
        content[at : at + length] = rng.choice([b"\0", b"\xff", b"\x7f"]) * length
    else:
        found = list(re.finditer(rb"\d+", whole))
        if found:
            place = rng.choice(found)
            content[place.start() : place.end()] = rng.choice(NUMBERS)
    return bytes(content)


def contents(whole, rng):
    """Kind and content of files that are not, or not quite, `whole`."""
    for kind, times in KINDS.items():
        spoils = HOSTILE if kind == "hostile" else (spoiled(whole, kind, rng) for _ in range(times))
        yield from ((kind, content) for content in spoils)

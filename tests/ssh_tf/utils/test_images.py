"""Reading pictures of every kind, refusing what is none, and the road into the network."""

import contextlib
import io
import logging
import os
import random
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import (
    MAX_PIXELS,
    PIXEL_MEANS_BGR,
    bytes_to_read,
    decode_image,
    image_size,
    network_input,
    read_image,
    resize,
    shortest_side_scale,
    subtract_mean,
    write_image,
)

HEIGHT, WIDTH = 40, 64
EXIF_ORIENTATION = 0x0112

# Upper left red, upper right green, lower half blue; BGR.
PICTURE = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
PICTURE[: HEIGHT // 2, : WIDTH // 2] = (20, 30, 200)
PICTURE[: HEIGHT // 2, WIDTH // 2 :] = (30, 200, 20)
PICTURE[HEIGHT // 2 :] = (200, 20, 30)


def encode(file_format, picture=PICTURE, mode="RGB", **options):
    stream = io.BytesIO()
    Image.fromarray(picture[..., ::-1]).convert(mode, palette=Image.Palette.ADAPTIVE).save(
        stream, file_format, **options
    )
    return stream.getvalue()


def orientation(value):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = value
    return exif


@pytest.fixture
def write(tmp_path):
    def write_bytes(data, name="picture"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write_bytes


LOSSY = 12
READABLE = {
    "jpeg": (encode("JPEG", quality=95), LOSSY),
    "progressive jpeg": (encode("JPEG", quality=95, progressive=True), LOSSY),
    "cmyk jpeg": (encode("JPEG", mode="CMYK", quality=95), LOSSY),
    "jpeg with bytes after its end": (encode("JPEG", quality=95) + b"appended" * 20, LOSSY),
    "jpeg with a thumbnail": (encode("JPEG", quality=95, comment=encode("JPEG")), LOSSY),
    "png": (encode("PNG"), 0),
    "palette png": (encode("PNG", mode="P"), 0),
    "16-bit png": (cv2.imencode(".png", PICTURE.astype(np.uint16) * 257)[1].tobytes(), 0),
    "16-bit tiff": (cv2.imencode(".tiff", PICTURE.astype(np.uint16) * 257)[1].tobytes(), 0),
    "bmp": (encode("BMP"), 0),
    "webp": (encode("WEBP", lossless=True), 0),
    "gif": (encode("GIF"), 0),
    "ppm": (encode("PPM"), 0),
}


def interior(picture):
    """The four quadrants without their seams, where lossy formats mix colours."""
    rows = np.r_[2 : HEIGHT // 2 - 8, HEIGHT // 2 + 8 : HEIGHT - 2]
    columns = np.r_[2 : WIDTH // 2 - 8, WIDTH // 2 + 8 : WIDTH - 2]
    return picture[np.ix_(rows, columns)].astype(int)


@pytest.mark.parametrize("kind", READABLE)
def test_formats(write, kind):
    data, tolerance = READABLE[kind]
    path = write(data)
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image_size(path) == (HEIGHT, WIDTH)
    assert np.abs(interior(image) - interior(PICTURE)).max() <= tolerance


@pytest.mark.parametrize(("file_format", "mode"), [("PNG", "L"), ("JPEG", "L"), ("PNG", "1"), ("PNG", "LA")])
def test_grey_has_three_equal_channels(write, file_format, mode):
    image = read_image(write(encode(file_format, mode=mode)))
    assert image.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(image, image[..., :1].repeat(3, axis=2))


def test_16_bit_grey(write):
    grey = np.arange(256, dtype=np.uint16).repeat(4).reshape(16, 64) * 257
    image = read_image(write(cv2.imencode(".png", grey)[1].tobytes()))
    np.testing.assert_array_equal(image, (grey // 257).astype(np.uint8)[..., None].repeat(3, axis=2))


def test_transparency_is_dropped(write):
    alpha = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    data = cv2.imencode(".png", np.concatenate([PICTURE, alpha], axis=2))[1].tobytes()
    np.testing.assert_array_equal(read_image(write(data)), PICTURE)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP"])
def test_first_frame_of_an_animation(write, file_format):
    second = Image.fromarray(255 - PICTURE[..., ::-1])
    data = encode(file_format, save_all=True, append_images=[second], lossless=True)
    np.testing.assert_array_equal(read_image(write(data)), PICTURE)


# What a viewer does to the stored picture.
ORIENTATIONS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p),
}


@pytest.mark.parametrize("value", ORIENTATIONS)
def test_exif_rotation_is_applied(write, value):
    path = write(encode("JPEG", quality=100, subsampling=0, exif=orientation(value)))
    image, expected = read_image(path), ORIENTATIONS[value](PICTURE)
    assert image_size(path) == image.shape[:2] == expected.shape[:2]
    assert np.abs(image.astype(int) - expected).max() <= LOSSY


@pytest.mark.parametrize("at", [33, -12])
def test_rotation_of_a_png_before_or_behind_its_pixels(write, at):
    path = write(with_chunks((b"eXIf", orientation(6).tobytes().removeprefix(b"Exif\0\0")), at=at))
    assert image_size(path) == (WIDTH, HEIGHT)
    np.testing.assert_array_equal(read_image(path), np.rot90(PICTURE, -1))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_size_follows_rotation_in_other_formats(write, file_format):
    path = write(encode(file_format, exif=orientation(6)))
    assert image_size(path) == read_image(path).shape[:2]


@pytest.mark.parametrize("value", ORIENTATIONS)
def test_avif_is_upright(write, value):
    path = write(encode("AVIF", quality=100, subsampling="4:4:4", exif=orientation(value)))
    image, expected = read_image(path), ORIENTATIONS[value](PICTURE)
    assert image_size(path) == image.shape[:2] == expected.shape[:2]
    assert np.abs(image.astype(int) - expected).max() <= LOSSY


def test_heic_is_upright_or_its_extra_named(write, monkeypatch):
    heif = pytest.importorskip("pillow_heif", reason="the extra heif")
    stream = io.BytesIO()
    heif.from_pillow(Image.fromarray(PICTURE[..., ::-1])).save(stream, quality=100, exif=orientation(6).tobytes())
    path = write(stream.getvalue(), "picture.HEIC")
    assert image_size(path) == read_image(path).shape[:2] == (WIDTH, HEIGHT)
    assert np.abs(read_image(path).astype(int) - np.rot90(PICTURE, -1)).mean() <= 4
    with pytest.raises(ImageError, match="64 pixels are too many"):
        read_image(path, max_pixels=HEIGHT * WIDTH - 1)
    with pytest.raises(ImageError, match="picture is damaged"):
        read_image(write(stream.getvalue()[:300]))


def test_heic_without_its_extra(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = write(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(ImageError, match=r"a HEIC picture; pip install 'ssh-face-detector\[heif\]'"):
        read_image(path)


def framed(*chunks):
    """A PNG of `chunks`, (kind, content), with their lengths and checksums."""
    parts = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_chunks(*chunks, at=33):
    """A PNG with `chunks` behind its header, or elsewhere."""
    data = encode("PNG")
    return data[:at] + framed(*chunks)[8:] + data[at:]


def test_odd_remarks_in_a_png_are_passed_over_in_silence(write, capfd):
    odd = [
        (b"iCCP", b"x\0\0" + zlib.compress(b"0" * 99)),
        (b"gAMA", b"\0"),
        (b"sBIT", b"12345"),
        (b"tIME", b"\xff" * 7),
    ]
    np.testing.assert_array_equal(read_image(write(with_chunks(*odd))), PICTURE)
    assert capfd.readouterr().err == ""


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_png_with_a_bit_flipped_is_read_right_or_refused(tmp_path_factory, data):
    content = bytearray(with_chunks((b"tEXt", b"a\0b")))
    content[data.draw(st.integers(8, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flipped") / "x.png"
    path.write_bytes(content)
    with contextlib.suppress(ImageError):
        np.testing.assert_array_equal(read_image(path), PICTURE)


@pytest.mark.parametrize("scans", [64, 65, 400])
def test_scans_of_a_jpeg_have_a_bound(write, scans):
    data = encode("JPEG", progressive=True)
    # The last scan again and again.
    last = data.rindex(b"\xff\xda")
    path = write(data[:-2] + data[last:-2] * (scans - data.count(b"\xff\xda")) + data[-2:])
    if scans > 64:
        with pytest.raises(ImageError, match="more than 64 scans"):
            read_image(path)
    else:
        assert read_image(path).shape == (HEIGHT, WIDTH, 3)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        for read in (read_image, image_size):
            with pytest.raises(ImageError, match="no regular file"):
                read(path)


def test_what_reading_takes_is_known_from_the_header(write, tmp_path):
    assert bytes_to_read(write(png_header(4000, 3000))) == 15 * 12_000_000
    assert bytes_to_read(write(png_header(16_000, 16_000))) == 7 * 256_000_000
    assert bytes_to_read(write(b"unknown")) == 7 * MAX_PIXELS
    assert bytes_to_read(tmp_path / "missing") == 0


def test_one_pixel(write):
    path = write(encode("PNG", PICTURE[:1, :1]))
    np.testing.assert_array_equal(read_image(path), PICTURE[:1, :1])
    assert network_input(read_image(path), 16.0).shape == (16, 16, 3)


def test_names_outside_ascii(write):
    np.testing.assert_array_equal(read_image(write(encode("PNG"), "visage é 顔.png")), PICTURE)


def png_header(width, height):
    """A PNG file that claims a size and holds next to no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return framed((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))))


HEADER = (b"IHDR", struct.pack(">IIBBBBB", 40, 40, 8, 2, 0, 0, 0))
JPEG = encode("JPEG", quality=95)
UNREADABLE = {
    "nothing": (b"", "empty"),
    "text": (b"no picture at all\n" * 50, "not a picture"),
    "half a jpeg": (JPEG[: len(JPEG) // 2], "cut off"),
    "a jpeg without its last byte": (JPEG[:-1], "cut off"),
    "half a jpeg with a whole one as its thumbnail": (encode("JPEG", comment=JPEG)[: len(JPEG) + 300], "cut off"),
    "half a jpeg filled with zeros": (JPEG[: len(JPEG) // 2] + bytes(len(JPEG)), "cut off"),
    "the first bytes of a jpeg": (JPEG[:10], "cut off"),
    "a damaged png": (encode("PNG")[:60] + b"\0\0" + encode("PNG")[62:], "checksum of a part IDAT"),
    "half a png": (encode("PNG")[:90], "cut off"),
    "a png without its end": (encode("PNG")[:-5], "cut off"),
    "half a bmp": (encode("BMP")[:3000], "damaged"),
    "half a webp": (encode("WEBP")[:60], "not a picture"),
    "a png whose pixels are none": (framed(HEADER, (b"IDAT", b"x" * 50), (b"IEND", b"")), "the picture is damaged"),
    "a png of too few rows": (
        framed(HEADER, (b"IDAT", zlib.compress(bytes(500))), (b"IEND", b"")),
        "the picture is damaged",
    ),
    "a png of a kind that is none": (framed((b"IHDR", bytes(13)), (b"IEND", b"")), "the picture is damaged"),
    "a jpeg without tables": (JPEG[:2] + JPEG[JPEG.index(b"\xff\xc0") :], "the picture is damaged"),
    "20,000 x 20,000": (png_header(20_000, 20_000), "20000x20000 pixels are too many"),
    "60,000 x 60,000": (png_header(60_000, 60_000), "too many"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_named_in_one_line(write, kind, capfd):
    data, message = UNREADABLE[kind]
    path = write(data)
    with pytest.raises(ImageError, match=message) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("read", [read_image, image_size])
def test_missing_file(tmp_path, read):
    with pytest.raises(ImageError, match="no such file"):
        read(tmp_path / "missing.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["a/b/é.png", "x.BMP"])
def test_writing_makes_folders(tmp_path, name):
    write_image(tmp_path / name, PICTURE)
    np.testing.assert_array_equal(read_image(tmp_path / name), PICTURE)


@pytest.mark.parametrize("name", ["x.xyz", "x", "blocked/x.png"])
def test_what_cannot_be_written_is_named(tmp_path, name):
    (tmp_path / "blocked").write_text("a file")
    with pytest.raises(ImageError, match=name):
        write_image(tmp_path / name, PICTURE)


def test_pixel_limit_is_exact(write):
    path = write(encode("PNG"))
    assert read_image(path, max_pixels=HEIGHT * WIDTH).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageError, match="64x40"):
        read_image(path, max_pixels=HEIGHT * WIDTH - 1)
    assert MAX_PIXELS < 20_000**2


@pytest.mark.parametrize("suffix", [".hdr", ".pfm", ".pam"])
def test_what_has_no_known_size_is_not_decoded(write, suffix):
    """OpenCV would go on to its own limit, of a thousand megapixels."""
    picture = PICTURE.astype(np.float32) if suffix in {".hdr", ".pfm"} else PICTURE
    path = write(cv2.imencode(suffix, picture)[1].tobytes())
    with pytest.raises(ImageError, match="a format that is not read"):
        read_image(path)


DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@pytest.mark.parametrize("with_transparency", [False, True])
@pytest.mark.parametrize(("kind", "depth"), [(kind, depth) for kind in DEPTHS for depth in DEPTHS[kind]])
def test_every_kind_of_png_is_what_opencv_makes_of_it(kind, depth, with_transparency):
    noise = np.random.default_rng(kind)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    rows = b"".join(b"\0" + noise.bytes((23 * channels * depth + 7) // 8) for _ in range(19))
    transparent = {0: bytes(2), 2: bytes(6), 3: noise.bytes(2 ** min(depth, 8))}
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 23, 19, depth, kind, 0, 0, 0)),
        *([(b"PLTE", noise.bytes(3 * 2 ** min(depth, 8)))] if kind == 3 else []),
        *([(b"tRNS", transparent[kind])] if with_transparency and kind in transparent else []),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    found = decode_image(framed(*chunks), "a.png")
    np.testing.assert_array_equal(found, cv2.imdecode(np.frombuffer(framed(*chunks), np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_is_what_opencv_makes_of_it(mode):
    data = encode("JPEG", noise(70, 90), mode=mode, subsampling=2)
    np.testing.assert_array_equal(
        decode_image(data, "a.jpg"), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    )


COMPRESSED = {
    "tiff with alpha": encode("TIFF", mode="RGBA", compression="tiff_lzw"),
    "turned tiff": encode("TIFF", compression="tiff_adobe_deflate", exif=orientation(6)),
    "turned tiff of a jpeg": encode("TIFF", compression="jpeg", exif=orientation(3)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [*READABLE, *COMPRESSED])
def test_of_damage_no_library_speaks(kind, capfd, caplog):
    """What is damaged is read or refused, and nothing but that is said, from C either, at a tool's level of Pillow."""
    caplog.set_level(logging.CRITICAL, "PIL")
    whole, rng = COMPRESSED.get(kind) or READABLE[kind][0], random.Random(kind)
    for _ in range(100):
        content = bytearray(whole)
        for _ in range(rng.choice([1, 2, 20])):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        at = rng.randrange(len(content))
        content[at : at + rng.choice([0, 0, 8])] = rng.randbytes(rng.choice([0, 0, 8]))
        with contextlib.suppress(ImageError):
            assert decode_image(bytes(content), "a").ndim == 3
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (600, 800, 2.0),
        (1200, 1600, 1.0),
        (768, 1024, 1.5625),
        (1000, 1000, 1.2),
        (1000, 2000, 0.8),
        (2000, 1000, 0.8),
        (2400, 3200, 0.5),
        # 1200 / 900 · 1200.3… would be 1600.4: it rounds to 1600, so the shortest side decides.
        (7500, 10002, 0.16),
        # 1600.64 rounds to 1601.
        (7500, 10004, 1600 / 10004),
    ],
)
def test_scale(height, width, expected):
    assert shortest_side_scale(height, width) == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 30_000), st.integers(1, 30_000), st.sampled_from([(1200, 1600), (800, 1200), (600, 600)]))
def test_scale_by_law(height, width, bounds):
    shortest, longest = bounds
    scale = shortest_side_scale(height, width, shortest, longest)
    assert round(scale * max(height, width)) <= longest
    assert min(height, width) * scale == pytest.approx(shortest) or max(height, width) * scale == pytest.approx(longest)
    assert scale * min(height, width) <= shortest * (1 + 1e-12)


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(30, 41), (4, 1), (1, 4), (3, 3), (1, 1)])
def test_subtract_mean(height, width):
    image = noise(height, width)
    assert subtract_mean(image).dtype == np.float32
    np.testing.assert_allclose(subtract_mean(image), image.astype(np.float32) - PIXEL_MEANS_BGR, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [0.37, 1.0, 1.5625, 3.1])
def test_network_input_is_the_float_resize_minus_the_mean(scale):
    image = noise(50, 70)
    expected = cv2.resize(image.astype(np.float32), None, fx=scale, fy=scale) - PIXEL_MEANS_BGR
    result = network_input(image, scale)
    assert result.shape == (round(50 * scale), round(70 * scale), 3)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4)


def test_huge_pictures_are_shrunk_within_a_grey_level(monkeypatch):
    image = noise(50, 70)
    exact = network_input(image, 0.4)
    monkeypatch.setattr("ssh_tf.utils.images._MAX_FLOAT_PIXELS", 100)
    lean = network_input(image, 0.4)
    assert np.abs(lean - exact).max() > 0
    assert np.abs(lean - exact).max() < 1


def test_resize_leaves_no_side_empty():
    assert resize(noise(2, 3000), 0.02).shape == (1, 60, 3)

"""One picture in all forms is one array."""

import numpy as np
import pytest
from PIL import Image

from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import read_image
from ssh_tf.utils.loose_images import as_bgr

BGR = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.fixture
def path(tmp_path):
    Image.fromarray(BGR[:, :, ::-1]).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_all_forms_of_a_picture_are_one(path):
    with Image.open(path) as picture:
        forms = [as_bgr(BGR), as_bgr(BGR[:, :, ::-1], rgb=True), as_bgr(path), as_bgr(str(path)), as_bgr(picture)]
    for form in forms:
        np.testing.assert_array_equal(form, BGR)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_pil_images_are_read_as_their_files_are(path, tmp_path, mode):
    with Image.open(path) as picture:
        converted = picture.convert(mode)
    name = tmp_path / ("b.tif" if mode == "CMYK" else "b.png")
    converted.save(name)
    np.testing.assert_array_equal(as_bgr(converted), read_image(name))


def test_pil_images_are_turned_upright(path):
    with Image.open(path) as picture:
        picture.getexif()[0x0112] = 6
        np.testing.assert_array_equal(as_bgr(picture), np.rot90(BGR, -1))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_that_are_no_colours(mode):
    with pytest.raises(ImageError, match=f"mode {mode} has no 8-bit colours"):
        as_bgr(Image.new(mode, (20, 20)))


def test_a_damaged_file_behind_a_pil_image(path):
    path.write_bytes(path.read_bytes()[:-500])
    with Image.open(path) as picture, pytest.raises(ImageError, match="cannot be read"):
        as_bgr(picture)


@pytest.mark.parametrize(
    ("what", "name"), [(None, "None"), (3, "an int"), ([[1, 2, 3]], "a list"), (b"abc", "a bytes")]
)
def test_what_is_no_picture(what, name):
    with pytest.raises(ImageError, match=f"expected an array, a path or a PIL image, got {name}"):
        as_bgr(what)


def test_a_pil_image_without_pixels():
    with pytest.raises(ImageError, match="got a PIL image of 0x5 pixels"):
        as_bgr(Image.new("RGB", (0, 5)))

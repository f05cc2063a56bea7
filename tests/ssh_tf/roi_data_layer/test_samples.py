"""Whole samples: boxes on what they name, and the same sample for the same (seed, iteration, slot)."""

import cv2
import numpy as np
import pytest

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.roi_data_layer.augmentation import MEAN_COLOUR
from ssh_tf.roi_data_layer.pipeline_options import UNALTERED, FaceSides
from ssh_tf.roi_data_layer.samples import FACE, IGNORE, Sampler
from ssh_tf.utils.errors import DataError

# Faces are rectangles in colours of their own on black, in continuous coordinates: 1 pixel beyond the last one painted.
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
SHAPES = {
    "landscape": (150, 300, [(20, 20, 50, 60), (200, 90, 290, 150), (120, 10, 128, 19)]),
    "portrait": (240, 120, [(0, 0, 40, 44), (60, 150, 118, 230)]),
    "small": (30, 40, [(5, 5, 25, 27)]),
    "empty": (100, 100, []),
}
EVERYTHING = UNALTERED._replace(
    crop_sizes=(128,),
    face_sides=(FaceSides(8.0, 100.0),),
    flip_rate=0.5,
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    hue=20.0,
    stretch=0.2,
    coarse_rate=0.3,
    rotate_rate=0.3,
    grayscale_rate=0.2,
    exposure_rate=0.4,
    blur_rate=0.4,
    jpeg_rate=0.4,
    blank_ignored=True,
    group_weights={"landscape": 2.0},
)
MOSAIC = EVERYTHING._replace(mosaic_rate=0.5)


def make_record(folder, name, height, width, faces, ignore=()):
    image = np.zeros((height, width, 3), np.uint8)
    for colour, (x1, y1, x2, y2) in zip(COLOURS, faces, strict=False):
        image[y1:y2, x1:x2] = colour
    path = folder / f"{name}.png"
    cv2.imwrite(str(path), image)
    faces, ignore = (np.array(b, np.float32).reshape(-1, 4) for b in (faces, ignore))
    return ImageRecord(path, f"{name}/{path.name}", height, width, faces, ignore)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return [make_record(folder, name, *shape) for name, shape in SHAPES.items()]


def assert_equal(first, second):
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)


def colour_extents(image):
    """[x1, y1, x2, y2] of each of `COLOURS` that shows, in continuous coordinates."""
    extents = []
    for channel in range(3):
        rows, columns = np.nonzero(image[..., channel] >= 128)
        if len(rows):
            extents.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return np.array(extents, np.float64).reshape(-1, 4)


@pytest.mark.parametrize("flip_rate", [0.0, 1.0])
@pytest.mark.parametrize(("crop_size", "stretch"), [(0, 0.0), (128, 0.0), (128, 0.4)])
def test_boxes_lie_on_their_faces(records, crop_size, stretch, flip_rate):
    options = UNALTERED._replace(
        scales=(200,),
        max_size=320,
        crop_sizes=(crop_size,) if crop_size else (),
        face_sides=(FaceSides(12.0, 100.0),),
        flip_rate=flip_rate,
        stretch=stretch,
    )
    sampler = Sampler(records, options, seed=1, joint_batch=4)
    checked = 0
    for iteration in range(40):
        for slot in range(4):
            sample = sampler(iteration, slot)
            if crop_size:
                # Padding is grey: none of the colours.
                sample.image[(sample.image == MEAN_COLOUR).all(axis=2)] = 0
            # Continuous x mirrors to W - x, the pixel index x to W - 1 - x: the rule for both is the latter.
            expected = colour_extents(sample.image) - [flip_rate, 0, flip_rate, 0]
            if crop_size:
                expected = np.clip(expected, 0, crop_size - 1)
            # A line of pixels at the edge may be the interpolated rest of a face that lies outside.
            shown = expected[(expected[:, 2:] - expected[:, :2]).min(axis=1) >= 2]
            for extent in shown:
                # Some box lies where this colour shows.
                distance = np.abs(sample.boxes - extent).max(axis=1).min()
                assert distance <= 1.0, (iteration, slot, extent, sample.boxes)
                checked += 1
            # And no box is without a colour, but those of which less than a pixel shows.
            assert len(sample.boxes) >= len(shown)
            seen = (sample.boxes[:, 2:] - sample.boxes[:, :2]).min(axis=1) >= 2
            assert seen.sum() <= len(expected)
    assert checked > 150


def test_a_mosaic_is_four_windows_of_half_the_side(records):
    options = UNALTERED._replace(crop_sizes=(128,), face_sides=(FaceSides(12.0, 60.0),), mosaic_rate=1.0)
    sampler = Sampler(records, options, seed=1, joint_batch=4)
    checked, contents = 0, set()
    for iteration in range(40):
        sample = sampler(iteration, iteration % 4)
        assert sample.image.shape == (128, 128, 3)
        for x, y in ((0, 0), (64, 0), (0, 64), (64, 64)):
            quarter = sample.image[y : y + 64, x : x + 64]
            contents.add(quarter.tobytes())
            quarter[(quarter == MEAN_COLOUR).all(axis=2)] = 0
            expected = np.clip(colour_extents(quarter), 0, 63)
            for extent in expected[(expected[:, 2:] - expected[:, :2]).min(axis=1) >= 2]:
                assert np.abs(sample.boxes - [x, y, x, y] - extent).max(axis=1).min() <= 1.0
                checked += 1
        assert np.array_equal(sample.boxes[:, :2] // 64, sample.boxes[:, 2:] // 64), "a box reaches over a seam"
    assert checked > 100
    assert len(contents) > 100


def test_of_a_mosaic_no_window_is_larger_than_a_quarter(records):
    """Of an odd side a line of the mean colour is left over."""
    options = UNALTERED._replace(crop_sizes=(65,), face_sides=(FaceSides(12.0, 60.0),), mosaic_rate=1.0)
    image = Sampler(records, options, seed=1, joint_batch=1)(0, 0).image
    assert (image[64] == MEAN_COLOUR).all()
    assert (image[:, 64] == MEAN_COLOUR).all()
    assert not (image[:64, :64] == MEAN_COLOUR).all()


def test_a_mosaic_passes_over_unreadable_images(records, tmp_path):
    broken = records[0]._replace(path=tmp_path / "none.png")
    options = UNALTERED._replace(crop_sizes=(64,), mosaic_rate=1.0)
    with pytest.raises(DataError, match=r"none\.png"):
        [Sampler([broken, *records], options, seed=1, joint_batch=1)(i, 0) for i in range(20)]
    sampler = Sampler([broken, *records], options._replace(skip_unreadable=True), seed=1, joint_batch=1)
    assert 0 not in {int(sampler(iteration, 0).record) for iteration in range(20)}


def test_windows_are_stretched_within_the_bounds(records):
    square = [make_record(records[0].path.parent, "square", 200, 200, [(80, 80, 120, 120)])]
    options = UNALTERED._replace(crop_sizes=(128,), face_sides=(FaceSides(30.0, 50.0),), stretch=0.2)
    sampler = Sampler(square, options, seed=1, joint_batch=1)
    sizes = np.array([np.diff(sampler(at, 0).boxes.reshape(2, 2), axis=0)[0] for at in range(60)])
    ratios = np.log(sizes[:, 0] / sizes[:, 1])
    # Windows begin and end at whole pixels of the picture: half a pixel of 60.
    assert np.abs(ratios).max() <= 0.2 + 0.02
    assert ratios.min() < -0.12
    assert ratios.max() > 0.12
    assert abs(ratios.mean()) < 0.06


def test_rotated_windows_keep_their_boxes_on_the_faces(records):
    """A round face of a known place: what shows of it, if enough does, lies in its box, and else there is none."""
    path = records[0].path.with_name("round.png")
    picture = np.zeros((800, 800, 3), np.uint8)
    cv2.circle(picture, (400, 400), 20, (255, 255, 255), -1)
    cv2.imwrite(str(path), picture)
    record = ImageRecord(
        path, "round/round.png", 800, 800, np.float32([[380, 380, 420, 420]]), np.zeros((0, 4), np.float32)
    )
    options = UNALTERED._replace(
        crop_sizes=(128,), face_sides=(FaceSides(10.0, 16.0),), rotate_rate=1.0, visible=(0.3, 0.6)
    )
    sampler = Sampler([record], options, seed=1, joint_batch=1)
    kinds = []
    for iteration in range(120):
        sample = sampler(iteration, 0)
        sample.image[(sample.image == MEAN_COLOUR).all(axis=2)] = 0
        extent = colour_extents(sample.image)
        kinds.append(int(sample.kinds[0]) if len(sample.kinds) else None)
        if kinds[-1] == FACE:
            np.testing.assert_allclose(sample.boxes[0], extent[0] - [0, 0, 1, 1], atol=2.5)
        assert (sample.boxes >= 0).all()
        assert (sample.boxes <= 127).all()
    assert kinds.count(FACE) > 60
    assert {FACE, IGNORE, None} == set(kinds)


def test_dark_and_overexposed_samples_come_at_their_rates(records):
    grey = records[0].path.with_name("grey.png")
    cv2.imwrite(str(grey), np.full((64, 64, 3), 128, np.uint8))
    record = ImageRecord(grey, "grey/grey.png", 64, 64, np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32))
    options = UNALTERED._replace(scales=(64,), exposure_rate=0.4)
    sampler = Sampler([record], options, seed=1, joint_batch=1)
    values = np.array([int(sampler(iteration, 0).image[0, 0, 0]) for iteration in range(400)])
    assert 0.22 < (values < 100).mean() < 0.38
    assert 0.05 < (values > 150).mean() < 0.15
    assert ((values < 100) | (values > 150) | (values == 128)).all()
    assert values.min() < 10


def test_enlarged_windows_are_not_made_coarser(records):
    """What is enlarged is coarse already."""
    options = UNALTERED._replace(crop_sizes=(128,), face_sides=(FaceSides(90.0, 100.0),), max_upscale=8.0)
    small = records[2:3]
    plain, coarse = (Sampler(small, options._replace(coarse_rate=rate), seed=1, joint_batch=1) for rate in (1e-9, 1.0))
    for iteration in range(10):
        assert_equal(plain(iteration, 0), coarse(iteration, 0))


def test_reference_mode_literally(records):
    sample = Sampler(records[:1], UNALTERED._replace(scales=(300,), max_size=900), seed=0, joint_batch=1)(0, 0)
    assert sample.image.shape == (300, 600, 3)
    assert sample.im_info.tolist() == [300, 600, 2]
    assert sample.boxes.tolist() == [[40, 40, 100, 120], [400, 180, 580, 300], [240, 20, 256, 38]]
    assert sample.kinds.tolist() == [FACE] * 3
    assert sample.record == 0
    expected = cv2.resize(cv2.imread(str(records[0].path)), None, fx=2.0, fy=2.0)
    np.testing.assert_array_equal(sample.image, expected)


def test_longest_side_is_bounded(records):
    sample = Sampler(records[:1], UNALTERED._replace(scales=(300,), max_size=450), seed=0, joint_batch=1)(0, 0)
    assert sample.im_info.tolist() == [225, 450, 1.5]


def test_an_iteration_shares_its_scale(records):
    options = UNALTERED._replace(scales=(60, 90, 120), max_size=1000)
    sampler = Sampler(records, options, seed=0, joint_batch=4)
    sides = [{min(sampler(iteration, slot).image.shape[:2]) for slot in range(4)} for iteration in range(30)]
    assert all(len(side) == 1 for side in sides)
    assert set.union(*sides) == {60, 90, 120}


@pytest.mark.parametrize("options", [EVERYTHING, MOSAIC], ids=["windows", "mosaics"])
def test_samples_are_a_function_of_seed_iteration_and_slot(records, options):
    first, second, other = (Sampler(records, options, seed, joint_batch=3) for seed in (5, 5, 6))
    differing = 0
    # The second sampler begins later and goes backwards.
    for iteration in reversed(range(4, 10)):
        for slot in reversed(range(3)):
            sample = first(iteration, slot)
            assert_equal(sample, second(iteration, slot))
            differing += not np.array_equal(sample.image, other(iteration, slot).image)
    assert differing >= 16


def test_repeated_draws_of_an_image_differ(records):
    sampler = Sampler(records[:1], EVERYTHING._replace(group_weights={}), seed=0, joint_batch=2)
    images = [sampler(iteration, slot).image for iteration in range(3) for slot in range(2)]
    assert len({image.tobytes() for image in images}) == 6


def test_an_iteration_draws_one_of_several_windows(records):
    options = UNALTERED._replace(crop_sizes=(64, 96, 96), face_sides=(FaceSides(8.0, 500.0),))
    sampler = Sampler(records, options, 3, 2)
    sides = []
    for iteration in range(40):
        samples = [sampler(iteration, slot) for slot in range(2)]
        (side,) = {sample.image.shape for sample in samples}
        sides.append(side[0])
        assert side[0] == side[1]
        assert all((sample.boxes <= side[0] - 1).all() for sample in samples)
    assert set(sides) == {64, 96}
    assert sides.count(96) > sides.count(64)
    alone = Sampler(records, options._replace(crop_sizes=(96,)), 3, 2)
    at = sides.index(96)
    np.testing.assert_array_equal(alone(at, 1).image, sampler(at, 1).image)


def test_crops_hold_faces_of_all_sizes(records):
    options = UNALTERED._replace(crop_sizes=(128,), face_sides=(FaceSides(8.0, 100.0),), min_fill=0.05)
    sampler = Sampler(records[:2], options, seed=0, joint_batch=2)
    sides = []
    for iteration in range(150):
        for slot in range(2):
            sample = sampler(iteration, slot)
            assert sample.image.shape == (128, 128, 3)
            assert (sample.kinds == FACE).any()
            faces = sample.boxes[sample.kinds == FACE]
            sides.extend(np.sqrt((faces[:, 2:] - faces[:, :2]).prod(axis=1)))
    counts, _ = np.histogram(sides, [6, 12, 24, 48, 100])
    assert counts.min() > 30


def test_windows_anywhere_show_what_is_enlarged_without_a_face(records):
    options = UNALTERED._replace(crop_sizes=(128,), face_sides=(FaceSides(8.0, 100.0),))
    around, anywhere = (
        Sampler(records[:1], options._replace(anywhere_rate=rate), seed=0, joint_batch=1) for rate in (0.0, 1.0)
    )
    enlarged = [sample for sample in (anywhere(iteration, 0) for iteration in range(100)) if sample.im_info[2] > 1.5]
    empty = [not (sample.kinds == FACE).any() for sample in enlarged]
    assert 10 < sum(empty) < len(empty)
    assert all((around(iteration, 0).kinds == FACE).any() for iteration in range(100))


def test_faces_too_small_or_mostly_outside_become_ignore_regions(records):
    options = UNALTERED._replace(
        crop_sizes=(128,), face_sides=(FaceSides(8.0, 100.0),), min_face=10.0, visible=(0.0, 0.5)
    )
    sampler = Sampler(records[:1], options, seed=0, joint_batch=1)
    ignored = 0
    for iteration in range(100):
        sample = sampler(iteration, 0)
        true = records[0].boxes * sample.im_info[2]
        largest = np.sqrt((true[:, 2:] - true[:, :2]).prod(axis=1)).max()
        faces = sample.boxes[sample.kinds == FACE]
        sides = np.sqrt((faces[:, 2:] - faces[:, :2]).prod(axis=1))
        # A face of 10 px that is half cut off.
        assert (sides > 10.0 * np.sqrt(0.5) - 1.0).all()
        assert (sides <= largest * 1.05).all()
        ignored += (sample.kinds == IGNORE).sum()
    assert ignored > 20


def test_parts_of_faces_are_background_and_are_not_painted(records):
    """Below the first share a cut face leaves no box, between the two it is an ignore region; neither is painted."""
    whole = UNALTERED._replace(
        crop_sizes=(64,), face_sides=(FaceSides(8.0, 100.0),), anywhere_rate=1.0, min_face=0.0, visible=(0.0, 0.0)
    )
    cut = whole._replace(visible=(0.4, 0.7))
    samplers = [
        Sampler(records[:1], options, seed=0, joint_batch=1)
        for options in (whole, cut, cut._replace(blank_ignored=True))
    ]
    kept, dropped, doubtful = [], 0, 0
    for iteration in range(200):
        every, some, painted = (sampler(iteration, 0) for sampler in samplers)
        assert (every.kinds == FACE).all()
        np.testing.assert_array_equal(some.image, painted.image)
        assert {tuple(box) for box in some.boxes} <= {tuple(box) for box in every.boxes}
        # A cut face touches the border of the window.
        inside = ((every.boxes > 0) & (every.boxes < 63)).all(axis=1)
        assert {tuple(box) for box in every.boxes[inside]} <= {tuple(box) for box in some.boxes[some.kinds == FACE]}
        kept.append((some.kinds == FACE).sum())
        dropped += len(every.boxes) - len(some.boxes)
        doubtful += (some.kinds == IGNORE).sum()
    assert min(sum(kept), dropped, doubtful) > 10


def test_ignore_regions_are_kept_and_painted(tmp_path):
    record = make_record(tmp_path, "x", 100, 200, [(10, 10, 50, 50)], [(100, 20, 149, 79)])
    plain, painted = (
        Sampler([record], UNALTERED._replace(scales=(100,), blank_ignored=blank), seed=0, joint_batch=1)(0, 0)
        for blank in (False, True)
    )
    assert plain.kinds.tolist() == painted.kinds.tolist() == [FACE, IGNORE]
    assert painted.boxes.tolist() == [[10, 10, 50, 50], [100, 20, 149, 79]]
    assert (painted.image[20:80, 100:150] == MEAN_COLOUR).all()
    painted.image[20:80, 100:150] = 0
    np.testing.assert_array_equal(painted.image, plain.image)


def test_padding_and_paint_stay_in_the_mean_colour(records):
    options = EVERYTHING._replace(group_weights={}, brightness=0.5, jpeg_rate=1.0, min_fill=0.3)
    sampler = Sampler(records[2:3], options, seed=0, joint_batch=1)
    shares = [(sampler(i, 0).image == MEAN_COLOUR).all(axis=2).mean() for i in range(20)]
    # The picture is 40x30 and at most three times enlarged.
    assert min(shares) > 0.3


def test_images_without_faces_are_drawn(records):
    sample = Sampler(records[3:], EVERYTHING._replace(group_weights={}), seed=0, joint_batch=1)(0, 0)
    assert sample.image.shape == (128, 128, 3)
    assert sample.boxes.shape == (0, 4)
    assert sample.kinds.shape == (0,)


@pytest.mark.parametrize("name", ["grayscale_rate", "blur_rate", "jpeg_rate", "brightness", "contrast", "saturation"])
def test_each_option_has_its_effect_alone(records, name):
    def images(options):
        sampler = Sampler(records[:1], options, seed=3, joint_batch=1)
        return [sampler(iteration, 0).image for iteration in range(5)]

    plain, changed = images(UNALTERED), images(UNALTERED._replace(**{name: 1.0}))
    assert all((p != c).any() for p, c in zip(plain, changed, strict=True))
    if name == "grayscale_rate":
        assert all((image == image[..., :1]).all() for image in changed)


def test_an_unreadable_image_is_named(records, tmp_path):
    broken = records[0]._replace(path=tmp_path / "broken.jpg")
    broken.path.write_bytes(b"\xff\xd8\xff")
    sampler = Sampler([broken], UNALTERED, seed=0, joint_batch=1)
    with pytest.raises(DataError, match=r"broken\.jpg: the picture is cut off"):
        sampler(0, 0)


def test_an_unreadable_image_is_replaced(records, tmp_path, caplog):
    broken = [*records, records[0]._replace(path=tmp_path / "gone.jpg")]
    options = UNALTERED._replace(scales=(64,), skip_unreadable=True)
    first, second = (Sampler(broken, options, seed=0, joint_batch=2) for _ in range(2))
    replaced = [(i, s) for i in range(10) for s in range(2) if first.order(i, s) == 4]
    assert replaced
    for place in replaced:
        assert first(*place).record != 4
        assert_equal(first(*place), second(*place))
    assert "gone.jpg" in caplog.text


def test_no_image_is_readable(records, tmp_path):
    broken = [records[0]._replace(path=tmp_path / "gone.jpg")]
    with pytest.raises(DataError, match="in a row"):
        Sampler(broken, UNALTERED._replace(skip_unreadable=True), seed=0, joint_batch=1)(0, 0)

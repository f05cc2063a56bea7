"""Pictures out."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from full_disk import files_no_larger_than
from ssh_tf.utils.copies import Copies, copy_name
from ssh_tf.utils.errors import ImageError


def frames(path):
    capture = cv2.VideoCapture(str(path))
    found = []
    while (frame := capture.read())[0]:
        found.append(frame[1])
    return found, capture.get(cv2.CAP_PROP_FPS)


@pytest.mark.parametrize(
    ("name", "is_video", "copy"),
    [
        ("a.png", False, "a.png"),
        ("a.gif", False, "a.jpg"),
        ("below/a.JPEG", False, "below/a.JPEG"),
        ("a.avi", True, "a.mp4"),
    ],
)
def test_names(name, is_video, copy):
    assert copy_name(Path(name), is_video) == Path(copy)


def test_pictures_are_files(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    with Copies() as copies:
        copies.write(tmp_path / "new/a.png", image)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "new/a.png")), image)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_frames_become_videos_and_a_new_name_ends_one(tmp_path):
    with Copies() as copies:
        for level in (0, 90, 180):
            copies.write(tmp_path / "a.mp4", np.full((48, 64, 3), level, np.uint8), 10.0)
        copies.write(tmp_path / "b.mp4", np.full((32, 32, 3), 50, np.uint8), 25.0)
        assert not (tmp_path / "b.mp4").exists()
    found, rate = frames(tmp_path / "a.mp4")
    np.testing.assert_allclose([frame.mean() for frame in found], [0, 90, 180], atol=4)
    assert rate == 10
    assert len(frames(tmp_path / "b.mp4")[0]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_format_that_cannot_be_written(tmp_path):
    with Copies() as copies, pytest.raises(ImageError):
        copies.write(tmp_path / "a.nothing", np.zeros((20, 20, 3), np.uint8))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_video_that_the_disk_cuts_keeps_its_temporary_name(tmp_path, share):
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), np.uint8)

    def written(name):
        with Copies() as copies:
            for image in noise:
                copies.write(tmp_path / name, image, 10.0)

    written("whole.mp4")
    size = (tmp_path / "whole.mp4").stat().st_size
    with (
        files_no_larger_than(int(share * size)),
        pytest.raises(ImageError, match=r"cut\.mp4: could not be"),
    ):
        written("cut.mp4")
    assert {path.name for path in tmp_path.iterdir()} == {"whole.mp4", ".part-cut.mp4"}


@pytest.mark.parametrize("rate", [0.5, 12.5, 29.97, 480.0])
def test_rates(tmp_path, rate):
    with Copies() as copies:
        for _ in range(5):
            copies.write(tmp_path / "a.mp4", np.zeros((48, 64, 3), np.uint8), rate)
    found, kept = frames(tmp_path / "a.mp4")
    assert len(found) == 5
    assert kept == pytest.approx(rate, rel=0.001)


def test_a_frame_of_another_size_is_told(tmp_path):
    with Copies() as copies:
        copies.write(tmp_path / "a.mp4", np.zeros((48, 64, 3), np.uint8), 10.0)
        with pytest.raises(ImageError, match="another size"):
            copies.write(tmp_path / "a.mp4", np.zeros((64, 48, 3), np.uint8), 10.0)
    assert len(frames(tmp_path / "a.mp4")[0]) == 1


def test_long_names(tmp_path):
    with Copies() as copies:
        copies.write(tmp_path / f"{'n' * 251}.mp4", np.zeros((48, 64, 3), np.uint8), 10.0)
        copies.write(tmp_path / f"{'n' * 251}.png", np.zeros((48, 64, 3), np.uint8))
    assert {path.name for path in tmp_path.iterdir()} == {f"{'n' * 251}.mp4", f"{'n' * 251}.png"}

"""The sound of a video, by the real ffmpeg: `make test-extras` brings one."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from ssh_tf.utils.copies import Copies
from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.sound import find_ffmpeg

RATE, FRAMES, SAMPLES = 10.0, 12, 8000

needs_ffmpeg = pytest.mark.skipif(find_ffmpeg() is None, reason="neither ffmpeg nor the extra sound")


def ffmpeg(*arguments):
    command = [find_ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def write_origin(path, seconds):
    """A video of 1.2 s and, if not 0, `seconds` of a tone."""
    tone = ["-f", "lavfi", "-i", f"sine=duration={seconds}", "-c:a", "aac"] if seconds else []
    picture = ["-f", "lavfi", "-i", f"color=red:size=64x48:rate={RATE}:duration={FRAMES / RATE}"]
    ffmpeg(*picture, *tone, "-c:v", "mpeg4", path)


def write_copy(path, origin, count=FRAMES):
    with Copies() as copies:
        for _ in range(count):
            copies.write(path, np.zeros((48, 64, 3), np.uint8), RATE, str(origin))


def count_frames(path):
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == RATE
    return sum(1 for _ in iter(lambda: capture.read()[0], False))


def sound_of(path):
    samples = ["-f", "s16le", "-ac", 1, "-ar", SAMPLES, "-"]
    return np.frombuffer(ffmpeg("-i", path, "-map", "0:a:0", *samples), np.int16).astype(float)


@needs_ffmpeg
@pytest.mark.parametrize(("seconds", "kept"), [(0.5, 0.5), (1.2, 1.2), (3, 1.2)])
def test_sound_is_kept_and_no_picture_lost(tmp_path, seconds, kept):
    write_origin(tmp_path / "a b ü.mp4", seconds)
    write_copy(tmp_path / "copy.mp4", tmp_path / "a b ü.mp4")
    assert count_frames(tmp_path / "copy.mp4") == FRAMES
    heard = sound_of(tmp_path / "copy.mp4")
    assert len(heard) / SAMPLES == pytest.approx(kept, abs=0.15)
    assert np.abs(heard).mean() > 500
    assert {path.name for path in tmp_path.iterdir()} == {"a b ü.mp4", "copy.mp4"}


@needs_ffmpeg
def test_sound_ends_where_the_pictures_do(tmp_path):
    write_origin(tmp_path / "a.mp4", 1.2)
    write_copy(tmp_path / "copy.mp4", tmp_path / "a.mp4", 4)
    assert count_frames(tmp_path / "copy.mp4") == 4
    assert len(sound_of(tmp_path / "copy.mp4")) / SAMPLES == pytest.approx(0.4, abs=0.15)


@needs_ffmpeg
def test_a_video_without_sound(tmp_path):
    write_origin(tmp_path / "a.mp4", 0)
    write_copy(tmp_path / "copy.mp4", tmp_path / "a.mp4")
    assert count_frames(tmp_path / "copy.mp4") == FRAMES


@needs_ffmpeg
def test_what_ffmpeg_says_is_told_and_the_copy_kept(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(ImageError, match=r"a\.mp4: its sound could not be .*ffmpeg failed: .*Invalid data"):
        write_copy(tmp_path / "copy.mp4", tmp_path / "a.mp4")
    assert count_frames(tmp_path / "copy.mp4") == FRAMES


def test_the_program_of_the_extra_is_taken_where_the_path_has_none(tmp_path, monkeypatch):
    class Package:
        @staticmethod
        def get_ffmpeg_exe():
            return "/packages/ffmpeg"

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", Package)
    assert find_ffmpeg() == "/packages/ffmpeg"
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert find_ffmpeg() is None

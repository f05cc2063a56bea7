"""Where pictures come from."""

import cv2
import numpy as np
import pytest

from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.media import find_sources


@pytest.fixture
def folder(tmp_path):
    """Two pictures, one of them below, a video of three frames, and a file that is neither."""
    (tmp_path / "below").mkdir()
    for name, level in (("b.png", 10), ("below/A.JPG", 20)):
        cv2.imwrite(str(tmp_path / name), np.full((20, 30, 3), level, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    video = cv2.VideoWriter(str(tmp_path / "c.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 12.0, (32, 24))
    for level in (0, 100, 200):
        video.write(np.full((24, 32, 3), level, np.uint8))
    video.release()
    return tmp_path


def test_folder_is_searched_through(folder):
    sources = find_sources([folder])
    assert [source.place.as_posix() for source in sources] == ["b.png", "below/A.JPG", "c.avi"]
    assert [source.frames for source in sources] == [1, 1, 3]
    assert [source.rate for source in sources] == [None, None, 12.0]


def test_pictures_are_read_when_asked_for(folder):
    (source,) = find_sources([folder / "b.png"])
    (picture,) = source.pictures()
    assert picture.file == str(folder / "b.png")
    assert picture.frame is None
    assert picture.load().tolist() == np.full((20, 30, 3), 10).tolist()


def test_frames_of_a_video(folder):
    (source,) = find_sources([folder / "c.avi"])
    pictures = list(source.pictures())
    assert [picture.frame for picture in pictures] == [0, 1, 2]
    levels = [picture.load().mean() for picture in pictures]
    np.testing.assert_allclose(levels, [0, 100, 200], atol=3)


def test_pattern(folder):
    assert [source.place.name for source in find_sources([str(folder / "**/*.[jJ]*")])] == ["A.JPG"]
    assert [source.place.name for source in find_sources([str(folder / "?.*")])] == ["b.png", "c.avi"]


def test_name_with_brackets_is_a_name(tmp_path):
    path = tmp_path / "a[1].png"
    cv2.imwrite(str(path), np.zeros((20, 20, 3), np.uint8))
    assert next(find_sources([path])[0].pictures()).load().shape == (20, 20, 3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.jpg", "none.jpg: no such file"),
        ("*.gif", "no file matches"),
        ("empty", "no images or videos in this folder"),
        ("broken.mp4", "broken.mp4: not a video"),
        ("notes.txt", "notes.txt: not a picture"),
    ],
)
def test_what_is_not_there_fails_when_loaded(folder, name, words):
    (folder / "empty").mkdir()
    (folder / "broken.mp4").write_bytes(b"no video")
    (source,) = find_sources([folder / name])
    (picture,) = source.pictures()
    with pytest.raises(ImageError, match=words.replace(".", r"\.")):
        picture.load()


def test_camera_that_is_not_there():
    (source,) = find_sources(["97"])
    assert (source.file, source.frames) == ("camera 97", 0)
    (picture,) = source.pictures()
    with pytest.raises(ImageError, match="camera 97: no such camera"):
        picture.load()


def test_a_file_may_be_called_like_a_camera(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").write_bytes(b"")
    assert find_sources(["0"])[0].file == "0"


def test_what_begins_with_a_dot_or_is_left_out_is_passed_over(folder):
    for name in ("._b.png", ".hidden/x.png", "results/b.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((folder / "b.png").read_bytes())
    found = find_sources([folder], without=folder / "below/../results")
    assert [source.place.as_posix() for source in found] == ["b.png", "below/A.JPG", "c.avi"]
    # Named, they are meant.
    assert len(find_sources([folder / ".hidden", folder / "._b.png", folder / "results"], without=folder / "out")) == 3


@pytest.mark.parametrize("suffix", ["jfif", "HEIC", "heif", "avif", "jpe", "flv", "ts", "3gp", "mts", "m2ts", "ogv"])
def test_no_kind_is_passed_over_in_silence(tmp_path, suffix):
    (tmp_path / f"x.{suffix}").write_bytes(b"whatever")
    (source,) = find_sources([tmp_path])
    assert source.place.name == f"x.{suffix}"
    with pytest.raises(ImageError, match=rf"x\.{suffix}: not a (picture|video) that OpenCV can read"):
        next(source.pictures()).load()


def test_a_link_to_nowhere_is_named(tmp_path):
    (tmp_path / "x.png").symlink_to("nowhere.png")
    (source,) = find_sources([tmp_path])
    with pytest.raises(ImageError, match=r"x\.png: no such file"):
        next(source.pictures()).load()


VIDEOS = [("avi", "MJPG"), ("mp4", "mp4v"), ("mov", "mp4v"), ("mkv", "mp4v"), ("flv", "FLV1"), ("3gp", "mp4v")]


def write_video(path, code, count=30, rate=10.0):
    generator = np.random.default_rng(0)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, (64, 48))
    for _ in range(count):
        video.write(cv2.resize(generator.integers(0, 256, (6, 8, 3), np.uint8), (64, 48)))
    video.release()


@pytest.mark.parametrize(("suffix", "code"), VIDEOS)
def test_a_whole_video_ends_well_and_a_cut_one_says_so(tmp_path, suffix, code):
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    write_video(whole, code)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert [picture.frame for picture in find_sources([whole])[0].pictures()] == list(range(30))
    *frames, last = find_sources([cut])[0].pictures()
    assert len(frames) < 27
    assert last.frame is None
    words = r"the video ends after \d+ of 30 frames: it is damaged or cut off" if frames else "not a video"
    with pytest.raises(ImageError, match=rf"cut\.{suffix}: {words}"):
        last.load()


@pytest.mark.parametrize(("last", "whole"), [(2.0, True), (1.0, False)])
def test_frames_of_a_varying_rate_are_not_missed(tmp_path, monkeypatch, last, whole):
    """A Matroska file of 2 s and a nominal 30 frames a second, that holds 20."""

    class Capture:
        at = -1

        def __init__(self, _):
            pass

        def get(self, what):
            seconds = last * self.at / 20
            return {cv2.CAP_PROP_FRAME_COUNT: 60, cv2.CAP_PROP_FPS: 30.0}.get(what, 1000 * seconds)

        def read(self):
            self.at += 1
            return self.at < 20, np.zeros((20, 30, 3), np.uint8)

        def release(self):
            pass

    (tmp_path / "a.mkv").touch()
    monkeypatch.setattr("cv2.VideoCapture", Capture)
    frames = [picture.frame for picture in find_sources([tmp_path / "a.mkv"])[0].pictures()]
    assert frames == [*range(20), *([] if whole else [None])]


@pytest.mark.parametrize("rate", [0.5, 29.97, 480.0])
def test_frame_rates(tmp_path, rate):
    write_video(tmp_path / "a.mp4", "mp4v", 4, rate)
    assert find_sources([tmp_path / "a.mp4"])[0].rate == pytest.approx(rate, rel=0.001)


@pytest.mark.parametrize("kind", ["rtsp", "RTSPS", "rtmp", "http", "https"])
def test_addresses_are_opened_as_they_are_and_shown_without_a_password(monkeypatch, kind):
    opened = []

    class Capture:
        def __init__(self, name):
            opened.append(name)
            self.left = 2

        def get(self, _):
            return 12.5

        def read(self):
            self.left -= 1
            return self.left >= 0, np.zeros((20, 30, 3), np.uint8)

        def release(self):
            pass

    monkeypatch.setattr("cv2.VideoCapture", Capture)
    address = f"{kind}://me:se:cret@host:554/live/1?x=*"
    (source,) = find_sources([address])
    assert (source.file, source.rate, source.frames) == (f"{kind}://host:554/live/1?x=*", 12.5, 0)
    assert source.place.name == "host_554_live_1_x.mp4"
    assert [picture.file for picture in source.pictures()] == [source.file] * 2
    assert opened == [address] * 2

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
        ("none.jpg", "none.jpg: No such file"),
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

"""Other packages' detectors, behind doubles of those packages."""

import contextlib
import importlib.util
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ssh_tools.measuring.peers import PEERS, MissingPeer, dlib_hog, haar_cascade

PICTURE = np.zeros((300, 400, 3), np.uint8)
PICTURE[..., 0] = 255  # blue


@pytest.fixture
def cascades(monkeypatch, tmp_path):
    """OpenCV with one cascade, of 7 bytes; the pictures it is shown are kept in the list returned."""
    shown = []
    (tmp_path / "face.xml").write_bytes(b"cascade")

    class Cascade:
        def __init__(self, path):
            assert path == str(tmp_path / "face.xml")

        def detectMultiScale2(self, grey, minNeighbors):
            shown.append(grey)
            return (np.array([[10, 20, 30, 40]], np.int32), np.array([7])) if minNeighbors == 1 else ((), ())

    monkeypatch.setattr(cv2, "CascadeClassifier", Cascade, raising=False)
    monkeypatch.setattr(cv2, "data", SimpleNamespace(haarcascades=str(tmp_path)), raising=False)
    return shown


@pytest.fixture
def dlib(monkeypatch):
    """A dlib whose detector finds one rectangle; what it was called with is kept in the list returned."""
    calls = []
    box = SimpleNamespace(left=lambda: -2, top=lambda: 3, right=lambda: 77, bottom=lambda: 82)

    class Detector:
        def run(self, *arguments):
            calls.append(arguments)
            return [box], [0.25], [0]

        def save(self, path):
            with open(path, "wb") as stream:
                stream.write(b"weights")

    monkeypatch.setitem(sys.modules, "dlib", SimpleNamespace(get_frontal_face_detector=Detector))
    return calls


def test_a_cascade_sees_grey_and_its_boxes_become_corners(cascades):
    peer = haar_cascade("face.xml", enlarge=False)
    np.testing.assert_array_equal(peer.detect(PICTURE), [[10, 20, 40, 60, 7]])
    assert cascades[0].shape == (300, 400)
    assert peer.size == 7


def test_boxes_of_an_enlarged_picture_come_back_to_its_pixels(cascades):
    rows = haar_cascade("face.xml", enlarge=True).detect(PICTURE)
    assert cascades[0].shape == (1200, 1600)
    np.testing.assert_allclose(rows, [[2.5, 5, 10, 15, 7]])


def test_a_cascade_that_finds_nothing_gives_no_rows(cascades, monkeypatch):
    monkeypatch.setattr(cv2.CascadeClassifier, "detectMultiScale2", lambda *_, **__: ((), ()))
    assert haar_cascade("face.xml", enlarge=True).detect(PICTURE).shape == (0, 5)


def test_an_opencv_without_cascades_is_told_apart(cascades, monkeypatch):
    with pytest.raises(MissingPeer, match="opencv-python-headless<5"):
        haar_cascade("other.xml", enlarge=False)
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(MissingPeer, match="opencv-python-headless<5"):
        haar_cascade("face.xml", enlarge=False)


def test_dlib_sees_colours_in_its_order_and_counts_the_last_pixel(dlib):
    peer = dlib_hog(upsample=2)
    np.testing.assert_array_equal(peer.detect(PICTURE), [[-2, 3, 78, 83, 0.25]])
    picture, upsample, lowest = dlib[0]
    assert picture[0, 0].tolist() == [0, 0, 255]
    assert (upsample, lowest) == (2, -1)
    assert peer.size == len(b"weights")


def test_without_dlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingPeer, match="pip install dlib-bin"):
        dlib_hog(upsample=1)


def test_the_real_ones_find_no_face_in_the_dark():
    """Those whose package is installed; the others are all known to be missing."""
    has = {"OpenCV": hasattr(cv2, "CascadeClassifier"), "dlib": importlib.util.find_spec("dlib") is not None}
    loaded = {}
    for name, load in PEERS.items():
        with contextlib.suppress(MissingPeer):
            loaded[name] = load()
    assert set(loaded) == {name for name in PEERS if has[name.split()[0]]}
    for peer in loaded.values():
        assert peer.detect(np.zeros((120, 160, 3), np.uint8)).shape == (0, 5)
        assert peer.size > 1000

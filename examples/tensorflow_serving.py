"""Ask a TensorFlow Serving for faces: python examples/tensorflow_serving.py PICTURE [http://localhost:8501].

    ssh-convert --backbone mobile --model mobile_ssh --output faces.pb --saved_model serving/ssh/1
    docker run -p 8501:8501 -v "$PWD/serving/ssh:/models/ssh" -e MODEL_NAME=ssh tensorflow/serving

A test asks a stand-in that answers as its REST interface is documented; with the server itself it has not been tried.
Numbers in JSON are slow to read and write: the picture is made small first. For full speed use its gRPC.
"""

import json
import sys
import urllib.request
from typing import Any

import cv2
import numpy as np

SHORTEST = 480


def main(picture_path: str, server: str = "http://localhost:8501") -> None:
    picture = cv2.imread(picture_path)
    if picture is None:
        sys.exit(f"{picture_path}: not a picture that OpenCV can read")
    scale = SHORTEST / min(picture.shape[:2])
    image = picture.astype(np.float32) - np.float32([102.9801, 115.9465, 122.7717])
    image = cv2.resize(image, None, fx=scale, fy=scale)
    inputs = {"image_tensor": image[None].round(2).tolist(), "im_info": [*image.shape[:2], scale]}
    found = predict(f"{server}/v1/models/ssh:predict", inputs)
    boxes = np.array(found["rois"], np.float64).reshape(-1, 5)[:, 1:] / scale
    scores = np.array(found["roi_scores"], np.float64).reshape(-1)
    sides = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    for index in cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.5, 0.3):
        print(*boxes[index].round(1), scores[index].round(3))


def predict(url: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """TensorFlow Serving's REST interface, in columns."""
    request = urllib.request.Request(url, json.dumps({"inputs": inputs}).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["outputs"]
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"{url}: no answer of TensorFlow Serving ({error})")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])

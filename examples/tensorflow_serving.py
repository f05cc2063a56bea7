"""Ask a TensorFlow Serving for faces: python examples/tensorflow_serving.py PICTURE [http://localhost:8501].

    ssh-convert --backbone mobile --model mobile_ssh --output faces.pb --saved_model serving/ssh/1
    docker run -p 8501:8501 -v "$PWD/serving/ssh:/models/ssh" -e MODEL_NAME=ssh tensorflow/serving

A test asks a stand-in that answers as its REST interface is documented; with the server itself it has not been tried.
Numbers in JSON are slow to read and write: the picture is made small first. For full speed use its gRPC.
"""

import json
import os
import sys
import urllib.request
from http.client import HTTPException
from typing import Any

import cv2
import numpy as np

SHORTEST, LONGEST = 480, 1600


def main(picture_path: str, server: str = "http://localhost:8501") -> None:
    # Not by its name, which may hold bytes that OpenCV cannot take.
    code = np.fromfile(picture_path, np.uint8) if os.path.isfile(picture_path) else ()
    picture = cv2.imdecode(code, cv2.IMREAD_COLOR) if len(code) else None
    if picture is None:
        sys.exit(f"{picture_path}: not a picture that OpenCV can read")
    height, width = picture.shape[:2]
    scale = min(SHORTEST / min(height, width), LONGEST / max(height, width))
    image = picture.astype(np.float32) - np.float32([102.9801, 115.9465, 122.7717])
    # A narrow strip has a pixel left.
    image = cv2.resize(image, (max(1, round(scale * width)), max(1, round(scale * height))))
    inputs = {"image_tensor": image[None].round(2).tolist(), "im_info": [*image.shape[:2], scale]}
    boxes, scores = predict(f"{server}/v1/models/ssh:predict", inputs)
    boxes /= scale
    sides = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    faces = cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.5, 0.3)
    for index in faces:
        print(*boxes[index].round(1), scores[index].round(3))
    if not len(faces):
        print("no face found")


def predict(url: str, inputs: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (R, 4) and scores (R), by TensorFlow Serving's REST interface in columns."""
    data, headers = json.dumps({"inputs": inputs}).encode(), {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
            outputs = json.load(answer)["outputs"]
        boxes = np.array(outputs["rois"], np.float64).reshape(-1, 5)[:, 1:]
        return boxes, np.array(outputs["roi_scores"], np.float64).reshape(len(boxes))
    # No server, one that went away, another one, or one with another model.
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{url}: no answer of TensorFlow Serving ({error!r})")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])

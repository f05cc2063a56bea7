"""Faces by ONNX Runtime alone: python examples/onnx_runtime.py MODEL.onnx PICTURE. Nothing of this package is used."""

import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

picture = None
if len(sys.argv) == 3 and all(Path(name).is_file() for name in sys.argv[1:]):
    # Not by its name, which may hold bytes that OpenCV cannot take.
    code = np.fromfile(sys.argv[2], np.uint8)
    picture = cv2.imdecode(code, cv2.IMREAD_COLOR) if len(code) else None
if picture is None:
    sys.exit(f"usage: {sys.argv[0]} MODEL.onnx PICTURE, such as data/models/mobile_ssh_int8.onnx and a JPEG file")
try:
    session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
except Exception as error:  # ONNX Runtime's errors have no name in common
    sys.exit(f"{sys.argv[1]}: not a model that ONNX Runtime can read ({error})")
if {node.name for node in session.get_inputs()} != {"image_tensor:0", "im_info:0"}:
    sys.exit(f"{sys.argv[1]}: a model of something else; ssh-convert makes one of SSH")
height, width = picture.shape[:2]
scale = min(1200 / min(height, width), 1600 / max(height, width))
image = picture.astype(np.float32) - np.float32([102.9801, 115.9465, 122.7717])
# A narrow strip has a pixel left.
image = cv2.resize(image, (max(1, round(scale * width)), max(1, round(scale * height))))[None]
inputs = {"image_tensor:0": image, "im_info:0": np.float32([*image.shape[1:3], scale])}
rois, scores = session.run(["rois:0", "roi_scores:0"], inputs)
boxes, scores = rois[:, 1:] / scale, scores[:, 0]
sides = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
faces = cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.5, 0.3)
for index in faces:
    print(*boxes[index].round(1), scores[index].round(3))
if not len(faces):
    print("no face found")

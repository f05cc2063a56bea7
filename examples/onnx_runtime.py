"""Faces by ONNX Runtime alone: python examples/onnx_runtime.py MODEL.onnx PICTURE. Nothing of this package is used."""

import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

if len(sys.argv) != 3 or not Path(sys.argv[1]).is_file() or (picture := cv2.imread(sys.argv[2])) is None:
    sys.exit(f"usage: {sys.argv[0]} MODEL.onnx PICTURE, such as data/models/mobile_ssh_int8.onnx and a JPEG file")
session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
scale = min(1200 / min(picture.shape[:2]), 1600 / max(picture.shape[:2]))
image = picture.astype(np.float32) - np.float32([102.9801, 115.9465, 122.7717])
image = cv2.resize(image, None, fx=scale, fy=scale)[None]
inputs = {"image_tensor:0": image, "im_info:0": np.float32([*image.shape[1:3], scale])}
rois, scores = session.run(["rois:0", "roi_scores:0"], inputs)
boxes, scores = rois[:, 1:] / scale, scores[:, 0]
sides = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
for index in cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.5, 0.3):
    print(*boxes[index].round(1), scores[index].round(3))

"""Faces by TensorFlow alone: python examples/saved_model.py FOLDER PICTURE. Nothing of this package is used.

FOLDER is made by: ssh-convert --backbone mobile --model mobile_ssh --output faces.pb --saved_model FOLDER
Pillow reads the picture: TensorFlow would not turn the photographs of telephones upright.
"""

import os
import sys

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

if len(sys.argv) != 3 or not os.path.isdir(sys.argv[1]) or not os.path.isfile(sys.argv[2]):
    sys.exit(__doc__)
try:
    with Image.open(sys.argv[2]) as file:
        picture = np.asarray(ImageOps.exif_transpose(file).convert("RGB"))[..., ::-1]
except Exception as error:  # whatever a damaged file leads Pillow to
    sys.exit(f"{sys.argv[2]}: not a picture that Pillow can read ({error})")
try:
    detect = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
except (OSError, KeyError, tf.errors.OpError):
    sys.exit(f"{sys.argv[1]}: not a SavedModel; see the first lines of {sys.argv[0]}")
size = tf.cast(tf.shape(picture)[:2], tf.float32)
scale = tf.minimum(1200 / tf.reduce_min(size), 1600 / tf.reduce_max(size))
# A narrow strip has a pixel left.
smaller = tf.maximum(1, tf.cast(scale * size, tf.int32))
image = tf.image.resize(tf.cast(picture, tf.float32) - [102.9801, 115.9465, 122.7717], smaller)
info = tf.concat([tf.cast(tf.shape(image)[:2], tf.float32), [scale]], 0)
found = detect(image_tensor=image[None], im_info=info)
boxes, scores = found["rois"][:, 1:] / scale, found["roi_scores"][:, 0]
faces = tf.image.non_max_suppression(boxes, scores, 300, 0.3, 0.5)
for index in faces:
    print(*boxes[index].numpy().round(1), scores[index].numpy().round(3))
if not len(faces):
    print("no face found")

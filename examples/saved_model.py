"""Faces by TensorFlow alone: python examples/saved_model.py FOLDER PICTURE. Nothing of this package is used.

FOLDER is made by: ssh-convert --backbone mobile --model mobile_ssh --output faces.pb --saved_model FOLDER
"""

import os
import sys

import tensorflow as tf

if len(sys.argv) != 3 or not os.path.isdir(sys.argv[1]) or not os.path.isfile(sys.argv[2]):
    sys.exit(__doc__)
detect = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
try:
    picture = tf.io.decode_image(tf.io.read_file(sys.argv[2]), channels=3, expand_animations=False)[..., ::-1]
except tf.errors.InvalidArgumentError:
    sys.exit(f"{sys.argv[2]}: not a picture that TensorFlow can read")
size = tf.cast(tf.shape(picture)[:2], tf.float32)
scale = tf.minimum(1200 / tf.reduce_min(size), 1600 / tf.reduce_max(size))
image = tf.image.resize(tf.cast(picture, tf.float32) - [102.9801, 115.9465, 122.7717], tf.cast(scale * size, tf.int32))
info = tf.concat([tf.cast(tf.shape(image)[:2], tf.float32), [scale]], 0)
found = detect(image_tensor=image[None], im_info=info)
boxes, scores = found["rois"][:, 1:] / scale, found["roi_scores"][:, 0]
for index in tf.image.non_max_suppression(boxes, scores, 300, 0.3, 0.5):
    print(*boxes[index].numpy().round(1), scores[index].numpy().round(3))

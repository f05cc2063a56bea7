"""Data sets, their annotations, and the evaluation of detections on them. Imports no TensorFlow."""

"""What every other package may use: errors, files, images, TensorFlow itself. Imports nothing of the project."""

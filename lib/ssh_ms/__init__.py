"""SSH with VGG16 in MindSpore, from and to SSH-TensorFlow's checkpoints.

What needs no framework (anchors, box coding, matching, suppression, pictures, data) is `ssh_tf`'s.
"""

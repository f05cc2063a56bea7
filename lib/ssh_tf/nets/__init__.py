"""Backbones, the SSH modules on top of them, and the graph that turns an image into rows of anchors."""

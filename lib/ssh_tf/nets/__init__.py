"""Backbones, the SSH modules on top of them, and the graphs that detect and that train."""

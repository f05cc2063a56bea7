"""Anchors, box coding, proposals, targets and losses: what happens between feature maps and boxes."""

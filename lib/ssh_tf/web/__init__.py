"""The detector on a web page."""

"""Tools whose packages are not installed say what to install."""

import sys

import pytest

from ssh_tf.bulk.cluster import Share, connected
from ssh_tf.utils.errors import SSHError
from ssh_tf.web.page import face_page
from ssh_tools import detect_bulk


def test_a_bulk_run_without_pyarrow(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow.fs", None)
    with pytest.raises(SSHError, match=r"^pyarrow is not installed: pip install .*\[bulk\]"):
        detect_bulk.main([str(tmp_path), "--output", str(tmp_path / "out")])


def test_a_bulk_run_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SSHError, match=r"^ray is not installed: pip install .*\[bulk\]"), connected(None, Share()):
        pass


def test_a_web_page_without_gradio(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(SSHError, match=r"^gradio is not installed: pip install .*\[web\]"):
        face_page(lambda file, size: None, ["fast"], "fast", 0.5)

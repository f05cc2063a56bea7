"""The web service answers pictures with faces, and all else with what is wrong."""

import runpy
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

ROOT = Path(__file__).parents[2]
PICTURE = (ROOT / "data/demo/eileen_collins.jpg").read_bytes()


@pytest.fixture(scope="module")
def client():
    app = runpy.run_path(str(ROOT / "examples/fastapi_service.py"))["app"]
    with TestClient(app) as client:
        yield client


def test_faces(client):
    answer = client.post("/faces", files={"file": PICTURE})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["width"], found["height"]) == (512, 512)
    (face,) = found["faces"]
    assert face["box"] == pytest.approx([177, 63, 272, 180], abs=10)
    assert face["score"] > 0.9


@pytest.mark.parametrize("content", [b"", b"no picture", PICTURE[:2000]])
def test_no_picture(client, content):
    answer = client.post("/faces", files={"file": content})
    assert answer.status_code == 422
    assert "file: " in answer.text


def test_too_large(client):
    assert client.post("/faces", files={"file": bytes(20_000_001)}).status_code == 413


def test_threshold_out_of_range(client):
    assert client.post("/faces?threshold=2", files={"file": PICTURE}).status_code == 422

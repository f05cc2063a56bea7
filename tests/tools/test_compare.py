"""The tool that sets this detector beside others, with a network that finds one face wherever it looks."""

import json

import numpy as np
import pytest

from ssh_tf.model.inference.detection import ImageProposals
from ssh_tf.utils.errors import CheckpointError, DataError
from ssh_tf.utils.images import write_image
from ssh_tools import compare
from ssh_tools.compare import main
from ssh_tools.measuring.peers import MissingPeer, Peer


class Network:
    """A face at (8, 6, 32, 30) of each picture; shapes of the batches are kept."""

    def __init__(self):
        self.shapes = []

    def __call__(self, images, scale):
        self.shapes.append(images.shape)
        boxes = np.array([[8, 6, 32, 30]], np.float32) * scale
        return [ImageProposals(boxes, np.array([0.75], np.float32), None)] * len(images)

    def close(self):
        pass


@pytest.fixture
def data(tmp_path):
    for name in "abc":
        write_image(tmp_path / "images" / f"{name}.png", np.zeros((60, 80, 3), np.uint8))
    (tmp_path / "val.txt").write_text("".join(f"{name}.png 8 6 32 30\n" for name in "abc"))
    (tmp_path / "tiny.pb").write_bytes(b"graph")
    return tmp_path


@pytest.fixture
def networks(monkeypatch):
    """The networks that were loaded, by precision."""
    loaded = {}

    def from_file(path, backbone, config, precision):
        loaded[precision] = Network()
        return compare.FaceDetector(loaded[precision], config)

    monkeypatch.setattr(compare.FaceDetector, "from_file", from_file)
    return loaded


@pytest.fixture(autouse=True)
def peers(monkeypatch):
    def missing():
        raise MissingPeer("not installed: pip install it")

    def blind(image):
        return np.zeros((0, 5))

    monkeypatch.setattr(compare, "PEERS", {"blind": lambda: Peer(blind, 3), "absent": missing})


def run(data, *arguments):
    common = ["--data", str(data), "--model", str(data / "tiny.pb"), "--output_root", str(data / "output")]
    return main([*common, *arguments])


def test_a_row_for_each_precision_view_and_installed_peer(data, networks, capsys):
    assert run(data, "--json", str(data / "results.json"), "--markdown", str(data / "table.md")) == 0
    output = capsys.readouterr()
    names = ["tiny, fp32, single", "tiny, fp32, pyramid", "tiny, bf16, single", "tiny, bf16, pyramid", "blind"]
    rows = [line for line in output.out.splitlines() if line.startswith(tuple(names))]
    assert [line.split("  ")[0] for line in rows] == names
    assert "left out: absent: not installed: pip install it" in output.err
    content = json.loads((data / "results.json").read_text())
    assert [each["at_iou"]["0.5"]["overall"]["ap50"] for each in content["detectors"]] == [1, 1, 1, 1, 0]
    assert [each["bytes"] for each in content["detectors"]] == [5, 5, 5, 5, 3]
    assert len(content["left_out"]) == 1
    assert (data / "table.md").read_text().count("| tiny, ") == 4


def test_views_are_what_the_network_is_shown(data, networks):
    assert run(data, "--limit", "1", "--precision", "fp32", "--views", "single", "pyramid", "mirrored") == 0
    single = [(1, 1200, 1600, 3)]
    # 60x80 pixels at base 800/1200: 1066.7 pixels wide.
    pyramid = [(1, side, round(side * 4 / 3), 3) for side in (500, 800, 1200, 1600)]
    mirrored = [(2, *shape[1:]) for shape in pyramid]
    assert networks["fp32"].shapes == 2 * single + 2 * pyramid + 2 * mirrored


def test_the_sizes_of_the_images_are_not_left_in_the_data(data, networks):
    before = set(data.iterdir())
    assert run(data, "--limit", "2", "--views", "single", "--no-peers") == 0
    assert set(data.iterdir()) - before == {data / "output"}


def test_a_broken_image_is_named_and_the_rest_compared(data, networks, capsys):
    (data / "images" / "b.png").write_bytes((data / "images" / "b.png").read_bytes()[:60])
    assert run(data, "--views", "single", "--precision", "fp32") == 1
    output = capsys.readouterr()
    assert "b.png" in output.err
    assert "2 images, 2 faces" in output.out


def test_plot(data, networks):
    assert run(data, "--views", "single", "--precision", "fp32", "--plot", str(data / "plots" / "curves")) == 0
    assert (data / "plots" / "curves.png").stat().st_size > 1000


def test_wrong_input(data, tmp_path, capsys):
    with pytest.raises(DataError, match=r"val\.txt"):
        main(["--data", str(tmp_path / "nothing")])
    with pytest.raises(CheckpointError, match="not a frozen graph"):
        run(data)
    with pytest.raises(SystemExit) as leaving:
        run(data, "--limit", "0")
    assert leaving.value.code == 2
    assert "argument --limit: '0' is not a whole number from 1 up" in capsys.readouterr().err


@pytest.mark.parametrize(
    "outputs",
    [
        ["--json", "one", "--markdown", "one"],
        ["--json", "curves.png", "--plot", "curves"],
        ["--markdown", "curves.pdf", "--plot", "curves"],
        ["--json", "tiny.pb"],
        ["--json", "val.txt"],
        ["--plot", "images/a"],
    ],
)
def test_no_output_is_another_or_an_input(data, networks, outputs):
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    with pytest.raises(DataError, match="is read or written by this command already"):
        run(data, *(text if text.startswith("--") else str(data / text) for text in outputs))
    assert {path: path.read_bytes() for path in before} == before
    assert not networks


@pytest.mark.parametrize(
    ("views", "key", "value"),
    [("single", "TEST.FLIP", "True"), ("pyramid", "TEST.PYRAMID_BASE", "[1, 2]"), ("single", "TEST", "{'FLIP': True}")],
)
def test_settings_that_a_view_would_take_back_are_refused(data, networks, capsys, views, key, value):
    with pytest.raises(SystemExit) as ended:
        run(data, "--views", views, "--set", "TEST.SCORE_THRESH", "0.8", key, value)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: --set {key}: the views set TEST.")
    assert len(error.splitlines()) == 1
    assert not networks


def test_settings_beside_those_of_the_views_are_taken(data, networks):
    settings = ["--set", "TEST.PYRAMID_BASE", "[400, 600]", "TEST.SCORE_THRESH", "0.8"]
    results = data / "results.json"
    assert run(data, "--views", "single", "--precision", "fp32", "--json", str(results), *settings) == 0
    # The network's face has a score of 0.75.
    assert json.loads(results.read_text())["detectors"][0]["at_iou"]["0.5"]["overall"]["ap50"] == 0


def test_a_package_that_is_there_but_broken_is_left_out(data, networks, capsys, monkeypatch):
    def broken():
        raise AttributeError("module 'numpy' has no attribute 'bool'\n(see the guide)")

    monkeypatch.setitem(compare.PEERS, "old", broken)
    assert run(data, "--views", "single", "--precision", "fp32", "--json", str(data / "results.json")) == 0
    line = "old: AttributeError: module 'numpy' has no attribute 'bool' (see the guide)"
    assert f"left out: {line}\n" in capsys.readouterr().err
    assert json.loads((data / "results.json").read_text())["left_out"][1:] == [line]

"""Many pictures: order, failures, what is left in the folder."""

import json

import cv2
import numpy as np
import pytest

from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.inference.detect_files import detect_pictures
from ssh_tf.model.inference.detect_to_folder import detect_to_folder
from ssh_tf.model.inference.graph_runner import ImageProposals
from ssh_tf.utils.errors import CheckpointError, SSHError
from ssh_tf.utils.media import find_sources


class OneFace:
    """A face at [10, 20, 60, 70] of the network's input in every image; `failure` is raised for images of 48 pixels."""

    def __init__(self, failure=None):
        self.failure = failure

    def __call__(self, images, scale):
        if self.failure is not None and images.shape[1] == 48:
            raise self.failure
        face = ImageProposals(
            np.array([[10, 20, 60, 70]], np.float32), np.array([0.75], np.float32), np.zeros(1, np.int32)
        )
        return [face] * len(images)

    def close(self):
        pass


def detector(failure=None):
    return FaceDetector(OneFace(failure), load_config(None, ["TEST.SCALES", "[80]", "TEST.MAX_SIZE", "160"]))


@pytest.fixture
def folder(tmp_path):
    """Pictures of 40 x 60 and, of 24 x 80 (48 pixels high at the network's input), one broken file and a video."""
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    for name, size in (("a.png", (40, 60)), ("b.png", (24, 80)), ("below/a.png", (40, 60)), ("d.jpg", (40, 60))):
        cv2.imwrite(str(folder / name), np.full((*size, 3), 128, np.uint8))
    (folder / "c.jpg").write_bytes((folder / "d.jpg").read_bytes()[:200])
    video = cv2.VideoWriter(str(folder / "e.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (60, 40))
    for _ in range(3):
        video.write(np.full((40, 60, 3), 90, np.uint8))
    video.release()
    return folder


def lines(output):
    return [json.loads(line) for line in (output / "detections.jsonl").read_text().splitlines()]


def test_results_come_in_order_with_their_failures(folder):
    pictures = [picture for source in find_sources([folder]) for picture in source.pictures()]
    found = list(detect_pictures(detector(SSHError("not enough memory for this")), pictures))
    assert [picture for picture, _ in found] == pictures
    reasons = [result if isinstance(result, str) else None for _, result in found]
    assert reasons == [
        None,
        f"{folder}/b.png: not enough memory for this",
        None,
        f"{folder}/c.jpg: the picture is cut off before its end",
        None,
        None,
        None,
        None,
    ]
    np.testing.assert_allclose(found[0][1].faces, [[5, 10, 30, 35, 0.75]])


def test_a_graph_that_fails_ends_the_run(folder):
    pictures = find_sources([folder / "b.png"])[0].pictures()
    with pytest.raises(CheckpointError, match="broken graph"):
        list(detect_pictures(detector(CheckpointError("broken graph")), pictures))


def test_list_and_copies(folder, tmp_path, capsys):
    output = tmp_path / "out"
    code = detect_to_folder(detector(), [folder], output, 0.5)
    captured = capsys.readouterr()
    assert code == 1
    assert captured.err == f"error: {folder}/c.jpg: the picture is cut off before its end\n"
    assert "8 pictures, 7 faces, 1 failed" in captured.out
    found = lines(output)
    assert [(line["file"], line.get("frame")) for line in found] == [
        (f"{folder}/{name}", frame)
        for name, frame in (
            ("a.png", None),
            ("b.png", None),
            ("below/a.png", None),
            ("d.jpg", None),
            ("e.avi", 0),
            ("e.avi", 1),
            ("e.avi", 2),
        )
    ]
    assert found[0].keys() == {"file", "width", "height", "faces", "ms"}
    assert (found[0]["width"], found[0]["height"]) == (60, 40)
    assert found[0]["faces"] == [{"box": [5.0, 10.0, 30.0, 35.0], "score": 0.75}]
    assert found[0]["ms"] > 0
    written = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    assert written == {"detections.jsonl", "a.png", "b.png", "below/a.png", "d.jpg", "e.mp4"}
    copy = cv2.imread(str(output / "a.png"))
    assert copy.shape == (40, 60, 3)
    assert (copy[10:35, 5] != 128).any()
    assert (copy[:, 50:] == 128).all()


def test_all_well_is_zero(folder, tmp_path):
    assert detect_to_folder(detector(), [folder / "a.png", str(folder / "d.*")], tmp_path / "out", 0.5) == 0


def test_threshold_is_passed_on(folder, tmp_path, capsys):
    detect_to_folder(detector(), [folder / "a.png"], tmp_path / "out", 0.8)
    assert lines(tmp_path / "out")[0]["faces"] == []
    assert capsys.readouterr().out.startswith("1 picture, 0 faces, 0 failed; ")


def test_videos_may_end_early(folder, tmp_path):
    detect_to_folder(detector(), [folder / "e.avi", folder / "a.png"], tmp_path / "out", 0.5, max_frames=2)
    assert [line.get("frame") for line in lines(tmp_path / "out")] == [0, 1, None]


def test_inputs_are_never_written_over(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    detect_to_folder(detector(), [folder], folder, 0.5)
    assert {path: path.read_bytes() for path in before} == before
    assert (folder / "a_2.png").exists()


def test_equal_names_do_not_meet(folder, tmp_path):
    detect_to_folder(detector(), [folder / "a.png", folder / "below/a.png"], tmp_path / "out", 0.5)
    assert (tmp_path / "out/a.png").exists()
    assert (tmp_path / "out/a_2.png").exists()


def test_ctrl_c_keeps_what_was_found(folder, tmp_path):
    runner = OneFace()
    plain = runner.__call__

    class Interrupted(OneFace):
        def __call__(self, images, scale):
            if images.shape[1] == 48:
                raise KeyboardInterrupt
            return plain(images, scale)

    asked = FaceDetector(Interrupted(), detector().config)
    assert detect_to_folder(asked, [folder], tmp_path / "out", 0.5) == 130
    assert [line["file"] for line in lines(tmp_path / "out")] == [f"{folder}/a.png"]


def test_folder_that_cannot_be_made(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SSHError, match="cannot be written"):
        detect_to_folder(detector(), [folder], tmp_path / "file/out", 0.5)


def test_no_screen(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(SSHError, match="no"):
        detect_to_folder(detector(), [folder], tmp_path / "out", 0.5, show=True)

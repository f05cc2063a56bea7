"""What a run leaves of pictures and videos."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.inference import detect_to_folder as module
from ssh_tf.model.inference.detect_to_folder import detect_to_folder
from ssh_tf.model.inference.detection import ImageProposals
from ssh_tf.model.inference.keeping import FolderJob
from ssh_tf.utils.crops import hide_faces, square_crop
from ssh_tf.utils.errors import SSHError

FACE = [20, 20, 60, 60]


class FaceWhereBright:
    """A face at `FACE` in every image that is bright there."""

    def __call__(self, images, scale):
        assert scale == 1
        return [self.proposals(image) for image in images]

    def proposals(self, image):
        count = int(image[20:60, 20:60].mean() > 0)
        boxes, scores = np.array([FACE] * count, np.float32).reshape(-1, 4), np.full(count, 0.75, np.float32)
        return ImageProposals(boxes, scores, np.zeros(count, np.int32))

    def close(self):
        pass


def run(inputs, output, **job):
    detector = FaceDetector(FaceWhereBright(), load_config(None, ["TEST.SCALES", "[80]", "TEST.MAX_SIZE", "160"]))
    return detect_to_folder(detector, inputs, output, 0.5, job=FolderJob(**job))


def image(face=True):
    pixels = np.random.default_rng(0).integers(0, 256, (80, 120, 3), np.uint8)
    pixels[20:60, 20:60] = pixels[20:60, 20:60] // 2 + 127 if face else pixels[20:60, 20:60] // 8
    return pixels


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), image())
    cv2.imwrite(str(folder / "b.png"), image(face=False))
    video = cv2.VideoWriter(str(folder / "c.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (120, 80))
    for face in (True, False, False, False, True):
        video.write(image(face))
    video.release()
    return folder


def files(output):
    return {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}


def frames(path):
    capture = cv2.VideoCapture(str(path))
    found = []
    while True:
        more, frame = capture.read()
        if not more:
            return found
        found.append(frame)


def test_crops(folder, tmp_path):
    assert run([folder], tmp_path / "out", save="crops", crop_margin=0.1) == 0
    expected = {"detections.jsonl", "a_1.png", "c/000000_1.jpg", "c/000004_1.jpg"}
    assert files(tmp_path / "out") == expected
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out/a_1.png")), square_crop(image(), FACE, 0.1))


def test_crops_of_one_size(folder, tmp_path):
    run([folder / "a.png"], tmp_path / "out", save="crops", crop_side=112)
    assert cv2.imread(str(tmp_path / "out/a_1.png")).shape == (112, 112, 3)


def test_a_crop_replaces_no_input(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "a.png"), image())
    cv2.imwrite(str(tmp_path / "a_2_1.png"), image(face=False))
    before = (tmp_path / "a_2_1.png").read_bytes()
    assert run([str(tmp_path / "*.png")], tmp_path, save="crops") == 1
    assert "a crop would replace this picture" in capsys.readouterr().err
    assert (tmp_path / "a_2_1.png").read_bytes() == before


@pytest.mark.parametrize("how", ["blur", "pixels", "black"])
def test_hidden_faces(folder, tmp_path, how):
    assert run([folder / "a.png"], tmp_path / "out", save=how) == 0
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out/a.png")), hide_faces(image(), [FACE], how))


def test_a_face_missed_in_a_frame_or_two_stays_hidden(folder, tmp_path):
    assert run([folder / "c.avi"], tmp_path / "out", save="black") == 0
    dark = [frame[25:55, 25:55].max() < 40 for frame in frames(tmp_path / "out/c.mp4")]
    assert dark == [True, True, True, False, True]


def test_no_pictures(folder, tmp_path):
    assert run([folder], tmp_path / "out", save="none") == 0
    assert files(tmp_path / "out") == {"detections.jsonl"}


@pytest.mark.parametrize(("form", "name"), [("csv", "detections.csv"), ("coco", "detections.coco.json")])
def test_other_formats_stand_beside_the_list(folder, tmp_path, form, name):
    run([folder], tmp_path / "out", save="none", form=form)
    assert files(tmp_path / "out") == {"detections.jsonl", name}


def test_the_list_says_what_ran_when_and_what_failed(folder, tmp_path):
    (folder / "0.jpg").touch()
    (folder / "d.jpg").touch()
    about = {"model": "mobile_ssh", "version": "1", "settings": {"SCALES": [80]}}
    assert run([folder], tmp_path / "out", save="none", about=about) == 1
    entries = [json.loads(line) for line in (tmp_path / "out/detections.jsonl").read_text().splitlines()]
    assert entries[0] == {"run": about}
    assert entries[1] == {"file": f"{folder}/0.jpg", "error": f"{folder}/0.jpg: the file is empty"}
    assert entries[-1] == {"file": f"{folder}/d.jpg", "error": f"{folder}/d.jpg: the file is empty"}
    assert [entry["seconds"] for entry in entries if "frame" in entry] == [0.0, 0.1, 0.2, 0.3, 0.4]


class CountingTracker:
    """Gives a video's faces the numbers 7, 8, …"""

    def __init__(self, rate, threshold):
        assert (rate, threshold) == (10.0, 0.5)
        self.number = 6

    def __call__(self, rows):
        self.number += len(rows)
        return [self.number] * len(rows)


def test_tracks_are_in_the_list_and_in_the_names_of_crops(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FaceTracker", CountingTracker)
    monkeypatch.setattr(module, "check_tracking", lambda: None)
    run([folder], tmp_path / "out", save="crops", track=True)
    entries = [json.loads(line) for line in (tmp_path / "out/detections.jsonl").read_text().splitlines()]
    tracks = [[face.get("track") for face in entry["faces"]] for entry in entries if "faces" in entry]
    assert tracks == [[None], [], [7], [], [], [], [8]]
    assert {"c/track7_000000.jpg", "c/track8_000004.jpg"} < files(tmp_path / "out")


def test_tracking_without_its_package_is_refused_before_anything_is_done(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "trackers", None)
    with pytest.raises(SSHError, match=r"pip install 'ssh-face-detector\[track\]'"):
        run([folder], tmp_path / "out", track=True)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def ffmpeg(tmp_path, monkeypatch):
    """A program in ffmpeg's place: it copies the first input to the output, adds a byte, and notes its arguments."""
    program = tmp_path / "bin/ffmpeg"
    program.parent.mkdir()
    lines = [f'echo "$@" > {tmp_path}/arguments', "for last; do :; done", 'cat "$6" > "$last"', 'printf x >> "$last"']
    program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return tmp_path / "arguments"


def test_sound_comes_from_the_video_itself(folder, tmp_path, ffmpeg):
    assert run([folder], tmp_path / "out", save="blur") == 0
    assert (tmp_path / "out/c.mp4").read_bytes()[-1:] == b"x"
    assert f"-i {folder}/c.avi -map 0:v:0 -map 1:a:0? " in ffmpeg.read_text()
    assert files(tmp_path / "out") == {"detections.jsonl", "a.png", "b.png", "c.mp4"}


def test_a_failing_ffmpeg_leaves_the_video_without_sound_and_is_told(folder, tmp_path, ffmpeg, capsys):
    (tmp_path / "bin/ffmpeg").write_text("#!/bin/sh\necho no encoder >&2\nexit 1\n")
    assert run([folder / "c.avi"], tmp_path / "out", save="blur") == 1
    assert "c.avi: its sound could not be carried over, ffmpeg failed: no encoder" in capsys.readouterr().err
    assert len(frames(tmp_path / "out/c.mp4")) == 5
    assert files(Path(tmp_path / "out")) == {"detections.jsonl", "c.mp4"}


def test_where_there_is_no_ffmpeg_a_line_says_so(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "find_ffmpeg", lambda: None)
    for save, told in (("blur", 1), ("crops", 0)):
        assert run([folder], tmp_path / save, save=save) == 0
        assert capsys.readouterr().err.count("no program ffmpeg here") == told

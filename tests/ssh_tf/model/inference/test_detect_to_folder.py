"""Many pictures: order, failures, what is left in the folder."""

import json
import os
import pkgutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ssh_tf.model.config import load_config
from ssh_tf.model.detector import FaceDetector
from ssh_tf.model.inference.detect_files import detect_pictures
from ssh_tf.model.inference.detect_to_folder import detect_to_folder
from ssh_tf.model.inference.graph_runner import ImageProposals
from ssh_tf.model.inference.keeping import FolderJob
from ssh_tf.utils.copies import Copies
from ssh_tf.utils.errors import CheckpointError, FullDiskError, SSHError
from ssh_tf.utils.locks import claimed
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


@pytest.fixture(autouse=True)
def with_ffmpeg(monkeypatch):
    """As if the machine had the program, so that no line says that it has not."""
    monkeypatch.setattr("ssh_tf.model.inference.detect_to_folder.find_ffmpeg", lambda: "ffmpeg")


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
    entries = [json.loads(line) for line in (output / "detections.jsonl").read_text().splitlines()]
    assert "run" in entries[0]
    return [entry for entry in entries if "faces" in entry]


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
    assert "7 pictures, 7 faces, 1 failed" in captured.out
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
    detect_to_folder(detector(), [str(folder / "*"), folder / "below/a.png"], folder, 0.5)
    assert {path: path.read_bytes() for path in before} == before
    assert (folder / "a_2.png").exists()


def test_a_folder_is_not_both_searched_and_written_to(folder):
    with pytest.raises(SSHError, match="name another output"):
        detect_to_folder(detector(), [folder], folder / "below/..", 0.5)


def test_results_below_the_input_are_not_looked_at_again(folder):
    for _ in range(2):
        detect_to_folder(detector(), [folder], folder / "faces", 0.5)
    assert len(lines(folder / "faces")) == 7


def test_results_of_another_run_below_the_input_are_passed_over(folder, capsys):
    for name in ("faces", "below/faces", "others"):
        detect_to_folder(detector(), [folder], folder / name, 0.5)
    assert len(lines(folder / "others")) == 7
    assert f"note: {folder / 'below/faces'}: passed over, it holds results of a run\n" in capsys.readouterr().err
    detect_to_folder(detector(), [folder / "faces"], folder / "again", 0.5)
    assert len(lines(folder / "again")) > 1, "what is named is taken"


def test_equal_names_do_not_meet(folder, tmp_path):
    detect_to_folder(detector(), [folder / "a.png", folder / "below/a.png"], tmp_path / "out", 0.5)
    assert (tmp_path / "out/a.png").exists()
    assert (tmp_path / "out/a_2.png").exists()


class Ended(OneFace):
    """Does `what` when it sees an image of 48 pixels."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def __call__(self, images, scale):
        if images.shape[1] == 48:
            self.what()
        return super().__call__(images, scale)


def raises(error):
    def act():
        raise error

    return act


def send(number):
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("what", "code", "kept"),
    [
        (raises(KeyboardInterrupt), 130, 1),
        # The picture that is being looked at is done first.
        (send(signal.SIGINT), 130, 2),
        (send(signal.SIGTERM), 143, 2),
    ],
)
def test_what_was_found_before_a_signal_is_kept(folder, tmp_path, capsys, what, code, kept):
    asked = FaceDetector(Ended(what), detector().config)
    assert detect_to_folder(asked, [folder], tmp_path / "out", 0.5) == code
    assert [line["file"] for line in lines(tmp_path / "out")] == [f"{folder}/a.png", f"{folder}/b.png"][:kept]
    assert capsys.readouterr().out.startswith("1 picture, 1 face," if kept == 1 else "2 pictures, 2 faces,")
    assert not list((tmp_path / "out").glob("*.part"))
    assert not (tmp_path / "out/.lock").exists()


def test_what_was_found_before_the_graph_failed_is_kept(folder, tmp_path):
    asked = FaceDetector(Ended(raises(CheckpointError("broken graph"))), detector().config)
    with pytest.raises(CheckpointError, match="broken graph"):
        detect_to_folder(asked, [folder], tmp_path / "out", 0.5)
    assert [line["file"] for line in lines(tmp_path / "out")] == [f"{folder}/a.png"]


def test_lines_are_there_while_the_run_goes_on(folder, tmp_path):
    seen = []
    part = tmp_path / "out/detections.jsonl.part"
    asked = FaceDetector(Ended(lambda: seen.append(part.read_text())), detector().config)
    detect_to_folder(asked, [folder / "a.png", folder / "b.png"], tmp_path / "out", 0.5)
    assert [json.loads(line)["file"] for line in seen[0].splitlines()[1:]] == [f"{folder}/a.png"]


def test_nothing_to_do_leaves_earlier_results(folder, tmp_path, capsys):
    detect_to_folder(detector(), [folder / "a.png"], tmp_path / "out", 0.5)
    before = lines(tmp_path / "out")
    assert detect_to_folder(detector(), [tmp_path / "mistyped"], tmp_path / "out", 0.5) == 1
    assert lines(tmp_path / "out") == before
    assert "0 pictures, 0 faces, 1 failed; 0.0 pictures a second; no results\n" in capsys.readouterr().out


def test_a_full_disk_ends_the_run_and_keeps_what_there_is(folder, tmp_path, monkeypatch):
    written = []

    def write(self, target, image, rate=None, origin=None):
        written.append(target)
        if len(written) == 2:
            raise FullDiskError(f"{target}: No space left on device")

    monkeypatch.setattr(Copies, "write", write)
    with pytest.raises(FullDiskError, match=r"out/b.png: No space left"):
        detect_to_folder(detector(), [folder], tmp_path / "out", 0.5)
    assert [line["file"] for line in lines(tmp_path / "out")] == [f"{folder}/a.png", f"{folder}/b.png"]


@pytest.mark.parametrize("error", [OSError(5, "odd"), ValueError("odd"), MemoryError(), cv2.error("odd")])
@pytest.mark.parametrize("step", ["draw_faces", "Copies.write", "nms"])
def test_whatever_happens_to_one_picture_the_others_are_done(folder, tmp_path, monkeypatch, capsys, step, error):
    room = "detection" if step == "nms" else "keeping"
    name = f"ssh_tf.model.inference.{room}.{step}"
    plain = pkgutil.resolve_name(name.replace(f"{room}.", f"{room}:", 1))
    calls = []

    def once(*arguments, **named):
        calls.append(1)
        if len(calls) == 2:
            raise error
        return plain(*arguments, **named)

    monkeypatch.setattr(name, once)
    assert detect_to_folder(detector(), [folder], tmp_path / "out", 0.5) == 1
    assert len(lines(tmp_path / "out")) == (6 if step == "nms" else 7)
    complaint = capsys.readouterr().err.splitlines()[0]
    assert complaint.startswith(f"error: {folder}/b.png: ")
    assert ("memory" if isinstance(error, MemoryError) else "odd") in complaint


def hostile(tmp_path):
    """Names and files of which each once ended a run."""
    long = tmp_path / f"{'n' * 246}.png"
    cv2.imwrite(str(long), np.zeros((40, 60, 3), np.uint8))
    Image.new("P", (65530, 40)).save(tmp_path / "wide.gif")
    os.symlink("loop.png", tmp_path / "loop.png")
    os.symlink("loop", tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / "pipe.mp4")
    video = os.fsencode(tmp_path) + b"/\xff.avi"
    Path(os.fsdecode(video)).write_bytes(b"RIFF")
    return {
        str(tmp_path / "wide.gif"): "cannot hold 65530x40 pixels",
        str(tmp_path / "loop.png"): "symbolic links",
        str(tmp_path / "loop"): "symbolic links",
        str(tmp_path / "pipe.png"): "no regular file",
        str(tmp_path / "pipe.mp4"): "no regular file",
        os.fsdecode(video): "has to be UTF-8",
        "": "an empty name",
        "with\0zero.png": "null byte",
        f"{tmp_path}/{'n' * 300}.png": "File name too long",
        "/dev/zero": "no regular file",
        "99999999999999999999": "no such camera",
        "http://[::1": "not a video",
    }


def test_hostile_inputs_have_a_line_each(folder, tmp_path, capsys):
    place = tmp_path / "hostile"
    place.mkdir()
    expected = hostile(place)
    config = load_config(None, ["TEST.SCALES", "[16]", "TEST.MAX_SIZE", "32768"])
    asked = FaceDetector(OneFace(), config)
    inputs = [folder / "a.png", *expected, place / f"{'n' * 246}.png", folder / "d.jpg"]
    assert detect_to_folder(asked, inputs, tmp_path / "out", 0.5) == 1
    complaints = capsys.readouterr().err.splitlines()
    assert len(complaints) == len(expected)
    for complaint, (name, words) in zip(complaints, expected.items(), strict=True):
        assert complaint.startswith("error: ")
        assert words in complaint, (name, complaint)
    assert len(lines(tmp_path / "out")) == 4
    assert (tmp_path / f"out/{'n' * 246}.png").exists()


def test_unreadable_folder_is_named(folder, tmp_path, capsys, monkeypatch):
    # Rights mean nothing to a test that runs as root.
    plain = os.scandir

    def scandir(path):
        if str(path).endswith("below"):
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert detect_to_folder(detector(), [folder], tmp_path / "out", 0.5) == 1
    assert f"error: {folder}/below: Permission denied\n" in capsys.readouterr().err
    assert len(lines(tmp_path / "out")) == 6


def test_a_picture_and_a_folder_of_one_name(folder, tmp_path):
    (tmp_path / "in2/d.jpg").mkdir(parents=True)
    (tmp_path / "in2/d.jpg/y.jpg").write_bytes((folder / "d.jpg").read_bytes())
    for order in (1, -1):
        output = tmp_path / f"out{order}"
        assert detect_to_folder(detector(), [folder / "d.jpg", tmp_path / "in2"][::order], output, 0.5) == 0
        written = {path.relative_to(output).as_posix() for path in output.rglob("*.jpg") if path.is_file()}
        assert written == ({"d.jpg", "d_2.jpg/y.jpg"} if order == 1 else {"d_2.jpg", "d.jpg/y.jpg"})


@pytest.mark.parametrize("order", [1, -1])
def test_the_crops_of_a_video_do_not_meet_those_of_a_folder_of_its_name(folder, tmp_path, order):
    """As frames that were taken out of a video lie beside it."""
    frames = tmp_path / "frames/e"
    frames.mkdir(parents=True)
    for number in range(3):
        (frames / f"{number:06d}.jpg").write_bytes((folder / "d.jpg").read_bytes())
    inputs = [folder / "e.avi", frames.parent][::order]
    assert detect_to_folder(detector(), inputs, tmp_path / "out", 0.5, job=FolderJob("crops")) == 0
    crops = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg")}
    names = {f"{number:06d}_1.jpg" for number in range(3)}
    assert crops == {f"{place}/{name}" for place in ("e", "e_2") for name in names}


def test_many_pictures_of_one_name_are_numbered(folder, tmp_path):
    for number in range(300):
        place = tmp_path / f"in/{number:03d}/img.png"
        place.parent.mkdir(parents=True)
        place.write_bytes((folder / "a.png").read_bytes())
    assert detect_to_folder(detector(), sorted((tmp_path / "in").glob("*/img.png")), tmp_path / "out", 0.5) == 0
    names = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert names == {"img.png", *(f"img_{number}.png" for number in range(2, 301))}


def test_two_runs_do_not_share_a_folder(folder, tmp_path):
    with claimed(tmp_path / "out"), pytest.raises(SSHError, match=rf"process {os.getpid()} on "):
        detect_to_folder(detector(), [folder], tmp_path / "out", 0.5)
    assert detect_to_folder(detector(), [folder / "a.png"], tmp_path / "out", 0.5) == 0


def test_folder_that_cannot_be_made(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SSHError, match="is it a folder that can be written to"):
        detect_to_folder(detector(), [folder], tmp_path / "file/out", 0.5)


def test_no_screen(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(SSHError, match="no"):
        detect_to_folder(detector(), [folder], tmp_path / "out", 0.5, show=True)

"""Runs over a set: what is stored, what is resumed, and what fails."""

import json
import time

import cv2
import numpy as np
import pytest

from ssh_tf.datasets.wider_detections import load_npz
from ssh_tf.model.config import load_config
from ssh_tf.model.test import SetImage, run_on_set, settings_of
from ssh_tf.utils.errors import CheckpointError, DataError, SSHError

SETTINGS = {"model": "digest", "config": {"TEST": {"SCALES": [1200]}}}


class MeanDetector:
    """Finds one face an image, whose place tells the image's size and brightness; keeps the sizes of its batches."""

    def __init__(self):
        self.batches = []

    def prepare(self, image):
        return image

    def detect_prepared(self, prepared, threshold):
        self.batches.append([image.shape[:2] for image in prepared])
        found = [[image.shape[1] + 1 / 3, image.mean(), 200, 200, 0.1 + 1 / 3] for image in prepared]
        return [np.array([row, [0, 0, 1, 1, threshold]], np.float32) for row in found]


@pytest.fixture
def images(tmp_path):
    """Five images in two folders and two sizes."""
    made = []
    for at in range(5):
        name = f"event{at // 3}/{at}"
        path = tmp_path / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((20 + at % 2, 30, 3), 10 * at, np.uint8))
        made.append(SetImage(name, path))
    return made


def run(images, folder, detector=None, settings=SETTINGS, **options):
    return run_on_set(lambda: detector or MeanDetector(), images, folder, settings, threshold=0.05, **options)


def test_everything_is_stored(images, tmp_path):
    done = run(images, tmp_path / "out")
    assert (done.failed, done.resumed, len(done.detections)) == ({}, 0, 5)
    text = (tmp_path / "out" / "detections" / "event1" / "4.txt").read_text().splitlines()
    assert text == ["4.jpg", "2", "30.33 40.00 170.67 161.00 0.433333337", "0.00 0.00 2.00 2.00 0.0500000007"]
    stored = load_npz(tmp_path / "out" / "detections.npz")
    assert stored.names == tuple(image.name for image in images)
    for one, other in zip(stored.detections, done.detections, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(done.detections[4], [[30.33, 40, 200, 200, 0.43333334], [0, 0, 1, 1, 0.05]])


class Killed(BaseException):
    pass


class MortalDetector(MeanDetector):
    """Ends the process, as it were, at its third image."""

    def detect_prepared(self, prepared, threshold):
        if len(self.batches) == 2:
            raise Killed
        return super().detect_prepared(prepared, threshold)


def test_a_broken_run_is_gone_on_with(images, tmp_path):
    """The second run detects the other three images; text files and .npz are those of an unbroken run."""
    run(images, tmp_path / "whole")
    with pytest.raises(Killed):
        run(images, tmp_path / "broken", MortalDetector())
    (tmp_path / "broken" / "detections" / "event0" / ".2.txt.half.tmp").write_text("2.jpg\n5\n1 2")
    detector = MeanDetector()
    assert run(images, tmp_path / "broken", detector).resumed == 2
    assert sum(map(len, detector.batches)) == 3
    for image in images:
        one, other = ((tmp_path / n / "detections" / f"{image.name}.txt").read_text() for n in ("whole", "broken"))
        assert one == other
    one, other = (load_npz(tmp_path / name / "detections.npz") for name in ("whole", "broken"))
    assert one.names == other.names
    np.testing.assert_array_equal(np.concatenate(one.detections), np.concatenate(other.detections))


def test_a_whole_run_is_not_run_again_but_on_request(images, tmp_path):
    run(images, tmp_path)
    detector = MeanDetector()
    assert run_on_set(pytest.fail, images, tmp_path, SETTINGS, threshold=0.05).resumed == 5
    assert run(images, tmp_path, detector, restart=True).resumed == 0
    assert sum(map(len, detector.batches)) == 5


def test_a_broken_restart_leaves_nothing_of_the_old_run(images, tmp_path):
    run(images, tmp_path)
    with pytest.raises(Killed):
        run(images, tmp_path, MortalDetector(), {"model": "another"}, restart=True)
    assert run(images, tmp_path, settings={"model": "another"}).resumed == 2


def test_other_settings_are_refused(images, tmp_path):
    run(images, tmp_path)
    other = {"model": "another", "config": {"TEST": {"SCALES": [800]}}}
    with pytest.raises(
        DataError, match=r"other settings \(config\.TEST\.SCALES, model in run\.json\); give another --tag"
    ):
        run(images, tmp_path, settings=other)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(DataError, match="unreadable"):
        run(images, tmp_path)
    assert run(images, tmp_path, settings=other, restart=True).resumed == 0
    assert json.loads((tmp_path / "run.json").read_text()) == other


def test_a_restart_empties_a_folder_that_is_a_link_to_another_disk(images, tmp_path):
    run(images, tmp_path / "out")
    (tmp_path / "out/detections").rename(tmp_path / "elsewhere")
    (tmp_path / "out/detections").symlink_to(tmp_path / "elsewhere")
    assert run(images, tmp_path / "out", settings={"model": "another"}, restart=True).resumed == 0
    assert (tmp_path / "out/detections").is_symlink()


def test_what_cannot_be_deleted_is_not_taken_for_the_new_run(images, tmp_path, monkeypatch):
    run(images, tmp_path)

    def rmtree(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", rmtree)
    with pytest.raises(PermissionError):
        run(images, tmp_path, settings={"model": "another"}, restart=True)
    assert json.loads((tmp_path / "run.json").read_text()) != {"model": "another"}


def test_detections_of_an_unknown_run_are_refused(images, tmp_path):
    run(images, tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(DataError, match=r"holds detections, but no run\.json"):
        run(images, tmp_path)


def test_pictures_of_one_size_in_bytes_are_told_apart(tmp_path):
    for place, value in (("one", 10), ("two", 20)):
        (tmp_path / place).mkdir()
        cv2.imwrite(str(tmp_path / place / "a.bmp"), np.full((40, 60, 3), value, np.uint8))
    run([SetImage("a", tmp_path / "one/a.bmp")], tmp_path / "out")
    with pytest.raises(DataError, match="other images under the same names"):
        run([SetImage("a", tmp_path / "two/a.bmp")], tmp_path / "out")


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
def test_batches_change_nothing(images, tmp_path, batch):
    """With batches, images of equal size are neighbours."""
    detector = MeanDetector()
    done = run(images, tmp_path / "batched", detector, batch=batch)
    for one, other in zip(done.detections, run(images, tmp_path / "single").detections, strict=True):
        np.testing.assert_array_equal(one, other)
    assert max(map(len, detector.batches)) == min(batch, 5)
    if batch > 1:
        sizes = [size for group in detector.batches for size in group]
        assert sizes == sorted(sizes)


def test_images_that_fail_are_named_and_tried_again(images, tmp_path):
    images[1].path.write_bytes(b"noise")
    images[3].path.unlink()
    done = run(images, tmp_path / "out", batch=2)
    assert list(done.failed) == sorted(done.failed)
    assert set(done.failed) == {images[1].name, images[3].name}
    assert "1.png" in done.failed[images[1].name]
    assert [len(rows) for rows in done.detections] == [2, 0, 2, 0, 2]
    cv2.imwrite(str(images[1].path), np.zeros((20, 30, 3), np.uint8))
    again = run(images, tmp_path / "out")
    assert (again.resumed, list(again.failed)) == (3, [images[3].name])


class GreedyDetector(MeanDetector):
    """Has memory for 20 rows."""

    def detect_prepared(self, prepared, threshold):
        if prepared[0].shape[0] > 20:
            raise SSHError("not enough memory for the network")
        return super().detect_prepared(prepared, threshold)


def test_images_without_memory_fail_alone(images, tmp_path):
    done = run(images, tmp_path, GreedyDetector())
    assert done.failed == {images[at].name: "not enough memory for the network" for at in (1, 3)}


class BrokenDetector(MeanDetector):
    def detect_prepared(self, prepared, threshold):
        raise CheckpointError("the graph fails")


def test_a_broken_network_ends_the_run(images, tmp_path):
    with pytest.raises(CheckpointError, match="the graph fails"):
        run(images, tmp_path, BrokenDetector())


class SlowDetector(MeanDetector):
    """Takes a while, and notes how many images had been read by then."""

    def __init__(self):
        super().__init__()
        self.read = 0
        self.read_by_then = []

    def prepare(self, image):
        self.read += 1
        return image

    def detect_prepared(self, prepared, threshold):
        deadline = time.monotonic() + 5
        while self.read < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        self.read_by_then.append(self.read)
        return super().detect_prepared(prepared, threshold)


def test_images_are_read_ahead(images, tmp_path):
    detector = SlowDetector()
    run(images, tmp_path, detector)
    assert detector.read_by_then[0] >= 2


def test_settings_name_the_model_by_its_bytes(tmp_path):
    config = load_config(None, ["TEST.SCALES", "[800]"])
    for name in ("a.ckpt.index", "a.ckpt.data-00000-of-00001", "b.ckpt.index", "b.ckpt.data-00000-of-00001", "c.pb"):
        (tmp_path / name).write_bytes(b"weights")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"graph")

    def digest(name):
        return settings_of(tmp_path / name, None, "fp32", config)["model"]

    before = digest("a.ckpt")
    assert len({before, digest("c.pb"), digest("saved")}) == 3
    (tmp_path / "a.ckpt.data-00000-of-00001").write_bytes(b"other weights")
    assert digest("a.ckpt") != before
    settings = settings_of(tmp_path / "c.pb", "vgg16", "bf16", config)
    assert (settings["backbone"], settings["precision"]) == ("vgg16", "bf16")
    assert settings["config"]["TEST"]["SCALES"] == [800]
    assert "TRAIN" not in settings["config"]
    with pytest.raises(CheckpointError, match=r"d\.ckpt: no checkpoint there"):
        digest("d.ckpt")


def test_other_images_under_the_same_names_are_refused(images, tmp_path):
    run(images, tmp_path / "out")
    cv2.imwrite(str(images[3].path), np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(DataError, match=r"other images .* \(1, such as event1/3\); give another --tag, or --restart"):
        run(images, tmp_path / "out")
    assert run(images, tmp_path / "out", restart=True).resumed == 0
    assert run(images, tmp_path / "out").resumed == 5


def test_images_may_be_added(images, tmp_path):
    run(images[:3], tmp_path / "out")
    assert run(images, tmp_path / "out").resumed == 3
    assert set(json.loads((tmp_path / "out" / "images.json").read_text())) == {image.name for image in images}


def test_two_images_of_one_name_are_refused(images, tmp_path):
    with pytest.raises(DataError, match=r"^event0/0: the set has two images"):
        run([*images, images[0]], tmp_path / "out")


def test_names_that_lead_out_are_refused(images, tmp_path):
    with pytest.raises(DataError, match="outside of its folder"):
        run([images[0]._replace(name="../elsewhere")], tmp_path / "out")
    assert not (tmp_path / "out" / "elsewhere.txt").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"0.jpg\n1\n1e39 0 1 1 0.5\n", b"0.jpg\n1\nnan 0 1 1 0.5\n", b""])
def test_damaged_stored_detections_are_named(images, tmp_path, content):
    run(images, tmp_path / "out")
    path = tmp_path / "out" / "detections" / "event0" / "0.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"event0/0\.txt: "):
        run(images, tmp_path / "out")

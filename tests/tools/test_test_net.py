"""The tool that runs a detector over a set: on a folder, on WIDER FACE's layout, and broken off."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from networks import SMALL
from ssh_tf.datasets.wider_detections import load_npz
from ssh_tf.utils.errors import CheckpointError, DataError
from ssh_tools.reval import main as reval
from ssh_tools.test_net import main
from wider_cases import write_mat

BACKBONE = "tiny"
DEMO = Path(__file__).parents[2] / "data" / "demo"


pytestmark = pytest.mark.usefixtures("kept_runners")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two photographs, with a face given in the first alone."""
    data = tmp_path_factory.mktemp("data") / "faces"
    for name in ("a/one.jpg", "a/two.jpg"):
        (data / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DEMO / "eileen_collins.jpg", data / "images" / name)
    (data / "val.txt").write_text("a/one.jpg 100 40 160 110\na/two.jpg\n")
    (data / "labels.jsonl").write_text(json.dumps({"image": "a/two.jpg", "ignore": [[0, 0, 200, 200]]}) + "\n")
    return data


def run(output, model, *arguments):
    common = ["--model", model, "--backbone", BACKBONE, "--output_root", str(output), *arguments]
    return main([*common, "--precision", "fp32", "--set", *SMALL])


@pytest.fixture(scope="module")
def whole(tmp_path_factory, checkpoint, folder):
    """The output of a whole run on the folder."""
    output = tmp_path_factory.mktemp("output")
    assert run(output, checkpoint, "--imdb", "folder", "--data", str(folder)) == 0
    return output


@pytest.fixture
def output(tmp_path, whole):
    """A copy of the output of a whole run."""
    return Path(shutil.copytree(whole, tmp_path / "output"))


def results(output, name="faces", tag="default"):
    return output / BACKBONE / name / tag / "small"


@pytest.mark.usefixtures("unseen_plots")
def test_folder(output, checkpoint, folder, capsys):
    """What the run left; asked for again, it is evaluated without the network."""
    assert run(output, checkpoint, "--imdb", "folder", "--data", str(folder)) == 0
    out = results(output)
    content = json.loads((out / "results.json").read_text())
    assert content["overall"]["faces"] == 1
    assert content["by_size"][">=32"]["faces"] == 1
    assert content["by_size"]["<8"]["ap50"] is None
    assert (content["images"], content["failed"]) == (2, {})
    stored = load_npz(out / "detections.npz")
    assert stored.names == ("a/one", "a/two")
    assert content["detections"] == sum(map(len, stored.detections)) > 0
    assert (out / "detections" / "a" / "one.txt").read_text().startswith("one.jpg\n")
    assert cv2.imread(str(out / "failures.jpg")).shape[1] == 1200
    assert (out / "precision_recall.png").exists()
    assert (out / "precision_recall.pdf").exists()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 images in 0 s (2 done before)")
    assert lines[-1].startswith(">=32")


@pytest.mark.usefixtures("unseen_plots")
def test_backbone_is_seen_and_the_data_left_alone(output, checkpoint, folder, capsys):
    """Without --backbone it is the same run."""
    common = ["--model", checkpoint, "--imdb", "folder", "--data", str(folder), "--output_root", str(output)]
    assert main([*common, "--precision", "fp32", "--set", *SMALL]) == 0
    assert "(2 done before)" in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {"images", "val.txt", "labels.jsonl"}
    assert (output / "cache" / "faces_image_sizes.json").is_file()


def test_a_model_of_the_package_by_name(output, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ssh_tf.model.detector.model_names", lambda: ["packed"])
    monkeypatch.setattr("ssh_tf.model.detector.packaged_model", lambda name, precision: Path(f"{tmp_path}/{name}.pb"))
    with pytest.raises(CheckpointError, match=r"packed\.pb: no such file"):
        run(output, "packed", "--imdb", "folder", "--data", str(folder))


@pytest.mark.usefixtures("unseen_plots")
def test_folder_that_was_broken_off(output, checkpoint, folder):
    """Half of the files gone: the rest is detected, and everything is as before."""
    out = results(output)
    before = {name: (out / name).read_bytes() for name in ("results.json", "detections/a/two.txt", "detections.npz")}
    for name in before:
        (out / name).unlink()
    assert run(output, checkpoint, "--imdb", "folder", "--data", str(folder)) == 0
    assert {name: (out / name).read_bytes() for name in before} == before


def test_other_settings_need_another_tag(output, checkpoint, folder):
    common = ["--model", checkpoint, "--backbone", BACKBONE, "--output_root", str(output)]
    with pytest.raises(DataError, match=r"other settings \(config\.TEST\.NMS, .*give another --tag, or --restart"):
        main([*common, "--imdb", "folder", "--data", str(folder), "--set", *SMALL, "TEST.NMS", "0.4"])


@pytest.mark.usefixtures("unseen_plots")
def test_batches_give_the_same(output, checkpoint, folder):
    assert run(output, checkpoint, "--imdb", "folder", "--data", str(folder), "--tag", "two", "--batch", "2") == 0
    one, two = (load_npz(results(output, tag=tag) / "detections.npz").detections for tag in ("default", "two"))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, atol=0.02)


@pytest.mark.usefixtures("unseen_plots")
def test_unreadable_image_is_told(tmp_path, checkpoint, folder, capsys):
    data = Path(shutil.copytree(folder, tmp_path / "faces"))
    path = data / "images" / "a" / "two.jpg"
    path.write_bytes(path.read_bytes()[:20000])
    assert run(tmp_path / "output", checkpoint, "--imdb", "folder", "--data", str(data)) == 1
    error = capsys.readouterr().err
    assert "1 of 2 images failed" in error
    assert "error: a/two: " in error
    assert list(json.loads((results(tmp_path / "output") / "results.json").read_text())["failed"]) == ["a/two"]


@pytest.fixture
def wider(tmp_path):
    """WIDER FACE's layout with two images."""
    images = {"0--Parade/a": [(100, 40, 60, 70)], "1--Handshaking/b": [(20, 20, 30, 30)]}
    for name in images:
        path = tmp_path / "data" / "WIDER" / "WIDER_val" / "images" / f"{name}.jpg"
        path.parent.mkdir(parents=True)
        shutil.copy(DEMO / "grace_hopper.jpg", path)
    write_mat(tmp_path / "data" / "WIDER" / "ground_truth", images)
    return tmp_path / "data"


def test_wider(tmp_path, checkpoint, wider, capsys):
    """The tool's figures are those that reval.py gives for its files."""
    assert run(tmp_path, checkpoint, "--imdb", "wider_face_val", "--data_root", str(wider)) == 0
    out = results(tmp_path, "wider_face_val")
    content = json.loads((out / "results.json").read_text())
    assert content["hard"]["faces"] == 2
    assert sorted(path.name for path in out.glob("wider_*"))[:2] == ["wider_easy.pdf", "wider_easy.png"]
    assert capsys.readouterr().out.splitlines()[1].startswith("easy    AP ")
    for stored in ("detections", "detections.npz"):
        arguments = ["--detections", str(out / stored), "--ground_truth", str(wider / "WIDER" / "ground_truth")]
        assert reval([*arguments, "--json", str(tmp_path / "again.json")]) == 0
        again = json.loads((tmp_path / "again.json").read_text())
        assert {level: again[level] for level in ("easy", "medium", "hard")} == {
            level: content[level] for level in ("easy", "medium", "hard")
        }


def test_absent_images_are_an_error(tmp_path, wider):
    shutil.rmtree(wider / "WIDER" / "WIDER_val")
    with pytest.raises(DataError, match=r"images: no such folder; `tools/fetch_data\.py wider_val` fetches"):
        run(tmp_path, "model.pb", "--data_root", str(wider))


def test_absent_model_is_an_error(tmp_path, folder):
    with pytest.raises(CheckpointError, match=r"none\.pb: no such file$"):
        run(tmp_path, "none.pb", "--imdb", "folder", "--data", str(folder))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--imdb", "folder"], "--imdb folder and --data go together"),
        (["--data", "x"], "--imdb folder and --data go together"),
        (["--batch", "0"], "argument --batch: '0' is not a whole number from 1 up"),
        (["--imdb", "folder", "--data", "x", "--face_sizes", "32", "16"], "argument --face_sizes: each bound"),
        (["--face_sizes", "16"], "argument --face_sizes: does nothing with --imdb wider_face_val"),
        (["--skip_missing"], "argument --skip_missing: does nothing with --imdb wider_face_val"),
        (["--shown", "0.3"], "argument --shown: does nothing with --imdb wider_face_val"),
        (["--imdb", "wider_face_train", "--baselines", "."], "argument --baselines: does nothing with --imdb"),
        (["--baselines", "nowhere"], "argument --baselines: nowhere: no such folder"),
        (["--face_sizes", "0"], "argument --face_sizes: '0' is not a number above 0"),
        (["--shown", "7"], "argument --shown: '7' is not between 0 and 1"),
        (["--tag", "../../x"], "argument --tag: '../../x' is not a plain name"),
    ],
)
def test_arguments_are_checked(arguments, words, capsys):
    with pytest.raises(SystemExit) as left:
        main(["--model", "x", *arguments])
    assert left.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.usefixtures("unseen_plots")
def test_a_box_far_larger_than_its_picture_costs_no_figures(tmp_path, checkpoint, folder):
    data = tmp_path / "faces"
    shutil.copytree(folder, data)
    (data / "val.txt").write_text("a/one.jpg 5 5 1000000 1000000\n")
    assert run(tmp_path / "out", checkpoint, "--imdb", "folder", "--data", str(data)) == 0
    assert json.loads((results(tmp_path / "out") / "results.json").read_text())["overall"]["faces"] == 1


@pytest.mark.usefixtures("unseen_plots")
def test_another_split_has_a_folder_of_its_own(output, checkpoint, folder, tmp_path):
    data = tmp_path / "faces"
    shutil.copytree(folder, data)
    (data / "train.txt").write_text("a/two.jpg\n")
    before = (results(output) / "results.json").read_bytes()
    assert run(output, checkpoint, "--imdb", "folder", "--data", str(data), "--split", "train") == 0
    assert (results(output) / "results.json").read_bytes() == before
    assert json.loads((results(output, "faces_train") / "results.json").read_text())["images"] == 1


@pytest.mark.usefixtures("unseen_plots")
def test_a_jpeg_and_a_png_of_one_stem_are_two_images(tmp_path, checkpoint):
    """Each keeps its own detections; the JPEG's text file has the official name."""
    data = tmp_path / "faces"
    (data / "images").mkdir(parents=True)
    shutil.copy(DEMO / "eileen_collins.jpg", data / "images" / "t.jpg")
    cv2.imwrite(str(data / "images" / "t.png"), np.zeros((60, 80, 3), np.uint8))
    (data / "val.txt").write_text("t.jpg 100 40 160 110\nt.png\n")
    assert run(tmp_path / "output", checkpoint, "--imdb", "folder", "--data", str(data)) == 0
    detections = results(tmp_path / "output") / "detections"
    assert (detections / "t.txt").read_text().startswith("t.jpg\n")
    assert (detections / "t.png.txt").read_text().startswith("t.png\n")
    assert load_npz(results(tmp_path / "output") / "detections.npz").names == ("t", "t.png")


def test_names_that_lead_out_of_the_images_are_refused(tmp_path, checkpoint):
    data = tmp_path / "faces"
    (data / "images").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("mine")
    shutil.copy(DEMO / "eileen_collins.jpg", tmp_path / "elsewhere" / "a.jpg")
    (data / "val.txt").write_text("ev/../../../elsewhere/a.jpg\n")
    with pytest.raises(DataError, match=r"val\.txt:1: .*outside of its folder"):
        run(tmp_path / "output", checkpoint, "--imdb", "folder", "--data", str(data))
    assert (tmp_path / "elsewhere" / "a.txt").read_text() == "mine"

"""The tool that trains: what each option does, how mistakes are told, and a short training with most of them."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ssh_tools.trainval_net as tool
from networks import write_checkpoint
from ssh_tf.model.training.validation import Validation
from ssh_tf.roi_data_layer.order import DrawOrder
from ssh_tf.utils.errors import CheckpointError, ConfigError, DataError, SSHError
from ssh_tf.utils.resources import model_path
from ssh_tf.utils.tf1 import tf
from ssh_tools.trainval_net import main, parse_arguments
from training_runs import settings, write_pictures

RECIPE = Path(__file__).resolve().parents[2] / "experiments/cfgs/mobile_faces.yml"
TRAIN, VAL = "wider_face_train", "wider_face_val"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with two pictures, for training and validation."""
    return write_pictures(tmp_path_factory.mktemp("pictures") / "faces", count=2)


@pytest.fixture(scope="module")
def data_root(tmp_path_factory, pictures):
    """WIDER FACE's layout, with four pictures of an event to train on and two to validate on."""
    root = tmp_path_factory.mktemp("data")
    for split, count in (("train", 4), ("val", 2)):
        made = write_pictures(root / "made" / split, count, seed=count)
        folder = root / "WIDER" / f"WIDER_{split}"
        event = folder / "images" / "0--Parade"
        event.mkdir(parents=True)
        for path in (made / "images").iterdir():
            # Its suffix says nothing of how a picture is coded.
            path.rename(event / f"{path.stem}.jpg")
        # Names without a suffix, as the set has them.
        lines = (made / "train.txt").read_text().replace(".png", "").splitlines()
        (folder / "Annotations").mkdir()
        annotations = folder / "Annotations" / f"wider_face_{split}.txt"
        annotations.write_text("".join(f"0--Parade/{line}\n" for line in lines))
    shutil.rmtree(root / "made")
    return root


@pytest.fixture
def broken_root(tmp_path, data_root):
    """The same; of the training pictures one is missing, one is none and one ends early."""
    root = Path(shutil.copytree(data_root, tmp_path / "broken"))
    event = root / "WIDER" / "WIDER_train" / "images" / "0--Parade"
    (event / "0.jpg").unlink()
    (event / "1.jpg").write_text("no picture")
    (event / "2.jpg").write_bytes((event / "2.jpg").read_bytes()[:3000])
    return root


@pytest.fixture(scope="module")
def weight(tmp_path_factory):
    """A checkpoint to start from."""
    return write_checkpoint(tmp_path_factory.mktemp("weight") / "first.ckpt", "tiny", settings())


@pytest.fixture
def asked_for(monkeypatch, tmp_path):
    """A function of options: what the tool would train where there is no GPU, as the arguments of `train`."""
    calls = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: [])
    monkeypatch.setattr(tool, "train", lambda *arguments: calls.append(arguments))
    places = ["--output_root", str(tmp_path / "output"), "--tensorboard_root", str(tmp_path / "board")]

    def ask(*options):
        assert main(["--backbone", "tiny", *places, *map(str, options)]) == 0
        return calls.pop()

    return ask


def names(records):
    return [record.name for record in records]


def event_tags(folder):
    """What the one file of TensorBoard's events in `folder` holds."""
    (path,) = folder.iterdir()
    return {value.tag for event in tf.train.summary_iterator(str(path)) for value in event.summary.value}


def test_defaults():
    """The reference's, where it has them."""
    arguments = parse_arguments(["--backbone", "vgg16", "--imdb", TRAIN])
    assert vars(arguments) == {
        "backbone": "vgg16",
        "weight": None,
        "imdb": TRAIN,
        "imdbval": None,
        "data": None,
        "data_root": Path("data"),
        "skip_missing": False,
        "iters": 300000,
        "tag": "default",
        "method": "group",
        "precision": "auto",
        "cpu_devices": 1,
        "output_root": Path("output"),
        "tensorboard_root": Path("tensorboard"),
        "cfg": None,
        "set": [],
    }


def test_wider_face(asked_for, data_root, tmp_path):
    run, config, records, devices, validate = asked_for("--imdb", TRAIN, "--imdbval", VAL, "--data_root", data_root)
    assert names(records) == [f"0--Parade/{number}.jpg" for number in range(4)]
    assert isinstance(validate, Validation)
    assert (run.backbone, run.iterations, run.method, run.weight) == ("tiny", 300000, "group", None)
    assert not run.skip_unreadable
    assert run.output == tmp_path / "output" / "tiny" / TRAIN / "default"
    assert run.tensorboard == tmp_path / "board" / "tiny" / TRAIN / "default"
    assert (tmp_path / "output" / "cache" / f"{TRAIN}_image_sizes.json").is_file()
    assert config.TRAIN.IMS_PER_BATCH == 1
    assert devices.local_replicas == 1


def test_joined_sets_without_validation(asked_for, data_root):
    run, _, records, _, validate = asked_for("--imdb", f"{TRAIN}+{VAL}", "--data_root", data_root)
    assert [record.path.parts[-4] for record in records] == ["WIDER_train"] * 4 + ["WIDER_val"] * 2
    assert validate is None
    assert run.output.parent.name == f"{TRAIN}+{VAL}"


def test_folders_are_joined(asked_for, pictures, tmp_path):
    other = write_pictures(tmp_path / "more", 1, splits=["train"])
    run, _, records, _, validate = asked_for("--data", pictures, other)
    assert [record.path.parent.parent.name for record in records] == ["faces", "faces", "more"]
    assert isinstance(validate, Validation)
    assert run.output.parent.name == "faces+more"


def test_recipes_and_weights_of_the_package_by_name(asked_for, pictures):
    run, config, *_ = asked_for("--data", pictures, "--cfg", "finetune", "--weight", "mobile_ssh")
    assert run.weight == str(model_path("mobile_ssh"))
    assert config.TRAIN.EMA > 0
    assert asked_for("--data", pictures, "--weight", "other/mobile_ssh")[0].weight == "other/mobile_ssh"


def test_a_recipe_of_other_data_takes_own_data(asked_for, pictures):
    """Its weighted groups are not there."""
    _, config, records, *_ = asked_for("--data", pictures, "--cfg", RECIPE)
    weights = config.TRAIN.AUGMENT.GROUP_WEIGHTS
    assert weights
    assert DrawOrder(records, 0, 1, group_weights=weights).epoch_length == 2


def test_folder(asked_for, pictures, tmp_path):
    run, _, records, _, validate = asked_for("--data", pictures)
    assert names(records) == ["0.png", "1.png"]
    assert isinstance(validate, Validation)
    assert run.output.parent.name == "faces"
    *_, validate = asked_for("--data", pictures, "--set", "TRAIN.VAL_ITERS", "0")
    assert validate is None
    *_, validate = asked_for("--data", write_pictures(tmp_path / "faces", 1, splits=["train"]))
    assert validate is None


def test_options_of_the_run(asked_for, pictures, tmp_path):
    (tmp_path / "small.yml").write_text("TRAIN: {MOMENTUM: 0.5, WARMUP: 3}\n")
    options = ["--iters", 7, "--tag", "a.b", "--method", "random", "--weight", "x.npz", "--skip-missing"]
    options += ["--cfg", tmp_path / "small.yml", "--set", "TRAIN.WARMUP", "4"]
    run, config, *_ = asked_for("--data", pictures, *options)
    assert (run.iterations, run.output.name, run.method, run.weight) == (7, "a.b", "random", "x.npz")
    assert run.skip_unreadable
    assert (config.TRAIN.MOMENTUM, config.TRAIN.WARMUP) == (0.5, 4)
    assert "--method random --weight x.npz --skip-missing --cfg" in run.command


def test_the_command_that_goes_on(monkeypatch):
    """It trains on the same devices, and a shell reads it as it was."""
    for name in ("CUDA_VISIBLE_DEVICES", "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert shlex.split(tool.command_line(["--data", "a b"])) == [sys.executable, tool.__file__, "--data", "a b"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {}}')
    environment = ["env", "CUDA_VISIBLE_DEVICES=0,1", 'TF_CONFIG={"cluster": {}}']
    assert shlex.split(tool.command_line(["--tag", "x"]))[:3] == environment


def test_precision(asked_for, pictures):
    rewriters = {}
    for precision in ("fp32", "bf16"):
        *_, devices, _ = asked_for("--data", pictures, "--precision", precision)
        rewriters[precision] = str(devices.session_config.graph_options.rewrite_options)
    assert "bfloat16" in rewriters["bf16"]
    assert "bfloat16" not in rewriters["fp32"]


def test_pictures_that_cannot_be_read_are_named(broken_root, asked_for):
    options = ["--imdb", TRAIN, "--data_root", broken_root]
    message = r"2 of 4 images are missing or unreadable under .*: 0--Parade/0\.jpg, 0--Parade/1\.jpg \(.*--skip_missing"
    with pytest.raises(DataError, match=message):
        asked_for(*options)
    run, _, records, *_ = asked_for(*options, "--skip-missing")
    assert names(records) == ["0--Parade/2.jpg", "0--Parade/3.jpg"]
    assert run.skip_unreadable


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give either --imdb or --data"),
        (["--imdb", TRAIN, "--data", "faces"], "give either --imdb or --data"),
        (["--data", "faces", "./faces"], "a set is named twice"),
        (["--imdb", f"{TRAIN}+{TRAIN}"], "a set is named twice"),
        (["--data", "faces", "--imdbval", VAL], "the validation set of --data is its val.txt"),
        (["--imdb", TRAIN, "--iters", "0"], "argument --iters: '0' is not a whole number from 1 up"),
        (["--imdb", TRAIN, "--iters", "-5"], "argument --iters: '-5' is not a whole number from 1 up"),
        (["--imdb", TRAIN, "--iters", "many"], "argument --iters: 'many' is not a whole number from 1 up"),
        (["--imdb", TRAIN, "--cpu-devices", "0"], "argument --cpu_devices: '0' is not a whole number from 1 up"),
        (["--imdb", TRAIN, "--cpu-devices", "-1"], "argument --cpu_devices: '-1' is not a whole number from 1 up"),
        (["--imdb", TRAIN, "--tag", "a/b"], "argument --tag: 'a/b' is not a plain name"),
        (["--imdb", TRAIN, "--tag", ".."], "argument --tag: '..' is not a plain name"),
        (["--imdb", TRAIN, "--method", "all"], "argument --method: invalid choice: 'all'"),
        (["--imdb", TRAIN, "--precision", "fp16"], "argument --precision: invalid choice: 'fp16'"),
        (["--imdb", TRAIN, "--backbone", "alexnet"], "argument --backbone: invalid choice: 'alexnet'"),
        (["--imdb", TRAIN, "--set", "TRAIN.WARMUP"], "'TRAIN.WARMUP' has no value"),
    ],
)
def test_mistakes_on_the_line(options, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(["--backbone", "tiny", *options])
    assert end.value.code == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--imdb", "coco"], DataError, "unknown data set 'coco': the sets are wider_face_train, wider_face_val"),
        (["--imdb", f"{TRAIN}+coco"], DataError, "unknown data set 'coco'"),
        (["--imdb", TRAIN, "--imdbval", "coco"], DataError, "unknown data set 'coco'"),
        (["--imdb", TRAIN, "--data_root", "nowhere"], DataError, r"nowhere/WIDER/.*train\.txt: No such file"),
        (["--data", "nowhere"], DataError, r"nowhere/train\.txt: no such file"),
        (["--imdb", TRAIN, "--cfg", "nowhere.yml"], ConfigError, r"nowhere\.yml: no such file"),
        (["--imdb", TRAIN, "--set", "TRAIN.WARMUPS", "3"], ConfigError, r"unknown key TRAIN\.WARMUPS; did you mean W"),
        (["--imdb", TRAIN, "--set", "TRAIN.WARMUP", "soon"], ConfigError, r"TRAIN\.WARMUP takes a int, got 'soon'"),
    ],
)
def test_mistakes_in_what_is_named(options, error, message, data_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        main(["--backbone", "tiny", "--data_root", str(data_root), *options])


@pytest.fixture
def line(pictures, tmp_path):
    """A line that trains below `tmp_path`."""
    places = ["--output_root", str(tmp_path / "output"), "--tensorboard_root", str(tmp_path / "board")]
    return ["--backbone", "tiny", "--data", str(pictures), *places, "--iters", "1", "--set", *settings()]


def test_weights_that_are_not_there(line, tmp_path):
    with pytest.raises(CheckpointError, match=r"nowhere\.npz: no such file"):
        main(["--weight", "nowhere.npz", *line])
    assert not list(tmp_path.rglob("*.ckpt.*"))


def test_a_place_that_cannot_be_written_to(line, tmp_path):
    (tmp_path / "output").touch()
    with pytest.raises(SSHError, match=rf"{tmp_path}/output.*: (Not a directory|File exists)"):
        main(line)


def test_an_error_is_a_line_and_an_exit_code(broken_root, tmp_path):
    line = ["--backbone", "mobile", "--imdb", TRAIN, "--data_root", broken_root, "--output_root", tmp_path / "output"]
    done = subprocess.run([sys.executable, tool.__file__, *line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: 2 of 4 images are missing or unreadable")
    assert done.stderr.count("\n") == 1


def test_a_short_training(broken_root, weight, tmp_path, capfd, caplog):
    """On two devices in bfloat16, of joined sets with pictures that cannot be read, and validated."""
    (tmp_path / "small.yml").write_text("TRAIN: {MOMENTUM: 0.5, VAL_IMAGES: 1}\n")
    line = ["--backbone", "tiny", "--imdb", f"{TRAIN}+{VAL}", "--imdbval", VAL, "--data_root", broken_root]
    line += ["--skip-missing", "--weight", weight, "--iters", 2, "--tag", "short", "--method", "random"]
    line += ["--precision", "bf16", "--cpu-devices", 2, "--cfg", tmp_path / "small.yml"]
    line += ["--output_root", tmp_path / "out", "--tensorboard_root", tmp_path / "board"]
    line += ["--set", *settings(TRAIN__VAL_ITERS=2, TRAIN__SUMMARY_INTERVAL=1, TEST__SCALES=[96], TRAIN__SCALES=[96])]
    assert main([str(word) for word in line]) == 0
    output, errors = capfd.readouterr()
    assert "2 of 4 images are missing or unreadable" in caplog.text
    assert re.search(r"training image .*2\.jpg.*; another one is taken", caplog.text)
    assert "Traceback" not in errors + caplog.text
    assert "4 training images, 2 for validation; 2 devices; output under" in output
    assert f"Weights from {weight}" in output
    assert "iter 2/2" in output
    assert "validation at 2: AP50" in output

    place = Path("tiny", f"{TRAIN}+{VAL}")
    assert {path.name for path in (tmp_path / "out" / place / "short").iterdir()} == {
        "loss.csv",
        "loss.png",
        "validation.csv",
        "tiny_ssh_best.json",
        "tiny_ssh_best.ckpt.index",
        "tiny_ssh_best.ckpt.data-00000-of-00001",
        "tiny_ssh_iter_2.json",
        "tiny_ssh_iter_2.ckpt.index",
        "tiny_ssh_iter_2.ckpt.data-00000-of-00001",
    }
    assert {path.name for path in (tmp_path / "board" / place).iterdir()} == {"short", "short_val"}
    assert {"total", "M1_class"} <= event_tags(tmp_path / "board" / place / "short")
    assert {"total", "AP50", "faces/0"} <= event_tags(tmp_path / "board" / place / "short_val")
    state = json.loads((tmp_path / "out" / place / "short" / "tiny_ssh_iter_2.json").read_text())
    assert (state["iterations"], state["method"], state["weight"]) == (2, "random", weight)
    # Two images for each of two devices.
    assert state["batch"] == 4
    assert state["config"]["TRAIN"]["MOMENTUM"] == 0.5
    assert state["config"]["MOBILENET"]["DEPTH_MULTIPLIER"] == 0.25

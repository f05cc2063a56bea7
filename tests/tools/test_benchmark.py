"""The benchmark: everything is measured and told; how fast it is, is not tested."""

import json
import pickle
import re

import pytest

import networks  # noqa: F401  (the small backbone)
from ssh_tf.nms import nms
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.memory import resident_peak
from ssh_tools import benchmark
from ssh_tools.benchmark import main
from ssh_tools.measuring import benchmark_inference, benchmark_startup
from ssh_tools.measuring.benchmark_inference import STAGES
from ssh_tools.measuring.benchmark_nms import crowd
from ssh_tools.measuring.benchmark_training import (
    MeasuredMemory,
    MeasuredSteps,
    TrainingSetting,
    measure_memory,
    measure_steps,
)
from ssh_tools.measuring.fresh_process import in_fresh_process


def test_memory_of_a_fresh_process():
    """Is its own: this one holds TensorFlow."""
    assert 1e6 < in_fresh_process(resident_peak) < resident_peak() / 2


@pytest.fixture
def at_once(monkeypatch):
    """What is measured in a fresh process is measured here, pickled as on its way there: TensorFlow has been loaded."""

    def call(function, *arguments):
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        return pickle.loads(pickle.dumps(function(*arguments)))

    monkeypatch.setattr(benchmark_inference, "in_fresh_process", call)


def test_inference(frozen_model, tmp_path, capsys, at_once):
    report_file = tmp_path / "report.json"
    arguments = ["--inference", "--backbone", "tiny", "--size", "64x96", "--model", str(frozen_model)]
    assert main([*arguments, "--repeats", "1", "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    assert set(report) == {"machine", "inference"}
    assert [line["precision"] for line in report["inference"]] == ["fp32", "bf16"]
    for line in report["inference"]:
        assert set(line["stages"]) == set(STAGES)
        for times in line["stages"].values():
            assert 0 < times["minimum_ms"] <= times["median_ms"]
        assert line["stages"]["python"]["minimum_ms"] < line["stages"]["detect"]["median_ms"]
        assert line["peak_memory_mb"] > 100
    assert "bf16 is" in capsys.readouterr().out


def test_nms(tmp_path, capsys):
    report_file = tmp_path / "report.json"
    assert main(["--nms", "--boxes", "300", "--repeats", "3", "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    kept = {line["name"]: line["kept"] for line in report["nms"]}
    assert {"NumPy (tests' oracle)", "Cython", "cv2.dnn.NMSBoxes", "tf.image.non_max_suppression"} <= kept.keys()
    assert kept["Cython"] == kept["NumPy (tests' oracle)"] == len(nms(crowd(300), 0.3))
    assert "Cython" in capsys.readouterr().out


def test_startup(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(benchmark_startup, "TOOLS", tmp_path)
    (tmp_path / "light.py").write_text("import sys\nassert sys.argv[1:] == ['--help']\nsys.exit(0)\n")
    (tmp_path / "heavy.py").write_text("import time, numpy\nkept = numpy.ones(2**25)\nprint(kept.sum())\n")
    report_file = tmp_path / "report.json"
    assert main(["--startup", "--repeats", "2", "--json", str(report_file)]) == 0
    heavy, light = json.loads(report_file.read_text())["startup"]
    assert (heavy["tool"], light["tool"]) == ("heavy.py", "light.py")
    assert heavy["peak_memory_mb"] > light["peak_memory_mb"] + 200
    for line in (heavy, light):
        assert 0 < line["processor"]["minimum_ms"] <= line["processor"]["median_ms"]
        assert line["processor"]["minimum_ms"] < line["clock"]["median_ms"]
    assert "light.py" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--size", "12x900"],
        ["--size", "large"],
        ["--repeats", "0"],
        ["--window", "100"],
        ["--window", "32"],
        ["--steps", "100"],
        ["--model", "m.pb", "--backbone", "mobile", "vgg16"],
    ],
)
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert re.fullmatch(r"error: .+\n", capsys.readouterr().err)


@pytest.mark.parametrize("option", ["--model", "--models", "--image"])
def test_figures_do_not_replace_what_is_measured(tmp_path, option):
    path = tmp_path / "precious"
    path.write_bytes(b"graph")
    with pytest.raises(DataError, match="precious: is read or written by this command already"):
        main(["--runtimes", "--backbone", "tiny", option, str(path), "--json", str(path)])
    assert path.read_bytes() == b"graph"


def test_training(tmp_path, capsys, monkeypatch):
    """Of steps and memory what is asked for and told; how they are measured has tests of its own."""
    watched = []

    def step(settings, image, repeats, in_turn=False):
        seconds = {("fp32", True): 0.2, ("bf16", True): 0.1, ("bf16", False): 0.15}
        times = [repeats * [seconds[one.precision, one.from_memory] * one.images] for one in settings]
        turns = [[3 * time for time in joint] if in_turn else [] for joint in times]
        return [MeasuredSteps(*measured) for measured in zip(settings, times, turns, strict=True)]

    def watch(setting, image, milestones):
        watched.append((setting, milestones))
        return MeasuredMemory(setting, dict(zip(milestones, (1.0e8, 1.1e8), strict=True)))

    monkeypatch.setattr(benchmark, "measure_steps", step)
    monkeypatch.setattr(benchmark, "measure_memory", watch)
    report_file = tmp_path / "report.json"
    arguments = ["--train", "--backbone", "tiny", "--window", "64", "--steps", "101", "--repeats", "1"]
    assert main([*arguments, "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    assert set(report) == {"machine", "training"}
    training = report["training"]
    assert [(line["precision"], line["joint"]["median_ms"]) for line in training["steps"]] == [
        ("fp32", pytest.approx(200)),
        ("bf16", pytest.approx(100)),
    ]
    for line in training["steps"]:
        assert line["in_turn"] == pytest.approx({name: 3 * time for name, time in line["joint"].items()})
    assert [line["from_memory"] for line in training["fed"]] == [True, False]
    assert training["targets"]["minimum_ms"] > 0
    assert [(line["side"], line["images"]) for line in training["cost"]] == [
        *((side, 1) for side in (32, 64, 96, 128)),
        *((64, images) for images in (2, 4, 8)),
    ]
    assert training["memory"] == {"100": 1.0e8, "101": 1.1e8}
    ((setting, milestones),) = watched
    assert (setting.from_memory, setting.side, milestones) == (False, 64, (100, 101))
    assert 0 < training["matching"]["peak"] < 200e6
    output = capsys.readouterr().out
    assert "a joint step in bf16 is 6.00 times as fast as fp32 steps in turn" in output
    assert re.search(r"batches from the pipeline +150\.0 +1\.500 times as long", output)
    # A window of 128 pixels, then batches of 8 windows: milliseconds of a step, an image and a megapixel.
    assert re.search(r"^ +128 +1 +100\.0 +100\.0 +6103\.5$", output, re.MULTILINE)
    assert re.search(r"^ +64 +8 +800\.0 +100\.0 +24414\.1$", output, re.MULTILINE)
    assert "resident memory at most: 100 MB in 100 steps, 110 MB in 101, 1.100 times as much" in output


SETTING = TrainingSetting("tiny", 64, 1, "fp32")


def test_steps_of_a_training():
    """Joint ones and those of each branch in turn; side by side, of all kinds."""
    (both,) = measure_steps([SETTING], None, 2, in_turn=True)
    assert both.setting == SETTING
    assert [len(times) for times in (both.joint, both.in_turn)] == [2, 2]
    assert min(both.joint + both.in_turn) > 0
    settings = [SETTING, SETTING._replace(side=96, images=2, precision="bf16", from_memory=False)]
    measured = measure_steps(settings, None, 1)
    assert [one.setting for one in measured] == settings
    for one in measured:
        assert one.joint[0] > 0
        assert one.in_turn == []


def test_sizes_of_a_training():
    sizes = benchmark._sizes(SETTING)
    assert [(one.side, one.images) for one in sizes] == [(32, 1), (96, 1), (128, 1), (64, 2), (64, 4), (64, 8)]


def test_memory_of_a_training():
    """In the process of its own, which knows real backbones alone."""
    setting = TrainingSetting("mobile", 64, 1, "fp32", from_memory=False)
    first, last = measure_memory(setting, None, (1, 2)).peak.values()
    assert 100e6 < first <= last

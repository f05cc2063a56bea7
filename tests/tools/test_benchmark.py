"""The benchmark: everything is measured and told; how fast it is, is not tested."""

import json
import pickle
import re

import pytest

import networks  # noqa: F401  (the small backbone)
from ssh_tf.nms import nms
from ssh_tf.utils.memory import resident_peak
from ssh_tools import benchmark
from ssh_tools.benchmark import main
from ssh_tools.measuring import benchmark_inference, benchmark_startup, benchmark_training
from ssh_tools.measuring.benchmark_inference import STAGES
from ssh_tools.measuring.benchmark_nms import crowd
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

    for module in (benchmark_inference, benchmark_training):
        monkeypatch.setattr(module, "in_fresh_process", call)


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


def test_training(tmp_path, capsys, monkeypatch):
    """Of memory what is told; how it is measured has a test of its own."""
    watched = []

    def watch(setting, image, milestones):
        watched.append((setting, milestones))
        return benchmark_training.MeasuredMemory(setting, dict(zip(milestones, (1.0e8, 1.1e8), strict=True)))

    monkeypatch.setattr(benchmark, "measure_memory", watch)
    monkeypatch.setattr(benchmark, "_sizes", lambda standard: [standard._replace(side=96, images=2)])
    report_file = tmp_path / "report.json"
    arguments = ["--train", "--backbone", "tiny", "--window", "64", "--steps", "101", "--repeats", "1"]
    assert main([*arguments, "--json", str(report_file)]) == 0
    report = json.loads(report_file.read_text())
    assert set(report) == {"machine", "training"}
    training = report["training"]
    assert [line["precision"] for line in training["steps"]] == ["fp32", "bf16"]
    for line in training["steps"]:
        assert 0 < line["joint"]["minimum_ms"] <= line["joint"]["median_ms"]
        assert 0 < line["in_turn"]["minimum_ms"] <= line["in_turn"]["median_ms"]
    assert [line["from_memory"] for line in training["fed"]] == [True, False]
    assert training["targets"]["minimum_ms"] > 0
    assert [(line["side"], line["images"]) for line in training["cost"]] == [(64, 1), (96, 2)]
    assert training["memory"] == {"100": 1.0e8, "101": 1.1e8}
    ((setting, milestones),) = watched
    assert (setting.from_memory, setting.side, milestones) == (False, 64, (100, 101))
    assert 0 < training["matching"]["peak"] < 200e6
    output = capsys.readouterr().out
    assert "times as fast as fp32 steps in turn" in output
    assert "resident memory at most: 100 MB in 100 steps, 110 MB in 101, 1.100 times as much" in output


def test_sizes_of_a_training():
    sizes = benchmark._sizes(benchmark_training.TrainingSetting("mobile", 64, 1, "fp32"))
    assert [(one.side, one.images) for one in sizes] == [(32, 1), (96, 1), (128, 1), (64, 2), (64, 4), (64, 8)]


def test_the_cost_of_sizes_goes_by_batch_and_window(capsys):
    standard = benchmark_training.TrainingSetting("mobile", 64, 1, "fp32")
    settings = [standard, standard._replace(images=2), standard._replace(side=96)]
    cost = benchmark._cost([benchmark_training.MeasuredSteps(one, [0.2, 0.1, 0.3], []) for one in settings])
    assert [(line["side"], line["images"]) for line in cost] == [(64, 1), (96, 1), (64, 2)]
    assert [line["joint"] for line in cost] == 3 * [{"median_ms": 200.0, "minimum_ms": 100.0}]
    assert capsys.readouterr().out.splitlines()[-1].split() == ["64", "2", "200.0", "100.0", "24414.1"]


def test_memory_of_a_training(at_once):
    setting = benchmark_training.TrainingSetting("tiny", 64, 1, "fp32", from_memory=False)
    first, last = benchmark_training.measure_memory(setting, None, (1, 2)).peak.values()
    assert 100e6 < first <= last

"""Model files under their runtimes: operations that are counted, costs that are measured and told."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssh_tf.utils.errors import SSHError
from ssh_tools.measuring import runtime_report
from ssh_tools.measuring.benchmark_runtimes import measure_start, network_operations, peak_operations
from ssh_tools.measuring.runtime_report import report_runtimes


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8))
    return path


def test_operations_grow_with_the_area(frozen_model):
    once = network_operations(frozen_model, 64, 64)
    # The first layer alone: 3 x 3 x 3 products for each of 8 channels at half the side.
    assert once > 2 * 27 * 8 * 32 * 32
    assert network_operations(frozen_model, 128, 64) == 2 * once
    assert network_operations(frozen_model, 128, 128) == 4 * once


def test_each_file_is_started_and_run(frozen_model, onnx_model, picture, capsys, monkeypatch):
    monkeypatch.setattr(runtime_report, "peak_operations", partial(peak_operations, 64, 1))
    report = report_runtimes([frozen_model, onnx_model], ["fp32"], [(64, 96)], [2], picture, 1)
    assert [line["model"] for line in report["start"]] == ["small.pb", "small.onnx"]
    assert all(line["seconds"][0] > 0 and line["peak_memory"] > 2**24 for line in report["start"])
    assert [(line["model"], line["images"], line["height"]) for line in report["costs"]] == [
        ("small.pb", 2, 64),
        ("small.onnx", 2, 64),
    ]
    assert report["peak_gflop_s"] > 0
    assert report["costs"][0]["operations"] == 2 * network_operations(frozen_model, 64, 96)
    assert "small.onnx, fp32, 2 of 64x96" in capsys.readouterr().out


def test_a_model_that_cannot_be_used(picture, tmp_path, monkeypatch):
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"\xff" * 100)
    with pytest.raises(SSHError, match=r"damaged\.onnx: .*not an ONNX model"):
        measure_start([(damaged, "fp32")], picture, [], 1)
    # What is not there is said before a process is started.
    monkeypatch.delattr("subprocess.run")
    with pytest.raises(SSHError, match=r"none\.pb"):
        measure_start([(damaged, "fp32"), (Path("none.pb"), "fp32")], picture, [], 1)

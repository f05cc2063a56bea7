"""Weights taken out of npm's face-api: values, names, and packages that are something else."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssh_tf.utils.errors import CheckpointError
from ssh_tools.convert_faceapi_mobile import main, read_backbone

MODEL = "package/model/ssd_mobilenetv1_model"
CHANNELS = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
NORMALISATION = ("gamma", "beta", "moving_mean", "moving_variance")


def entries() -> list[tuple[str, list[int]]]:
    """What the package holds of the backbone, and an array of the detector before it."""
    found = [("Prediction/BoxPredictor_0/ClassPredictor/biases", [9])]
    for at, channels in enumerate(CHANNELS):
        before = CHANNELS[at - 1] if at else 3
        if at:
            found.append((f"MobilenetV1/Conv2d_{at}_depthwise/depthwise_weights", [3, 3, before, 1]))
            found += [(f"MobilenetV1/Conv2d_{at}_depthwise/BatchNorm/{name}", [before]) for name in NORMALISATION]
        side = 1 if at else 3
        found.append((f"MobilenetV1/Conv2d_{at}_pointwise/weights", [side, side, before, channels]))
        found.append((f"MobilenetV1/Conv2d_{at}_pointwise/convolution_bn_offset", [channels]))
    return found


def write_package(path: Path, rows: list[tuple[str, list[int]]], members: tuple[str, ...] = (".bin", ".json")) -> None:
    """Array i is bytes of i with a scale of 0.5 and a minimum of -1; the first is of floats."""
    weights: list[dict[str, Any]] = []
    content = bytearray()
    for number, (name, shape) in enumerate(rows):
        weights.append({"name": name, "shape": shape, "dtype": "float32"})
        if number:
            weights[-1]["quantization"] = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
        content += np.full(shape, number, np.uint8 if number else np.float32).tobytes()
    manifest = json.dumps([{"weights": weights, "paths": ["ssd_mobilenetv1_model.bin"]}]).encode()
    files = {".bin": (f"{MODEL}.bin", bytes(content)), ".json": (f"{MODEL}-weights_manifest.json", manifest)}
    with tarfile.open(path, "w:gz") as package:
        for name, data in (files[member] for member in members):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            package.addfile(entry, io.BytesIO(data))


def test_every_layer_gets_its_slim_name_and_its_value(tmp_path: Path) -> None:
    rows = entries()
    write_package(tmp_path / "face.tgz", rows)
    assert main([str(tmp_path / "face.tgz"), str(tmp_path / "mobile.npz")]) == 0
    values = {name: 0.5 * number - 1.0 for number, (name, _) in enumerate(rows)}
    with np.load(tmp_path / "mobile.npz", allow_pickle=False) as arrays:
        assert len(arrays.files) == 135
        assert {arrays[name].dtype for name in arrays.files} == {np.dtype(np.float32)}
        for at, channels in enumerate(CHANNELS):
            here = "MobilenetV1/Conv2d_0" if at == 0 else f"MobilenetV1/Conv2d_{at}_pointwise"
            there = f"MobilenetV1/Conv2d_{at}_pointwise"
            assert np.all(arrays[f"{here}/weights"] == values[f"{there}/weights"])
            # A normalisation that adds the offset and does nothing else.
            beta, gamma, mean, variance = (
                arrays[f"{here}/BatchNorm/{name}"] for name in ("beta", "gamma", "moving_mean", "moving_variance")
            )
            x = np.linspace(-3.0, 3.0, channels)
            normalised = gamma * (x - mean) / np.sqrt(variance + 0.001) + beta
            np.testing.assert_allclose(normalised, x + values[f"{there}/convolution_bn_offset"], rtol=1e-6, atol=1e-6)
        for name in values:
            if "_depthwise" in name:
                assert np.all(arrays[name] == values[name])


def test_what_is_written_starts_a_training(tmp_path: Path) -> None:
    """Names and shapes are those of the network's own variables."""
    write_package(tmp_path / "face.tgz", entries())
    lines = (Path(__file__).parents[1] / "data/variables/mobile.txt").read_text().splitlines()
    wanted = {line.split()[0] for line in lines if line.startswith("MobilenetV1/Conv2d")}
    assert set(read_backbone(tmp_path / "face.tgz")) == wanted


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    write_package(
        tmp_path / "face.tgz", [row for row in entries() if row[0] != "MobilenetV1/Conv2d_7_pointwise/weights"]
    )
    with pytest.raises(CheckpointError, match=r"face\.tgz: lacks MobilenetV1/Conv2d_7_pointwise/weights"):
        read_backbone(tmp_path / "face.tgz")


def test_another_shape_is_refused(tmp_path: Path) -> None:
    rows = [(name, [1, 1, 512, 3] if "Conv2d_7_pointwise/weights" in name else shape) for name, shape in entries()]
    write_package(tmp_path / "face.tgz", rows)
    with pytest.raises(CheckpointError, match=r"Conv2d_7_pointwise/weights has the shape \(1, 1, 512, 3\)"):
        read_backbone(tmp_path / "face.tgz")


@pytest.mark.parametrize("members", [(), (".bin",), (".json",)])
def test_a_package_of_something_else_is_refused(tmp_path: Path, members: tuple[str, ...]) -> None:
    write_package(tmp_path / "other.tgz", entries()[:2], members)
    with pytest.raises(CheckpointError, match=r"other\.tgz: lacks package/model/ssd_mobilenetv1_model"):
        read_backbone(tmp_path / "other.tgz")


@pytest.mark.parametrize("content", [None, b"", b"no package"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    source = tmp_path / "other.tgz"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(CheckpointError, match="no such file" if content is None else "not the package"):
        read_backbone(source)


def test_a_weights_file_cut_short_is_refused(tmp_path: Path) -> None:
    rows = entries()
    write_package(tmp_path / "face.tgz", rows)
    with tarfile.open(tmp_path / "face.tgz") as package:
        files = {member.name: package.extractfile(member).read() for member in package.getmembers()}  # type: ignore[union-attr]
    with tarfile.open(tmp_path / "short.tgz", "w:gz") as package:
        for name, data in files.items():
            part = data[: len(data) // 2] if name.endswith(".bin") else data
            entry = tarfile.TarInfo(name)
            entry.size = len(part)
            package.addfile(entry, io.BytesIO(part))
    with pytest.raises(CheckpointError, match="not the package"):
        read_backbone(tmp_path / "short.tgz")

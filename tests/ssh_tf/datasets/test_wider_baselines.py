"""Published curves in both of MATLAB's formats, and published figures."""

import h5py
import numpy as np
import pytest
import scipy.io

from ssh_tf.datasets.problems import Problems
from ssh_tf.datasets.wider_baselines import UNREADABLE_BASELINE, published, read_baselines
from ssh_tf.utils.errors import DataError

CURVE = np.array([[1.0, 0.25], [0.5, 0.75]])  # precision, recall: area 0.25 x 1 + 0.5 x 0.5


def baseline_path(folder, method, level="easy"):
    place = folder / "Val" / "setting_int" / method
    place.mkdir(parents=True, exist_ok=True)
    return place / f"wider_pr_info_{method}_{level}_val.mat"


def write_format_73(path, legend, curve):
    """HDF5 behind MATLAB's header of 512 bytes: axes exchanged, text as numbers."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["legend_name"] = np.array([[ord(letter)] for letter in legend], np.uint16)
        file["pr_cruve"] = curve.T
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def test_both_formats(tmp_path):
    scipy.io.savemat(baseline_path(tmp_path, "old"), {"legend_name": "Old (ResNet)", "pr_cruve": CURVE / [1, 2]})
    write_format_73(baseline_path(tmp_path, "new"), "New", CURVE)
    baseline_path(tmp_path, "new", "hard").write_bytes(b"another level")
    problems = Problems()
    new, old = read_baselines(tmp_path, "easy", problems)
    assert (new.label, new.ap) == ("New", 0.5)
    assert (old.label, old.ap) == ("Old (ResNet)", 0.25)
    assert (new.precision.tolist(), new.recall.tolist()) == ([1.0, 0.5], [0.25, 0.75])
    assert len(problems) == 0


def test_unreadable_curves_are_named(tmp_path):
    baseline_path(tmp_path, "bad").write_bytes(b"noise")
    scipy.io.savemat(baseline_path(tmp_path, "empty"), {"other": 1})
    scipy.io.savemat(baseline_path(tmp_path, "good"), {"legend_name": "Good", "pr_cruve": CURVE})
    problems = Problems()
    assert [found.label for found in read_baselines(tmp_path, "easy", problems)] == ["Good"]
    assert len(problems.items(UNREADABLE_BASELINE)) == 2


def test_folder_without_curves_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no wider_pr_info_\*_medium_val\.mat below it"):
        read_baselines(tmp_path, "medium", Problems())


def test_published_figures_are_best_first():
    for level in ("easy", "medium", "hard"):
        values = [baseline.ap for baseline in published(level)]
        assert values == sorted(values, reverse=True)
        assert 0.5 < values[-1] < values[0] < 1
    assert published("hard")[0].label == "SSH VGG16 (original)"
    assert published("hard")[0].recall.size == 0

"""Non-maximum suppression by literal cases, by laws, and every processor against the NumPy oracle."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import nms_oracle, overlap_oracle
from ssh_tf import nms as nms_package
from ssh_tf.nms import cpu_nms, nms, processors
from strategies import detections

HERE = Path(__file__).parent
SOURCES = Path(nms_package.__file__).parent
THRESHOLDS = st.sampled_from([0.0, 0.1, 0.3, 1 / 3, 0.5, 0.9, 1.0])


def scored(boxes, generator=None):
    generator = generator or np.random.default_rng(7)
    return np.column_stack([boxes, generator.random(len(boxes))]).astype(np.float32)


# Literal cases.


def test_the_worse_of_two_that_overlap_is_dropped():
    rows = [(0, 0, 9, 9, 0.6), (1, 0, 10, 9, 0.9), (40, 0, 49, 9, 0.3)]
    assert nms(rows, 0.5).tolist() == [1, 2]


def test_an_overlap_of_just_the_threshold_is_allowed():
    rows = [(0, 0, 9, 9, 0.9), (0, 0, 9, 4, 0.8)]
    assert nms(rows, 0.5).tolist() == [0, 1]
    assert nms(rows, np.nextafter(0.5, 0)).tolist() == [0]


def test_a_dropped_box_drops_no_other():
    # Each overlaps its neighbour by 1/3: the second goes, and so the third stays.
    rows = [(0, 0, 9, 9, 0.9), (5, 0, 14, 9, 0.8), (10, 0, 19, 9, 0.7)]
    assert nms(rows, 0.3).tolist() == [0, 2]


def test_of_equal_scores_the_first_wins():
    rows = [(0, 0, 9, 9, -0.0), (1, 0, 10, 9, 0.0), (40, 0, 49, 9, 0.0)]
    assert nms(rows, 0.5).tolist() == [0, 2]


def test_rows_that_are_not_finite_are_neither_kept_nor_heard():
    rows = [(0, 0, 9, 9, np.nan), (0, 0, np.inf, 9, 0.9), (0, np.nan, 9, 9, 0.9), (0, 0, 9, 9, 0.1)]
    assert nms(rows, 0.5).tolist() == [3]
    assert nms(rows[:3], 0.5).tolist() == []


def test_a_box_inside_out_overlaps_nothing():
    assert nms([(9, 9, 0, 0, 0.9), (9, 9, 0, 0, 0.8), (0, 0, 9, 9, 0.7)], 0.0).tolist() == [0, 1, 2]


def test_nothing_in_nothing_out():
    kept = nms(np.zeros((0, 5)), 0.3)
    assert (kept.shape, kept.dtype) == ((0,), np.int64)


@pytest.mark.parametrize("shape", [(0,), (5,), (3, 4), (2, 3, 5)])
def test_a_wrong_shape_is_named(shape):
    with pytest.raises(ValueError, match=r"expected shape \(N, 5\), got"):
        nms(np.zeros(shape), 0.3)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_a_wrong_threshold_is_named(threshold):
    with pytest.raises(ValueError, match="expected 0 to 1, got"):
        nms(np.zeros((1, 5)), threshold)


# Laws.


@given(detections(), THRESHOLDS)
def test_kept_boxes_stand_apart_and_dropped_ones_do_not(rows, threshold):
    kept = nms(rows, threshold)
    finite = np.isfinite(rows).all(axis=1)
    assert finite[kept].all()
    assert (np.diff(rows[kept, 4]) <= 0).all()
    between = overlap_oracle(rows[kept, :4], rows[kept, :4])
    assert (between[~np.eye(len(kept), dtype=bool)] <= threshold).all()
    for dropped in np.setdiff1d(np.flatnonzero(finite), kept):
        better = kept[(rows[kept, 4] > rows[dropped, 4]) | ((rows[kept, 4] == rows[dropped, 4]) & (kept < dropped))]
        assert (overlap_oracle(rows[dropped : dropped + 1, :4], rows[better, :4]) > threshold).any()


@given(detections(), THRESHOLDS)
def test_what_was_kept_is_kept_again(rows, threshold):
    kept = nms(rows, threshold)
    np.testing.assert_array_equal(nms(rows[kept], threshold), np.arange(len(kept)))


# Every processor against the oracle.


@given(detections(), THRESHOLDS)
def test_keep_list(rows, threshold):
    np.testing.assert_array_equal(nms(rows, threshold), nms_oracle(rows, threshold))


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7])
def test_keep_list_of_thousands(random_boxes, threshold):
    rows = scored(random_boxes(3000))
    np.testing.assert_array_equal(nms(rows, threshold), nms_oracle(rows, threshold))


def test_every_processor_that_is_here(random_boxes):
    ranked = random_boxes(20_000)
    expected = cpu_nms.kept(ranked, 0.3)
    assert "cpu" in processors()
    for kept in processors().values():
        np.testing.assert_array_equal(kept(ranked, 0.3), expected)
        with pytest.raises(ValueError, match=r"expected shape \(N, 4\), got \(2, 5\)"):
            kept(np.zeros((2, 5), np.float32), 0.3)
        assert kept(ranked[:0], 0.3).shape == (0,)


def test_other_threads_run_meanwhile(random_boxes, longest_pause):
    ranked = random_boxes(15_000)
    assert longest_pause(lambda: cpu_nms.kept(ranked, 0.9)) < 0.5


def test_the_cpu_steps_in_where_the_gpu_fails(monkeypatch):
    def out_of_memory(ranked, threshold):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(nms_package, "processors", lambda: {"cpu": cpu_nms.kept, "gpu": out_of_memory})
    with pytest.warns(RuntimeWarning, match="out of memory; done on the CPU"):
        assert nms([(0, 0, 9, 9, 0.6), (1, 0, 10, 9, 0.9)], 0.5).tolist() == [1]


# The CUDA kernels, compiled for the CPU: cuda_on_cpu/cuda_runtime.h stands in for the run-time library.


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    library = tmp_path_factory.mktemp("kernel") / "nms_kernel.so"
    flags = ["-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-Wall", "-Werror"]
    folders = [f"-I{HERE / 'cuda_on_cpu'}", f"-I{SOURCES.parent / 'utils'}"]
    subprocess.run(
        [compiler, *flags, *folders, "-x", "c++", str(SOURCES / "nms_kernel.cu"), "-o", str(library)], check=True
    )
    loaded = ctypes.CDLL(str(library))
    loaded.nms_on_device.restype = ctypes.c_char_p
    loaded.nms_on_device.argtypes = [
        np.ctypeslib.ndpointer(np.float32, ndim=2, flags="C"),
        ctypes.c_int64,
        ctypes.c_double,
        ctypes.c_size_t,
        np.ctypeslib.ndpointer(np.uint8, flags="C"),
    ]
    return loaded


def run_kernel(kernel, ranked, threshold, mask_bytes):
    survives = np.full(len(ranked), 255, dtype=np.uint8)
    problem = kernel.nms_on_device(ranked, len(ranked), threshold, mask_bytes, survives)
    return problem or survives


@pytest.mark.parametrize("rounds", ["many", "few", "one"])
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 128, 500, 1100])
def test_kernel(kernel, random_boxes, count, rounds):
    ranked = random_boxes(count) / 4
    mask_bytes = {"many": 0, "few": count * 8 * 200, "one": 1 << 26}[rounds]
    for threshold in (0.0, 0.3, 0.8):
        survives = run_kernel(kernel, ranked, threshold, mask_bytes)
        np.testing.assert_array_equal(survives, cpu_nms.kept(ranked, threshold))


def test_kernel_at_the_threshold_itself(kernel):
    ranked = np.array([(0, 0, 9, 9), (0, 0, 9, 4), (20, 0, 29, 9), (20, 0, 29, 5)], np.float32)
    assert run_kernel(kernel, ranked, 0.5, 1 << 20).tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_kernel_reports_and_frees_when_memory_is_short(kernel, random_boxes, allowed):
    kernel.limit_allocations(allowed)
    try:
        assert run_kernel(kernel, random_boxes(100), 0.3, 0) == b"out of memory"
    finally:
        kernel.limit_allocations(-1)
    assert kernel.allocations_alive() == 0

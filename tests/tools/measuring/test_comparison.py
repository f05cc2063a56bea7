"""Detectors side by side."""

import json

import numpy as np
import pytest

from ssh_tf.datasets.records import ImageRecord
from ssh_tf.datasets.results import write_json
from ssh_tf.utils.errors import CheckpointError, DataError, ImageError, SSHError
from ssh_tf.utils.images import write_image
from ssh_tools.measuring import comparison, comparison_report
from ssh_tools.measuring.comparison import Contestant, compare_contestants

LARGE, SMALL = [10, 10, 50, 50], [60, 60, 70, 70]
# IoU with LARGE: 40·24 / 40·40 = 0.6; 40·16 / 40·40 = 0.4.
CLOSE, LOOSE = [10, 10, 50, 34], [10, 10, 50, 26]


def record(path, boxes):
    write_image(path, np.zeros((80, 100, 3), np.uint8))
    return ImageRecord(path, path.name, 80, 100, np.array(boxes, np.float32), np.zeros((0, 4), np.float32))


@pytest.fixture
def records(tmp_path):
    return [record(tmp_path / "a.png", [LARGE, SMALL]), record(tmp_path / "b.png", [LARGE])]


def always(*boxes):
    """A detector that finds the same boxes in each picture, the first one surest."""
    return lambda image: np.array([[*box, 0.9 - 0.1 * at] for at, box in enumerate(boxes)]).reshape(-1, 5)


def precisions(result):
    """By IoU: AP of all faces, of 8 to 16 px and of 32 px on."""
    return [
        [evaluation.overall.ap50, evaluation.by_size[1].ap50, evaluation.by_size[3].ap50]
        for evaluation in result.evaluations
    ]


def test_average_precision_at_both_overlaps(records):
    contestants = [
        Contestant(name, always(*boxes), 5)
        for name, boxes in {"both": [LARGE, SMALL], "close": [CLOSE], "loose": [LOOSE], "none": []}.items()
    ]
    found = compare_contestants(contestants, records)
    assert found.images == 2
    by_name = {result.name: precisions(result) for result in found.results}
    found_large = pytest.approx(2 / 3)
    # Its small box scores the same where it is right and where it is wrong, so both enter together.
    assert by_name["both"] == [[pytest.approx(2 / 3 + 1 / 3 * 3 / 4), 1 / 2, 1]] * 2
    assert by_name["close"] == [[found_large, 0, 1], [found_large, 0, 1]]
    assert by_name["loose"] == [[0, 0, 0], [found_large, 0, 1]]
    assert by_name["none"] == [[0, 0, 0], [0, 0, 0]]


def test_the_first_picture_is_shown_once_off_the_clock(records, monkeypatch):
    seen = []
    clock = iter([0.0, 2.0, 10.0, 16.0])
    monkeypatch.setattr(comparison.time, "perf_counter", lambda: next(clock))

    def detect(image):
        seen.append(image)
        return np.zeros((0, 5))

    (result,) = compare_contestants([Contestant("counting", detect, 1)], records).results
    assert len(seen) == 3
    assert result.images_per_second == 2 / 8


def test_a_picture_that_cannot_be_read_is_left_out_for_all(records, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    found = compare_contestants([Contestant("sure", always(LARGE), 1)], records)
    assert found.images == 1
    assert found.results[0].evaluations[0].overall.faces == 1
    assert "a.png" in found.problems.items(comparison.UNREADABLE_IMAGE)[0]
    (tmp_path / "b.png").unlink()
    with pytest.raises(DataError, match=r"none of the 2 images can be read: .*a\.png"):
        compare_contestants([Contestant("sure", always(LARGE), 1)], records)


def test_faces_of_a_picture_that_a_detector_refuses_are_missed(records):
    def refuse(image):
        raise ImageError("too narrow")

    found = compare_contestants([Contestant("choosy", refuse, 1), Contestant("sure", always(LARGE), 1)], records)
    assert [precisions(result)[0][2] for result in found.results] == [0, 1]
    assert found.problems.items(comparison.REFUSED) == [f"choosy: {name}: too narrow" for name in ("a.png", "b.png")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SSHError("not enough memory for the network"), "not enough memory for the network"),
        (ValueError("zero-size array\nto reduction"), "ValueError: zero-size array to reduction"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_whatever_a_detector_raises_costs_it_that_picture_alone(records, error, reason):
    shown = []

    def fail_once(image):
        shown.append(image)
        if len(shown) == 2:  # the first is off the clock
            raise error
        return always(LARGE)(image)

    found = compare_contestants([Contestant("choosy", fail_once, 1), Contestant("sure", always(LARGE), 1)], records)
    assert [precisions(result)[0][2] for result in found.results] == [pytest.approx(1 / 2), 1]
    assert found.problems.items(comparison.REFUSED) == [f"choosy: a.png: {reason}"]


@pytest.mark.parametrize("error", [CheckpointError("the graph fails"), KeyboardInterrupt()])
def test_a_model_that_does_not_work_or_a_user_ends_it(records, error):
    def fail(image):
        raise error

    with pytest.raises(type(error)):
        compare_contestants([Contestant("broken", fail, 1)], records)


def test_tables_hold_a_row_for_each_detector(records):
    found = compare_contestants(
        [Contestant("close", always(CLOSE), 2_500_000), Contestant("none", always(), 100)], records
    )
    header, first, second = comparison_report.text_table(found).splitlines()
    assert header.split()[-2:] == ["images/s", "MB"]
    assert first.split()[:9] == ["close", *["0.667", "0.000", "-", "1.000"] * 2]
    assert (first.split()[-1], second.split()[-1]) == ("2.5", "0.0")
    assert len({line.index("MB") + 2 if "MB" in line else len(line) for line in (header, first, second)}) == 1
    lines = comparison_report.markdown_table(found).splitlines()
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == first.split()
    assert {line.count("|") for line in lines} == {12}
    assert comparison_report.caption(found).startswith(
        "2 images, 3 faces: 0 of <8 px, 1 of 8-16 px, 0 of 16-32 px, 2 of >=32 px. "
    )


def test_json_and_plot(records, tmp_path):
    found = compare_contestants([Contestant("close", always(CLOSE), 10), Contestant("none", always(), 100)], records)
    write_json(tmp_path / "results.json", comparison_report.comparison_json(found, ["other: not installed"]))
    content = json.loads((tmp_path / "results.json").read_text())
    assert [(each["name"], each["bytes"]) for each in content["detectors"]] == [("close", 10), ("none", 100)]
    assert content["detectors"][0]["at_iou"]["0.3"]["by_size"][">=32"]["ap50"] == 1.0
    assert content["detectors"][0]["at_iou"]["0.5"]["by_size"]["16-32"]["ap50"] is None
    assert content["left_out"] == ["other: not installed"]
    paths = comparison_report.comparison_plot(tmp_path / "curves", found, "two detectors")
    assert [path.name for path in paths] == ["curves.png", "curves.pdf"]
    assert all(path.stat().st_size > 1000 for path in paths)

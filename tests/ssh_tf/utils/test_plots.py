"""What the plots show, and the files they become."""

import math

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from ssh_tf.utils import plots
from ssh_tf.utils.errors import DataError
from ssh_tf.utils.plots import (
    PlotCurve,
    plot_losses,
    precision_recall_figure,
    roc_figure,
    save_figure,
    training_figure,
)

CURVES = [
    PlotCurve("ours-0.900", [0.0, 0.5, 1.0], [math.nan, 1.0, 0.5], emphasised=True),
    PlotCurve("others-0.800", [0.0, 1.0], [1.0, 0.0]),
    PlotCurve("published-0.700"),
]


def legend(figure):
    return [text.get_text() for shown in figure.legends for text in shown.get_texts()]


def test_precision_recall_figure():
    figure = precision_recall_figure(CURVES, "title")
    axes = figure.axes[0]
    ours, others, published = axes.get_lines()
    np.testing.assert_array_equal(ours.get_xydata(), [[0, math.nan], [0.5, 1], [1, 0.5]])
    assert ours.get_linewidth() > others.get_linewidth()
    assert np.isnan(published.get_ydata()).all()
    assert legend(figure) == ["ours-0.900", "others-0.800", "published-0.700"]
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("title", "recall", "precision")


def test_roc_figure():
    figure = roc_figure([PlotCurve("ours", [0, 3000], [0.1, 0.9])], "FDDB", false_positives=1500)
    assert figure.axes[0].get_xlim() == (0, 1500)
    assert figure.axes[0].get_lines()[0].get_xydata().tolist() == [[0, 0.1], [3000, 0.9]]


def test_figure_without_curves():
    assert legend(precision_recall_figure([], "nothing")) == []


def test_files(tmp_path):
    paths = save_figure(precision_recall_figure(CURVES, "title"), tmp_path / "plots" / "curve")
    assert [path.name for path in paths] == ["curve.png", "curve.pdf"]
    picture = cv2.imread(str(paths[0]))
    assert picture.shape == (900, 1500, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    assert paths[1].read_bytes().startswith(b"%PDF")


def test_losses_are_smoothed_over_the_last_fiftieth():
    falling = PlotCurve("M1", np.arange(100), np.arange(100) + 1.0)
    figure = training_figure([falling], title="mine")
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_ydata()[[0, 1, 99]], [1, 1.5, 99.5])
    assert (axes.get_title(), axes.get_yscale()) == ("mine", "log")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["M1"]


def test_a_loss_that_is_nan_leaves_a_gap():
    shown = training_figure([PlotCurve("M1", [1, 2, 3], [2, math.nan, 1])]).axes[0].lines[0]
    np.testing.assert_array_equal(shown.get_ydata(), [2, math.nan, 1])


def test_losses_that_are_zero_have_a_linear_axis():
    figure = training_figure([PlotCurve("decay", [1, 2], [0, 0]), PlotCurve("total", [1, 2], [1, 1])])
    assert figure.axes[0].get_yscale() == "linear"


def test_learning_rate_and_validations():
    loss, rate, ap = PlotCurve("total", [1, 2], [2, 1]), PlotCurve("learning_rate", [1, 2], [0.1, 0.01]), CURVES[0]
    losses, validations, rates = training_figure([loss], [ap], rate).axes
    assert losses.lines[0].get_xydata().tolist() == [[1, 2], [2, 1]]
    np.testing.assert_array_equal(validations.lines[0].get_ydata(), ap.y)
    assert validations.get_ylim() == (0, 1)
    assert rates.lines[0].get_ydata().tolist() == [0.1, 0.01]


def test_table_of_losses(tmp_path, monkeypatch):
    (tmp_path / "loss.csv").write_text("iteration,learning_rate,M1_class,total\n10,0.001,0.5,2.0\n20,0.0001,0.25,1.0\n")
    plot_losses(tmp_path / "loss.csv", tmp_path / "loss.png")
    assert cv2.imread(str(tmp_path / "loss.png")).shape == (900, 1500, 3)
    drawn = {}
    monkeypatch.setattr(
        plots, "training_figure", lambda losses, **others: drawn.update(others, losses=losses) or Figure()
    )
    plot_losses(tmp_path / "loss.csv", tmp_path / "loss.png")
    assert [(curve.label, list(curve.x), list(curve.y), curve.emphasised) for curve in drawn["losses"]] == [
        ("M1_class", [10, 20], [0.5, 0.25], False),
        ("total", [10, 20], [2, 1], True),
    ]
    assert list(drawn["learning_rate"].y) == [0.001, 0.0001]


@pytest.mark.parametrize(
    "text", [None, "", "iteration,total\n", "iteration,total\n1\n", "iteration,total\n1,x\n", "a,b\n1,2\n3\n"]
)
def test_tables_that_are_none(tmp_path, text):
    if text is not None:
        (tmp_path / "loss.csv").write_text(text)
    with pytest.raises(DataError, match=r"loss\.csv: not a table of losses"):
        plot_losses(tmp_path / "loss.csv", tmp_path / "loss.png")

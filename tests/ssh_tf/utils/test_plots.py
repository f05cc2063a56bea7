"""What the plots show, and the files they become."""

import math

import cv2
import numpy as np
import pytest

from ssh_tf.utils.errors import DataError
from ssh_tf.utils.plots import (
    PlotCurve,
    loss_figure,
    plot_losses,
    precision_recall_figure,
    roc_figure,
    save_figure,
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


TABLE = "iteration,learning_rate,M1_class,total\n10,0.001,0.5,2.0\n20,0.0001,0.25,1.0\n"


def test_losses(tmp_path):
    (tmp_path / "loss.csv").write_text(TABLE)
    figure = loss_figure(tmp_path / "loss.csv")
    losses, rates = figure.axes
    assert legend(figure) == ["M1_class", "total"]
    assert [line.get_xydata().tolist() for line in losses.get_lines()] == [[[10, 0.5], [20, 0.25]], [[10, 2], [20, 1]]]
    assert rates.get_lines()[0].get_ydata().tolist() == [0.001, 0.0001]
    assert losses.get_yscale() == "log"
    plot_losses(tmp_path / "loss.csv", tmp_path / "loss.png")
    assert cv2.imread(str(tmp_path / "loss.png")) is not None


def test_losses_that_are_zero_have_a_linear_axis(tmp_path):
    (tmp_path / "loss.csv").write_text("iteration,decay,total\n1,0,1\n2,0,1\n")
    assert loss_figure(tmp_path / "loss.csv").axes[0].get_yscale() == "linear"


@pytest.mark.parametrize(
    "text", [None, "", "iteration,total\n", "iteration,total\n1\n", "iteration,total\n1,x\n", "a,b\n1,2\n3\n"]
)
def test_tables_that_are_none(tmp_path, text):
    if text is not None:
        (tmp_path / "loss.csv").write_text(text)
    with pytest.raises(DataError, match=r"loss\.csv: not a table of losses"):
        loss_figure(tmp_path / "loss.csv")

"""What the plots show, and the files they become."""

import math

import cv2
import numpy as np

from ssh_tf.utils.plots import (
    PlotCurve,
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


def test_no_two_of_many_curves_look_alike():
    figure = precision_recall_figure([PlotCurve(str(number), [0, 1], [1, 0]) for number in range(40)], "title")
    assert len({(line.get_color(), line.get_linestyle()) for line in figure.axes[0].get_lines()}) == 40


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


def test_losses_have_a_few_plain_ticks_and_the_validation_loss_a_line():
    loss, validation = PlotCurve("total", [1, 2, 3], [4, 0.3, 0.03]), PlotCurve("validation", [2], [1.5])
    figure = training_figure([loss], validation_loss=validation)
    figure.canvas.draw()
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    labels = [
        text.get_text() for at, text in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True) if low <= at <= high
    ]
    assert labels == ["0.05", "0.1", "0.2", "0.5", "1", "2", "5"][: len(labels)]
    assert len(labels) >= 6
    assert not [text.get_text() for text in axes.get_yticklabels(minor=True) if text.get_text()]
    assert axes.lines[-1].get_xydata().tolist() == [[2, 1.5]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["total", "validation"]


def test_names_are_no_formulas(tmp_path):
    texts = ["$\\undefined$", "$", "$$", "a_$x", "\\$x\\$", "$\\frac{"]
    figure = precision_recall_figure([PlotCurve(text, [0, 1], [1, 0]) for text in texts], "title")
    assert all(path.stat().st_size for path in save_figure(figure, tmp_path / "x"))
    for text in texts:
        roc_figure([], text).draw_without_rendering()

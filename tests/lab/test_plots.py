"""lab.plots: the pictures that notebooks share."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from genres.lab import plots


def test_bars_show_the_most_and_the_highlighted_with_their_errors():
    values = pd.Series({"a": 3.0, "b": 1.0, "c": 2.0, "d": 0.5})
    errors = pd.Series(0.1, values.index)
    figure = plots.bars(values, "Bars", "x", errors=errors, highlighted=["d"], n_most=2)
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "c", "d"]
    assert [bool(bar.get_hatch()) for bar in axis.patches] == [False, False, True]
    (whiskers,) = axis.collections
    assert [path.vertices[:, 0].round(9).tolist() for path in whiskers.get_paths()] == [
        [2.9, 3.1],
        [1.9, 2.1],
        [0.4, 0.6],
    ]
    plots.close(figure)


def test_gains_have_their_intervals_beside_each_other():
    lines = {"one": np.array([[1, 0, 3], [2, 1, 4]]), "other": np.zeros((2, 3))}
    figure = plots.gains([1, 35], lines, "Gains", "neighbours k", "points")
    (axis,) = figure.axes
    bars = [path.vertices for bars in axis.collections for path in bars.get_paths()]
    assert [bar[:, 1].tolist() for bar in bars] == [[0, 3], [1, 4], [0, 0], [0, 0]]
    assert len({bar[0, 0] for bar in bars}) == 4
    assert plots.describe(figure) == "Gains. points against neighbours k. Shown: one, other."
    plots.close(figure)


@pytest.mark.parametrize("width", [4.0, plots.WIDTH])
def test_a_picture_of_synthetic_music_says_so_where_no_legend_is(width):
    plots.set_style()
    figure, axis = plt.subplots(figsize=(width, 3))
    axis.plot([1, 2], label="almost as wide as the narrow picture")
    axis.set(xlabel="time in seconds")
    figure.legend(loc="outside lower center")
    plots.mark_synthetic(figure)
    plots.as_png(figure)
    (mark,), (legend,) = figure.texts, figure.legends
    label, *boxes = [part.get_window_extent() for part in (axis.xaxis.label, mark, legend)]
    assert not any(one.overlaps(other) for one, other in combinations([label, *boxes], 2))
    assert all(figure.bbox.contains(*box.min) for box in boxes)
    plots.close(figure)


def test_few_draws_are_drawn_as_points_and_many_as_percentiles():
    rng = np.random.default_rng(0)
    few, many = ({"accuracy": rng.random((n_draws, 3))} for n_draws in (3, 10))
    mean, *points = plots.growth([1, 2, 4], few, "title", "size", "share").axes[0].lines
    assert len(points) == 3
    np.testing.assert_allclose(mean.get_ydata(), few["accuracy"].mean(axis=0))
    np.testing.assert_allclose([line.get_ydata() for line in points], few["accuracy"])
    (axis,) = plots.growth([1, 2, 4], many, "title", "size", "share").axes
    assert len(axis.containers) == 1  # the mean with its bars
    plt.close("all")

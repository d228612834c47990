"""Pictures of scores: what is paired with what."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from genres.lab import scoreplots
from genres.models import evaluation


def test_a_model_and_its_calibrated_self_share_a_colour_and_have_counts():
    rng = np.random.default_rng(0)
    probabilities, labels = rng.dirichlet(np.ones(3), 60), rng.integers(3, size=60)
    before, after = (
        evaluation.reliability(rows, labels)
        for rows in (probabilities, evaluation.scale_temperature(probabilities, 2.0))
    )
    figure = scoreplots.reliability({"SVM": (before, after), "k-NN": (before, after)}, "Clips")
    svm, k_nn, *of_counts = figure.axes
    colours = [{line.get_color() for line in axis.lines[1:]} for axis in (svm, k_nn)]
    assert [len(colour) for colour in colours] == [1, 1] and colours[0] != colours[1]
    for axis in of_counts:
        assert [sum(line.get_ydata()) for line in axis.lines] == [60, 60]
    plt.close(figure)
    alone = scoreplots.reliability({"SVM": [before]}, "Clips")
    named = [text.get_text() for text in alone.legends[0].get_texts()]
    assert named == ["as trained", "perfectly calibrated"]
    plt.close(alone)


def test_a_gap_stands_beside_the_two_figures_that_it_is_between():
    row = {"naive": 0.9, "honest": 0.7, "points": 20.0, "low": 15.0, "high": 25.0}
    gaps = {"artist": {"SVM": row, "k-NN": row}, "copies": {"SVM": row | {"points": -1.0}}}
    figure = scoreplots.faults(gaps, "Faults")
    left, right = figure.axes
    names = [label.get_text() for label in left.get_yticklabels()]
    assert names == ["ARTIST", "SVM", "k-NN", "COPIES", "SVM"]
    drawn = {line.get_label(): line for axis in (left, right) for line in axis.lines}
    for label, of_rows in (("honest", [0.7] * 3), ("tempting", [0.9] * 3), ("gap", [20, 20, -1])):
        assert drawn[label].get_xdata() == pytest.approx(of_rows)
        assert list(drawn[label].get_ydata()) == [1, 2, 4]
    plt.close(figure)


def test_a_difference_is_filled_where_its_interval_does_not_hold_zero():
    table = pd.DataFrame(
        {"difference": [-2.0, 0.5, 3.0], "low": [-3.0, -0.5, 1.0], "high": [-1.0, 1.5, 5.0]},
        index=["64 units", "GRU", "tanh"],
    )
    figure = scoreplots.differences(table, "One change at a time", "points")
    (axis,) = figure.axes
    shown = {line.get_label(): list(line.get_xdata()) for line in axis.lines[1:]}
    assert shown == {"decided": [-2.0, 3.0], "undecided": [0.5]}
    assert [text.get_text() for text in axis.get_yticklabels()] == list(table.index)
    plt.close(figure)


def test_choices_among_scores_are_named_below_and_have_lines_of_their_own():
    marks = {"base": 0.4, "best": 0.5}
    figure = scoreplots.ranks({"all": np.linspace(0, 0.6, 50)}, marks, "Choices", "macro F1")
    lines = figure.axes[0].lines
    assert len({line.get_linestyle() for line in lines}) == 2
    (legend,) = figure.legends
    named = {text.get_text() for text in legend.get_texts()}
    assert named == {"all", "base: 0.400", "best: 0.500"}
    plt.close(figure)


def test_a_line_goes_through_a_networks_interval_or_from_its_least_to_its_most():
    values, families = {"a": [0.5, 0.7], "b": [0.6]}, {"a": "one", "b": "two"}
    intervals = {"a": (0.4, 0.8), "b": (0.55, 0.65)}
    for given, expected in (
        (intervals, [[0.4, 0.8], [0.55, 0.65]]),
        (None, [[0.5, 0.7], [0.6] * 2]),
    ):
        figure = scoreplots.spreads(values, families, "Networks", "accuracy", intervals=given)
        lines = [line for line in figure.axes[0].lines if line.get_marker() == "None"]
        assert [list(line.get_xdata()) for line in lines[:2]] == expected
        plt.close(figure)


def test_learning_curves_have_a_column_for_each_network_and_are_means_over_its_seeds():
    curves = {
        name: np.array([[3.0, 1.0], [5.0, 3.0]])
        for name in ("loss", "val_loss", "accuracy", "val_accuracy")
    }
    figure = scoreplots.learning_curves({"CNN: basic": curves, "LSTM": curves}, "Curves")
    assert len(figure.axes) == 4
    for axis in figure.axes:
        assert [list(line.get_ydata()) for line in axis.lines] == [[4.0, 2.0]] * 2
    plt.close(figure)

"""Pictures of scores: what is paired with what."""

import matplotlib.pyplot as plt
import numpy as np
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

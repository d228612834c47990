"""lab.featureplots: how features are distributed, and how far genres overlap in them."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from genres.lab import featureplots, plots


def test_overlap_of_two_normal_samples_is_nearly_the_theorys():
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=4000), rng.normal(2, 1, 4000)]
    overlap = featureplots.overlap_coefficients(samples)
    assert overlap[0, 1] == pytest.approx(2 * norm.cdf(-1), abs=0.02)
    assert overlap[0, 1] == overlap[1, 0]
    np.testing.assert_allclose(np.diag(overlap), 1)


def test_overlap_does_not_depend_on_the_unit():
    rng = np.random.default_rng(1)
    samples = [rng.gamma(2, size=300), rng.gamma(3, size=200)]
    in_hertz = featureplots.overlap_coefficients([1000 * sample for sample in samples])
    np.testing.assert_allclose(in_hertz, featureplots.overlap_coefficients(samples))


@pytest.mark.parametrize(("one", "other", "shared"), [(1.0, 1.0, 1.0), (1.0, 2.0, 0.0)])
def test_samples_without_spread_share_all_or_nothing(one, other, shared):
    samples = [np.full(5, one), np.full(5, other)]
    assert featureplots.overlap_coefficients(samples)[0, 1] == shared


def test_without_a_value_there_is_no_overlap():
    assert np.isnan(featureplots.overlap_coefficients([np.array([]), np.array([1.0, 2.0])])[0, 1])


def test_each_genre_has_a_row_of_panels_and_each_feature_a_column():
    table = pd.DataFrame(
        {"Genre": ["a"] * 3 + ["b"], "tempo": [90.0, 95, 120, 120], "rmse_mean": [1.0, 1, 1, 1]}
    )
    figure = featureplots.densities(table, ["tempo", "rmse_mean"], ["a", "b"])
    names = [(axis.get_ylabel(), axis.get_xlabel()) for axis in figure.axes]
    assert names == [("a", ""), ("", ""), ("b", "tempo (BPM)"), ("", "rmse_mean")]
    n_curves = [sum(len(line.get_xdata()) > 2 for line in axis.lines) for axis in figure.axes]
    assert n_curves == [1, 0, 0, 0]  # what does not vary has no density
    plots.close(figure)


@pytest.mark.parametrize("tempi", [[120.0] * 8, [120.0] * 4 + [90.0, 95.0, 100.0, 105.0]])
def test_densities_are_drawn_of_a_genre_that_has_one_tempo(tempi):
    table = pd.DataFrame({"Genre": ["techno"] * 4 + ["folk"] * 4, "tempo": tempi})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = featureplots.densities(table, ["tempo"], ["techno", "folk"])
        figure.canvas.draw()
    bars = figure.axes[0].patches
    assert np.isfinite([bar.get_height() for bar in bars]).all()
    plots.close(figure)

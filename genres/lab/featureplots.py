"""How are features distributed, and how far do genres overlap in them?"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from scipy.stats import gaussian_kde

from genres.lab.plots import WIDTH, genre_colours


def overlap_coefficients(samples, n_points: int = 512):
    """Area that the densities of each two samples share.

    Parameters
    ----------
    samples : sequence of array of float
        Values of a feature, one sample a genre.
    n_points : int
        Points at which the densities are compared.

    Returns
    -------
    array of float, shape (n_samples, n_samples)
        From 0, nothing in common, to 1, the same distribution; symmetric, with 1 on the diagonal,
        and NaN beside a sample without values. Densities are Gaussian kernel estimates with
        Scott's bandwidth. A sample without spread shares all with an equal one and nothing with
        others.
    """
    together = np.concatenate(samples)
    margin = (np.ptp(together) or 1.0) / 2
    grid = np.linspace(together.min() - margin, together.max() + margin, n_points)
    shares = np.array([_shares_of_points(sample, grid) for sample in samples])
    return np.minimum(shares[:, None], shares[None]).sum(axis=-1)


def _shares_of_points(sample, grid):
    """Distribute a sample of weight 1 over the points of a grid."""
    if len(sample) == 0:
        return np.full(len(grid), np.nan)
    if np.ptp(sample) == 0:
        return np.eye(len(grid))[np.abs(grid - sample[0]).argmin()]
    bandwidth = np.std(sample, ddof=1) * len(sample) ** (-1 / 5)
    density = np.exp(-0.5 * np.square((grid[:, None] - sample) / bandwidth)).sum(axis=1)
    return density / density.sum()


def densities(table, features: Sequence[str], genres: Sequence[str]):
    """Draw how features are distributed: a row for each genre, a column for each feature.

    Parameters
    ----------
    table : DataFrame
        Feature table.
    features : sequence of str
        What to draw.
    genres : sequence of str
        Which genres.

    Returns
    -------
    Figure
        Histograms of area 1, their kernel density estimates as lines, and the medians dotted. The
        panels of a column share their axes.
    """
    shape, size = (len(genres), len(features)), (WIDTH, 1.25 * len(genres) + 0.9)
    figure, axes = plt.subplots(*shape, figsize=size, sharex="col", sharey="col", squeeze=False)
    colours = genre_colours(genres)
    for column, feature in zip(axes.T, features, strict=True):
        limits = table.loc[table["Genre"].isin(genres), feature].agg(["min", "max"])
        if np.ptp(limits) == 0:
            limits += (-1, 1)
        bins = np.linspace(*limits, 13 if feature == "tempo" else 21)  # tempi come in steps
        grid = np.linspace(*limits, 200)
        for axis, genre in zip(column, genres, strict=True):
            values = table.loc[table["Genre"] == genre, feature]
            axis.hist(values, bins, density=True, color=colours[genre], alpha=0.5)
            if np.ptp(values) > 0:
                axis.plot(grid, gaussian_kde(values)(grid), color="0.2", linewidth=1.2)
            axis.axvline(values.median(), color="0.2", linestyle=":")
            axis.set(yticks=[], ylabel=genre if axis in axes[:, 0] else "")
        column[-1].set_xlabel(axis_label(feature), size=9)
        column[-1].tick_params(axis="x", labelsize=9)
    figure.suptitle("Densities and medians (dotted)", size="medium", weight="bold")
    return figure


def boxes(table, features, genres):
    """Draw the spread of features in all genres, a panel each.

    Parameters and result are those of `densities`.
    """
    n_rows = (len(features) + 1) // 2
    figure, axes = plt.subplots(n_rows, 2, figsize=(WIDTH, 3.3 * n_rows), sharey=True)
    by_genre = {"y": "Genre", "order": genres, "hue": "Genre", "hue_order": genres}
    look = {"palette": genre_colours(genres), "width": 0.65, "fliersize": 2, "linewidth": 1}
    for axis, feature in zip(axes.flat, features, strict=False):
        sns.boxplot(table, x=feature, **by_genre, **look, legend=False, ax=axis)
        axis.set(xlabel=axis_label(feature), ylabel="")
    figure.suptitle("Quartiles, range and outliers of each genre", size="medium", weight="bold")
    return figure


def axis_label(feature):
    """Write a feature's name with its unit, where it has one."""
    if feature == "tempo":
        return "tempo (BPM)"
    in_hertz = ("spectral_rolloff", "spectral_centroid", "spectral_bandwidth")
    return f"{feature} (Hz)" if feature.startswith(in_hertz) else feature

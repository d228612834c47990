"""What do the features of a table look like?"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from scipy.stats import gaussian_kde

from genres.lab.plots import WIDTH, genre_colours


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
    return figure


def axis_label(feature):
    """Write a feature's name with its unit, where it has one."""
    if feature == "tempo":
        return "tempo (BPM)"
    in_hertz = ("spectral_rolloff", "spectral_centroid", "spectral_bandwidth")
    return f"{feature} (Hz)" if feature.startswith(in_hertz) else feature

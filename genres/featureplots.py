"""What do features look like, genre by genre?"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from scipy.stats import gaussian_kde

from genres.plots import LINES, WIDTH, genre_colours


def densities(table, features, genres):
    """Draw histograms and densities of features, a panel each, over genres.

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
    """
    n_rows = (len(features) + 1) // 2
    figure, axes = plt.subplots(n_rows, 2, figsize=(WIDTH, 3.1 * n_rows))
    colours = genre_colours(genres)
    for axis, feature in zip(axes.flat, features, strict=False):
        values = {genre: table.loc[table["Genre"] == genre, feature] for genre in genres}
        limits = table.loc[table["Genre"].isin(genres), feature].agg(["min", "max"])
        bins = np.linspace(*limits, 13 if feature == "tempo" else 25)  # tempi come in steps
        grid = np.linspace(*limits, 200)
        for genre, line in zip(genres, cycle(LINES), strict=False):
            axis.hist(values[genre], bins, density=True, color=colours[genre], alpha=0.25)
            density = gaussian_kde(values[genre])(grid)
            axis.plot(grid, density, linestyle=line, color=_darker(colours[genre]), label=genre)
        axis.set(xlabel=axis_label(feature), ylabel="density")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(genres))
    return figure


def _darker(colour):
    return tuple(0.75 * channel for channel in colour)


def boxes(table, features, genres):
    """Draw the spread of features in all genres, a panel each.

    Parameters and result are those of `densities`.
    """
    n_rows = (len(features) + 1) // 2
    figure, axes = plt.subplots(n_rows, 2, figsize=(WIDTH, 3.3 * n_rows), sharey=True)
    for axis, feature in zip(axes.flat, features, strict=False):
        sns.boxplot(
            table,
            x=feature,
            y="Genre",
            order=genres,
            hue="Genre",
            hue_order=genres,
            palette=genre_colours(genres),
            width=0.65,
            fliersize=2,
            linewidth=1,
            legend=False,
            ax=axis,
        )
        axis.set(xlabel=axis_label(feature), ylabel="")
    return figure


def axis_label(feature):
    """Write a feature's name with its unit, where it has one."""
    if feature == "tempo":
        return "tempo (BPM)"
    in_hertz = ("spectral_rolloff", "spectral_centroid", "spectral_bandwidth")
    return f"{feature} (Hz)" if feature.startswith(in_hertz) else feature

"""What does it look like?"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import MaxNLocator
from scipy.stats import gaussian_kde

WIDTH = 9.0
"""Width of a picture in inches: readable at the width at which notebooks are shown."""

SEQUENTIAL = "viridis"
"""The map for amounts: even in lightness, so it keeps its order in greyscale."""

DIVERGING = "vlag"
"""The map for amounts that have a middle."""

# One colour a genre throughout the report, from a palette made for colour-blind readers.
_PALETTE = sns.color_palette("colorblind", 10)
_LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
_GTZAN_COLOURS = {
    "pop": _PALETTE[6],
    "metal": _PALETTE[7],
    "disco": _PALETTE[1],
    "blues": _PALETTE[0],
    "reggae": _PALETTE[2],
    "classical": _PALETTE[9],
    "rock": _PALETTE[3],
    "hiphop": _PALETTE[8],
    "country": _PALETTE[5],
    "jazz": _PALETTE[4],
}


def set_style():
    """Give all pictures of a notebook one look."""
    sns.set_theme(
        style="whitegrid",
        context="notebook",
        rc={
            "figure.dpi": 100,
            "savefig.dpi": 100,
            "figure.constrained_layout.use": True,
            "axes.titlesize": "medium",
            "axes.titleweight": "bold",
            "axes.labelsize": "medium",
            "grid.color": "0.9",
        },
    )


def close(figure):
    """Forget a picture that was shown, so that it is not shown again."""
    plt.close(figure)


def mark_synthetic(figure):
    """Say on a picture that its music was made by a program."""
    figure.text(0.995, 0.005, "synthetic music", ha="right", va="bottom", color="0.4", size=9)


def genre_colours(genres):
    """Colour of each genre: fixed for GTZAN's, else in turn."""
    return {
        genre: _GTZAN_COLOURS.get(genre, _PALETTE[number % len(_PALETTE)])
        for number, genre in enumerate(genres)
    }


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
        for genre, line in zip(genres, cycle(_LINES), strict=False):
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


def confusion(labels, answers, genres, title, counted="tracks"):
    """Draw how often each genre was answered for each true genre.

    Parameters
    ----------
    labels, answers : array of int, shape (n_tracks,)
        True and answered genre ids.
    genres : sequence of str
        Names, by id.
    title : str
        Title of the picture.
    counted : str
        What was answered, in the plural.

    Returns
    -------
    Figure
    """
    counts = np.zeros((len(genres), len(genres)), dtype=int)
    np.add.at(counts, (labels, answers), 1)
    figure, axis = plt.subplots(figsize=(WIDTH * 0.72, WIDTH * 0.62))
    sns.heatmap(
        counts,
        annot=np.where(counts > 0, counts.astype(str), ""),
        fmt="",
        cmap="Blues",
        square=True,
        linewidths=0.5,
        xticklabels=genres,
        yticklabels=genres,
        cbar_kws={"label": counted},
        ax=axis,
    )
    axis.set(title=title, xlabel="answered genre", ylabel="true genre")
    return figure


def matrix(
    values, row_names, column_names, title, bar_label, *, annotate=False, centre=None, numbered=None
):
    """Draw a matrix of numbers with the names of its rows and columns.

    Parameters
    ----------
    values : array of float, shape (n_rows, n_columns)
        The numbers; NaN is left white.
    row_names, column_names : sequence of str
        Names.
    title, bar_label : str
        Title of the picture and of its colour bar.
    annotate : bool
        Whether to write the numbers into their cells.
    centre : float, optional
        Middle of a diverging map; without it the map is sequential.
    numbered : tuple of (rows, columns), optional
        Cells to mark with 1, 2, 3, …

    Returns
    -------
    Figure
    """
    n_rows, n_columns = np.shape(values)
    cell = min(0.62, (WIDTH - 2) / n_columns, 10 / n_rows)
    figure, axis = plt.subplots(figsize=(WIDTH, cell * n_rows + 1.8))
    sns.heatmap(
        values,
        annot=annotate,
        fmt=".2f",
        annot_kws={"size": 8},
        cmap=SEQUENTIAL if centre is None else DIVERGING,
        center=centre,
        xticklabels=column_names,
        yticklabels=row_names,
        linewidths=0.5 if n_columns < 20 else 0,
        cbar_kws={"label": bar_label},
        ax=axis,
    )
    axis.set_title(title)
    axis.grid(visible=False)
    if n_columns < 6:
        wrapped = [name.replace(" ", "\n", 1) for name in column_names]
        axis.set_xticks(axis.get_xticks(), wrapped, rotation=0, size=8)
    for side, n_names in (("x", n_columns), ("y", n_rows)):
        if n_names > 20:
            axis.tick_params(axis=side, labelsize=8 if cell > 0.15 else 5.5)
    if numbered:
        for number, (row, column) in enumerate(zip(*numbered, strict=True), start=1):
            axis.text(column + 0.5, row + 0.5, number, ha="center", va="center", weight="bold")
    return figure


def bars(values, title, label, *, highlighted=(), n_most=None):
    """Draw named numbers as bars, largest first.

    Parameters
    ----------
    values : Series
        The numbers, by name.
    title, label : str
        Title of the picture and of its axis of numbers.
    highlighted : sequence of str
        Names to draw in a second colour.
    n_most : int, optional
        How many to draw.

    Returns
    -------
    Figure
    """
    ordered = values.sort_values(ascending=False).head(n_most or len(values))
    height = 0.26 if len(ordered) <= 30 else 0.16
    figure, axis = plt.subplots(figsize=(WIDTH, height * len(ordered) + 1.2))
    colours = [_PALETTE[1] if name in highlighted else _PALETTE[0] for name in ordered.index]
    axis.barh(ordered.index, ordered, color=colours)
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.tick_params(axis="y", labelsize=10 if len(ordered) <= 30 else 7.5)
    axis.grid(axis="y", visible=False)
    axis.set(title=title, xlabel=label)
    return figure


def grouped_bars(values, title, label):
    """Draw groups of named numbers as bars side by side.

    Parameters
    ----------
    values : dict of str to dict of str to float
        For each group its numbers, by name.
    title, label : str
        Title of the picture and of its axis of numbers.

    Returns
    -------
    Figure
    """
    names = list(next(iter(values.values())))
    figure, axis = plt.subplots(figsize=(WIDTH, 3.8))
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        heights = [group[name] for group in values.values()]
        places = np.arange(len(values)) + (number - (len(names) - 1) / 2) * width
        drawn = axis.bar(places, heights, width, color=_PALETTE[number], label=name)
        axis.bar_label(drawn, fmt="%.2f", size=8)
    axis.set_xticks(range(len(values)), values)
    axis.grid(axis="x", visible=False)
    axis.set(title=title, ylabel=label)
    figure.legend(loc="outside lower center", ncols=len(names))
    return figure


def ranks(scores, marks, title, label):
    """Draw how scores are distributed, and where some of them lie.

    Parameters
    ----------
    scores : dict of str to array of float
        Scores of each group of candidates; each group has area 1.
    marks : dict of str to float
        Scores to point out.
    title, label : str
        Title of the picture and name of the score.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 4.4))
    for number, (name, values) in enumerate(scores.items()):
        sns.histplot(
            x=values,
            stat="density",
            bins=60 if len(values) > 1000 else 20,
            element="step",
            alpha=0.3,
            color=_PALETTE[number],
            label=name,
            ax=axis,
        )
    top = 1.8 * axis.get_ylim()[1]  # room for the names
    axis.set_ylim(0, top)
    for name, score in marks.items():
        axis.axvline(score, color="0.15", linewidth=1)
        axis.text(
            score, 0.98 * top, f"{name}: {score:.3f}", rotation=90, ha="right", va="top", size=8
        )
    axis.set(title=title, xlabel=label, ylabel="density")
    axis.legend(loc="upper left")
    return figure


def spreads(values, families, title, label, *, reference=None, reference_name=None):
    """Draw several measurements each of many candidates, grouped by family.

    Parameters
    ----------
    values : dict of str to sequence of float
        Measurements of each candidate.
    families : dict of str to str
        Family of each candidate.
    title, label : str
        Title of the picture and name of the measurement.
    reference : dict of str to float, optional
        A value to set beside each candidate's, drawn as a cross.
    reference_name : str, optional
        What the crosses are.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 0.3 * len(values) + 1.4))
    names = list(families.values())
    kinds = sorted(set(names), key=names.index)
    markers = dict(zip(kinds, "osD^vP", strict=False))
    colours = dict(zip(kinds, _PALETTE, strict=False))
    for row, (name, measured) in enumerate(values.items()):
        kind = families[name]
        first = name == next(n for n in values if families[n] == kind)
        axis.plot([min(measured), max(measured)], [row, row], color=colours[kind], linewidth=2)
        axis.plot(
            measured,
            [row] * len(measured),
            markers[kind],
            color=colours[kind],
            markersize=6,
            linestyle="",
            label=kind if first else None,
        )
    if reference:
        crosses = [reference[name] for name in values]
        axis.plot(crosses, range(len(values)), "x", color="0.2", markersize=7, label=reference_name)
    axis.set_yticks(range(len(values)), values)
    axis.invert_yaxis()
    axis.set(title=title, xlabel=label)
    figure.legend(loc="outside lower center", ncols=len(kinds) + 1)
    return figure


def curves(training, validation, title, label, counted="tracks"):
    """Draw learning curves: mean and range over the members of an ensemble.

    Parameters
    ----------
    training, validation : array of float, shape (n_members, n_epochs)
        One curve a member.
    title, label : str
        Title of the picture and name of what is drawn.
    counted : str
        What was learnt from and held out, in the plural.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 3.6))
    epochs = np.arange(1, training.shape[1] + 1)
    named = {f"training {counted}": (training, "-"), f"held-out {counted}": (validation, "--")}
    for number, (name, (values, line)) in enumerate(named.items()):
        axis.plot(epochs, values.mean(axis=0), line, color=_PALETTE[number], label=name)
        axis.fill_between(
            epochs, values.min(axis=0), values.max(axis=0), color=_PALETTE[number], alpha=0.2
        )
    axis.set(title=title, xlabel="epoch", ylabel=label, xlim=(1, len(epochs)))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend()
    return figure


def growth(sizes, lines, title, x_label, y_label):
    """Draw how numbers grow with a size, each with its spread.

    Parameters
    ----------
    sizes : sequence of int
        The sizes.
    lines : dict of str to array of float, shape (n_draws, n_sizes)
        Draws of each number; their mean is the point, their 10th to 90th percentile the bar.
    title, x_label, y_label : str
        Title and axis labels.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 3.6))
    for number, (name, draws) in enumerate(lines.items()):
        aside = (number - (len(lines) - 1) / 2) * np.ptp(sizes) / 60
        mean = draws.mean(axis=0)
        axis.errorbar(
            np.add(sizes, aside),
            mean,
            np.abs(np.percentile(draws, [10, 90], axis=0) - mean),
            linestyle=_LINES[number],
            marker="os^D"[number],
            color=_PALETTE[number],
            capsize=3,
            label=name,
        )
    axis.set(title=title, xlabel=x_label, ylabel=y_label, xticks=sizes)
    axis.legend(title="mean, 10th to\n90th percentile", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def points(x, y, names, title, x_label, y_label):
    """Draw named points, each with its name beside it, in the colour of its genre."""
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 4.2))
    colours = genre_colours(names)
    for name, at_x, at_y in zip(names, x, y, strict=True):
        axis.plot(at_x, at_y, "o", color=colours[name], markersize=9)
        # A name goes to the left of its point where it would run into another point.
        in_the_way = any(
            0 < other_x - at_x < np.ptp(x) / 5 and abs(other_y - at_y) < np.ptp(y) / 14
            for other_x, other_y in zip(x, y, strict=True)
        )
        axis.annotate(
            name,
            (at_x, at_y),
            xytext=(-9 if in_the_way else 9, 0),
            textcoords="offset points",
            ha="right" if in_the_way else "left",
            va="center",
            size=10,
        )
    axis.margins(0.12)
    axis.set(title=title, xlabel=x_label, ylabel=y_label)
    return figure

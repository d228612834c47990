"""What does it look like?"""

import io
from collections.abc import Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

WIDTH = 9.0
"""Width of a picture in inches: readable at the width at which notebooks are shown."""

SEQUENTIAL = "viridis"
"""The map for amounts: even in lightness, so it keeps its order in greyscale."""

DIVERGING = "vlag"
"""The map for amounts that have a middle."""

PALETTE = sns.color_palette("colorblind", 10)
"""Colours that colour-blind readers can tell apart; a genre keeps its own throughout the report."""

LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""Styles of lines, so that no line is known by its colour alone."""

_FEWEST_FOR_PERCENTILES = 10  # draws
_MARK = 0.18  # inches, of the line that says that music is synthetic

_GTZAN_COLOURS = {
    "pop": PALETTE[6],
    "metal": PALETTE[7],
    "disco": PALETTE[1],
    "blues": PALETTE[0],
    "reggae": PALETTE[2],
    "classical": PALETTE[9],
    "rock": PALETTE[3],
    "hiphop": PALETTE[8],
    "country": PALETTE[5],
    "jazz": PALETTE[4],
}


def set_style():
    """Give all pictures of a notebook one look, whatever the user's own settings are."""
    plt.rcdefaults()
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
    """Say on a picture that its music was made by a program: below its legend, if it has one."""
    if figure.legends:
        height = figure.get_figheight() + _MARK
        figure.set_figheight(height)
        figure.get_layout_engine().set(rect=(0, _MARK / height, 1, 1 - _MARK / height))
        for legend in figure.legends:
            legend.borderaxespad += 72 * _MARK / legend.prop.get_size_in_points()
    figure.text(0.995, 0.005, "synthetic music", ha="right", va="bottom", color="0.4", size=9)


def as_png(figure):
    """Draw a picture, and give it as the bytes of a PNG file."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # saving a figure draws it twice
    png = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(png, "png")
    return png.getvalue()


def describe(figure) -> str:
    """Say what a picture shows, for readers who do not see it: titles, axes and legends.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    str
        Each thing once, in the order in which they are drawn.
    """
    parts = [figure.get_suptitle()]
    legends = [legend for part in (figure, *figure.subfigs) for legend in part.legends]
    for axis in figure.axes:
        names = [name for name in (axis.get_ylabel(), axis.get_xlabel()) if name]
        parts += [axis.get_title(), " against ".join(names)]
        legends += [axis.get_legend()] if axis.get_legend() else []
    named = [text.get_text() for legend in legends for text in legend.get_texts()]
    parts += [f"Shown: {', '.join(dict.fromkeys(named))}"] if named else []
    return ". ".join(dict.fromkeys(" ".join(part.split()) for part in parts if part)) + "."


def genre_colours(genres):
    """Colour of each genre: fixed for GTZAN's, else in turn."""
    return {
        genre: _GTZAN_COLOURS.get(genre, PALETTE[number % len(PALETTE)])
        for number, genre in enumerate(genres)
    }


def looks(lines):
    """Go through lines: give the values of each, and a look that none of ten shares.

    Parameters
    ----------
    lines : dict of str to object
        Values by name.

    Yields
    ------
    values : object
    look : dict
        For `Axes.plot`: line, marker, colour and, for the legend, the name.
    """
    each = zip(lines.items(), cycle(LINES), cycle("os^Dv"), cycle(PALETTE), strict=False)
    for (name, values), line, marker, colour in each:
        yield values, {"linestyle": line, "marker": marker, "color": colour, "label": name}


def matrix(
    values,
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str,
    bar_label: str,
    *,
    x_label: str = "",
    y_label: str = "",
    annotate: bool = False,
    centre: float | None = None,
    numbered=((), ()),
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
    x_label, y_label : str
        Titles of its axes, where the names do not speak for themselves.
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
    axis.set(title=title, xlabel=x_label, ylabel=y_label)
    axis.tick_params(axis="y", rotation=0)
    axis.grid(visible=False)
    if n_columns < 6:
        wrapped = [name.replace(" ", "\n", 1) for name in column_names]
        axis.set_xticks(axis.get_xticks(), wrapped, rotation=0, size=8)
    elif n_columns <= 20:
        axis.tick_params(axis="x", labelsize=9)
    for side, n_names in (("x", n_columns), ("y", n_rows)):
        if n_names > 20:
            axis.tick_params(axis=side, labelsize=8 if cell > 0.15 else 5.5)
    for number, (row, column) in enumerate(zip(*numbered, strict=True), start=1):
        axis.text(column + 0.5, row + 0.5, number, ha="center", va="center", weight="bold")
    return figure


def bars(
    values,
    title: str,
    label: str,
    *,
    errors=None,
    highlighted: Sequence[str] = (),
    n_most: int | None = None,
):
    """Draw named numbers as bars, largest first.

    Parameters
    ----------
    values : Series
        The numbers, by name.
    title, label : str
        Title of the picture and of its axis of numbers.
    errors : Series, optional
        How far each number's interval reaches to both sides, by name.
    highlighted : sequence of str
        Names to draw hatched, in a second colour.
    n_most : int, optional
        How many to draw; the highlighted ones are drawn in any case.

    Returns
    -------
    Figure
    """
    ordered = values.sort_values(ascending=False)
    ordered = ordered[
        (np.arange(len(ordered)) < (n_most or np.inf)) | ordered.index.isin(highlighted)
    ]
    height = 0.26 if len(ordered) <= 30 else 0.16
    figure, axis = plt.subplots(figsize=(WIDTH, height * len(ordered) + 1.2))
    hatched = ordered.index.isin(highlighted)
    reach = None if errors is None else errors[ordered.index]
    colours = [PALETTE[1] if marked else PALETTE[0] for marked in hatched]
    look = {"color": colours, "hatch": np.where(hatched, "///", ""), "edgecolor": "white"}
    axis.barh(ordered.index, ordered, xerr=reach, ecolor="0.2", capsize=2, **look)
    axis.invert_yaxis()
    axis.margins(y=0.01)
    axis.tick_params(axis="y", labelsize=10 if len(ordered) <= 30 else 7.5)
    axis.grid(axis="y", visible=False)
    axis.set(title=title, xlabel=label)
    return figure


def grouped_bars(values, title: str, label: str):
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
        drawn = axis.bar(places, heights, width, color=PALETTE[number], label=name)
        axis.bar_label(drawn, fmt="%.2f", size=8)
    axis.set_xticks(range(len(values)), values)
    axis.grid(axis="x", visible=False)
    axis.set(title=title, ylabel=label)
    figure.legend(loc="outside lower center", ncols=len(names))
    return figure


def growth(sizes, lines, title: str, x_label: str, y_label: str, *, log: bool = False):
    """Draw how numbers grow with a size: their mean, and how they spread.

    Parameters
    ----------
    sizes : sequence of int
        The sizes.
    lines : dict of str to array of float, shape (n_draws, n_sizes)
        Draws of each number. Ten or more are drawn as their 10th to 90th percentile, fewer as a
        point each.
    title, x_label, y_label : str
        Title and axis labels.
    log : bool, optional
        Whether a step is a factor: for sizes that double.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 3.6))
    few = all(len(draws) < _FEWEST_FOR_PERCENTILES for draws in lines.values())
    for number, (draws, look) in enumerate(looks(lines)):
        aside = number - (len(lines) - 1) / 2
        places = (
            np.multiply(sizes, 1.06**aside) if log else np.add(sizes, aside * np.ptp(sizes) / 60)
        )
        mean = draws.mean(axis=0)
        if few:
            axis.plot(places, mean, **look | {"marker": ""})
            axis.plot(places, draws.T, **look | {"linestyle": "", "label": None}, alpha=0.6)
        else:
            spread = np.abs(np.percentile(draws, [10, 90], axis=0) - mean)
            axis.errorbar(places, mean, spread, capsize=3, **look)
    axis.set(title=title, xlabel=x_label, ylabel=y_label, xscale="log" if log else "linear")
    axis.set_xticks(sizes, sizes)
    axis.minorticks_off()
    spread_name = "mean, each draw" if few else "mean, 10th to\n90th percentile"
    axis.legend(title=spread_name, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def gains(sizes: Sequence[int], lines: dict, title: str, x_label: str, y_label: str):
    """Draw how far settings are ahead of one of them, each with its interval.

    Parameters
    ----------
    sizes : sequence of int
        The settings, from left to right.
    lines : dict of str to array of float, shape (n_sizes, 3)
        For each setting its gain, and from where to where that may lie.
    title, x_label, y_label : str
        Title and axis labels.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 3.8))
    axis.axhline(0, color="0.3", linewidth=1)
    places = np.arange(len(sizes))
    for number, (values, look) in enumerate(looks(lines)):
        gain, low, high = np.transpose(values)
        aside = 0.12 * (number - (len(lines) - 1) / 2)
        axis.errorbar(places + aside, gain, (gain - low, high - gain), capsize=3, **look)
    axis.set_xticks(places, sizes)
    axis.set(title=title, xlabel=x_label, ylabel=y_label)
    figure.legend(loc="outside lower center", ncols=len(lines))
    return figure


def points(x, y, names: Sequence[str], title: str, x_label: str, y_label: str, *, intervals=None):
    """Draw named points, each with its name beside it, in the colour of its genre.

    Parameters
    ----------
    x, y : array of float, shape (n_points,)
        Where they are.
    names : sequence of str
        Their names.
    title, x_label, y_label : str
        Title and axis labels.
    intervals : array of float, shape (n_points, 2), optional
        From where to where each may lie upwards.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.85, 4.8))
    colours = genre_colours(names)
    if intervals is not None:
        axis.vlines(x, *np.transpose(intervals), color="0.7", linewidth=1.5, zorder=1)
    for name, at_x, at_y in zip(names, x, y, strict=True):
        axis.plot(at_x, at_y, "o", color=colours[name], markersize=9)
        # A name goes to the left of its point where it would run into another point.
        in_the_way = any(
            0 < other_x - at_x < np.ptp(x) / 5 and abs(other_y - at_y) < np.ptp(y) / 14
            for other_x, other_y in zip(x, y, strict=True)
        )
        offset, side = (-9, "right") if in_the_way else (9, "left")
        aside = {"xytext": (offset, 0), "textcoords": "offset points", "ha": side, "va": "center"}
        axis.annotate(name, (at_x, at_y), size=10, **aside)
    axis.margins(0.12)
    axis.set(title=title, xlabel=x_label, ylabel=y_label)
    return figure

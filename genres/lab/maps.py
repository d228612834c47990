"""What does a map of genres look like?"""

import base64
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
from matplotlib.colors import to_hex
from plotly.subplots import make_subplots

from genres.lab import plots
from genres.lab.plots import WIDTH, genre_colours

PLOTLY = "application/vnd.plotly.v1+json"
"""The kind of output that JupyterLab's plotly extension draws, so that it can be turned."""

_ALL_AXES = ("x", "y", "z")
_MOST_COLUMNS = 5  # of panels
_PLACES = {"left": 0.01, "right": 0.97, "bottom": 0.06, "top": 0.94, "wspace": 0.05, "hspace": 0.15}


class Map(NamedTuple):
    """Clips as points.

    Attributes
    ----------
    coordinates : array of float, shape (n_clips, 2) or (n_clips, 3)
        Where each clip lies; maps of two axes are drawn by `plane`, of three by `space`.
    labels : array of int, shape (n_clips,)
        Genre ids.
    names : sequence of str, shape (n_clips,)
        What the clips are called.
    """

    coordinates: np.ndarray
    labels: np.ndarray
    names: np.ndarray


class Turnable:
    """Maps in three dimensions: to be turned where plotly is at hand, elsewhere a still picture.

    Shown in a notebook, it is one output of two kinds, of which a reader of notebooks draws the one
    it can: `PLOTLY`, which needs plotly's extension of JupyterLab, and PNG. What is written across
    the still picture, such as a mark, stands below the turnable one too.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The still picture.
    scenes : plotly.graph_objects.Figure
        The turnable one.
    titles : list of str
        Of the maps.
    """

    def __init__(self, figure, scenes, titles):
        self.figure, self.scenes, self.titles = figure, scenes, titles

    def __repr__(self):
        return f"<maps of genres: {', '.join(self.titles)}>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        still = plots.as_png(self.figure)
        turnable = go.Figure(self.scenes)
        for text in self.figure.texts:
            turnable.add_annotation(
                text=text.get_text(), x=1, y=0, xref="paper", yref="paper", showarrow=False
            )
        return {
            PLOTLY: turnable.to_plotly_json(),
            "image/png": base64.b64encode(still).decode("ascii"),
            "text/plain": repr(self),
        }


def plane(maps, genres: Sequence[str]):
    """Draw maps in two dimensions, a panel for each genre of each.

    Parameters
    ----------
    maps : dict of str to Map
        Maps of two axes, by title.
    genres : sequence of str
        Names of genres, by id.

    Returns
    -------
    Figure
        In a panel the clips of one genre have its colour and all others are grey; the large marker
        is at the median of the genre's clips. Each axis is stretched to fill its panel.
    """
    figure, panels = _panels(maps, genres)
    for axis, title, drawn, number in panels:
        _draw(axis, drawn, number, genres)
        axis.set_title(f"{title}: {genres[number]}", size=9)
        axis.tick_params(labelsize=7, pad=0)
        axis.locator_params(nbins=4)
        axis.label_outer()
    figure.supxlabel("axis 1", size=10)
    figure.supylabel("axis 2", size=10)
    return figure


def space(maps, genres: Sequence[str]):
    """Draw maps in three dimensions.

    Parameters
    ----------
    maps : dict of str to Map
        Maps of three axes, by title.
    genres : sequence of str
        Names of genres, by id.

    Returns
    -------
    Turnable
        Its still picture has the panels of `plane`. In the turnable one, which has one for each
        map, the pointer on a clip shows its name and genre, and the legend hides and shows genres.
    """
    figure, panels = _panels(
        maps, genres, gridspec_kw=_PLACES, subplot_kw={"projection": "3d", "computed_zorder": False}
    )
    # A layout would need the size of axes before their view is known. As an argument of subplots,
    # this holds only until the picture is saved.
    figure.set_layout_engine("none")
    for axis, title, drawn, number in panels:
        _draw(axis, drawn, number, genres)
        axis.set_title(f"{title}: {genres[number]}", size=9, y=0.98)
        axis.set_box_aspect((1, 1, 1), zoom=1.05)
        for place, name in enumerate(_ALL_AXES, start=1):
            axis.set(**{f"{name}ticklabels": []})
            getattr(axis, f"set_{name}label")(f"axis {place}", size=7, labelpad=-17)
            getattr(axis, f"{name}axis").set_pane_color("0.97")
    return Turnable(figure, _scenes(maps, genres), list(maps))


def _panels(maps, genres, **options):
    """Give a figure, and a panel for each genre of each map: (axis, title, map, genre id)."""
    n_columns = min(len(genres), _MOST_COLUMNS)
    n_rows = -(-len(genres) // n_columns)
    size = WIDTH / max(n_columns, 3)
    figure, axes = plt.subplots(
        n_rows * len(maps),
        n_columns,
        figsize=(WIDTH, size * n_rows * len(maps) + 0.4),
        squeeze=False,
        **options,
    )
    panels = []
    for of_map, (title, drawn) in zip(np.split(axes, len(maps)), maps.items(), strict=True):
        for number, axis in enumerate(of_map.flat):
            if number < len(genres):
                panels.append((axis, title, drawn, number))
            else:
                axis.set_visible(False)
    return figure, panels


def _draw(axis, drawn, number, genres):
    """Draw the clips of a map: those of one genre in its colour, above all others."""
    size, own = np.clip(3000 / len(drawn.labels), 4, 20), drawn.labels == number
    colour = genre_colours(genres)[genres[number]]
    axis.scatter(*drawn.coordinates[~own].T, s=size, color="0.88", linewidth=0)
    axis.scatter(*drawn.coordinates[own].T, s=2 * size, color=colour, linewidth=0, zorder=5)
    if own.any():
        median = np.median(drawn.coordinates[own], axis=0)[:, None]
        look = {"marker": "D", "markerfacecolor": colour, "markeredgecolor": "0.15"}
        axis.plot(*median, linestyle="", markersize=6, zorder=10, **look)


def _by_genre(drawn, genres):
    """Give the id and the points of each genre that has any."""
    for number in range(len(genres)):
        if np.any(drawn.labels == number):
            yield number, drawn.coordinates[drawn.labels == number]


def _scenes(maps, genres):
    """Draw maps with plotly, a scene each."""
    figure = make_subplots(
        cols=len(maps),
        specs=[[{"type": "scene"}] * len(maps)],
        subplot_titles=list(maps),
        horizontal_spacing=0.01,
    )
    colours = genre_colours(genres)
    in_legend = set()
    for column, drawn in enumerate(maps.values(), start=1):
        for number, points in _by_genre(drawn, genres):
            genre = genres[number]
            names = np.asarray(drawn.names)[drawn.labels == number]
            axes = zip(_ALL_AXES, points.T, strict=True)
            figure.add_scatter3d(
                **{name: [round(float(value), 3) for value in values] for name, values in axes},
                mode="markers",
                marker={"color": to_hex(colours[genre]), "size": 3.5},
                name=genre,
                legendgroup=genre,
                showlegend=genre not in in_legend,
                text=[str(name) for name in names],
                hovertemplate=f"%{{text}}<br>{genre}<extra></extra>",
                row=1,
                col=column,
            )
            in_legend.add(genre)
    axes = {
        f"{name}axis": {"title": {"text": f"axis {number}"}, "showticklabels": False}
        for number, name in enumerate(_ALL_AXES, start=1)
    }
    figure.update_scenes(**axes, aspectmode="cube", camera={"eye": {"x": 1.5, "y": 1.5, "z": 1.0}})
    figure.update_layout(
        template="none",
        height=440,
        margin={"l": 0, "r": 0, "t": 40, "b": 0},
        legend={"orientation": "h", "itemsizing": "constant", "y": -0.05},
    )
    return figure

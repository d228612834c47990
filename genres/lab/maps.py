"""What does a map of genres look like?"""

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
from matplotlib.colors import to_hex
from plotly.subplots import make_subplots

from genres.lab.plots import WIDTH, genre_colours

PLOTLY = "application/vnd.plotly.v1+json"
"""The kind of output that JupyterLab's plotly extension draws, so that it can be turned."""

# Eleven: with ten colours in turn, no two of the first 110 genres look the same.
_MARKERS = "os^Dv<>PX*p"
_ALL_AXES = ("x", "y", "z")
_LEGEND_COLUMNS = 5


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
    """

    def __init__(self, figure, scenes):
        self.figure, self.scenes = figure, scenes

    def __repr__(self):
        return f"<maps of genres: {', '.join(axis.get_title() for axis in self.figure.axes)}>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        still = io.BytesIO()
        self.figure.savefig(still, format="png")
        turnable = go.Figure(self.scenes)
        for text in self.figure.texts:
            turnable.add_annotation(
                text=text.get_text(), x=1, y=0, xref="paper", yref="paper", showarrow=False
            )
        return {
            PLOTLY: turnable.to_plotly_json(),
            "image/png": base64.b64encode(still.getvalue()).decode("ascii"),
            "text/plain": repr(self),
        }


def plane(maps, genres: Sequence[str]):
    """Draw maps in two dimensions side by side, genres by colour and by marker.

    Parameters
    ----------
    maps : dict of str to Map
        Maps of two axes, by title.
    genres : sequence of str
        Names of genres, by id.

    Returns
    -------
    Figure
        Small markers are clips; the large marker of a genre is at the median of its clips. Each
        axis is stretched to fill its panel.
    """
    figure, axes = _panels(len(maps), genres)
    for axis, (title, drawn) in zip(axes, maps.items(), strict=True):
        _draw(axis, drawn, genres)
        axis.set(title=title, xlabel="axis 1", ylabel="axis 2")
    return figure


def space(maps, genres: Sequence[str]):
    """Draw maps in three dimensions side by side.

    Parameters
    ----------
    maps : dict of str to Map
        Maps of three axes, by title.
    genres : sequence of str
        Names of genres, by id.

    Returns
    -------
    Turnable
        Its still picture has the markers of `plane`. In the turnable one the pointer on a clip
        shows its name and genre, and the legend hides and shows genres.
    """
    # A constrained layout needs the size of axes before their view is known.
    figure, axes = _panels(len(maps), genres, "none", projection="3d", computed_zorder=False)
    legend = figure.legends[0].get_window_extent().height / figure.bbox.height
    figure.subplots_adjust(left=0.01, right=0.96, bottom=legend + 0.07, top=0.93, wspace=0.06)
    for axis, (title, drawn) in zip(axes, maps.items(), strict=True):
        _draw(axis, drawn, genres)
        axis.set_title(title)
        axis.set_box_aspect((1, 1, 1), zoom=1.12)
        for number, name in enumerate(_ALL_AXES, start=1):
            axis.set(**{f"{name}ticklabels": []})
            getattr(axis, f"set_{name}label")(f"axis {number}", size=10, labelpad=-14)
            getattr(axis, f"{name}axis").set_pane_color("0.97")
    return Turnable(figure, _scenes(maps, genres))


def _panels(n_maps, genres, layout="constrained", **subplot):
    """Give a figure of so many square panels, with a legend of the genres below."""
    n_columns = min(len(genres), _LEGEND_COLUMNS)
    n_rows = -(-len(genres) // n_columns)
    height = 0.9 * WIDTH / max(n_maps, 2) + 0.3 + 0.24 * n_rows
    figure, axes = plt.subplots(
        1, n_maps, figsize=(WIDTH, height), squeeze=False, layout=layout, subplot_kw=subplot
    )
    handles = [
        plt.Line2D([], [], linestyle="", label=genre, **_style(number, genres))
        for number, genre in enumerate(genres)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=n_columns, frameon=False)
    return figure, axes[0]


def _style(number, genres):
    """Give the look of a genre's large marker."""
    return {
        "marker": _MARKERS[number % len(_MARKERS)],
        "markerfacecolor": genre_colours(genres)[genres[number]],
        "markeredgecolor": "0.15",
        "markersize": 8,
    }


def _draw(axis, drawn, genres):
    """Draw the clips of a map, genre by genre, and each genre's median above them all."""
    size = np.clip(9000 / len(drawn.labels), 8, 40)
    for number, points in _by_genre(drawn, genres):
        style, median = _style(number, genres), np.median(points, axis=0)
        marker, colour = style["marker"], style["markerfacecolor"]
        axis.scatter(*points.T, s=size, marker=marker, color=colour, alpha=0.6, linewidth=0)
        axis.plot(*median[:, None], linestyle="", zorder=10, **style)


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

"""What do the pictures look like that follow a control?

Each is drawn once. A new setting then moves what is in it, which is faster than drawing it anew.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import confusion_matrix

from genres.data.tables import FEATURES
from genres.lab.featureplots import axis_label
from genres.lab.plots import SEQUENTIAL, WIDTH, genre_colours, looks
from genres.lab.soundplots import draw_spectrogram

_MANY_GENRES = 20  # with more of them there is no room for numbers in the cells of a confusion
_LONGEST_NAME, _LONGEST_GENRE = 30, 22  # letters

_DOT, _NUMBER = 120, 8  # area of a neighbour's dot in square points, size of its number in points
_AROUND = np.deg2rad([90, 45, 135, 0, 180, -45, -135, -90])  # where a number may stand
_AWAY = (13, 19, 26)  # points from its dot


def caption(name: str, genre: str) -> str:
    """Name a clip and its genre, as briefly as a picture has room for."""
    return f"{_cut(name, _LONGEST_NAME)} ({_cut(genre)})"


def _cut(name, longest=_LONGEST_GENRE):
    """Shorten a long name in the middle: names that begin alike often end differently."""
    n_last = (longest - 1) // 2
    whole = len(name) <= longest
    return name if whole else f"{name[: longest - 1 - n_last]}…{name[-n_last:]}"


def _panels(height, **grid):
    """Give a figure of two fixed panels side by side: a layout would be sought at each change."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, height), gridspec_kw=grid)
    figure.set_layout_engine("none")  # as an argument of subplots it holds only until it is saved
    return figure, axes


def _title(axis, text):
    axis.set_title(text, y=1.01)  # else its height is sought at each change


def place_numbers(dots, texts: Sequence[str], obstacles, size, n_pixels: float):
    """Find places for numbers: in their dots; where others lie there, beside them.

    Beside its dot, a number covers no other one and, if there is room, no dot.

    Parameters
    ----------
    dots : array of float, shape (n, 2)
        Where the dots are, in pixels, and what is numbered first comes first.
    texts : sequence of str, shape (n,)
        The numbers.
    obstacles : array of float, shape (n_obstacles, 2)
        All dots.
    size : array of float, shape (2,)
        How many pixels the picture has: a number lies within it.
    n_pixels : float
        Of a point.

    Returns
    -------
    array of float, shape (n, 2)
        The middle of each number, in points from its dot.
    """
    offsets = np.array([(far * np.cos(a), far * np.sin(a)) for far in _AWAY for a in _AROUND])
    radius = np.sqrt(_DOT) / 2 * n_pixels
    halves = [np.array([0.38 * len(text), 0.6]) * _NUMBER * n_pixels for text in texts]
    gaps = np.sort(np.hypot(*(dots[:, None] - obstacles).T), axis=0)[1]  # to the nearest other
    alone = [len(text) == 1 and gap > 1.7 * radius for text, gap in zip(texts, gaps, strict=True)]
    taken = [(dots[n], halves[n]) for n in np.flatnonzero(alone)]
    chosen = np.zeros((len(dots), 2))
    for n in np.flatnonzero(~np.array(alone, bool)):
        middles, half = dots[n] + offsets * n_pixels, halves[n]
        inside = ((middles > half) & (middles < np.asarray(size) - half)).all(axis=1)
        beyond = np.maximum(np.abs(middles[:, None] - obstacles) - half, 0)
        free = np.minimum(np.hypot(*beyond.T).min(axis=0) - radius, 2)  # from which on it is enough
        for middle, other in taken:
            free -= 1000 * (np.abs(middles - middle) < half + other + 4).all(axis=1)
        best = np.argmax(free - 100 * ~inside)
        taken.append((middles[best], half))
        chosen[n] = offsets[best]
    return chosen


class _Confusion:
    """Counts of predicted genres for each true genre."""

    def __init__(self, axis, labels, genres, counted):
        self.labels = labels
        n = len(genres)
        self.image = axis.imshow(np.zeros((n, n)), cmap="Blues")
        self.numbers = {
            (row, column): axis.text(column, row, "", ha="center", va="center", size=9)
            for row, column in np.ndindex(n, n)
            if n <= _MANY_GENRES
        }
        names = [_cut(genre) for genre in genres]
        axis.set_xticks(range(n), names, rotation=60, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(n), names)
        axis.tick_params(labelsize=9 if n <= _MANY_GENRES else 5)
        axis.grid(visible=False)
        axis.set(xlabel="predicted genre", ylabel="true genre")
        _title(axis, f"Predictions ({counted})")

    def update(self, predicted):
        n = len(self.image.get_array())
        counts = confusion_matrix(self.labels, predicted, labels=range(n))
        most = max(counts.max(), 1)
        self.image.set(array=counts, clim=(0, most))
        for place, number in self.numbers.items():
            number.set_text(str(counts[place]) if counts[place] else "")
            number.set_color("white" if counts[place] > 0.6 * most else "0.15")


class NeighbourPicture:
    """Predictions of k-NN, the surroundings of one test track, and why its neighbours are near.

    Parameters
    ----------
    genres : sequence of str
        Names of genres, by id.
    train_labels, test_labels : array of int, shapes (n_train,) and (n_test,)
        Genre ids of the training and of the test tracks.
    n_features, n_explained : int
        Features that are compared; neighbours whose distances are taken apart.
    counted : str
        How many test tracks there are, in words.
    longest : str
        The longest caption of a track.

    Attributes
    ----------
    figure : Figure
    """

    def __init__(
        self, genres, train_labels, test_labels, n_features, n_explained, counted, longest
    ):
        self.figure = plt.figure(figsize=(WIDTH, 7.6))
        above, below = self.figure.subfigures(2, 1, height_ratios=(5, 4))
        left, self.plane = above.subplots(1, 2)
        self.explained = below.subplots()
        colours = np.array([genre_colours(genres)[genre] for genre in genres])
        self.colours = colours[train_labels]
        self.confusion = _Confusion(left, test_labels, genres, counted)
        self.plane.tick_params(labelsize=9)
        self.plane.locator_params(nbins=5)
        _title(self.plane, "Around the track")
        self.links = self.plane.add_collection(LineCollection([], colors="0.45", linewidths=1))
        self.others = self.plane.scatter([0], [0], s=26, alpha=0.55, linewidths=0)
        self.near = self.plane.scatter([0], [0], s=_DOT, edgecolors="0.15", zorder=3)
        self.track = self.plane.scatter([0], [0], s=180, marker="*", color="0.05", zorder=5)
        self.leaders = self.plane.add_collection(LineCollection([], colors="0.05", linewidths=0.7))
        look = {"ha": "center", "va": "center", "color": "0.05", "size": _NUMBER, "weight": "bold"}
        halo = [withStroke(linewidth=2, foreground="white")]
        self.numbers = [
            self.plane.annotate(
                "", (0, 0), (0, 0), textcoords="offset points", zorder=4, path_effects=halo, **look
            )
            for _ in range(n_explained)
        ]
        if len(genres) <= _MANY_GENRES:
            self._add_genres(genres, colours)
        self._add_bars(n_features, n_explained)
        self._reserve(longest, n_features, n_explained)

    def _add_genres(self, genres, colours):
        dots = [
            self.plane.plot([], [], "o", color=colour, label=_cut(genre))[0]
            for genre, colour in zip(genres, colours, strict=True)
        ]
        beside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.02), "borderaxespad": 0}
        size = {"fontsize": 8 if len(genres) <= 10 else 6.5, "handletextpad": 0.1}
        self.plane.legend(handles=dots, frameon=False, **beside, **size)

    def _add_bars(self, n_features, n_explained):
        axis = self.explained
        shades = plt.get_cmap(SEQUENTIAL)(np.linspace(0.1, 0.95, n_features))
        rows, lengths = range(n_explained), np.zeros(n_explained)
        self.bars = [axis.barh(rows, lengths, 0.7, color=c, edgecolor="white") for c in shades]
        axis.set(ylim=(n_explained - 0.5, -0.5), xlabel="squared distance, by feature (no unit)")
        axis.tick_params(labelsize=9)
        axis.grid(axis="y", visible=False)
        self.legend = axis.figure.legend(
            [bars[0] for bars in self.bars],
            [""] * n_features,
            loc="outside lower left",
            ncols=min(n_features, 4),
            fontsize=8,
            frameon=False,
        )

    def _reserve(self, longest, n_features, n_explained):
        """Lay the picture out, once, with room for the longest that may be written."""
        feature = max(FEATURES, key=len)
        self.plane.set(xlim=(-9e4, -8e4), ylim=(-9e4, -8e4), xlabel=feature, ylabel=feature)
        names = [f"{longest}  no vote"] * n_explained
        self._name(longest, [feature] * n_features, names, n_explained)
        self.figure.set_layout_engine("constrained")
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")  # at each change it would be slow
        middle = self.explained.transAxes.inverted().transform(self.figure.bbox.size / 2)
        self.explained.title.set_x(middle[0])

    def _name(self, name, features, names, n_neighbors):
        some = n_neighbors > len(names)
        who = f"the {len(names)} nearest of {n_neighbors}" if some else "its neighbours"
        _title(self.explained, f"Why {who} are near {name}")
        self.explained.set_yticks(range(len(names)), names)
        for text, feature in zip(self.legend.get_texts(), features, strict=True):
            text.set_text(feature)

    def update(
        self, predicted, name: str, features: Sequence[str], track, points, near, names, parts
    ):
        """Show other settings.

        Parameters
        ----------
        predicted : array of int, shape (n_test,)
            Predicted genre ids of the test tracks.
        name : str
            What the one test track is called.
        features : sequence of str
            What is compared.
        track : array of float, shape (2,)
            Where the track lies: its first two features.
        points : array of float, shape (n_train, 2)
            Where the training tracks lie.
        near : array of int, shape (n_neighbors,)
            The training tracks that vote, the nearest first.
        names : sequence of str, shape (n_explained,)
            What the nearest are called.
        parts : array of float, shape (n_explained, n_features)
            What each feature adds to their squared distances.
        """
        self.confusion.update(predicted)
        self._move_points(track, points, near, features)
        left = np.zeros(len(parts))
        for bars, lengths in zip(self.bars, parts.T, strict=True):
            for bar, start, length in zip(bars, left, lengths, strict=True):
                bar.set(x=start, width=length)
            left = left + lengths
        self.explained.set_xlim(0, max(1.05 * left.max(), 1e-9))
        self._name(name, features, names, len(near))

    def _move_points(self, track, points, near, features):
        self.others.set(offsets=points, facecolors=self.colours)
        self.near.set(offsets=points[near], facecolors=self.colours[near])
        self.links.set_segments([(track, point) for point in points[near]])
        self.track.set_offsets([track])
        # Twice as far as the farthest neighbour, and at least a share of the whole axis.
        reach = np.abs(points[near] - track).max(axis=0)
        reach = np.maximum(2 * reach, np.ptp(points, axis=0) / 12)
        reach = np.where(reach > 0, reach, 1)
        for name, at, half, feature in zip("xy", track, reach, features[:2], strict=True):
            limits, label = (at - half, at + half), axis_label(feature)
            self.plane.set(**{f"{name}lim": limits, f"{name}label": label})
        self._move_numbers(track, points[near])

    def _move_numbers(self, track, near):
        """Number the neighbours; of those in one place, the first has all numbers."""
        to_pixels, axis = self.plane.transData.transform, self.plane.bbox
        pixels = to_pixels(near) - axis.min
        n_pixels = self.figure.dpi / 72
        labels: dict[int, list[str]] = {}
        for number in range(min(len(near), len(self.numbers))):
            apart = (np.hypot(*(pixels[number] - pixels[first])) for first in labels)
            same = (first for first, far in zip(labels, apart, strict=True) if far < 5 * n_pixels)
            labels.setdefault(next(same, number), []).append(str(number + 1))
        texts = [", ".join(numbers) for numbers in labels.values()]
        dots = np.vstack([pixels, to_pixels([track]) - axis.min])
        places = place_numbers(pixels[list(labels)], texts, dots, axis.size, n_pixels)
        there = near[list(labels)]
        away = self.plane.transData.inverted().transform(to_pixels(there) + places * n_pixels)
        self.leaders.set_segments(list(np.stack([there, away], axis=1)))
        for text in self.numbers:
            text.set_text("")
        for text, words, first, place in zip(self.numbers, texts, labels, places, strict=False):
            text.xy = near[first]
            text.set(text=words, position=place)


class VotePicture:
    """Predictions of some of the members of an ensemble, and what further members bring.

    Parameters
    ----------
    labels : array of int, shape (n_test,)
        True genre ids.
    genres : sequence of str
        Names of genres, by id.
    accuracies : dict of str to array of float, shape (n_members,)
        For each way to vote, the accuracy of the first 1, 2, … members.
    counted : str
        How many test tracks there are, in words.

    Attributes
    ----------
    figure : Figure
    """

    def __init__(self, labels, genres, accuracies, counted):
        self.figure, (left, axis) = _panels(
            4.3, left=0.1, right=0.98, top=0.91, bottom=0.24, wspace=0.32
        )
        self.confusion = _Confusion(left, labels, genres, counted)
        self.accuracies, self.markers = accuracies, {}
        for shares, look in looks(accuracies):
            axis.plot(np.arange(1, len(shares) + 1), shares, **look | {"marker": ""})
            (marker,) = axis.plot([], [], look["marker"], color=look["color"])
            marker.set(markersize=11, markeredgecolor="0.15")
            self.markers[look["label"]] = marker
        self.here = axis.axvline(1, color="0.6", linewidth=1, zorder=0)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.margins(x=0.06)
        axis.set(xlabel="networks that vote", ylabel="accuracy")
        _title(axis, "What voting brings")
        axis.legend(loc="lower right")

    def update(self, predicted, n_members):
        """Show the predictions of so many members."""
        self.confusion.update(predicted)
        self.here.set_xdata([n_members, n_members])
        for name, marker in self.markers.items():
            marker.set_data([n_members], [self.accuracies[name][n_members - 1]])


class MistakePicture:
    """The mel spectrogram of a clip, and a model's probabilities for it.

    Parameters
    ----------
    genres : sequence of str
        Names of genres, by id.
    n_mels : int
        Bands.
    seconds : float
        How long a clip lasts.

    Attributes
    ----------
    figure : Figure
    """

    def __init__(self, genres, n_mels, seconds):
        grid = {"left": 0.12, "right": 0.97, "top": 0.9, "bottom": 0.17, "wspace": 0.32}
        height = max(3.4, 0.2 * len(genres))
        self.figure, (self.spectrogram, axis) = _panels(height, width_ratios=(3, 2), **grid)
        self.image = draw_spectrogram(self.spectrogram, np.zeros((n_mels, 1)), seconds)
        self.spectrogram.set_xlabel("time (s)")
        colours = genre_colours(genres)
        self.bars = axis.barh(genres, np.zeros(len(genres)), color=[colours[g] for g in genres])
        axis.invert_yaxis()
        axis.grid(axis="y", visible=False)
        axis.set(xlabel="probability", xlim=(0, 1))
        _title(axis, "Predicted probabilities")
        self.names = axis.get_yticklabels()

    def update(self, decibels, probabilities, truth: int, title: str):
        """Show a clip.

        Parameters
        ----------
        decibels : array of float, shape (n_mels, n_columns)
            Its mel spectrogram in dB.
        probabilities : array of float, shape (n_genres,)
            What the model predicts.
        truth : int
            Its true genre id, whose name is written in bold.
        title : str
            Above the spectrogram.
        """
        self.image.set(array=decibels, clim=(decibels.min(), decibels.max()))
        _title(self.spectrogram, title)
        for bar, name, share in zip(self.bars, self.names, probabilities, strict=True):
            bar.set_width(share)
            name.set_weight("normal")
        self.names[truth].set_weight("bold")

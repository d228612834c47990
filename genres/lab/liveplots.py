"""What do the pictures look like that follow a control?

Each is drawn once. A new setting then moves what is in it, which is faster than drawing it anew.
"""

import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator
from PIL import Image
from sklearn.metrics import confusion_matrix

from genres.lab.featureplots import axis_label
from genres.lab.plots import SEQUENTIAL, WIDTH, genre_colours, looks
from genres.lab.soundplots import draw_spectrogram

_MANY_GENRES = 20  # with more of them there is no room for numbers in the cells of a confusion


def _panels(height, **grid):
    """Give a figure of two fixed panels side by side: a layout would be sought at each change."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, height), gridspec_kw=grid)
    figure.set_layout_engine("none")  # as an argument of subplots it holds only until it is saved
    return figure, axes


def _title(axis, text):
    axis.set_title(text, y=1.01)  # else its height is sought at each change


def as_png(figure):
    """Draw a picture, and give it as the bytes of a PNG file."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # saving a figure draws it twice
    png = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(
        png, "png", compress_level=1
    )
    return png.getvalue()


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
        axis.set_xticks(range(n), genres, rotation=60, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(n), genres)
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

    Attributes
    ----------
    figure : Figure
    """

    def __init__(self, genres, train_labels, test_labels, n_features, n_explained, counted):
        self.figure, (left, self.plane) = _panels(
            7.6, left=0.115, right=0.87, top=0.95, bottom=0.53, wspace=0.38
        )
        colours = np.array([genre_colours(genres)[genre] for genre in genres])
        self.colours = colours[train_labels]
        self.confusion = _Confusion(left, test_labels, genres, counted)
        self.plane.tick_params(labelsize=9)
        self.plane.locator_params(nbins=5)
        _title(self.plane, "Around the track: features 1 and 2")
        self.links = self.plane.add_collection(LineCollection([], colors="0.45", linewidths=1))
        self.others = self.plane.scatter([0], [0], s=26, alpha=0.55, linewidths=0)
        self.near = self.plane.scatter([0], [0], s=80, edgecolors="0.15", zorder=3)
        self.track = self.plane.scatter([0], [0], s=180, marker="*", color="0.05", zorder=5)
        look = {"ha": "center", "va": "center", "color": "0.05", "size": 8, "weight": "bold"}
        self.numbers = [
            self.plane.annotate(
                "", (0, 0), (0, 11), textcoords="offset points", zorder=4, clip_on=True, **look
            )
            for _ in range(n_explained)
        ]
        if len(genres) <= _MANY_GENRES:
            self._add_genres(genres, colours)
        self._add_bars(n_features, n_explained)

    def _add_genres(self, genres, colours):
        dots = [
            self.plane.plot([], [], "o", color=colour, label=genre)[0]
            for genre, colour in zip(genres, colours, strict=True)
        ]
        beside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.02), "borderaxespad": 0}
        size = {"fontsize": 8 if len(genres) <= 10 else 6.5, "handletextpad": 0.1}
        self.plane.legend(handles=dots, frameon=False, **beside, **size)

    def _add_bars(self, n_features, n_explained):
        axis = self.figure.add_axes((0.31, 0.12, 0.67, 0.235))
        shades = plt.get_cmap(SEQUENTIAL)(np.linspace(0.1, 0.95, n_features))
        rows, lengths = range(n_explained), np.zeros(n_explained)
        self.bars = [axis.barh(rows, lengths, 0.7, color=c, edgecolor="white") for c in shades]
        axis.set(ylim=(n_explained - 0.5, -0.5), xlabel="squared distance, by feature (no unit)")
        axis.tick_params(labelsize=9)
        axis.grid(axis="y", visible=False)
        self.explained = axis
        self.legend = self.figure.legend(
            [bars[0] for bars in self.bars],
            [""] * n_features,
            loc="lower center",
            ncols=min(n_features, 4),
            fontsize=9,
            frameon=False,
        )

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
        _title(self.explained, f"Why its neighbours are near {name}")
        self.explained.set_yticks(range(len(names)), names)
        for text, feature in zip(self.legend.get_texts(), features, strict=True):
            text.set_text(feature)

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
        self._move_numbers(points[near], reach)

    def _move_numbers(self, points, reach):
        """Number the neighbours; those too near each other for two numbers share one label."""
        labels = {}
        for number, point in enumerate(points[: len(self.numbers)], start=1):
            apart = (np.abs(np.subtract(point, place) / reach).max() for place in labels)
            near = next((p for p, far in zip(labels, apart, strict=True) if far < 0.09), None)
            labels.setdefault(near or tuple(point), []).append(str(number))
        for text in self.numbers:
            text.set_text("")
        for text, (place, numbers) in zip(self.numbers, labels.items(), strict=False):
            text.xy = place
            text.set_text(", ".join(numbers))


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

"""What does sound look like?"""

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import librosa
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from genres.decoding.audio import SAMPLE_RATE
from genres.lab.plots import LINES, SEQUENTIAL, WIDTH, genre_colours, looks


def spectrograms(
    pictures,
    titles: Sequence[str],
    seconds: float,
    scales: Sequence[str],
    *,
    n_columns: int = 2,
    label: str | Sequence[str] = "dB",
    grey: bool = False,
):
    """Draw spectrograms side by side.

    Parameters
    ----------
    pictures : sequence of array of float, shape (n_bands, n_frames)
        What to draw, the lowest band first.
    titles : sequence of str
        A title for each.
    seconds : float
        How long each of them lasts.
    scales : sequence of str
        ``mel`` or ``linear`` for each: how its bands lie between 0 and 11,025 Hz; or ``MFCC``,
        where rows are coefficients, from the second on.
    n_columns : int
        Pictures in a row.
    label : str or sequence of str
        What the colours mean: the same in all pictures, or something else in each, which then has
        a colour bar of its own.
    grey : bool
        Whether to draw in greys, the loudest black.

    Returns
    -------
    Figure
    """
    shared = isinstance(label, str)
    n_rows = -(-len(pictures) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(WIDTH, 2.6 * n_rows + 0.4), squeeze=False
    )
    for axis in axes.flat[len(pictures) :]:
        axis.set_visible(False)
    look: dict[str, Any] = {"cmap": "Greys" if grey else SEQUENTIAL}
    if shared:
        look |= {"vmin": min(map(np.min, pictures)), "vmax": max(map(np.max, pictures))}
    meanings = [None] * len(pictures) if shared else label
    for axis, values, title, scale, meaning in zip(
        axes.flat, pictures, titles, scales, meanings, strict=False
    ):
        if scale == "linear":
            marked = range(0, 10001, 2000)
            image = draw_spectrogram(axis, values, seconds, marked, np.asarray, **look)
        else:
            image = draw_spectrogram(axis, values, seconds, **look)
        if scale == "MFCC":
            n_bands = len(values)
            axis.set_yticks(np.arange(0.5, n_bands, 4), np.arange(2, n_bands + 2, 4))
            axis.set_ylabel("coefficient")
        axis.set(title=title, xlabel="time (s)")
        if meaning:
            figure.colorbar(image, ax=axis, label=meaning, shrink=0.9)
    if shared:
        figure.colorbar(image, ax=axes, label=label, shrink=0.9)
    return figure


def draw_spectrogram(
    axis,
    values,
    seconds: float,
    frequencies=(300, 1000, 3000, 10000),
    scale: Callable = librosa.hz_to_mel,
    **look,
):
    """Draw a spectrogram from 0 to 11,025 Hz, a unit a band, and mark frequencies at its bands.

    Parameters
    ----------
    axis : Axes
        What to draw on.
    values : array of float, shape (n_bands, n_frames)
        The spectrogram, the lowest band first.
    seconds : float
        How long it lasts.
    frequencies : sequence of float
        What to mark, Hz.
    scale : callable
        On which scale, of Hz, bands are equally wide.
    **look
        How `Axes.imshow` is to draw it, where it is not drawn as usual.

    Returns
    -------
    AxesImage
    """
    usual = {"origin": "lower", "aspect": "auto", "cmap": SEQUENTIAL, "interpolation": "nearest"}
    image = axis.imshow(values, extent=(0, seconds, 0, len(values)), **usual | look)
    axis.grid(visible=False)
    places = scale(frequencies) / scale(SAMPLE_RATE / 2) * len(values)
    axis.set_yticks(places, [f"{hz:,}" for hz in frequencies])
    axis.set_ylabel("frequency (Hz)")
    return image


def bands(edges, title: str):
    """Draw how scales cut the frequencies into bands.

    Parameters
    ----------
    edges : dict of str to array of float, shape (n_bands + 2,)
        For each scale frequencies in Hz that are equally spaced on it: a band goes from one to the
        next but one, and has its middle at the one between.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
        Left, where each band has its middle; right, how wide it is.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
    for of_scale, look in looks(edges):
        look |= {"marker": "", "linewidth": 2}
        middles, widths = of_scale[1:-1], (of_scale[2:] - of_scale[:-2]) / 2
        left.plot(middles / 1000, np.arange(1, len(middles) + 1), **look)
        right.plot(middles / 1000, widths, **look)
    left.set(xlabel="frequency of its middle (kHz)", ylabel="number of the band")
    right.set(xlabel="frequency of its middle (kHz)", ylabel="Hz to the next band")
    figure.suptitle(title, weight="bold")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(edges))
    return figure


def wavelet(t, values, points, frequencies, gains):
    """Draw a mother wavelet, and which frequencies pass when it is stretched.

    Parameters
    ----------
    t, values : array of float
        The wavelet, as its formula has it.
    points : tuple of array of float
        Times and values that another source has for it.
    frequencies : array of float
        Frequencies in Hz.
    gains : dict of str to array of float
        For some stretched wavelets, their gain at each frequency, by name.

    Returns
    -------
    Figure
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.4))
    left.plot(t, values, color="0.2", label="formula")
    left.plot(*points, "o", color="C1", markersize=4, label="PyWavelets")
    left.set(title="Mother wavelet", xlabel="t (no unit)", ylabel="ψ(t)", xlim=(t[0], t[-1]))
    left.legend()
    for (name, gain), line in zip(gains.items(), cycle(LINES), strict=False):
        right.plot(frequencies, gain, linestyle=line, label=name)
    right.set(title="Frequencies that pass, stretched", xlabel="frequency (Hz)", ylabel="gain")
    right.set_ylim(-0.1, 1.5)  # room for the names
    _mark_octaves(right.xaxis, frequencies, 2)
    right.legend(loc="upper center", ncols=len(gains), handlelength=1.2, columnspacing=1)
    return figure


def scalogram(samples, decibels, frequencies, title: str):
    """Draw a sound: its amplitude and, below it, the magnitude of its wavelet transform.

    Parameters
    ----------
    samples : array of float, shape (n_samples,)
        The sound, 22,050 samples per second.
    decibels : array of float, shape (n_frequencies, n_columns)
        Magnitude in dB below the loudest point; columns evenly spaced in time.
    frequencies : array of float, shape (n_frequencies,)
        Frequencies in Hz, evenly spaced in octaves, the lowest first.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(WIDTH, 5), sharex=True, height_ratios=(1, 3)
    )
    seconds = len(samples) / SAMPLE_RATE
    above.plot(np.arange(len(samples)) / SAMPLE_RATE, samples, color="0.3", linewidth=0.4)
    above.set(title=title, ylabel="amplitude", xlim=(0, seconds))
    times = (np.arange(decibels.shape[1]) + 0.5) * seconds / decibels.shape[1]
    look = {"cmap": SEQUENTIAL, "vmin": -60, "vmax": 0, "shading": "nearest", "rasterized": True}
    image = below.pcolormesh(times, frequencies, decibels, **look)
    below.grid(visible=False)
    below.set(xlabel="time (s)", ylabel="frequency (Hz)")
    _mark_octaves(below.yaxis, frequencies)
    figure.colorbar(image, ax=below, label="dB (loudest point: 0)", extend="min")
    return figure


def _mark_octaves(axis, frequencies, step=1):
    """Let an axis count octaves, and mark each of them or every so many."""
    n_octaves = np.log2(frequencies[-1] / frequencies[0])
    marked = frequencies[0] * 2 ** np.arange(0, n_octaves + 1e-9, step)
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log", base=2)
    axis.set_ticks(marked, [f"{hz:,.0f}" for hz in marked])
    axis.set_minor_locator(NullLocator())


_FEWEST_SHARE = 0.07  # of a track, in which a span's name has room
_MOST_OUTLINED = 150  # steps between which outlines leave room for colours


def timelines(samples, decibels, tracks, title: str, truth=None):
    """Draw a track's predicted genres under its waveform and its mel spectrogram.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        The track, 22,050 samples per second.
    decibels : array of float32, shape (n_mels, n_frames)
        Its log-mel spectrogram from 0 to 11,025 Hz, in dB.
    tracks : dict of str to genres.changes.timeline.Timeline
        Predictions for it by the name of the model; all of the same genres.
    title : str
        Title of the picture.
    truth : sequence of (float, str), optional
        When (s) which genre truly begins.

    Returns
    -------
    Figure
    """
    n_rows = 2 + len(tracks)
    height = 1.3 * n_rows + 1.2 + 0.3 * title.count("\n")
    size, heights = (WIDTH, height), [0.8] + [1.3] * (n_rows - 1)
    figure, axes = plt.subplots(n_rows, figsize=size, sharex=True, height_ratios=heights)
    seconds = len(samples) / SAMPLE_RATE
    _waveform(axes[0], samples, seconds)
    draw_spectrogram(axes[1], decibels, seconds, (300, 1000, 3000), interpolation=None)
    axes[1].set_ylabel("frequency\n(Hz)")
    for axis, (name, track) in zip(axes[2:], tracks.items(), strict=True):
        _band(axis, track)
        axis.set_ylabel(f"{name}\n(probability)")
    for begin, genre in truth or ():
        axes[0].axvline(begin, color="black", linewidth=1.5)
        axes[0].text(begin, 1.02, f" {genre}", transform=axes[0].get_xaxis_transform(), size=9)
    axes[-1].set(xlabel="time (s)", xlim=(0, seconds))
    colours = genre_colours(track.genres)
    handles = [Patch(color=colour, label=genre) for genre, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    figure.suptitle(title, weight="bold")
    return figure


def _waveform(axis, samples, seconds):
    parts = np.array_split(samples, min(1500, len(samples)))
    times = np.linspace(0, seconds, len(parts))
    low, high = ([end(part) for part in parts] for end in (np.min, np.max))
    axis.fill_between(times, low, high, color="0.35", linewidth=0)
    peak = max(np.abs(samples).max(), 1e-3)
    axis.set(ylabel="amplitude", ylim=(-peak, peak))


def _band(axis, track):
    """Stack the probabilities of genres, mark where the genre changes, and name it."""
    times = np.repeat(track.edges, 2)[1:-1]
    shares = np.repeat(track.probabilities, 2, axis=0).T
    colours = list(genre_colours(track.genres).values())
    outline = 0.4 if len(track.probabilities) <= _MOST_OUTLINED else 0
    axis.stackplot(times, shares, colors=colours, edgecolor="white", linewidth=outline)
    for change in track.changes:
        axis.axvline(change, color="black", linewidth=1.5, linestyle="--")
    for span in track.spans:
        if span.end - span.start >= _FEWEST_SHARE * track.seconds:
            middle, named = (span.start + span.end) / 2, "\n+ ".join(span.genres)
            box = {"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 2}
            axis.text(middle, 0.5, named, ha="center", va="center", size=9, bbox=box)
    axis.grid(visible=False)
    axis.set(ylim=(0, 1), yticks=[0, 1])


def trade_off(false_alarms, recalls, chosen: int, baseline: float, title: str):
    """Draw how many changes are found against how many are made up, from cost to cost.

    Parameters
    ----------
    false_alarms, recalls : array of float, shape (n_costs,)
        Shares of clips without a change in which one is found, and of those with one in which it
        is found.
    chosen : int
        Place of the cost that was chosen.
    baseline : float
        The second share, if the middle is always named.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 3.8))
    axis.plot(false_alarms, recalls, "-", marker=".", color="C0", label="all costs")
    at = false_alarms[chosen], recalls[chosen]
    axis.plot(*at, "D", color="C3", markersize=9, label="chosen cost")
    middle = "always the middle (false alarms: all)"
    axis.axhline(baseline, color="0.4", linestyle=":", label=middle)
    axis.set(title=title, xlabel="false alarms, share of plain clips")
    axis.set_ylabel("changes found, share")
    axis.set(xlim=(-0.01, max(0.5, 1.1 * false_alarms[chosen])), ylim=(0, 1.02))
    axis.legend(loc="center right")
    return figure


def similarity(matrix, curve, seconds: float, changes: Sequence[float], title: str, label: str):
    """Draw how similar each moment of a track is to each other, and a curve of change below.

    Parameters
    ----------
    matrix : array of float, shape (n_cells, n_cells)
        The similarity of each two stretches of equal length, from -1 to 1.
    curve : array of float, shape (n_cells,)
        How much changes at the beginning of each.
    seconds : float
        How long the track is.
    changes : sequence of float
        When its genre truly changes, s.
    title, label : str
        Title of the picture, and name of the curve.

    Returns
    -------
    Figure
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(WIDTH * 0.75, 6.6), sharex=True, height_ratios=(3, 1)
    )
    look: dict[str, Any] = {"cmap": "Greys", "vmin": -1, "vmax": 1, "interpolation": "nearest"}
    extent = (0, seconds, 0, seconds)
    image = above.imshow(matrix, origin="lower", aspect="auto", extent=extent, **look)
    above.grid(visible=False)
    above.set(title=title, ylabel="time (s)")
    figure.colorbar(image, ax=above, label="cosine similarity")
    below.plot(np.arange(len(curve)) * seconds / len(curve), curve, color="C0")
    marks: dict[str, Any] = {"color": "C3", "linestyles": "--", "label": "true change of genre"}
    below.vlines(changes, 0, 1, transform=below.get_xaxis_transform(), **marks)
    below.set(xlabel="time (s)", ylabel=label, xlim=(0, seconds))
    figure.legend(loc="outside lower center", frameon=False)
    return figure

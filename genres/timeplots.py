"""What does a genre look like that changes?"""

import librosa
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch

from genres.plots import SEQUENTIAL, WIDTH, genre_colours

_FREQUENCIES = (300, 1000, 3000)
_FEWEST_SHARE = 0.07  # of a track, in which a span's name has room


def timelines(samples, decibels, tracks, title, truth=None, sr=22050):
    """Draw what is said of a track's genre under its waveform and its mel spectrogram.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        The track.
    decibels : array of float32, shape (n_mels, n_frames)
        Its log-mel spectrogram from 0 to half the rate, in dB.
    tracks : dict of str to genres.timeline.Timeline
        What is said of it, by who says it; of the same genres.
    title : str
        Title of the picture.
    truth : sequence of (float, str), optional
        When (s) which genre truly begins.
    sr : int
        Samples per second.

    Returns
    -------
    Figure
    """
    heights = (0.8, 1.3, *(1.3 for _ in tracks))
    figure, axes = plt.subplots(
        len(heights),
        1,
        figsize=(WIDTH, 1.3 * len(heights) + 1.2),
        sharex=True,
        height_ratios=heights,
    )
    seconds = len(samples) / sr
    _waveform(axes[0], samples, seconds)
    _spectrogram(axes[1], decibels, seconds, sr)
    for axis, (name, track) in zip(axes[2:], tracks.items(), strict=True):
        _band(axis, track)
        axis.set_ylabel(f"{name}\n(probability)")
    for begin, genre in truth or ():
        axes[0].axvline(begin, color="black", linewidth=1.5)
        axes[0].text(begin, 1.02, f" {genre}", transform=axes[0].get_xaxis_transform(), size=9)
    axes[-1].set(xlabel="time (s)", xlim=(0, seconds))
    genres = next(iter(tracks.values())).genres
    colours = genre_colours(genres)
    handles = [Patch(color=colours[genre], label=genre) for genre in genres]
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


def _spectrogram(axis, decibels, seconds, sr):
    n_bands = len(decibels)
    extent = (0, seconds, 0, n_bands)
    axis.imshow(decibels, origin="lower", aspect="auto", extent=extent, cmap=SEQUENTIAL)
    axis.grid(visible=False)
    places = librosa.hz_to_mel(_FREQUENCIES) / librosa.hz_to_mel(sr / 2) * n_bands
    axis.set_yticks(places, [f"{hz:,}" for hz in _FREQUENCIES])
    axis.set_ylabel("Hz")


def _band(axis, track):
    """Stack the probabilities of genres, mark where the genre changes, and name it."""
    colours = genre_colours(track.genres)
    times = np.repeat(track.edges, 2)[1:-1]
    shares = np.repeat(track.probabilities, 2, axis=0).T
    axis.stackplot(
        times,
        shares,
        colors=[colours[genre] for genre in track.genres],
        edgecolor="white",
        linewidth=0.4,
    )
    for change in track.changes:
        axis.axvline(change, color="black", linewidth=1.5, linestyle="--")
    for span in track.spans:
        if span.end - span.start >= _FEWEST_SHARE * track.seconds:
            axis.text(
                (span.start + span.end) / 2,
                0.5,
                "\n+ ".join(span.genres),
                ha="center",
                va="center",
                size=9,
                bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 2},
            )
    axis.grid(visible=False)
    axis.set(ylim=(0, 1), yticks=[0, 1])


def trade_off(false_alarms, recalls, chosen, baseline, title):
    """Draw how many changes are found against how many are made up, from cost to cost.

    Parameters
    ----------
    false_alarms, recalls : array of float, shape (n_costs,)
        Shares of clips without a change in which one is found, and of those with one in which it
        is found.
    chosen : int
        The cost that was chosen.
    baseline : float
        The second share, of one who always names the middle.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 3.8))
    axis.plot(false_alarms, recalls, "-", marker=".", color="C0", label="one cost after another")
    axis.plot(
        false_alarms[chosen], recalls[chosen], "D", color="C3", markersize=9, label="the one taken"
    )
    axis.axhline(baseline, color="0.4", linestyle=":", label="always the middle")
    axis.set(
        title=title, xlabel="false alarms, share of plain clips", ylabel="changes found, share"
    )
    axis.set(xlim=(-0.01, max(0.5, 1.1 * false_alarms[chosen])), ylim=(0, 1.02))
    axis.legend(loc="center right")
    return figure


def errors(seconds, tolerance, title):
    """Draw how far found changes are from the true ones.

    Parameters
    ----------
    seconds : array of float, shape (n_changes,)
        How much later than the true one each was found.
    tolerance : float
        How far one may be off to count as found, s.
    title : str
        Title of the picture.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH * 0.75, 3.2))
    most = max(np.ceil(np.abs(seconds).max(initial=0)), 2 * tolerance)
    axis.axvspan(-tolerance, tolerance, color="0.9", label=f"counts as found: ±{tolerance:g} s")
    axis.hist(seconds, bins=np.arange(-most, most + 0.25, 0.5), color="C0", edgecolor="white")
    axis.axvline(0, color="black", linewidth=1)
    axis.set(title=title, xlabel="found minus true time (s): below 0, too early", ylabel="clips")
    axis.legend()
    return figure

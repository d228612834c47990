"""What does sound look like?"""

from itertools import cycle

import librosa
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

from genres.plots import LINES, SEQUENTIAL, WIDTH, genre_colours

_FREQUENCIES = (100, 300, 1000, 3000, 10000)


def spectrograms(pictures, titles, seconds, scales, *, n_columns=2, label="dB", grey=False):
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
    label : str or None
        What the colours mean, where they mean the same in all pictures.
    grey : bool
        Whether to draw in greys, the loudest black.

    Returns
    -------
    Figure
    """
    lowest = min(map(np.min, pictures)) if label else None
    highest = max(map(np.max, pictures)) if label else None
    n_rows = -(-len(pictures) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(WIDTH, 2.6 * n_rows + 0.4), squeeze=False
    )
    for axis in axes.flat[len(pictures) :]:
        axis.set_visible(False)
    for axis, values, title, scale in zip(axes.flat, pictures, titles, scales, strict=False):
        n_bands = len(values)
        image = axis.imshow(
            values,
            origin="lower",
            aspect="auto",
            extent=(0, seconds, 0, n_bands),
            cmap="Greys" if grey else SEQUENTIAL,
            vmin=lowest,
            vmax=highest,
            interpolation="nearest",
        )
        axis.grid(visible=False)
        axis.set(title=title, xlabel="time (s)")
        if scale == "MFCC":
            axis.set_yticks(np.arange(0.5, n_bands, 4), np.arange(2, n_bands + 2, 4))
            axis.set_ylabel("coefficient")
        else:
            marked = _FREQUENCIES[1:] if scale == "mel" else range(0, 10001, 2000)
            axis.set_yticks(_places(marked, n_bands, scale), [f"{hz:,}" for hz in marked])
            axis.set_ylabel("frequency (Hz)")
    if label:
        figure.colorbar(image, ax=axes, label=label, shrink=0.9)
    return figure


def _places(frequencies, n_bands, scale, highest=11025):
    """Give how many bands up frequencies lie."""
    if scale == "linear":
        return np.array(frequencies) / highest * n_bands
    return librosa.hz_to_mel(frequencies) / librosa.hz_to_mel(highest) * n_bands


def wavelet(t, values, points, frequencies, gains):
    """Draw a mother wavelet, and what it hears once it is stretched.

    Parameters
    ----------
    t, values : array of float
        The wavelet, as its formula has it.
    points : tuple of array of float
        Times and values that another source has for it.
    frequencies : array of float
        Frequencies in Hz.
    gains : dict of str to array of float
        For some stretched wavelets, how much of each frequency they hear, by name.

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
    right.set(title="What it hears, stretched", xlabel="frequency (Hz)", ylabel="gain")
    right.set_ylim(-0.1, 1.5)  # room for the names
    _mark_octaves(right.xaxis, frequencies, 2)
    right.legend(loc="upper center", ncols=len(gains), handlelength=1.2, columnspacing=1)
    return figure


def scalogram(samples, decibels, frequencies, title, sr=22050):
    """Draw a sound: its amplitude and, below it, the magnitude of its wavelet transform.

    Parameters
    ----------
    samples : array of float, shape (n_samples,)
        The sound.
    decibels : array of float, shape (n_frequencies, n_columns)
        Magnitude in dB below the loudest point; columns evenly spaced in time.
    frequencies : array of float, shape (n_frequencies,)
        Frequencies in Hz, evenly spaced in octaves, the lowest first.
    title : str
        Title of the picture.
    sr : int
        Samples per second.

    Returns
    -------
    Figure
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(WIDTH, 5), sharex=True, height_ratios=(1, 3)
    )
    seconds = len(samples) / sr
    above.plot(np.arange(len(samples)) / sr, samples, color="0.3", linewidth=0.4)
    above.set(title=title, ylabel="amplitude", xlim=(0, seconds))
    image = below.pcolormesh(
        (np.arange(decibels.shape[1]) + 0.5) * seconds / decibels.shape[1],
        frequencies,
        decibels,
        cmap=SEQUENTIAL,
        vmin=-60,
        vmax=0,
        shading="nearest",
        rasterized=True,
    )
    below.grid(visible=False)
    below.set(xlabel="time (s)", ylabel="frequency (Hz)")
    _mark_octaves(below.yaxis, frequencies)
    figure.colorbar(image, ax=below, label="dB (loudest point: 0)", extend="min")
    return figure


def octaves(levels, frequencies, title, label):
    """Draw levels over frequencies, a line for each genre.

    Parameters
    ----------
    levels : dict of str to array of float, shape (n_frequencies,)
        Levels of each genre.
    frequencies : array of float, shape (n_frequencies,)
        Frequencies in Hz.
    title, label : str
        Title of the picture and name of the levels.

    Returns
    -------
    Figure
    """
    figure, axis = plt.subplots(figsize=(WIDTH, 3.8))
    colours = genre_colours(list(levels))
    for (genre, values), line in zip(levels.items(), cycle(LINES), strict=False):
        axis.plot(
            frequencies, values, linestyle=line, marker="o", markersize=4, color=colours[genre]
        )
        axis.lines[-1].set_label(genre)
    axis.set(title=title, xlabel="frequency (Hz)", ylabel=label)
    _mark_octaves(axis.xaxis, frequencies)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _mark_octaves(axis, frequencies, step=1):
    """Let an axis count octaves, and mark each of them or every so many."""
    n_octaves = np.log2(frequencies[-1] / frequencies[0])
    marked = frequencies[0] * 2 ** np.arange(0, n_octaves + 1e-9, step)
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log", base=2)
    axis.set_ticks(marked, [f"{hz:,.0f}" for hz in marked])
    axis.set_minor_locator(NullLocator())

"""What does sound look like?"""

import librosa
import matplotlib.pyplot as plt
import numpy as np

from genres.plots import SEQUENTIAL, WIDTH

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
        ``mel`` or ``linear`` for each: how its bands lie between 0 and 11,025 Hz.
    n_columns : int
        Pictures in a row.
    label : str
        What the colours mean.
    grey : bool
        Whether to draw in greys, the loudest black.

    Returns
    -------
    Figure
    """
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
            interpolation="nearest",
        )
        axis.grid(visible=False)
        axis.set_yticks(_places(n_bands, scale), [f"{hz:,}" for hz in _FREQUENCIES])
        axis.set(title=title, xlabel="time (s)", ylabel="frequency (Hz)")
    figure.colorbar(image, ax=axes, label=label, shrink=0.9)
    return figure


def _places(n_bands, scale, highest=11025):
    """Give how many bands up each of the marked frequencies lies."""
    if scale == "linear":
        return np.array(_FREQUENCIES) / highest * n_bands
    return librosa.hz_to_mel(_FREQUENCIES) / librosa.hz_to_mel(highest) * n_bands

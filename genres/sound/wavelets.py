"""Which frequencies does a wavelet measure?

The Shannon wavelet 2 sinc(2t) - sinc(t) has a spectrum of 1 between half a cycle and one cycle per
unit of time, and of 0 elsewhere: stretched, it passes one octave and nothing else. Its
continuous wavelet transform is therefore cut out of a sound's Fourier transform, octave by octave.
"""

from math import ceil

import numpy as np
import scipy.fft

HALF_OCTAVES = 60 * 2 ** (np.arange(15) / 2)
"""Frequencies in Hz, half an octave apart, from 60 Hz to 7,680 Hz."""

_CENTRE, _LOWEST, _HIGHEST = 0.75, 0.5, 1.0  # of the octave, in cycles per unit of time
_OVERSAMPLING = 4  # values of an octave, for each that it would need at least
_OF_A_COLUMN = 32  # values, at least
_SILENCE = 1e-10


def shannon(t):
    """Give the mother wavelet.

    Parameters
    ----------
    t : array of float
        Time, without unit.

    Returns
    -------
    array of float
        2 sinc(2t) - sinc(t), with sinc(t) = sin(πt) / (πt). This is √2 times the real part of
        PyWavelets' ``shan0.5-0.75``.
    """
    return 2 * np.sinc(2 * t) - np.sinc(t)


def transform(samples, frequencies=HALF_OCTAVES, sr: int = 22050):
    """Give the continuous wavelet transform of a sound with the Shannon wavelet.

    Parameters
    ----------
    samples : array of float, shape (n_samples,)
        The sound. It is continued by its mirror image, so that its ends make no noise.
    frequencies : sequence of float, shape (n_frequencies,)
        Frequencies in Hz that the wavelet is stretched to: at f it passes 2/3 f to 4/3 f, and
        has the scale 0.75 sr / f in samples.
    sr : int
        Samples per second.

    Returns
    -------
    array of complex, shape (n_frequencies, n_samples)
        Scaled so that a tone of amplitude A within reach of the wavelet has magnitude A. The real
        part belongs to the wavelet itself, the imaginary part to the same one a quarter of a cycle
        later; the magnitude is the envelope of both.

    Raises
    ------
    ValueError
        If no frequency of the sound passes a wavelet, or frequencies beyond half the rate would.
    """
    n_mirrored = 2 * len(samples)
    coefficients = np.empty((len(frequencies), len(samples)), complex)
    for row, (first, octave) in enumerate(_octaves(samples, frequencies, sr)):
        spectrum = np.zeros(n_mirrored, complex)
        spectrum[first : first + len(octave)] = octave
        coefficients[row] = scipy.fft.ifft(spectrum)[: len(samples)]
    return coefficients


def scalogram(samples, n_columns: int, frequencies=HALF_OCTAVES, sr: int = 22050):
    """Give a picture of a sound: the magnitude of its wavelet transform, in dB.

    Parameters
    ----------
    samples, frequencies, sr
        As for `transform`.
    n_columns : int
        Equal parts of the sound; of each, the mean magnitude is taken.

    Returns
    -------
    array of float64, shape (n_frequencies, n_columns)
        Relative to the loudest point, which is 0; not below -200 dB.

    Raises
    ------
    ValueError
        As for `transform`.
    """
    means = np.empty((len(frequencies), n_columns))
    for row, (_, octave) in enumerate(_octaves(samples, frequencies, sr)):
        needed = ceil(_OVERSAMPLING * len(octave) / (2 * n_columns))
        of_column = scipy.fft.next_fast_len(max(needed, _OF_A_COLUMN))
        magnitude = np.abs(scipy.fft.ifft(octave, 2 * n_columns * of_column))
        parts = magnitude[: n_columns * of_column].reshape(n_columns, of_column)
        means[row] = parts.mean(axis=1) * of_column * n_columns / len(samples)
    level = 20 * np.log10(np.maximum(means, _SILENCE))
    return level - level.max()


def statistics(samples, frequencies=HALF_OCTAVES, sr=22050):
    """Give mean and variance over time of the magnitude of a sound's wavelet transform.

    An octave that is b Hz wide is told by b values a second. Four times as many are taken, instead
    of all samples: the mean of the squares is exact, mean and variance are within a per cent.

    Parameters
    ----------
    samples, frequencies, sr
        As for `transform`.

    Returns
    -------
    array of float, shape (2 * n_frequencies,)
        The means, then the variances, in dB; not below -200 dB.

    Raises
    ------
    ValueError
        As for `transform`.
    """
    means, variances = [], []
    for _, octave in _octaves(samples, frequencies, sr):
        n = _OVERSAMPLING * scipy.fft.next_fast_len(len(octave))
        # Moved to zero frequency: that turns the values, and leaves their magnitudes as they are.
        magnitude = np.abs(scipy.fft.ifft(octave, n)) * n / (2 * len(samples))
        means.append(magnitude.mean())
        variances.append(magnitude.var())
    mean_levels = 20 * np.log10(np.maximum(means, _SILENCE))
    variance_levels = 10 * np.log10(np.maximum(variances, _SILENCE**2))
    return np.concatenate([mean_levels, variance_levels])


def _octaves(samples, frequencies, sr):
    """Give, for each frequency, the first bin that its wavelet passes and the spectrum from there.

    The spectrum is that of the sound and its mirror image, of positive frequencies, doubled.
    """
    mirrored = np.concatenate([samples, samples[::-1]])
    spectrum = 2 * scipy.fft.rfft(np.asarray(mirrored, float))
    for frequency in frequencies:
        scale = _CENTRE * sr / frequency
        first, end = (ceil(edge / scale * len(mirrored)) for edge in (_LOWEST, _HIGHEST))
        if first == end or end >= len(spectrum):
            raise ValueError(
                f"a wavelet at {frequency:,} Hz cannot measure {len(samples):,} samples of "
                f"{sr:,} a second"
            )
        yield first, spectrum[first:end]

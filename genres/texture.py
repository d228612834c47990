"""What does a mel spectrogram say in numbers, whatever happens when?"""

from itertools import pairwise

import numpy as np

from genres import features

_N_BANDS = 64  # of which level and change are told
_N_RHYTHM_BANDS, _N_RHYTHMS = 16, 12
_WINDOW = 128  # columns in which rhythms are looked for: ten seconds of a common mel store
_N_MFCC = 20
_PERCENTILES = (5, 25, 50, 75, 95)


def statistics(decibels):
    """Describe mel spectrograms by numbers of four families.

    Parameters
    ----------
    decibels : array of float32, shape (n_tracks, n_mels, n_columns)
        Log-mel spectrograms, in dB.

    Returns
    -------
    dict of str to array of float32, shape (n_tracks, n_numbers)
        ``colour``: mean and deviation of each band, and its mean change from column to column.
        ``range``: five percentiles of each band.
        ``rhythm``: how strongly each of a few broad bands beats at each of a few rates, in the
        logarithm, rate by rate (a fluctuation pattern: Pampalk, Rauber and Merkl, 2002).
        ``timbre``: means, variances and covariances of MFCC and of their changes, without the
        first, the level (Mandel and Ellis, 2005).
    """
    bands = _broader(decibels, _N_BANDS)
    ranges = np.percentile(bands, _PERCENTILES, axis=2)
    return {
        "colour": _colour(bands),
        "range": np.concatenate(ranges, axis=1).astype(np.float32),
        "rhythm": _rhythm(_broader(decibels, _N_RHYTHM_BANDS)),
        "timbre": _timbre(features.mfcc(decibels, _N_MFCC)[:, 1:]),
    }


def rates(n_columns, columns_per_second):
    """Give the rates of ``rhythm`` in `statistics`, in Hz: the mean of each group that it has."""
    width = min(_WINDOW, n_columns)
    groups = [range(low, high) for low, high in pairwise(_edges(width))]
    return np.array([np.mean(group) for group in groups]) * columns_per_second / width


def _edges(width):
    """Give the cycles in a window at which groups of rates begin; the last ends the last one."""
    return np.unique(np.geomspace(1, width // 2, _N_RHYTHMS + 1).round().astype(int))


def _broader(decibels, n_bands):
    """Average neighbouring bands until there are so many, or fewer."""
    parts = np.array_split(decibels, min(n_bands, decibels.shape[1]), axis=1)
    return np.stack([part.mean(axis=1) for part in parts], axis=1)


def _colour(bands):
    change = np.abs(np.diff(bands, axis=2))
    return np.concatenate([bands.mean(axis=2), bands.std(axis=2), change.mean(axis=2)], axis=1)


def _rhythm(bands):
    width = min(_WINDOW, bands.shape[2])
    starts = range(0, bands.shape[2] - width + 1, width // 2)
    spectra = []
    for start in starts:
        window = bands[:, :, start : start + width]
        window = (window - window.mean(axis=2, keepdims=True)) * np.hanning(width)
        spectra.append(np.abs(np.fft.rfft(window, axis=2)))
    spectrum = np.mean(spectra, axis=0)
    strengths = [spectrum[:, :, low:high].mean(axis=2) for low, high in pairwise(_edges(width))]
    return np.log(np.concatenate(strengths, axis=1) + 1e-3).astype(np.float32)


def _timbre(mfcc):
    """Give means, and all covariances; these in the logarithm, with their signs."""
    change = np.diff(mfcc, axis=2)
    both = np.concatenate([mfcc[:, :, 1:], change], axis=1)
    both_means = both.mean(axis=2)
    centred = both - both_means[:, :, None]
    covariances = centred @ centred.transpose(0, 2, 1) / (both.shape[2] - 1)
    rows, columns = np.triu_indices(both.shape[1])
    upper = covariances[:, rows, columns]
    return np.concatenate([both_means, np.sign(upper) * np.log1p(np.abs(upper))], axis=1)

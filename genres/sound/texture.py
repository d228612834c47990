"""What does a mel spectrogram say in numbers, whatever happens when?"""

from itertools import pairwise

import numpy as np

from genres.sound import features

_N_BANDS = 64  # of which level and change are told
_N_RHYTHM_BANDS, _N_RHYTHMS = 16, 12
_N_SLOW_RHYTHMS = 8  # of MFCC and of contrast
_WINDOW = 128  # columns in which rhythms are looked for: ten seconds of a common mel store
_N_MFCC = 20
_PERCENTILES = (5, 25, 50, 75, 95)
_N_CONTRASTS, _N_EDGES = 8, 16


def statistics(decibels):
    """Describe mel spectrograms by numbers of nine families.

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
        ``motion``: deviation and skewness of the same MFCC, and the logarithms of their mean
        change and of its own.
        ``contrast``: mean and deviation of the peaks of each eighth of the bands, and of how far
        its valleys lie below them (octave-based spectral contrast: Jiang et al., 2002).
        ``timbre rhythm``, ``contrast rhythm``: how strongly MFCC and contrast beat at each of a
        few rates (modulation spectra: Lee, Shih, Yu and Lin, 2009).
        ``edges``: mean and deviation, over time, of the step from a band to the next.
    """
    bands = _broader(decibels, _N_BANDS)
    mfcc = features.mfcc(decibels, _N_MFCC)
    contrast = _contrast(decibels)
    steps = _broader(np.abs(np.diff(decibels, axis=1)), _N_EDGES)
    found = {
        "colour": _colour(bands),
        "range": np.concatenate(np.percentile(bands, _PERCENTILES, axis=2), axis=1),
        "rhythm": _beats(_broader(decibels, _N_RHYTHM_BANDS), _N_RHYTHMS, 1e-3),
        "timbre": _timbre(mfcc[:, 1:]),
        "motion": _motion(mfcc[:, 1:]),
        "contrast": _mean_and_deviation(contrast),
        "timbre rhythm": _beats(mfcc, _N_SLOW_RHYTHMS, 1e-2),
        "contrast rhythm": _beats(contrast, _N_SLOW_RHYTHMS, 1e-2),
        "edges": _mean_and_deviation(steps),
    }
    return {name: values.astype(np.float32) for name, values in found.items()}


def rates(n_columns, columns_per_second):
    """Give the rates of ``rhythm`` in `statistics`, in Hz: the mean of each group that it has."""
    width = min(_WINDOW, n_columns)
    groups = [range(low, high) for low, high in pairwise(_edges_of_rates(width, _N_RHYTHMS))]
    return np.array([np.mean(group) for group in groups]) * columns_per_second / width


def _edges_of_rates(width, n_rates):
    """Give the cycles in a window at which groups of rates begin; the last ends the last one."""
    return np.unique(np.geomspace(1, width // 2, n_rates + 1).round().astype(int))


def _broader(decibels, n_bands):
    """Average neighbouring bands until there are so many, or fewer."""
    parts = np.array_split(decibels, min(n_bands, decibels.shape[1]), axis=1)
    return np.stack([part.mean(axis=1) for part in parts], axis=1)


def _mean_and_deviation(series):
    return np.concatenate([series.mean(axis=2), series.std(axis=2)], axis=1)


def _colour(bands):
    change = np.abs(np.diff(bands, axis=2))
    return np.concatenate([_mean_and_deviation(bands), change.mean(axis=2)], axis=1)


def _beats(series, n_rates, least):
    """Say how strongly series (n_tracks, n_series, n_columns) beat, rate by rate, from `least`."""
    width = min(_WINDOW, series.shape[2])
    starts = range(0, series.shape[2] - width + 1, width // 2)
    spectra = []
    for start in starts:
        window = series[:, :, start : start + width]
        window = (window - window.mean(axis=2, keepdims=True)) * np.hanning(width)
        spectra.append(np.abs(np.fft.rfft(window, axis=2)))
    spectrum = np.mean(spectra, axis=0)
    groups = pairwise(_edges_of_rates(width, n_rates))
    strengths = [spectrum[:, :, low:high].mean(axis=2) for low, high in groups]
    return np.log(np.concatenate(strengths, axis=1) + least)


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


def _motion(mfcc):
    deviation = mfcc.std(axis=2)
    third = ((mfcc - mfcc.mean(axis=2, keepdims=True)) ** 3).mean(axis=2)
    changes = [np.abs(np.diff(mfcc, n, axis=2)).mean(axis=2) for n in (1, 2)]
    logarithms = [np.log(change + 1e-3) for change in changes]
    return np.concatenate([deviation, third / (deviation**3 + 1e-3), *logarithms], axis=1)


def _contrast(decibels):
    """Give peaks, and their distance from valleys, of groups of bands at each moment.

    Peaks and valleys are the means of a group's loudest and quietest fifth.
    """
    series = []
    for group in np.array_split(decibels, min(_N_CONTRASTS, decibels.shape[1]), axis=1):
        by_level = np.sort(group, axis=1)
        fifth = max(1, group.shape[1] // 5)
        peaks, valleys = by_level[:, -fifth:].mean(axis=1), by_level[:, :fifth].mean(axis=1)
        series += [peaks, peaks - valleys]
    return np.stack(series, axis=1)

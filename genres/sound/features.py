"""How does a clip become the 63 numbers, or a log-mel spectrogram?"""

from collections.abc import Callable

import librosa
import numba
import numpy as np
import scipy.fft
import scipy.signal

from genres.sound.spectra import (
    BLOCK,
    HOP_LENGTH,
    N_FFT,
    apply_filters,
    magnitudes,
    measure,
    mel_filters,
    to_db,
)

KAGGLE_FEATURES = (
    *(
        f"{name}_{moment}"
        for name in (
            "chroma_stft",
            "rms",
            "spectral_centroid",
            "spectral_bandwidth",
            "rolloff",
            "zero_crossing_rate",
            "harmony",
            "perceptr",
        )
        for moment in ("mean", "var")
    ),
    "tempo",
    *(f"mfcc{number}_{moment}" for number in range(1, 21) for moment in ("mean", "var")),
)
"""The 57 features of the widely used GTZAN table ``features_30_sec.csv``, in its order."""

LOWEST_RATE = 12_800
"""The highest band of the spectral contrast starts at half of this rate."""

_TEMPO_WINDOW_SECONDS = 8
_USUAL_BPM, _FASTEST_BPM = 120, 320
_MEDIAN_WIDTH = 31
_COLUMNS_AT_ONCE = 256  # whose windows are sorted together: they fit into a processor's cache
_CHUNK, _MARGIN = 1292, 43  # frames that are separated together (30 s), and those around them
_TINY, _TINIEST = np.finfo(float).tiny, np.finfo(np.float32).tiny


def segments(samples, seconds: float, sr: int = 22050):
    """Cut a clip into segments of equal length; what is left over at its end is dropped.

    Parameters
    ----------
    samples : array, shape (n_samples,)
        The clip.
    seconds : float
        Length of a segment.
    sr : int
        Samples per second.

    Returns
    -------
    array, shape (n_segments, seconds * sr)
        A view of the clip.
    """
    length = round(seconds * sr)
    n_segments = len(samples) // length
    return samples[: n_segments * length].reshape(n_segments, length)


def course_features(samples, sr: int = 22050):
    """Give the 63 features of a segment.

    They are the mean and the standard deviation (of the population) over frames of what librosa
    0.11 gives by default: zero-crossing rate, RMS, spectral centroid, bandwidth, roll-off, contrast
    (over all its bands at once) and flatness, 12 rows of chroma, the first 12 of 20 MFCC; and the
    tempo.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        The segment; silence is allowed.
    sr : int
        Samples per second, above 12,800. The course's tables are of 22,050.

    Returns
    -------
    array of float64, shape (63,)
        In the order of `genres.data.tables.FEATURES`; frequencies in Hz, tempo in beats per minute.

    Raises
    ------
    ValueError
        If the segment is shorter than a frame or not finite, or the rate too low.
    """
    frames = measure(_checked(samples, sr), sr)
    coefficients = mfcc(frames.mel, 12)
    return np.concatenate(
        [
            [moment(values) for values in frames[:7] for moment in (np.mean, np.std)],
            frames.chroma.mean(axis=1, dtype=float),
            frames.chroma.std(axis=1, dtype=float),
            [_tempo(_onset_strength(frames.mel, np.mean), sr)],
            coefficients.mean(axis=1),
            coefficients.std(axis=1),
        ]
    )


def kaggle_features(samples, sr=22050):
    """Give the 57 features of the widely used GTZAN table ``features_30_sec.csv``.

    They are the mean and the variance (of the population) over frames of chroma, RMS, spectral
    centroid, bandwidth, roll-off, zero-crossing rate and 20 MFCC, and over samples of the harmonic
    and the percussive part of the sound; and the tempo. The table was made with a librosa older
    than 0.10, and of whole clips: frames at the ends are padded with the reflected sound, the tempo
    comes from the median of the onsets over mel bands, and the two parts are silent after the last
    frame. On the 100 whole clips of GTZAN's public mini version every tempo is the table's, and
    every other value within 2e-5 of its column's standard deviation; relatively, all are within
    1e-5 but for the harmonic mean (29 clips), the mean of MFCC 20 (3) and the percussive mean (1),
    which lie near zero.

    Parameters
    ----------
    samples, sr
        As for `course_features`; the table is of whole clips at 22,050 samples per second.

    Returns
    -------
    array of float64, shape (57,)
        In the order of `KAGGLE_FEATURES`; frequencies in Hz, tempo in beats per minute.

    Raises
    ------
    ValueError
        If the clip is shorter than a frame or not finite, or the rate too low.
    """
    samples = _checked(samples, sr)
    frames = measure(samples, sr, "reflect")
    onsets = _onset_strength(frames.mel, np.median)
    coefficients = mfcc(frames.mel, 20)
    measured = (
        frames.chroma,
        frames.rms,
        frames.centroid,
        frames.bandwidth,
        frames.rolloff,
        frames.zero_crossing_rate,
        *harmonic_and_percussive(samples),
    )
    return np.concatenate(
        [
            [moment(values, dtype=float) for values in measured for moment in (np.mean, np.var)],
            [_tempo(onsets, sr) if onsets.any() else 0],
            np.column_stack([coefficients.mean(axis=1), coefficients.var(axis=1)]).ravel(),
        ]
    )


def mfcc(decibels, n_mfcc: int = 20):
    """Give the mel-frequency cepstral coefficients of a log-mel spectrogram.

    Parameters
    ----------
    decibels : array of float, shape (…, n_mels, n_frames)
        One spectrogram or several, in dB.
    n_mfcc : int
        How many coefficients.

    Returns
    -------
    array of float, shape (…, n_mfcc, n_frames)
        The first terms of the orthonormal discrete cosine transform (type II) over bands, as
        librosa has them (Davis and Mermelstein, 1980). What is added to all of the spectrogram, its
        level, changes the first coefficient alone.
    """
    return scipy.fft.dct(decibels, axis=-2, norm="ortho")[..., :n_mfcc, :]


def log_mel(
    samples, sr: int = 22050, *, n_mels: int = 128, n_fft: int = 2048, hop_length: int = 512
):
    """Give the log-mel spectrogram of a clip.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        The clip.
    sr : int
        Samples per second.
    n_mels : int
        Number of mel bands, from 0 Hz to half the rate.
    n_fft : int
        Length of a frame in samples.
    hop_length : int
        Distance of two frames in samples.

    Returns
    -------
    array of float32, shape (n_mels, 1 + n_samples // hop_length)
        dB relative to the loudest point, from -80 to 0; the lowest band first.
    """
    filters = mel_filters(sr, n_fft, n_mels)
    mel = np.empty((n_mels, 1 + len(samples) // hop_length))
    for block, magnitude in magnitudes(samples, n_fft, hop_length):
        apply_filters(*filters, np.square(magnitude), mel[block])
    decibels = to_db(mel)
    return (decibels - decibels.max()).astype(np.float32)


def _checked(samples, sr):
    if len(samples) < N_FFT:
        raise ValueError(
            f"A segment of {len(samples)} samples is too short: features need {N_FFT:,} or more."
        )
    if not np.isfinite(samples).all():
        raise ValueError("A segment holds samples that are NaN or infinite.")
    if sr <= LOWEST_RATE:
        raise ValueError(
            f"Features need more than {LOWEST_RATE:,} samples per second, these are {sr:,}."
        )
    return np.asarray(samples, np.float32)


def _onset_strength(mel, aggregate):
    """Give how much louder each frame is than the one before it, over all mel bands."""
    rises = aggregate(np.maximum(np.diff(mel), 0), axis=0)
    # An onset counts when a frame's middle reaches it: later by half a frame.
    delay = 1 + N_FFT // (2 * HOP_LENGTH)
    return np.pad(rises, (delay, 0))[: mel.shape[1]]


def _tempo(onsets, sr):
    """Give the tempo in beats per minute.

    It is the lag at which the autocorrelation of the onsets is strongest: taken in windows of 8 s,
    one around each frame, each scaled to 1 at lag 0, and averaged; with a log-normal preference for
    120 beats per minute.
    """
    length = _TEMPO_WINDOW_SECONDS * sr // HOP_LENGTH
    padded = np.pad(onsets, length // 2, mode="linear_ramp")
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[: len(onsets)]
    window = scipy.signal.get_window("hann", length)
    n_fft = scipy.fft.next_fast_len(2 * length - 1, real=True)
    # The mean of autocorrelations is the transform of the mean of power spectra: one, not many.
    power = np.zeros(n_fft // 2 + 1)
    for start in range(0, len(windows), BLOCK):
        block = windows[start : start + BLOCK] * window
        energy = np.square(block).sum(axis=1)
        spectra = scipy.fft.rfft(block, n_fft, axis=1)
        weights = 1 / np.where(energy < _TINY, 1, energy)
        power += weights @ (spectra.real**2 + spectra.imag**2)
    autocorrelation = scipy.fft.irfft(power, n_fft)[1:length] / len(onsets)

    bpm = 60 * sr / (HOP_LENGTH * np.arange(1, length))
    preference = -0.5 * np.log2(bpm / _USUAL_BPM) ** 2
    preference[bpm >= _FASTEST_BPM] = -np.inf
    return bpm[np.argmax(np.log1p(1e6 * autocorrelation) + preference)]


def harmonic_and_percussive(samples):
    """Split a sound into what lasts and what strikes.

    Median filters along time and along frequency tell the two apart (Fitzgerald, 2010).

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono; 22,050 samples per second are what the filters are made for.

    Returns
    -------
    list of array of float32, shape (n_samples,)
        The harmonic part and the percussive part; their sum is the sound.
    """
    spectra = librosa.stft(samples, pad_mode="reflect")
    magnitude = np.abs(spectra)
    harmonic = _running_median(np.ascontiguousarray(magnitude.T)).T
    percussive = _running_median(magnitude)
    mask = _soft_mask(harmonic, percussive)
    return [
        librosa.util.fix_length(librosa.istft(spectra * share), size=len(samples))
        for share in (mask, 1 - mask)
    ]


def separate(samples, progress: Callable | None = None):
    """Split a track into what sounds on and what strikes.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second.
    progress : callable, optional
        Called again and again with the share that is done, from 0 to 1.

    Returns
    -------
    harmonic, percussive : array of float32, shape (n_samples,)
        As `harmonic_and_percussive` has them; taken 30 s after 30 s, as the whole of a long track
        would need much memory.
    """
    harmonic, percussive = np.empty((2, len(samples)), np.float32)
    chunk, margin = (n * HOP_LENGTH for n in (_CHUNK, _MARGIN))
    for start in range(0, len(samples), chunk):
        before = min(start, margin)
        stop = min(start + chunk, len(samples))
        parts = harmonic_and_percussive(samples[start - before : stop + margin])
        for part, into in zip(parts, (harmonic, percussive), strict=True):
            into[start:stop] = part[before : before + stop - start]
        if progress:
            progress(stop / len(samples))
    return harmonic, percussive


@numba.njit(cache=True)
def _soft_mask(these, others):
    """Give the share of squares that these values have of both; a half where both are zero."""
    mask = np.empty(these.shape, np.float32)
    for row in range(these.shape[0]):
        for column in range(these.shape[1]):
            this, other = these[row, column], others[row, column]
            larger = this if this > other else other
            scale = larger if larger >= _TINIEST else np.float32(1)  # no square is then too small
            square, rest = (this / scale) ** 2, (other / scale) ** 2
            mask[row, column] = square / (square + rest) if larger >= _TINIEST else np.float32(0.5)
    return mask


@numba.njit(cache=True)
def _running_median(columns):
    """Give the median of the values around each one of a column; a column's ends are mirrored.

    The windows of many columns are kept sorted side by side: a processor then works on many of
    them at once.
    """
    n, n_columns = columns.shape
    half = _MEDIAN_WIDTH // 2
    medians = np.empty_like(columns)
    for first in range(0, n_columns, _COLUMNS_AT_ONCE):
        some = columns[:, first : first + _COLUMNS_AT_ONCE].copy()
        windows = np.empty((_MEDIAN_WIDTH, some.shape[1]), columns.dtype)
        for place in range(_MEDIAN_WIDTH):
            windows[place] = some[_mirrored(place - half, n)]
        for column in range(some.shape[1]):
            windows[:, column] = np.sort(windows[:, column])
        medians[0, first : first + _COLUMNS_AT_ONCE] = windows[half]
        for i in range(1, n):
            _replace(windows, some[_mirrored(i - 1 - half, n)], some[_mirrored(i + half, n)])
            medians[i, first : first + _COLUMNS_AT_ONCE] = windows[half]
    return medians


@numba.njit(cache=True)
def _replace(windows, leaving, coming):
    """Replace a value of each column, all of which are sorted."""
    below = np.full(len(coming), -np.inf, windows.dtype)
    for place in range(len(windows) - 1):
        _settle(windows[place], windows[place + 1], leaving, coming, below)
    np.maximum(coming, below, windows[-1])


@numba.njit(cache=True)
def _settle(here, above, leaving, coming, below):
    """Find what stands here without the leaving values and with the coming ones.

    All is read first, and nothing is chosen by a branch, which would be guessed wrongly too often.
    """
    for column in range(len(here)):
        old, new, lower = leaving[column], coming[column], below[column]
        value, following = here[column], above[column]
        kept = value if value < old else following
        smaller = new if new < kept else kept
        here[column] = smaller if smaller > lower else lower
        below[column] = kept


@numba.njit(cache=True)
def _mirrored(place, n):
    """Give the place inside a column of n that stands for one outside of it."""
    place %= 2 * n
    return min(place, 2 * n - 1 - place)

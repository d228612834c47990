"""What is measured in each frame of a segment?

Frames are 2048 samples long, 512 apart and centred, as librosa's are by default, and so are all
definitions here. A segment is transformed once, in blocks of frames small enough for a processor's
cache, and everything that is needed of a spectrum is read off while it is there.
"""

from functools import lru_cache
from typing import NamedTuple

import librosa
import numba
import numpy as np
import scipy.fft
import scipy.signal

N_FFT = 2048
"""Length of a frame in samples."""

HOP_LENGTH = 512
"""Distance of two frames in samples."""

N_MELS = 128
"""Mel bands of a frame."""

BLOCK = 32
"""Frames that are worked on together: few enough for a processor's cache."""

_SILENT_POWER = 1e-10
_N_BINS = N_FFT // 2 + 1
_RANGE_DB = 80
_SILENT_SAMPLE = 1e-10
_ROLLOFF_SHARE = 0.85
_CONTRAST_EDGES_HZ = (0, 200, 400, 800, 1600, 3200, 6400)
_CONTRAST_SHARE = 0.02
_LOWEST_PITCH_HZ, _HIGHEST_PITCH_HZ = 150, 4000
_PITCH_SHARE = 0.1
_TINY = np.finfo(np.float32).tiny


class Frames(NamedTuple):
    """What was measured in each frame of a segment.

    Attributes
    ----------
    zero_crossing_rate, rms, flatness : array of float64, shape (n_frames,)
        Share of samples that change sign; root of the mean square; geometric over arithmetic mean
        of the power spectrum.
    centroid, bandwidth, rolloff : array of float64, shape (n_frames,)
        Hz.
    contrast : array of float64, shape (7, n_frames)
        Peak over valley of each octave band, dB.
    chroma : array of float32, shape (12, n_frames)
        Strength of each pitch class, C first, the strongest of a frame 1.
    mel : array of float64, shape (128, n_frames)
        Mel spectrum in dB, at most 80 dB below the segment's maximum.
    """

    zero_crossing_rate: np.ndarray
    rms: np.ndarray
    centroid: np.ndarray
    bandwidth: np.ndarray
    rolloff: np.ndarray
    contrast: np.ndarray
    flatness: np.ndarray
    chroma: np.ndarray
    mel: np.ndarray


def measure(samples, sr: float, pad_mode: str = "constant"):
    """Measure every frame of a segment.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        The segment, longer than half a frame, finite.
    sr : float
        Samples per second, above 12,800 so that every band of the contrast exists.
    pad_mode : str
        What `numpy.pad` puts before and after the segment so that frames can be centred at its
        ends: ``"constant"`` as librosa does since 0.10, ``"reflect"`` as it did before.

    Returns
    -------
    Frames
        ``1 + n_samples // 512`` frames.
    """
    n_frames = 1 + len(samples) // HOP_LENGTH
    frequencies = np.arange(_N_BINS) * (sr / N_FFT)
    bands, quantiles = _contrast_bands(sr)
    mel_bank = mel_filters(sr, N_FFT, N_MELS)

    shape = np.empty((3, n_frames))
    valleys, peaks = np.empty((2, len(bands), n_frames))
    flatness = np.empty(n_frames)
    mel = np.empty((N_MELS, n_frames))
    power = np.empty((_N_BINS, n_frames), np.float32)
    pitches = []
    for block, magnitude in magnitudes(samples, N_FFT, HOP_LENGTH, pad_mode):
        squared = np.square(magnitude)
        power[block] = squared
        _describe_shape(magnitude, frequencies, shape[block])
        _find_extremes(magnitude, bands, quantiles, valleys[block], peaks[block])
        flatness[block] = _flatness(squared)
        apply_filters(*mel_bank, squared, mel[block])
        pitches.append(_find_pitches(squared, sr))
    return Frames(
        zero_crossing_rate=_zero_crossing_rate(samples),
        rms=np.sqrt(_sum_squares(np.pad(samples, N_FFT // 2, pad_mode)) / N_FFT),
        centroid=shape[0],
        bandwidth=shape[1],
        rolloff=shape[2],
        contrast=to_db(peaks) - to_db(valleys),
        flatness=flatness,
        chroma=_chroma(power, _tuning(np.concatenate(pitches, axis=1)), sr),
        mel=to_db(mel),
    )


def magnitudes(samples, n_fft: int, hop_length: int, pad_mode: str = "constant"):
    """Transform a clip in blocks of frames that fit into a processor's cache.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        The clip.
    n_fft, hop_length : int
        Length and distance of frames in samples.
    pad_mode : str
        As `measure` has it.

    Yields
    ------
    block : tuple
        Index of the block's frames, the last axis of an array.
    magnitude : array of float32, shape (1 + n_fft // 2, n_frames_of_block)
        Their magnitude spectra.
    """
    padded = np.pad(samples, n_fft // 2, pad_mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    window = scipy.signal.get_window("hann", n_fft)
    for start in range(0, len(windows), BLOCK):
        # Transformed in double and rounded, as librosa does: single precision leaves in the valleys
        # of a spectrum nothing but rounding errors of its peaks.
        spectra = scipy.fft.rfft(windows[start : start + BLOCK] * window, axis=1)
        magnitude = np.abs(spectra.T.astype(np.complex64, order="C"))
        yield np.s_[..., start : start + BLOCK], magnitude


def to_db(power):
    """Give powers in dB, at most 80 dB below the largest of them."""
    decibels = (10 / np.log(10)) * np.log(np.maximum(power, _SILENT_POWER))
    return np.maximum(decibels, decibels.max() - _RANGE_DB, out=decibels)


@lru_cache(maxsize=8)
def mel_filters(sr, n_fft, n_mels):
    """Give a bank of mel filters (Slaney's), without its zeros.

    Returns
    -------
    starts, stops : array of int, shape (n_mels,)
        The bins that each filter passes.
    weights : array of float32, shape (n_mels, widest)
        A filter's weights, from its first bin on.
    """
    bank = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels)
    passed = bank > 0
    starts = passed.argmax(axis=1)
    stops = np.where(passed.any(axis=1), bank.shape[1] - passed[:, ::-1].argmax(axis=1), starts)
    weights = np.zeros((n_mels, (stops - starts).max()), np.float32)
    for filter_, start, stop, row in zip(bank, starts, stops, weights, strict=True):
        row[: stop - start] = filter_[start:stop]
    return starts, stops, weights


# In what follows arrays are (bins, frames), and the innermost loop runs over frames: a processor
# then works on many frames at once, and a sum over bins is still taken bin by bin, in librosa's
# order.


@numba.njit(cache=True)
def apply_filters(starts, stops, weights, power, out):
    """Write to `out`, shape (n_filters, n_frames), what filters pass of power spectra."""
    for band in range(len(starts)):
        out[band] = 0
        for k in range(starts[band], stops[band]):
            weight = np.float64(weights[band, k - starts[band]])
            for frame in range(power.shape[1]):
                out[band, frame] += weight * power[k, frame]


@numba.njit(cache=True)
def _describe_shape(magnitude, frequencies, out):
    n_bins, n_frames = magnitude.shape
    total, first, second = np.zeros((3, n_frames))
    # Single precision: a roll-off is the frequency of a bin, and another rounding would at times
    # give the bin beside librosa's.
    running = np.empty((n_bins, n_frames), np.float32)
    so_far = np.zeros(n_frames, np.float32)
    for k in range(n_bins):
        frequency = frequencies[k]
        for frame in range(n_frames):
            value = magnitude[k, frame]
            so_far[frame] += value
            running[k, frame] = so_far[frame]
            total[frame] += value
            first[frame] += value * frequency
            second[frame] += value * frequency * frequency
    for frame in range(n_frames):
        if total[frame] < _TINY:
            out[:, frame] = 0
            continue
        centroid = first[frame] / total[frame]
        out[0, frame] = centroid
        out[1, frame] = np.sqrt(max(second[frame] / total[frame] - centroid * centroid, 0))
        threshold = np.float32(_ROLLOFF_SHARE) * so_far[frame]
        out[2, frame] = frequencies[np.searchsorted(running[:, frame], threshold)]


@lru_cache(maxsize=8)
def _contrast_bands(sr):
    frequencies = np.arange(_N_BINS) * (sr / N_FFT)
    edges = np.array(_CONTRAST_EDGES_HZ)
    starts = np.searchsorted(frequencies, edges)
    starts[1:] -= 1
    stops = np.append(np.searchsorted(frequencies, edges[1:], side="right"), _N_BINS)
    quantiles = np.maximum(np.rint(_CONTRAST_SHARE * (stops - starts)), 1).astype(int)
    # All but the last band lose their last bin after the quantile was taken: librosa's custom.
    stops[:-1] -= 1
    return np.column_stack([starts, stops]), quantiles


@numba.njit(cache=True)
def _find_extremes(magnitude, bands, quantiles, valleys, peaks):
    """Write the means of the smallest and of the largest magnitudes of each band."""
    n_frames = magnitude.shape[1]
    smallest, largest = np.empty((2, quantiles.max(), n_frames), np.float32)
    small, large = np.empty((2, n_frames), np.float32)
    for band in range(len(bands)):
        n = quantiles[band]
        smallest[:n] = np.inf
        largest[:n] = -np.inf
        for k in range(bands[band, 0], bands[band, 1]):
            small[:] = magnitude[k]
            large[:] = magnitude[k]
            # Each value sinks to its place in a sorted list of n, the one it pushes out is lost;
            # without a branch, which would be guessed wrongly too often.
            for place in range(n):
                for frame in range(n_frames):
                    kept, passed = smallest[place, frame], small[frame]
                    smallest[place, frame] = kept if kept < passed else passed
                    small[frame] = passed if kept < passed else kept
                    kept, passed = largest[place, frame], large[frame]
                    largest[place, frame] = kept if kept > passed else passed
                    large[frame] = passed if kept > passed else kept
        for frame in range(n_frames):
            valleys[band, frame] = smallest[:n, frame].mean()
            peaks[band, frame] = largest[:n, frame].mean()


def _flatness(power):
    products, total = _multiply_powers(power)
    return np.exp(np.log(products).sum(axis=0) / _N_BINS) / (total / _N_BINS)


@numba.njit(cache=True)
def _multiply_powers(power):
    # A product of eight is far inside a double's range, and saves seven logarithms.
    n_bins, n_frames = power.shape
    products = np.ones((n_bins // 8 + 1, n_frames))
    total = np.zeros(n_frames)
    for k in range(n_bins):
        for frame in range(n_frames):
            value = np.float64(power[k, frame])
            value = value if value > _SILENT_POWER else _SILENT_POWER
            products[k // 8, frame] *= value
            total[frame] += value
    return products, total


def _find_pitches(power, sr):
    """Give frequency (Hz) and strength of every spectral peak, shape (2, n_peaks)."""
    frequencies = np.arange(_N_BINS) * (sr / N_FFT)
    low = np.searchsorted(frequencies, _LOWEST_PITCH_HZ)
    high = np.searchsorted(frequencies, min(_HIGHEST_PITCH_HZ, sr / 2))
    floor = np.float32(_PITCH_SHARE) * power.max(axis=0)
    return _interpolate_peaks(power, floor, low, high, sr / N_FFT)


@numba.njit(cache=True)
def _interpolate_peaks(power, floor, low, high, hertz_per_bin):
    n_frames = power.shape[1]
    found = np.empty((2, n_frames * ((high - low) // 2 + 1)), np.float32)
    n = 0
    for k in range(low, high):
        for frame in range(n_frames):
            before, here, after = power[k - 1, frame], power[k, frame], power[k + 1, frame]
            if here > floor[frame] and here > before and here >= after:
                curve = after + before - 2 * here
                slope = (after - before) / 2
                # A parabola through three points, unless its top is beyond the middle one's bin.
                shift = np.float32(0 if abs(slope) >= abs(curve) else -slope / curve)
                found[0, n] = (k + shift) * hertz_per_bin
                found[1, n] = here + np.float32(0.5) * slope * shift
                n += 1
    return found[:, :n]


def _tuning(pitches):
    """Give how far the pitches are off a tempered scale on 440 Hz, in semitones."""
    frequency, strength = pitches
    if len(frequency) == 0:
        return 0.0
    return librosa.pitch_tuning(frequency[strength >= np.median(strength)])


@lru_cache(maxsize=128)
def _chroma_filters(sr, tuning):
    return librosa.filters.chroma(sr=sr, n_fft=N_FFT, tuning=tuning)


def _chroma(power, tuning, sr):
    chroma = _chroma_filters(sr, tuning) @ power
    strongest = chroma.max(axis=0)
    return chroma / np.where(strongest < _TINY, np.float32(1), strongest)


def _zero_crossing_rate(samples):
    negative = np.pad(samples < -_SILENT_SAMPLE, N_FFT // 2, mode="edge")
    return _count_changes(negative.view(np.uint8)) / N_FFT


@numba.njit(cache=True)
def _count_changes(bits):
    counts = np.empty(1 + (len(bits) - N_FFT) // HOP_LENGTH)
    for frame in range(len(counts)):
        inside = bits[frame * HOP_LENGTH : frame * HOP_LENGTH + N_FFT]
        count = np.int32(0)
        for i in range(1, N_FFT):
            count += np.int32(inside[i] ^ inside[i - 1])
        counts[frame] = count
    return counts


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _sum_squares(padded):
    sums = np.empty(1 + (len(padded) - N_FFT) // HOP_LENGTH)
    for frame in range(len(sums)):
        inside = padded[frame * HOP_LENGTH : frame * HOP_LENGTH + N_FFT]
        total = 0.0
        for i in range(N_FFT):
            total += np.float64(inside[i]) * inside[i]
        sums[frame] = total
    return sums

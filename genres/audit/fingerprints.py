"""What is a clip recognised by, whatever was done to its recording?

By landmarks (Wang, 2003), the peaks of its spectrogram: they survive encoders, resampling, noise
and other levels. And by a digest, which only an exact copy shares.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from genres import parallel
from genres.decoding import audio
from genres.screen import bar
from genres.sound import melstore, spectra

_N_BINS = 512  # up to 5.5 kHz, which all encoders keep
_LOWEST = 8  # bins; below 86 Hz two tones are one peak
_PIECE, _MARGIN = 4096, 32  # frames of a long file that are worked on together
_EDGE = 2  # frames that a clip's beginning or end has a part in
_SILENT_PEAK = 1e-4  # of samples
_SILENT_LEVEL = np.float32(1e-6)  # of a spectrum


class Scale(NamedTuple):
    """How landmarks are picked from a kind of spectrogram, and paired.

    Attributes
    ----------
    frames_per_second : float
        Frames, or columns, of a second.
    around : (int, int)
        A landmark is the highest point within so many bands and frames to each side.
    beside : int
        Bands to each side whose mean it exceeds, too.
    above : float
        By how much, dB.
    zone : (int, int)
        Two landmarks are paired up to so many bands and frames apart.
    """

    frames_per_second: float
    around: tuple[int, int]
    beside: int
    above: float
    zone: tuple[int, int]


SOUND = Scale(audio.SAMPLE_RATE / spectra.HOP_LENGTH, (16, 12), 31, 6.0, (63, 63))
"""For the spectra of sound: music has some 22 landmarks a second."""

MEL = Scale(melstore.COLUMNS_PER_SECOND, (4, 3), 15, 3.0, (31, 31))
"""For mel stores: some 19 a second, which are coarser."""


class Fingerprint(NamedTuple):
    """What a clip is recognised by.

    Attributes
    ----------
    frames, bands : array of int32, shape (n_landmarks,)
        Where its landmarks are, in time order.
    n_frames : int
        How long it is.
    digest : bytes
        Equal for equal samples, or equal columns of a mel store; empty for silence.
    scale : Scale
        How the landmarks were picked.
    """

    frames: np.ndarray
    bands: np.ndarray
    n_frames: int
    digest: bytes
    scale: Scale


def of_files(
    paths: Sequence[str | Path], workers: int | None = None, progress: bool | Callable = True
):
    """Take the fingerprints of audio files.

    Parameters
    ----------
    paths : sequence of str or Path
    workers, progress
        As `genres.parallel.each` and `genres.screen.bar` have them.

    Returns
    -------
    list of Fingerprint or AudioError
        In the order of `paths`; the error says why a file cannot be used.
    """
    taken = [None] * len(paths)
    with bar(progress, "listen", len(paths)) as step:
        for place, fingerprint in parallel.each(_of_file, list(enumerate(paths)), workers):
            taken[place] = fingerprint
            step(1)
    return taken


def of_sound(samples):
    """Take the fingerprint of sound.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second.

    Returns
    -------
    Fingerprint
    """
    n_frames = 1 + len(samples) // spectra.HOP_LENGTH
    parts = []
    for start in range(0, n_frames, _PIECE):
        first = max(0, start - _MARGIN)
        stop = min(start + _PIECE, n_frames)
        inside = slice(first * spectra.HOP_LENGTH, (stop + _MARGIN) * spectra.HOP_LENGTH)
        frames, bands = _landmarks(_levels(samples[inside]), SOUND)
        kept = (frames + first >= start) & (frames + first < stop) & (bands >= _LOWEST)
        parts.append((frames[kept] + first, bands[kept]))
    frames, bands = map(np.concatenate, zip(*parts, strict=True))
    silent = np.abs(samples).max() < _SILENT_PEAK
    return _fingerprint(frames, bands, n_frames, samples, silent, SOUND)


def of_mel(mel, range_db: float = melstore.RANGE_DB, columns_per_second=MEL.frames_per_second):
    """Take the fingerprint of a clip in a mel store.

    Parameters
    ----------
    mel : array of uint8, shape (n_mels, n_columns)
    range_db, columns_per_second : float
        As `genres.sound.melstore.MelStore` has them.

    Returns
    -------
    Fingerprint
        Its digest is that of the spectrogram, which knows no level and but a few moments of a clip.
    """
    levels = melstore.decibels(mel, range_db)
    scale = MEL._replace(frames_per_second=columns_per_second)
    frames, bands = _landmarks(levels, scale)
    return _fingerprint(frames, bands, mel.shape[1], mel, mel.min() == mel.max(), scale)


def _of_file(item):
    place, path = item
    try:
        return place, of_sound(audio.read_whole(path).samples)
    except audio.AudioError as error:
        return place, error


def _levels(samples):
    levels = np.empty((_N_BINS, 1 + len(samples) // spectra.HOP_LENGTH), np.float32)
    for block, magnitude in spectra.magnitudes(samples, spectra.N_FFT, spectra.HOP_LENGTH):
        levels[block] = magnitude[:_N_BINS]
    return 20 * np.log10(np.maximum(levels, _SILENT_LEVEL))


def _landmarks(levels, scale):
    """Give the frames and bands of the peaks of levels in dB, (n_bands, n_frames)."""
    n_bands, n_frames = (2 * reach + 1 for reach in scale.around)
    highest = maximum_filter1d(maximum_filter1d(levels, n_bands, axis=0), n_frames, axis=1)
    usual = uniform_filter1d(levels, 2 * scale.beside + 1, axis=0)
    stands_out = (levels == highest) & (levels > usual + scale.above)
    stands_out[:, 1:] &= levels[:, 1:] > levels[:, :-1]  # of frames that are equal only the first
    frames, bands = np.nonzero(stands_out.T)
    return frames.astype(np.int32), bands.astype(np.int32)


def _fingerprint(frames, bands, n_frames, content, silent, scale):
    inside = (frames >= _EDGE) & (frames < n_frames - _EDGE)
    digest = hashlib.blake2b(np.ascontiguousarray(content), digest_size=16).digest()
    return Fingerprint(frames[inside], bands[inside], n_frames, b"" if silent else digest, scale)

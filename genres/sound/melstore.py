"""How are the log-mel spectrograms of many clips kept, and is what is kept sound?"""

import zipfile
import zlib
from collections.abc import Sequence
from lzma import LZMAError
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from genres import Refusal, files, shown
from genres.sound import features, spectra

COLUMNS_PER_SECOND = 12.9
"""Columns that a mel store keeps of a second."""

RANGE_DB = 80
"""The range that the 256 steps of a mel store span, ending at the clip's maximum."""

_STEPS = 255
_NARROWEST = 1e-6  # dB
_SILENT_POWER = 1e-10
_TINY = np.finfo(float).tiny
_MOST_BYTES = 8 << 30
_FEWEST_BANDS, _FEWEST_COLUMNS = 8, 32
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    RuntimeError,  # of an encrypted member, or of an unknown compression
    ValueError,
    TypeError,
    OverflowError,
    EOFError,
    MemoryError,
)


class MelStore(NamedTuple):
    """Log-mel spectrograms of clips, in steps.

    Attributes
    ----------
    mel : array of uint8, shape (n_tracks, n_mels, n_columns)
        Step 255 is the loudest point of a clip, step 0 the end of the range; the lowest band first.
    track : array of str, shape (n_tracks,)
        What each clip is called in tables.
    range_db : float
        Range of the steps in dB.
    columns_per_second : float
        Columns a second.
    """

    mel: np.ndarray
    track: np.ndarray
    range_db: float = RANGE_DB
    columns_per_second: float = COLUMNS_PER_SECOND


def load(path: str | Path):
    """Load a mel store.

    Parameters
    ----------
    path : str or Path
        An ``.npz`` file with ``mel`` and ``track`` and, where they differ from the usual,
        ``range_db`` and ``columns_per_second``.

    Returns
    -------
    MelStore

    Raises
    ------
    Refusal
        If it cannot be read, or is not such a store. Nothing in it is unpickled, and of a file that
        claims to hold more than 8 GiB nothing is read.
    """
    files.require_regular(path, _MOST_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise Refusal(f"{path} claims to hold more than {_MOST_BYTES >> 30} GiB.")
            content = {}
            for name in MelStore._fields:
                if f"{name}.npy" in archive.namelist():
                    with archive.open(f"{name}.npy") as member:
                        content[name] = np.lib.format.read_array(member, allow_pickle=False)
                elif name not in MelStore._field_defaults:
                    raise Refusal(f"{path} is no mel store: it has no array '{name}'.")
        mel, track = content.pop("mel"), content.pop("track").astype(str)
        store = MelStore(mel, track, **{name: float(c.item()) for name, c in content.items()})
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror or error}.") from error
    except _DAMAGES as error:
        raise Refusal(f"{path} is no mel store, or a damaged one: {error}.") from error
    _check(store, path)
    return store


def decibels(mel, range_db: float = RANGE_DB):
    """Turn steps into dB.

    Parameters
    ----------
    mel : array of uint8
        Steps.
    range_db : float
        Their range.

    Returns
    -------
    array of float32, of the same shape
        dB relative to the loudest point. Steps are rounded down when they are made, so the middle
        of a step is taken, but for the loudest point itself. A clip that spans less than the
        store's range comes out stretched to it: stores do not say what each clip spans.
    """
    levels = (np.minimum(np.arange(_STEPS + 1) + 0.5, _STEPS) / _STEPS - 1) * range_db
    return levels.astype(np.float32)[mel]


def write(path: str | Path, names: Sequence[str], spectrograms, n_columns: int):
    """Write a mel store clip by clip: together its spectrograms may not fit into memory.

    Parameters
    ----------
    path : str or Path
        The file to write, whole or not at all.
    names : sequence of str
        What each clip is called in tables.
    spectrograms : iterable of bytes
        Those of each clip, in the order of `names`, as `encode` gives them.
    n_columns : int
        Columns of each.
    """
    shape = (len(names), spectra.N_MELS, n_columns)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with (
        files.atomic(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as store,
    ):
        with store.open("mel.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(member, header)
            for spectrogram in spectrograms:
                member.write(spectrogram)
        with store.open("track.npy", "w") as member:
            np.save(member, np.array(names), allow_pickle=False)


def encode(samples, sr: int = 22050):
    """Give the log-mel spectrogram of a clip as a mel store keeps it.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        The clip.
    sr : int
        Samples per second.

    Returns
    -------
    array of uint8, shape (128, n_columns)
        Steps of the clip's range, rounded down: 255 its loudest point, 0 its quietest, which is 80
        dB below unless the clip spans less. 12.9 columns a second, each the frame that stands at
        its middle.
    """
    spectrogram = features.log_mel(samples, sr, n_mels=spectra.N_MELS)
    span = max(-spectrogram.min(), _TINY)
    return steps(spectrogram[:, kept_frames(len(samples), sr)], span)


def kept_frames(n_samples: int, sr: int = 22050):
    """Give the frames of a clip that a mel store keeps.

    Parameters
    ----------
    n_samples : int
        How long the clip is.
    sr : int
        Samples per second.

    Returns
    -------
    array of int, shape (n_columns,)
        For each column the frame that stands at its middle.
    """
    n_frames = 1 + n_samples // spectra.HOP_LENGTH
    n_columns = round(COLUMNS_PER_SECOND * n_samples / sr)
    return ((np.arange(n_columns) + 0.5) * n_frames / (n_columns + 0.5)).astype(int)


def encode_windows(samples, starts, width: int, seconds: float = 30, sr: int = 22050):
    """Cut windows out of a track's log-mel spectrogram, each as a mel store would keep it.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        The track.
    starts : array of float, shape (n_windows,)
        Where the windows begin, s.
    width : int
        Columns of a window.
    seconds : float
        How much sound around a window decides on its range, as a clip's own does in a mel store;
        no less than a window.
    sr : int
        Samples per second.

    Returns
    -------
    array of uint8, shape (n_windows, 128, width)
    """
    decibels, lowest, highest = _levels(samples, seconds, sr)
    firsts = (starts * COLUMNS_PER_SECOND).round().astype(int)
    windows = []
    for first in np.minimum(firsts, decibels.shape[1] - width):
        low, high = lowest[first + width // 2], highest[first + width // 2]
        span = np.clip(high - low, _NARROWEST, RANGE_DB)
        windows.append(steps(decibels[:, first : first + width] - high, span))
    return np.stack(windows)


def steps(levels, span: float):
    """Turn levels into steps: the inverse of `decibels`.

    Parameters
    ----------
    levels : array of float
        dB relative to the loudest point, at most 0.
    span : float
        Range of the steps in dB.

    Returns
    -------
    array of uint8, of the same shape
        255 for 0 dB, 0 for -`span` and all below; rounded down.
    """
    return (np.maximum(levels / span + 1, 0) * _STEPS).astype(np.uint8)


def _levels(samples, seconds, sr):
    """Give a log-mel spectrogram in dB at a mel store's moments, and its range around each."""
    middles = kept_frames(len(samples), sr)
    n_frames = 1 + len(samples) // spectra.HOP_LENGTH
    filters = spectra.mel_filters(sr, spectra.N_FFT, spectra.N_MELS)
    decibels, ends = np.empty((spectra.N_MELS, len(middles))), np.empty((2, n_frames))
    for (_, block), magnitude in spectra.magnitudes(samples, spectra.N_FFT, spectra.HOP_LENGTH):
        power = np.empty((spectra.N_MELS, magnitude.shape[1]))
        spectra.apply_filters(*filters, np.square(magnitude), power)
        levels = 10 * np.log10(np.maximum(power, _SILENT_POWER))
        ends[:, block] = levels.min(axis=0), levels.max(axis=0)
        first, last = np.searchsorted(middles, [block.start, block.stop])
        decibels[:, first:last] = levels[:, middles[first:last] - block.start]
    around = min(1 + seconds * sr // spectra.HOP_LENGTH, n_frames)
    # At the ends of a track, its first or last 30 s.
    inside = np.clip(middles, around // 2, n_frames - 1 - (around - 1) // 2)
    lowest, highest = minimum_filter1d(ends[0], around), maximum_filter1d(ends[1], around)
    return decibels, lowest[inside], highest[inside]


def _check(store, path):
    mel, track = store.mel, store.track
    if mel.dtype != np.uint8 or mel.ndim != 3:
        raise Refusal(
            f"{path}: 'mel' has to be uint8 of three dimensions (tracks, bands, columns), "
            f"not {mel.dtype} of {mel.ndim}."
        )
    if mel.shape[1] < _FEWEST_BANDS or mel.shape[2] < _FEWEST_COLUMNS:
        raise Refusal(
            f"{path} has {mel.shape[1]} bands and {mel.shape[2]} columns a track: at least "
            f"{_FEWEST_BANDS} and {_FEWEST_COLUMNS} are needed."
        )
    if track.shape != mel.shape[:1]:
        raise Refusal(f"{path} has {len(mel)} spectrograms, but names of {track.size} tracks.")
    names, counts = np.unique(track, return_counts=True)
    if len(names) < len(track):
        raise Refusal(f"{path} names the track {shown(names[counts > 1][0])} twice.")
    if not (0 < store.range_db < np.inf and 0 < store.columns_per_second < np.inf):
        raise Refusal(f"{path}: 'range_db' and 'columns_per_second' have to be positive.")

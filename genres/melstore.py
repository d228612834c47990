"""What is a mel store, and is this one sound?"""

import zipfile
import zlib
from lzma import LZMAError
from typing import NamedTuple

import numpy as np

from genres import Refusal
from genres.features import STORE_COLUMNS_PER_SECOND, STORE_RANGE_DB

_STEPS = 255
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
    range_db: float = STORE_RANGE_DB
    columns_per_second: float = STORE_COLUMNS_PER_SECOND


def load(path):
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
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                raise Refusal(f"{path} claims to hold more than {_MOST_BYTES >> 30} GiB.")
            there = [name for name in MelStore._fields if f"{name}.npy" in archive.namelist()]
            content = {name: _read(archive, name) for name in there}
        missing = [name for name in ("mel", "track") if name not in content]
        if missing:
            raise Refusal(f"{path} is no mel store: it has no array '{missing[0]}'.")
        mel, track = content.pop("mel"), content.pop("track").astype(str)
        store = MelStore(mel, track, **{name: float(c.item()) for name, c in content.items()})
    except Refusal:
        raise  # it is a ValueError, too
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror or error}.") from error
    except _DAMAGES as error:
        raise Refusal(f"{path} is no mel store, or a damaged one: {error}.") from error
    _check(store, path)
    return store


def decibels(mel, range_db=STORE_RANGE_DB):
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


def _read(archive, name):
    with archive.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


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
        raise Refusal(f"{path} names the track {names[counts > 1][0]} twice.")
    if not (0 < store.range_db < np.inf and 0 < store.columns_per_second < np.inf):
        raise Refusal(f"{path}: 'range_db' and 'columns_per_second' have to be positive.")

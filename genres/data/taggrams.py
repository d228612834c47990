"""What did the tagger say of these clips?

A data folder may hold taggrams in its folder ``musicnn``: those that `genres.extraction` and
`genres.synth` make, in one file, or those of GTZAN that the network's authors published, in two.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genres import Refusal, files, shown
from genres.sound.tags import TAGS

FOLDER = "musicnn"
"""Folder of a data folder, or beside tables, in which they lie."""

FILE = "taggrams.npz"
"""The file of taggrams that were made here; where it is, it is taken before published ones."""

N_UNITS = 200
"""How many outputs the last hidden layer of the network has: numbers of an embedding."""

_PUBLISHED = "*_MSDmusicnn_taggram.npz"
_CLIP = re.compile(r"(?P<genre>\w+)/(?P=genre)\.(?P<number>\d{5})\.\w+")
_MOST_BYTES = 4 << 30


class Taggrams(NamedTuple):
    """What the tagger said of clips.

    Attributes
    ----------
    names : list of str
        What each clip is called in tables, such as ``blues_00029.wav``.
    taggrams : list of array of float32, shape (n_patches, 50)
        Of each clip, the probability of each of `genres.sound.tags.TAGS` in each patch of 3 s.
    embeddings : list of array of float32, shape (n_patches, 200), or None
        Outputs of the network's last hidden layer, where they were kept.
    published : bool
        Whether they are those that the network's authors published.
    """

    names: list
    taggrams: list
    embeddings: list | None
    published: bool


def load(folder: str | Path) -> Taggrams:
    """Load taggrams from a folder of them.

    Parameters
    ----------
    folder : str or Path
        As `genres.data.folders.Data.taggrams` has it. Taken is ``taggrams.npz``, as `write` makes
        it; for lack of it, ``*_MSDmusicnn_taggram.npz``, as Pons and Favory published them: ``X``,
        the rows of all patches, and ``IDS``, such as ``blues/blues.00029.au``, their clips.

    Returns
    -------
    Taggrams

    Raises
    ------
    Refusal
        If there is neither; if a file cannot be read, or is not such a file; if a number is no
        probability; if a clip is there twice, other than with equal numbers in two published files.
        Nothing is unpickled, and of a file that claims to hold more than 4 GiB nothing is read.
    """
    made, published = Path(folder, FILE), sorted(Path(folder).glob(_PUBLISHED))
    if made.exists():
        return _load_made(made)
    if published:
        return _load_published(published)
    raise Refusal(f"{folder} holds no taggrams: neither {FILE} nor {_PUBLISHED}.")


def write(path: str | Path, names: Sequence[str], taggrams, embeddings=None):
    """Write taggrams of clips that are equally long.

    Parameters
    ----------
    path : str or Path
        The file to write, whole or not at all.
    names : sequence of str
        What each clip is called in tables.
    taggrams : array of float16 or float32, shape (n_clips, n_patches, 50)
        Probabilities, in the order of the clips.
    embeddings : array of float16 or float32, shape (n_clips, n_patches, 200), optional
        Outputs of the network's last hidden layer.
    """
    arrays = {"names": np.array(names, dtype=str), "taggrams": taggrams}
    if embeddings is not None:
        arrays["embeddings"] = embeddings
    with files.atomic(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _load_made(path):
    arrays = _read(path, ("names", "taggrams"), ("embeddings",))
    names = _text(arrays, "names", path)
    taggrams = _numbers(arrays, "taggrams", (len(names), None, len(TAGS)), path)
    if not taggrams.size:
        raise Refusal(f"{path} holds no taggrams: it has {len(names)} clips without patches.")
    unique, counts = np.unique(names, return_counts=True)
    if len(unique) < len(names):
        raise Refusal(f"{path} names the clip {shown(unique[counts > 1][0])} twice.")
    rows = taggrams.reshape(-1, len(TAGS))
    _require_probabilities(rows, np.repeat(names, taggrams.shape[1]), path)
    embeddings = None
    if "embeddings" in arrays:
        embeddings = _numbers(arrays, "embeddings", (*taggrams.shape[:2], N_UNITS), path)
        unsound = ~np.isfinite(embeddings).all(axis=(1, 2))
        if unsound.any():
            clip = shown(names[unsound.argmax()])
            raise Refusal(f"{path}: the embedding of {clip} has numbers that are not finite.")
        embeddings = list(embeddings)
    return Taggrams(names.tolist(), list(taggrams), embeddings, published=False)


def _load_published(paths):
    found, places = {}, {}
    for path in paths:
        for name, taggram in _clips_of(path):
            if not np.array_equal(found.setdefault(name, taggram), taggram):
                both = path if path == places[name] else f"{places[name]} and {path.name}"
                raise Refusal(f"{both}: the clip {name} is there twice, with different numbers.")
            places.setdefault(name, path)
    return Taggrams(list(found), list(found.values()), None, published=True)


def _clips_of(path):
    """Give name and taggram of each clip in a published file, in its order."""
    arrays = _read(path, ("X", "IDS"))
    ids = _text(arrays, "IDS", path)
    rows = _numbers(arrays, "X", (len(ids), len(TAGS)), path)
    if not len(ids):
        raise Refusal(f"{path} holds no taggrams: it has no rows.")
    firsts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    names = []
    for first in firsts:
        match = _CLIP.fullmatch(ids[first])
        if not match:
            raise Refusal(
                f"{path}, row {first}: {shown(ids[first])!r} names no clip, as "
                "blues/blues.00029.au does."
            )
        names.append(f"{match['genre']}_{match['number']}.wav")
    taggrams = np.split(rows, firsts[1:])
    _require_probabilities(rows, np.repeat(names, list(map(len, taggrams))), path)
    return zip(names, taggrams, strict=True)


def _read(path, wanted, optional=()):
    """Read arrays of a file, those wanted and as many of the optional ones as there are."""
    files.require_archive(path, _MOST_BYTES)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {
                name: np.asarray(archive[name])
                for name in (*wanted, *optional)
                if name in archive.files
            }
    except Exception as error:  # of arrays of any kind, anything may follow
        raise Refusal(f"{path} is damaged: make it again, or get it again.") from error
    for name in wanted:
        if name not in arrays:
            raise Refusal(f"{path} holds no taggrams: it has no array '{name}'.")
    return arrays


def _text(arrays, name, path):
    array = arrays[name]
    if array.dtype.kind != "U" or array.ndim != 1:
        raise Refusal(f"{path}: '{name}' has to be a list of text, not {_described(array)}.")
    return array


def _numbers(arrays, name, shape, path):
    """Give an array as float32, if its sizes are those wanted; None stands for any."""
    array = arrays[name]
    fits = array.ndim == len(shape) and all(
        size in (length, None) for size, length in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype not in (np.float16, np.float32):
        wanted = " x ".join("any" if size is None else f"{size:,}" for size in shape)
        raise Refusal(
            f"{path}: '{name}' has to be {wanted} numbers in float16 or float32, not "
            f"{_described(array)}."
        )
    return array.astype(np.float32)


def _described(array):
    return f"{' x '.join(f'{length:,}' for length in array.shape) or 'one'} of {array.dtype}"


def _require_probabilities(rows, names, path):
    """Refuse rows with a number that is no probability; ``names`` has the clip of each."""
    wrong = ~((rows >= 0) & (rows <= 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        patch = row - np.flatnonzero(names == names[row])[0]
        raise Refusal(
            f"{path}: {shown(names[row])}, patch {patch}, tag '{TAGS[column]}': "
            f"{rows[row, column]:g} is no probability."
        )

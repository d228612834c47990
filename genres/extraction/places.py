"""Which clips are in a place that somebody names, and which of them are for testing?"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from genres import Refusal, shown
from genres.data import catalogue, datasets, folders, tablefiles, tables
from genres.data.clips import Clip

NONE = "none"
"""What stands for no split."""

_INDEX = "artist_title_index.txt"  # Sturm's, of GTZAN
_TYPES = {"train": "Train", "training": "Train", "test": "Test", "testing": "Test"}


class Collection(NamedTuple):
    """The clips of a place.

    Attributes
    ----------
    name : str
        What its folder in ``runs/`` is called.
    source : str
        Where it is.
    clips : list of Clip
        Their path is empty where their sound is not at hand.
    rejected : dict of str to str
        Why files are left out by the collection itself, by their paths.
    table : DataFrame or None
        Its feature table.
    mel : Path or None
        Its mel store.
    artists : Path or None
        A table that names its artists.
    """

    name: str
    source: str
    clips: list
    rejected: dict
    table: pd.DataFrame | None = None
    mel: Path | None = None
    artists: Path | None = None


def find(place: str | Path):
    """Find the clips of a place; their sound is not read.

    Parameters
    ----------
    place : str or Path
        A folder of audio that `genres.data.datasets.read` takes; a data folder, perhaps without
        audio; a feature table; or a name of `genres.data.catalogue.CORPORA`.

    Returns
    -------
    Collection

    Raises
    ------
    Refusal
        If there is no such place, or nothing in it that can be used.
    """
    named, path = str(place), Path(place).expanduser()
    if named in (folders.COURSE, folders.SYNTHETIC) and not path.exists():
        return _of_data(folders.find(named, offline=True))
    if named in catalogue.CORPORA and not path.exists():
        path = catalogue.where(named)
    if path.is_file():
        table = tables.load(path)
        return Collection(path.name.partition(".")[0], str(path), _clips_of(table), {}, table)
    if path.is_dir() and (folders.holds_audio_only(path) or not any(path.iterdir())):
        dataset = datasets.read(path)
        rejected = dict(zip(dataset.rejected["path"], dataset.rejected["reason"], strict=True))
        return Collection(path.resolve().name, str(path), dataset.clips, rejected)
    return _of_data(folders.find(path, offline=True))


def types(collection: Collection, split: str | Path | None = None):
    """Say which clips are for training, and which for testing.

    Parameters
    ----------
    collection : Collection
    split : str or Path, optional
        A table with the columns ``file`` and ``type``, Train or Test; ``course`` for what the
        collection says, or its feature table; ``none``. By default ``course``, if it says so.

    Returns
    -------
    array of str, shape (n_clips,)
        ``"Train"``, ``"Test"``, or empty.

    Raises
    ------
    Refusal
        If the collection says nothing, or the table is none or names no clip.
    """
    said = np.array([clip.type or "" for clip in collection.clips])
    if split == NONE:
        return np.full(len(said), "")
    if split == folders.COURSE and not any(said):
        raise Refusal(f"{collection.source} says of no clip if it is for training or for testing.")
    if split in (None, folders.COURSE):
        return said
    table, lines = tablefiles.read(split, ("file", "type"), ("file", "type"))
    kinds = table["type"].str.strip().str.lower().map(_TYPES)
    if kinds.isna().any():
        row = int(np.flatnonzero(kinds.isna())[0])
        where = f"{split}, line {lines[row]}" if lines else f"{split}, row {row + 1}"
        raise Refusal(f"{where}: '{shown(table['type'][row])}' is neither Train nor Test.")
    if table["file"].duplicated().any():
        twice = table["file"][table["file"].duplicated()].iloc[0]
        raise Refusal(f"{split} names the clip {shown(twice)} twice.")
    by_name = dict(zip(table["file"], kinds, strict=True))
    found = np.array([by_name.get(clip.name, "") for clip in collection.clips])
    if not any(found):
        example = shown(collection.clips[0].name)
        raise Refusal(f"{split} names none of the clips: one is called {example}.")
    return found


def _of_data(data):
    table = data.table(folders.WHOLE if folders.WHOLE in data.tables else min(data.tables))
    sound = datasets.read(data.audio).clips if data.audio else []
    folds = folders.artist_folds(data)
    artists = {} if folds is None else folds["artist"].map("artist {}".format).to_dict()
    clips = _clips_of(table, {clip.name: clip for clip in sound}, artists)
    index = data.folder / folders.SPLITS / _INDEX
    index = index if index.is_file() else None
    return Collection(data.name, str(data.folder), clips, {}, table, data.mel, index)


def _clips_of(table, sound=None, artists=None):
    """Give a table's clips, with the path of those whose sound there is, and the artist."""
    rows = table.drop_duplicates("File")[["File", "Genre", "Type"]]
    clips = []
    for name, genre, kind in rows.itertuples(index=False):
        clip = (sound or {}).get(name, Clip("", genre, name))
        group = (artists or {}).get(name, clip.group)
        clips.append(clip._replace(genre=genre, type=kind, group=group))
    return clips

"""Which other ways to split GTZAN's clips does a data folder know?

The tables split clips at random, so that copies of one recording, and one artist's recordings,
stand on both sides. People who listened to the collection have published splits that avoid it.
"""

import re

import pandas as pd

from genres import Refusal, corpora

_FAULT_FILTERED = ("train", "valid", "test")
_LINE = re.compile(r"(?:\w+/)?(\w+)\.(\d{5})\.\w+")


def artist_folds(data):
    """Give the folds of clips in which no artist is in two.

    Parameters
    ----------
    data : genres.corpora.Data
        The data; their folder ``splits`` is read.

    Returns
    -------
    DataFrame or None
        ``artist`` (a number) and ``fold`` of each clip, by its name in tables; None where the
        folder has no ``artist_folds.csv``. Copies and clips that cannot be used are not in it
        (Sturm, 2013; Foleis and Tavares, 2020).

    Raises
    ------
    Refusal
        If the file is not such a table, or an artist of it is in two folds.
    """
    path = data.folder / corpora.SPLITS / "artist_folds.csv"
    if not path.exists():
        return None
    try:
        table = pd.read_csv(path).set_index("file")
        folds = table.rename(columns={"artist_group": "artist"})[["artist", "fold"]].astype(int)
    except (KeyError, ValueError) as error:
        raise Refusal(f"{path} is no table of folds: {error}.") from error
    in_two = folds.groupby("artist")["fold"].nunique() > 1
    if in_two.any() or folds.index.has_duplicates:
        raise Refusal(f"{path} has an artist in two folds, or a clip twice.")
    return folds


def fault_filtered(data):
    """Give the split that leaves out GTZAN's faulty clips and keeps artists apart.

    Parameters
    ----------
    data : genres.corpora.Data
        The data; their folder ``splits`` is read.

    Returns
    -------
    Series or None
        ``train``, ``valid`` or ``test`` for each clip, by its name in tables; None where the folder
        lacks one of the three lists (Kereliuk, Sturm and Larsen, 2015).

    Raises
    ------
    Refusal
        If a line names no clip, or a clip is in two lists.
    """
    paths = {
        kind: data.folder / corpora.SPLITS / f"fault_filtered_{kind}.txt"
        for kind in _FAULT_FILTERED
    }
    if not all(path.exists() for path in paths.values()):
        return None
    kinds = {}
    for kind, path in paths.items():
        for line in path.read_text(encoding="utf-8").split():
            match = _LINE.fullmatch(line)
            if not match:
                raise Refusal(f"{path}: '{line}' names no clip.")
            name = f"{match[1]}_{match[2]}.wav"
            if name in kinds:
                raise Refusal(f"{path}: {line} is in two lists.")
            kinds[name] = kind
    return pd.Series(kinds, name="kind")

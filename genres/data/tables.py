"""What is a feature table, and is this one sound?

A feature table is a DataFrame in the columns of the NTNU course TTT4275: one row per segment of a
track, with 63 features, the genre, and whether the track is for training or for testing.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from genres import shown
from genres.data import tablefiles
from genres.data.tablefiles import TableError

FEATURES = (
    "zero_cross_rate_mean",
    "zero_cross_rate_std",
    "rmse_mean",
    "rmse_var",
    *(
        f"spectral_{shape}_{moment}"
        for shape in ("centroid", "bandwidth", "rolloff", "contrast", "flatness")
        for moment in ("mean", "var")
    ),
    *(f"chroma_stft_{pitch}_{moment}" for moment in ("mean", "std") for pitch in range(1, 13)),
    "tempo",
    *(f"mfcc_{number}_{moment}" for moment in ("mean", "std") for number in range(1, 13)),
)
"""The 63 features in the course's order; those named ``_var`` hold standard deviations too."""

BASE_FEATURES = ("spectral_rolloff_mean", "mfcc_1_mean", "spectral_centroid_mean", "tempo")
"""The four features that the report starts from."""

GTZAN_GENRES = (
    "pop",
    "metal",
    "disco",
    "blues",
    "reggae",
    "classical",
    "rock",
    "hiphop",
    "country",
    "jazz",
)
"""GTZAN's genres; the position of each is its GenreID in the course's tables."""

_COLUMNS = ("Track ID", "File", *FEATURES, "GenreID", "Genre", "Type")
_IDS = ("Track ID", "GenreID")
_NUMBERS = (*FEATURES, *_IDS)
_WORDS = ("File", "Genre", "Type")
_GENRES_AT_LEAST, _GENRES_AT_MOST = 2, 50
_LARGEST_ID = 10**15 - 1  # whole numbers beyond 2**53 have no float of their own
# Below this share of a column's magnitude, differences are the rounding of whoever computed it.
_ROUNDING = 1e-12


class Sequences(NamedTuple):
    """The tracks of a table as sequences of segments.

    Attributes
    ----------
    values : array of float32, shape (n_tracks, n_steps, n_features)
        Standardised features; steps in time order.
    labels : array of int, shape (n_tracks,)
        GenreID of each track.
    train : array of bool, shape (n_tracks,)
        Whether a track is for training.
    files : array of str, shape (n_tracks,)
        The file each track comes from.
    """

    values: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    files: np.ndarray


def load(path: str | Path):
    """Read a feature table and make sure that it is sound.

    Parameters
    ----------
    path : str or Path
        A table in text or in parquet, as `genres.data.tablefiles.read` takes it.

    Returns
    -------
    DataFrame
        One row per segment, in the file's order: Track ID and GenreID as int64, the 63 features as
        float64, File, Genre and Type as text.

    Raises
    ------
    TableError
        If the file cannot be read, is no feature table, or is one that `check` refuses.
    """
    table, lines = tablefiles.read(path, _COLUMNS, _WORDS)
    return check(table, path, lines)


def check(table, source: str | Path, lines=None):
    """Refuse a feature table that is not sound; give a sound one its order and types.

    Parameters
    ----------
    table : DataFrame
        The table; its columns may stand in any order.
    source : str or Path
        Where it comes from, for the refusal's sentence.
    lines : sequence of int, optional
        The line of `source` that each row stands in. Without it rows are counted from 1.

    Returns
    -------
    DataFrame
        The same rows, as `load` describes them.

    Raises
    ------
    TableError
        If columns are missing, unknown or there twice; a number is text, NaN, infinite or too large
        or small for float64; an id is not whole; genres and ids do not belong to each other one to
        one; ids do not run from 0 without gaps, or differ from the course's where the genres are
        GTZAN's ten; there are fewer than 2 or more than 50 genres; a Type is neither Train nor
        Test, or one of them is missing; a track has two files, genres or types, or another number
        of segments than the others; or every row stands there twice.
    """

    def where(row):
        return f"{source}, row {row + 1}" if lines is None else f"{source}, line {lines[row]}"

    tablefiles.check_columns(table.columns, _COLUMNS, source)
    if table.empty:
        raise TableError(f"{source}: the table has no rows.")
    table = _typed(table, where)
    _check_genres(table, source, where)
    _check_tracks(table, source, where)
    return table


def build(values, labels, source: str | Path):
    """Build the feature table of clips.

    Parameters
    ----------
    values : array of float, shape (n_clips, n_segments, 63)
        Features of each segment, as in `FEATURES`.
    labels : DataFrame of n_clips rows
        File, Genre and Type of each clip.
    source : str or Path
        What the table is for, for the refusal's sentence.

    Returns
    -------
    DataFrame
        A sound feature table: clips are numbered in their order, genres as `genre_ids` does.

    Raises
    ------
    TableError
        As `check` has it.
    """
    labels = labels[list(_WORDS)].reset_index(drop=True)
    labels["GenreID"] = labels["Genre"].map(genre_ids(labels["Genre"]))
    labels["Track ID"] = labels.index
    rows = labels.loc[np.repeat(labels.index, values.shape[1])].reset_index(drop=True)
    return check(pd.DataFrame(np.concatenate(values), columns=list(FEATURES)).join(rows), source)


def genre_ids(genres):
    """Give each genre its GenreID.

    Parameters
    ----------
    genres : iterable of str
        Names, in any order and number.

    Returns
    -------
    dict of str to int
        From 0 without gaps, in the course's order where all names are GTZAN's, else alphabetical.
    """
    names = sorted(set(genres))
    if set(names) <= set(GTZAN_GENRES):
        names.sort(key=GTZAN_GENRES.index)
    return {name: number for number, name in enumerate(names)}


def require_genres(names, source: str | Path):
    """Raise a TableError where genres, by their names, are fewer than 2 or more than 50."""
    if not _GENRES_AT_LEAST <= len(set(names)) <= _GENRES_AT_MOST:
        raise TableError(
            f"{source}: the number of genres is {len(set(names))}; "
            f"{_GENRES_AT_LEAST} to {_GENRES_AT_MOST} are taken."
        )


def genre_names(table):
    """Give the names of a table's genres as a list, in the order of their ids."""
    return table.drop_duplicates("GenreID").sort_values("GenreID")["Genre"].tolist()


def is_train(table):
    """Say for each row whether it is for training, as an array of bool."""
    return (table["Type"] == "Train").to_numpy()


def n_segments(table):
    """Give the number of segments that each track of a table has."""
    return len(table) // table["Track ID"].nunique()


def standardise(values, train):
    """Bring features to one scale: that of the training rows.

    Parameters
    ----------
    values : array of float, shape (n_rows, n_features)
        Features of all rows.
    train : array of bool, shape (n_rows,)
        The rows that the scale is taken from; at least two.

    Returns
    -------
    array of float64, shape (n_rows, n_features)
        `values` less the training rows' mean, divided by their sample standard deviation
        (``ddof=1``). A column that is constant over the training rows, up to rounding, becomes 0.

    Raises
    ------
    ValueError
        If there are fewer than two training rows.
    """
    values = np.asarray(values, dtype=np.float64)
    known = values[train]
    if len(known) < 2:
        raise ValueError(f"a scale needs at least two training rows, not {len(known)}")
    scale = known.std(axis=0, ddof=1)
    varies = (np.ptp(known, axis=0) > _ROUNDING * np.abs(known).max(axis=0)) & (scale > 0)
    return np.where(varies, (values - known.mean(axis=0)) / np.where(varies, scale, 1), 0)


def sequences(table, features: Sequence[str]):
    """Arrange a table's segments as one sequence per track.

    Parameters
    ----------
    table : DataFrame
        A sound feature table. Rows of different tracks may be mixed.
    features : sequence of str
        The columns to take.

    Returns
    -------
    Sequences
        Tracks in the order in which they first appear; a track's steps in the order of its rows.
        Features are standardised over all training rows.
    """
    rows = _rows_by_track(table)
    first = table.iloc[rows[:, 0]]
    values = standardise(table[list(features)].to_numpy(), is_train(table))
    return Sequences(
        values=values[rows].astype(np.float32),
        labels=first["GenreID"].to_numpy(),
        train=is_train(first),
        files=first["File"].to_numpy(dtype=str),
    )


def copies(table):
    """Find the tracks that are exact copies of each other.

    Parameters
    ----------
    table : DataFrame
        A sound feature table.

    Returns
    -------
    DataFrame
        A row for each pair of tracks equal in all features of all segments, with the columns
        file_a, genre_a, type_a, file_b, genre_b, type_b, across_split (one is for training, the
        other for testing) and across_genres; file_a comes before file_b in the alphabet, and pairs
        are sorted by both. Three equal tracks make three pairs.
    """
    rows = _rows_by_track(table)
    # Adding zero turns -0.0 into 0.0: equal numbers must have equal bytes.
    values = table[list(FEATURES)].to_numpy()[rows] + 0.0
    tracks = table.iloc[rows[:, 0]][["File", "Genre", "Type"]].to_numpy()
    alike = defaultdict(list)
    for track, content in zip(tracks.tolist(), values, strict=True):
        alike[content.tobytes()].append(track)
    pairs = sorted([*a, *b] for group in alike.values() for a, b in combinations(sorted(group), 2))
    columns = ["file_a", "genre_a", "type_a", "file_b", "genre_b", "type_b"]
    pairs = pd.DataFrame(pairs, columns=columns)
    pairs["across_split"] = pairs["type_a"] != pairs["type_b"]
    pairs["across_genres"] = pairs["genre_a"] != pairs["genre_b"]
    return pairs


def missing_gtzan_clips(table) -> list[str]:
    """List the clips of GTZAN that a table of its clips lacks.

    Parameters
    ----------
    table : DataFrame
        A sound feature table.

    Returns
    -------
    list of str
        Names like ``classical.00049``, sorted. Empty where the genres are not GTZAN's ten or a
        track has no name of GTZAN's: of other music, nothing of GTZAN is missing.
    """
    everything = {f"{genre}.{n:05d}" for genre in GTZAN_GENRES for n in range(100)}
    present = {PurePosixPath(file).stem.replace("_", ".") for file in table["File"]}
    is_gtzan = set(genre_names(table)) == set(GTZAN_GENRES) and present <= everything
    return sorted(everything - present) if is_gtzan else []


def _rows_by_track(table):
    """Give the rows of each track, shape (n_tracks, n_steps), tracks as they first appear."""
    track, _ = pd.factorize(table["Track ID"])
    return np.argsort(track, kind="stable").reshape(-1, n_segments(table))


def _typed(table, where):
    """Give the columns their order and types, or refuse the first cell that has another."""
    numbers = tablefiles.numbers(table, _NUMBERS, where)
    ids = numbers[:, -len(_IDS) :]
    wrong = (ids != np.floor(ids)) | (np.abs(ids) > _LARGEST_ID)
    tablefiles.refuse_cell(table, _IDS, wrong, "is not a whole number of at most 15 digits", where)
    tablefiles.refuse_lost(table, _NUMBERS, numbers, where)
    words = table[list(_WORDS)].astype(object)
    wrong = ~words.map(lambda word: isinstance(word, str) and bool(word.strip())).to_numpy(bool)
    tablefiles.refuse_cell(table, _WORDS, wrong, "is not a name", where)
    typed = pd.concat([pd.DataFrame(numbers, columns=_NUMBERS, index=table.index), words], axis=1)
    return typed[list(_COLUMNS)].astype(dict.fromkeys(_IDS, np.int64)).reset_index(drop=True)


def _check_genres(table, source, where):
    tablefiles.check_one_each(table, "Genre", "GenreID", where)
    tablefiles.check_one_each(table, "GenreID", "Genre", where)
    names = genre_names(table)
    require_genres(names, source)
    gaps = sorted(set(range(len(names))) - set(table["GenreID"]))
    if gaps:
        wanted = f"the GenreIDs of {len(names)} genres must be 0 to {len(names) - 1}"
        raise TableError.at(source, f"{wanted}, and {gaps[0]} is missing", len(gaps))
    ids = genre_ids(names)
    other = [name for at, name in enumerate(names) if ids[name] != at]
    if other and set(names) == set(GTZAN_GENRES):
        here = f"the genre '{other[0]}' has GenreID {names.index(other[0])}"
        theirs = f"where the course's tables have {ids[other[0]]}"
        raise TableError.at(source, f"{here} {theirs}", len(other))


def _check_tracks(table, source, where):
    wrong = ~table[["Type"]].isin(["Train", "Test"]).to_numpy()
    tablefiles.refuse_cell(table, ("Type",), wrong, "is neither Train nor Test", where)
    tablefiles.check_one_each(table, "Track ID", "File", where)
    tablefiles.check_one_each(table, "File", "Track ID", where)
    tablefiles.check_one_each(table, "Track ID", "Genre", where)
    tablefiles.check_one_each(table, "Track ID", "Type", where)
    counts = table.groupby("Track ID", sort=False).size()
    usual = counts.mode().max()
    odd = counts[counts != usual]
    if len(odd):
        row = int((table["Track ID"] == odd.index[0]).argmax())
        file = shown(table["File"].iat[row])
        problem = f"the track '{file}' has {odd.iat[0]} segments where others have {usual}"
        raise TableError.at(where(row), problem, len(odd))
    # Of a sound that never changes all segments are alike, but hardly so in every track.
    rows = ["Track ID", *FEATURES]
    changes = not table["Track ID"][~table.duplicated(rows)].is_unique
    if changes and table.duplicated(rows, keep=False).all():
        raise TableError(f"{source}: every row stands there twice or more: keep one of each.")
    for kind in ("Train", "Test"):
        if kind not in set(table["Type"]):
            raise TableError(f"{source}: no row has the Type {kind}.")

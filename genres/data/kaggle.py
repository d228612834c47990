"""Where is the table of GTZAN's windows of 3 s that is shared on Kaggle, and is it sound?"""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genres import shown
from genres.data import clips, tablefiles, tables
from genres.data.tablefiles import TableError

FOLDER = "kaggle"
"""Folder of a data folder in which the table lies."""

_WHOLE = re.compile(r"features_3_sec\.csv(\.gz)?", re.IGNORECASE)
_OTHER = re.compile(r"features_3_sec.*\.csv(\.gz)?", re.IGNORECASE)
_WINDOW = re.compile(r"(?P<clip>(?P<genre>\w+)\.\d{5})\.(?P<number>\d)\.wav")
_NO_WINDOW = "names no window of 3 s, as blues.00000.1.wav does"
_WORDS = ("filename", "label")
_RMS_MEAN = 3  # its place among the values


class Windows(NamedTuple):
    """Windows of clips, in the order of a table.

    Attributes
    ----------
    values : array of float64, shape (n_windows, 58)
        What is known of each: its length in samples, then `genres.sound.features.KAGGLE_FEATURES`.
    clips : array of str, shape (n_windows,)
        The clip that each was cut from, such as ``blues.00000``.
    numbers : array of int, shape (n_windows,)
        Which of the clip's windows it is, from 0 to 9. A table need not have all of them.
    labels : array of int, shape (n_windows,)
        Genre ids.
    genres : list of str
        Names, by id.
    """

    values: np.ndarray
    clips: np.ndarray
    numbers: np.ndarray
    labels: np.ndarray
    genres: list

    def take(self, rows):
        """Give some of the windows, as an index of numpy's says."""
        arrays = (self.values, self.clips, self.numbers, self.labels)
        return Windows(*(array[rows] for array in arrays), self.genres)


def find(folder: str | Path):
    """Find the table in a data folder, wherever it lies in the folder ``kaggle`` of it.

    Parameters
    ----------
    folder : str or Path
        The data folder.

    Returns
    -------
    Path or None
        ``features_3_sec.csv``, or the same with ``.gz``; for lack of it, another file whose name
        begins so, such as ``features_3_sec_part.csv.gz``.

    Raises
    ------
    TableError
        If there are two of them, neither better than the other.
    """
    inside = sorted(path for path in Path(folder, FOLDER).rglob("*") if path.is_file())
    for name in (_WHOLE, _OTHER):
        found = [path for path in inside if name.fullmatch(path.name)]
        if len(found) > 1:
            raise TableError(
                f"{folder} holds two tables of windows of 3 s, {found[0].relative_to(folder)} and "
                f"{found[1].relative_to(folder)}: keep one of them."
            )
        if found:
            return found[0]
    return None


def load(path: str | Path):
    """Read the table and make sure that it is sound.

    Parameters
    ----------
    path : str or Path
        The table, as `genres.data.tablefiles.read` takes it: a row for each window, with its
        filename, such as ``blues.00000.1.wav`` (clip and window), its length in samples, its 57
        features and its label.

    Returns
    -------
    Windows

    Raises
    ------
    TableError
        If the file cannot be read; columns are missing, unknown or there twice; a number is text,
        NaN, infinite or too large or small for float64; a filename names no window, or one that
        stands there before; a label is not the genre in the filename; there are fewer than 2 or
        more than 50 genres, or one has fewer than 10 clips.
    """
    from genres.sound.features import KAGGLE_FEATURES  # takes a second, which finding should not

    inputs = ("length", *KAGGLE_FEATURES)
    table, lines = tablefiles.read(path, (*inputs, *_WORDS), _WORDS)
    if table.empty:
        raise TableError(f"{path}: the table has no rows.")

    def where(row):
        return f"{path}, line {lines[row]}"

    values = tablefiles.numbers(table, inputs, where)
    tablefiles.refuse_lost(table, inputs, values, where)
    matches = [_WINDOW.fullmatch(name) for name in table["filename"]]
    _refuse(table, "filename", [not match for match in matches], _NO_WINDOW, where)
    _refuse(table, "filename", table.duplicated("filename"), "stands there before", where)
    names = [match.groupdict() for match in matches if match]
    genres = [name["genre"] for name in names]
    differs = [genre != label for genre, label in zip(genres, table["label"], strict=True)]
    _refuse(table, "label", differs, "is not the genre in the filename", where)
    tables.require_genres(genres, path)
    clip_of = [name["clip"] for name in names]
    _require_clips(dict(zip(clip_of, genres, strict=True)), path)
    ids = tables.genre_ids(genres)
    numbers = np.array([int(name["number"]) for name in names])
    labels = np.array([ids[genre] for genre in genres])
    return Windows(values, np.array(clip_of), numbers, labels, list(ids))


def _refuse(table, column, wrong, problem, where):
    tablefiles.refuse_cell(table, (column,), np.reshape(wrong, (-1, 1)), problem, where)


def _require_clips(genre_of, path):
    """Refuse genres of clips, by clip, if one has too few clips to hold some of them out."""
    for genre, n_clips in Counter(genre_of.values()).items():
        if n_clips < clips.CLIPS_AT_LEAST:
            raise TableError(
                f"{path}: the number of clips of {shown(genre)} is {n_clips}, and at least "
                f"{clips.CLIPS_AT_LEAST} are needed: take the whole table."
            )


def shared_windows(windows: Windows):
    """Find clips that share a window: exact copies of each other, or of a part.

    Parameters
    ----------
    windows : Windows
        The windows.

    Returns
    -------
    dict of str to str
        For each clip of which a window, in all features, is one of an earlier clip (by name): the
        first such clip. Windows of silence, which are all alike, do not count.
    """
    first: dict[bytes, str] = {}
    copies: dict[str, str] = {}
    order = np.argsort(windows.clips, kind="stable")
    for row in order[windows.values[order, _RMS_MEAN] > 0]:
        # Adding zero turns -0.0 into 0.0: equal numbers must have equal bytes.
        content = (windows.values[row] + 0.0).tobytes()
        original = first.setdefault(content, str(windows.clips[row]))
        if original != windows.clips[row]:
            copies.setdefault(str(windows.clips[row]), original)
    return copies

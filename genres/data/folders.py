"""Which data does a folder hold, and which other ways to split its clips?

The tables split clips at random, so that copies of one recording, and one artist's recordings,
stand on both sides. Researchers have listened to the collection and published splits that avoid it.
"""

import hashlib
import os
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pandas as pd

from genres import Refusal, files, printable, project, shown
from genres.data import catalogue, clips, kaggle, tablefiles, tables
from genres.data.clips import ARTIST_FOLDS, SPLITS

COURSE, SYNTHETIC = "course", "synthetic"
"""The names that data go by; any other data are named by their folder."""

EXTRACTED = "extracted"
"""Where, in the project's data folder, tables made from folders of audio are kept."""

WHOLE = 30
"""Length in s of the segments of the table that has one row for each track."""

# Systems number copies and downloads, as "(1)", and may hide an ending, so that it is there twice.
_TABLE_NAME = re.compile(
    r"GenreClassData_(\d+)s( ?\(\d+\)| copy| - Copy)?((\.txt|\.csv)+(\.gz)?|\.parquet)",
    re.IGNORECASE,
)
_NEAR_A_TABLE = re.compile(r"GenreClassData.*", re.IGNORECASE)
_MOST_TEXT = 1 << 24  # bytes
_LINE = re.compile(r"(?:\w+/)?(\w+)\.(\d{5})\.\w+")


@dataclass(frozen=True)
class Data:
    """The data that a run works on.

    Attributes
    ----------
    name : str
        ``course``, ``synthetic``, or the name of the folder.
    folder : Path
        The data folder, absolute.
    tables : dict of int to Path
        The feature table of each length of segment in s, shortest first.
    synthetic : bool
        Whether the music was made by a program.
    reason : str
        What was taken and why, in one line.
    mel : Path or None
        The mel store, where the folder has one.
    audio : Path or None
        A collection of audio, as `genres.data.datasets.read` takes it, where the folder has one.
    """

    name: str
    folder: Path
    tables: dict
    synthetic: bool
    reason: str
    mel: Path | None = None
    audio: Path | None = None

    @property
    def excerpts(self):
        """Excerpts of more of GTZAN's clips, as `audio` has clips; None where there are none."""
        return catalogue.place_of(catalogue.CORPORA["gtzan-excerpts"], self.folder)

    @property
    def taggrams(self):
        """Folder that `taggrams.load` takes, in the data's or beside the tables; None without."""
        folders = self.folder, self.tables[min(self.tables)].parent
        return next((p / "musicnn" for p in folders if any(p.glob("musicnn/*.npz"))), None)

    def table(self, seconds):
        """Load the feature table of segments of so many seconds.

        Raises
        ------
        Refusal
            If there is no such table, or if it is not sound, as one of 30 s with two rows a track.
        """
        if seconds not in self.tables:
            raise Refusal(
                f"{self.folder} holds no table of {seconds} s segments "
                f"(GenreClassData_{seconds}s.txt or the like), only of {_lengths(self.tables)}."
            )
        table = tables.load(self.tables[seconds])
        n_rows = tables.n_segments(table)
        if seconds == WHOLE and n_rows > 1:
            raise Refusal(
                f"{self.tables[seconds]}: a track has {n_rows} rows, and one in a table of "
                f"{WHOLE} s segments."
            )
        return table

    def finest(self):
        """Load the table of the shortest segments that holds every track of the 30 s table.

        Returns
        -------
        seconds : int
            The length of its segments.
        table : DataFrame
            The feature table.

        Raises
        ------
        Refusal
            If there is no 30 s table, or if a table is not sound.
        """
        whole = self.table(WHOLE)
        tracks = set(whole["File"])
        for seconds in (length for length in self.tables if length < WHOLE):
            table = self.table(seconds)
            if tracks <= set(table["File"]):
                return seconds, table
        return WHOLE, whole

    def fingerprint(self):
        """Give a hexadecimal digest of what is in the folder, wherever it lies.

        It is that of the content of tables, mel store and splits, and of the names and sizes of
        audio files. What was made of audio, and what is left out of the built-in corpus until it is
        needed, follows from these. Excerpts and taggrams, which few notebooks read, are not in it.
        """
        digest = hashlib.sha256()
        splits = sorted(_splits_of(self).glob("*"))
        for path in (*self.tables.values(), self.mel, kaggle.find(self.folder), *splits):
            if path and path.is_file():
                digest.update(f"{path.name} {_sha256(path, path.stat().st_mtime_ns)}\n".encode())
        digest.update(files.names_and_sizes(self.audio))
        return digest.hexdigest()


@cache
def _sha256(path, modified):
    return files.sha256(path)


def find(data: str | Path | None = None, *, offline: bool = False):
    """Find the data to work on.

    Taken is the first of: what `data` names; what the environment variable ``GENRE_DATA`` names;
    the project's own data folder, if it holds tables; the course tables, downloaded into that
    folder; the built-in synthetic corpus.

    Parameters
    ----------
    data : str or Path, optional
        A folder that holds feature tables or has a folder ``course`` that does, a folder of audio
        from which tables were extracted, or one of the names ``course`` (the course tables of the
        project's data folder) and ``synthetic``.
    offline : bool
        Whether to keep off the network.

    Returns
    -------
    Data
        The data, with a line that says what was taken and why.

    Raises
    ------
    Refusal
        If what was named is not there, or if nothing was named and there is nothing at all.
    """
    named = str(data or os.environ.get("GENRE_DATA") or "")
    why = "as asked for" if data else "as GENRE_DATA says" if named else "found in the project"
    if named == SYNTHETIC:
        return _named_folder(project.DATA / SYNTHETIC, why)
    if named not in ("", COURSE):
        return _named_folder(Path(named).expanduser(), why)
    own = _open(project.DATA, why)
    if own and WHOLE in own.tables:
        return own
    try:
        if offline:
            raise Refusal("The course tables are not downloaded while offline.")
        catalogue.fetch(COURSE)
        return _open(project.DATA, "downloaded just now")
    except Refusal as failure:
        if named:
            raise
        cause = str(failure).rstrip(".")
        if built_in := _open(project.DATA / SYNTHETIC, f"for lack of others ({cause})"):
            return built_in
        raise Refusal(
            f"There are no data: put the course tables into {project.DATA / COURSE}, or name a "
            f"folder that holds tables with --data or GENRE_DATA, or go online to have the "
            f"course tables downloaded ({cause})."
        ) from failure


def extraction_of(folder):
    """Give the folder in which the tables made from a folder of audio are kept.

    It is below the project's own data folder, and may not be there yet.
    """
    folder = Path(folder).expanduser().resolve()
    place = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    return project.DATA / EXTRACTED / f"{folder.name}-{place}"


def holds_audio_only(data):
    """Say whether data name a folder that holds something, but no feature table."""
    named = str(data or os.environ.get("GENRE_DATA") or "")
    if named in ("", COURSE, SYNTHETIC):
        return False
    folder = Path(named).expanduser()
    if not folder.is_dir() or _open(folder, ""):
        return False
    _refuse_near_tables(folder)
    return any(folder.iterdir())


def _refuse_near_tables(folder):
    """Refuse a folder without folders in which a file is the Kaggle table, or all but a table."""
    inside = sorted(folder.iterdir())
    if not any(map(clips.is_folder, inside)):
        for path in inside:
            _refuse_near_table(path)


def _refuse_near_table(path):
    if tablefiles.KAGGLE_NAME.fullmatch(path.name):
        raise Refusal(f"{path}: {tablefiles.OF_KAGGLE}.")
    if _NEAR_A_TABLE.fullmatch(path.name) and not _TABLE_NAME.fullmatch(path.name):
        raise Refusal(
            f"{path} is not called as tables are, GenreClassData_<seconds>s and .txt, .csv, .gz or "
            ".parquet: rename it, or save a workbook as CSV in UTF-8."
        )


def _named_folder(folder, why):
    if folder.is_file():
        _refuse_near_table(folder)
        raise Refusal(f"{folder} ({why}) is a file: name the folder that holds it.")
    if not folder.is_dir():
        raise Refusal(f"There is no folder {folder} ({why}){catalogue.hint(str(folder))}.")
    if found := _open(folder, why):
        return found
    if extracted := _open(extraction_of(folder), f"{why}, extracted from audio"):
        folder = folder.resolve()
        reason = extracted.reason.replace(*map(printable, (extracted.name, folder.name)), 1)
        return replace(extracted, name=folder.name, folder=folder, reason=reason, audio=folder)
    _refuse_near_tables(folder)
    raise Refusal(
        f"{folder} ({why}) holds no feature table: neither it nor its folder {COURSE} has a "
        f"GenreClassData_<seconds>s file that ends in .txt, .csv, .gz or .parquet; "
        f"{project.COMMAND} run --data makes tables of a folder of audio."
    )


def _open(folder, why):
    """Give the data in a folder or in its folder ``course``, or None where there is no table."""
    folder = folder.resolve()
    for place in (folder / COURSE, folder):
        if found := _find_tables(place):
            name = COURSE if place.name == COURSE else folder.name
            music = "synthetic music" if name == SYNTHETIC else "music"
            reason = f"{printable(name)}: tables of {_lengths(found)} segments of {music}, {why}"
            beside = _find_mel_store(folder), _find_audio(folder)
            return Data(name, folder, found, name == SYNTHETIC, reason, *beside)
    return None


def _find_mel_store(folder):
    """Give the mel store in a folder or in one of its folders with mel in its name."""
    places = (folder, *sorted(place for place in folder.glob("*mel*") if place.is_dir()))
    found = [path for place in places for path in sorted(place.glob("*.npz"))]
    if len(found) > 1:
        raise Refusal(
            f"{folder} holds two mel stores, {found[0].relative_to(folder)} and "
            f"{found[1].relative_to(folder)}: keep one of them."
        )
    return found[0] if found else None


def _find_audio(folder):
    """Give the larger of the collections of GTZAN's clips that a data folder has."""
    whole, mini = (catalogue.CORPORA[name] for name in ("gtzan", "gtzan-mini"))
    return catalogue.place_of(whole, folder) or catalogue.place_of(mini, folder)


def _splits_of(data):
    """Give the folder of other ways to split: the data's, or that beside what was extracted."""
    places = [folder / SPLITS for folder in (data.folder, extraction_of(data.folder))]
    return next(filter(Path.is_dir, places), places[0])


def _find_tables(folder):
    """Give the feature table for each length of segment, shortest first."""
    found = {}
    for path in sorted(folder.glob("*")):
        if match := _TABLE_NAME.fullmatch(path.name):
            seconds = int(match[1])
            if seconds in found:
                raise Refusal(
                    f"{folder} holds two tables of {seconds} s segments, {found[seconds].name} "
                    f"and {path.name}: keep one of them."
                )
            found[seconds] = path
    return dict(sorted(found.items()))


def _lengths(seconds):
    *others, last = (f"{length} s" for length in seconds)
    return f"{', '.join(others)} and {last}" if others else last


def artist_folds(data):
    """Give the folds of clips in which no artist is in two.

    Parameters
    ----------
    data : Data
        The data; their folder ``splits`` is read, or that beside tables extracted from them.

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
    path = _splits_of(data) / ARTIST_FOLDS
    if not path.exists():
        return None
    columns = clips.FOLD_COLUMNS[1:]
    table, lines = tablefiles.read(path, clips.FOLD_COLUMNS, ("file",))
    folds = pd.DataFrame({name: tablefiles.as_floats(table[name]) for name in columns})
    wrong = ~(folds == folds.round()).to_numpy()
    problem = "is not a whole number"
    tablefiles.refuse_cell(table, columns, wrong, problem, lambda row: f"{path}, line {lines[row]}")
    folds = folds.astype(int).set_axis(table["file"]).rename(columns={"artist_group": "artist"})
    in_two = folds.groupby("artist")["fold"].nunique() > 1
    if in_two.any() or folds.index.has_duplicates:
        raise Refusal(f"{path} has an artist in two folds, or a clip twice.")
    return folds


def fault_filtered(data):
    """Give the split that leaves out GTZAN's faulty clips and keeps artists apart.

    Parameters
    ----------
    data : Data
        The data; their folder ``splits`` is read, or that beside tables extracted from them.

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
    lists = {kind: f"fault_filtered_{kind}.txt" for kind in ("train", "valid", "test")}
    paths = {kind: _splits_of(data) / name for kind, name in lists.items()}
    if not all(path.exists() for path in paths.values()):
        return None
    kinds = {}
    for kind, path in paths.items():
        for line in _text(path).split():
            match = _LINE.fullmatch(line)
            if not match:
                raise Refusal(f"{path}: '{shown(line)}' names no clip.")
            name = f"{match[1]}_{match[2]}.wav"
            if name in kinds:
                raise Refusal(f"{path}: {shown(line)} is in two lists.")
            kinds[name] = kind
    return pd.Series(kinds, name="kind")


def _text(path):
    files.require_regular(path, _MOST_TEXT)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is no list of clips: it is not UTF-8 text.") from error

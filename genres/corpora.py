"""Which data are there, and how do they get here?"""

import hashlib
import os
import re
import shutil
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from genres import Refusal, files, tables
from genres.catalogue import CORPORA
from genres.downloads import download

PROJECT_DATA = Path(__file__).resolve().parent.parent / "data"
"""The project's own data folder: what the user puts there, downloads, and the built-in corpus."""

COURSE, SYNTHETIC = "course", "synthetic"
"""The names that data go by; any other data are named by their folder."""

SPLITS = "splits"
"""Folder of a data folder in which other ways to split its clips lie."""

EXTRACTED = "extracted"
"""Where, in the project's data folder, tables made from folders of audio are kept."""

WHOLE = 30
"""Length in s of the segments of the table that has one row for each track."""

_PATIENCE = (2, 5)  # seconds to wait for a connection, and for more data
_UNPACKS_TO_AT_MOST = 10  # times the size of an archive
_TABLE_NAME = re.compile(r"GenreClassData_(\d+)s\.(txt|csv|txt\.gz|csv\.gz|parquet)")


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
        A collection of audio, as `genres.datasets.read` takes it, where the folder has one.
    """

    name: str
    folder: Path
    tables: dict
    synthetic: bool
    reason: str
    mel: Path | None = None
    audio: Path | None = None

    def table(self, seconds):
        """Load the feature table of segments of so many seconds.

        Raises
        ------
        Refusal
            If there is no such table, or if it is not sound.
        """
        if seconds not in self.tables:
            raise Refusal(
                f"{self.folder} holds no table of {seconds} s segments "
                f"(GenreClassData_{seconds}s.txt or the like), only of {_lengths(self.tables)}."
            )
        return tables.load(self.tables[seconds])

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
        needed, follows from these.
        """
        digest = hashlib.sha256()
        splits = sorted((self.folder / SPLITS).glob("*"))
        for path in (*self.tables.values(), self.mel, *splits):
            if path and path.is_file():
                digest.update(f"{path.name} {_sha256(path, path.stat().st_mtime_ns)}\n".encode())
        for path in sorted(self.audio.rglob("*.*")) if self.audio else ():
            if path.is_file():
                name = path.relative_to(self.audio).as_posix()
                digest.update(f"{name} {path.stat().st_size}\n".encode())
        return digest.hexdigest()


@cache
def _sha256(path, modified):
    return files.sha256(path)


def find(data=None, *, offline=False):
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
        return _named_folder(PROJECT_DATA / SYNTHETIC, why)
    if named not in ("", COURSE):
        return _named_folder(Path(named).expanduser(), why)
    own = _open(PROJECT_DATA, why)
    if own and WHOLE in own.tables:
        return own
    try:
        if offline:
            raise Refusal("The course tables are not downloaded while offline.")
        fetch(COURSE)
        return _open(PROJECT_DATA, "downloaded just now")
    except Refusal as failure:
        if named:
            raise
        cause = str(failure).rstrip(".")
        built_in = _open(PROJECT_DATA / SYNTHETIC, f"for want of others ({cause})")
        if built_in:
            return built_in
        raise Refusal(
            f"There are no data: put the course tables into {PROJECT_DATA / COURSE}, or name a "
            f"folder that holds tables with --data or GENRE_DATA, or go online to have the "
            f"course tables downloaded ({cause})."
        ) from failure


def extraction_of(folder):
    """Give the folder in which the tables made from a folder of audio are kept.

    Parameters
    ----------
    folder : str or Path
        The folder of audio.

    Returns
    -------
    Path
        Below the project's own data folder; it may not be there yet.
    """
    folder = Path(folder).expanduser().resolve()
    place = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    return PROJECT_DATA / EXTRACTED / f"{folder.name}-{place}"


def holds_audio_only(data):
    """Say whether data name a folder that holds something, but no feature table."""
    named = str(data or os.environ.get("GENRE_DATA") or "")
    if named in ("", COURSE, SYNTHETIC):
        return False
    folder = Path(named).expanduser()
    return folder.is_dir() and any(folder.iterdir()) and _open(folder, "") is None


def listing():
    """Describe every known collection: its content, size, licence and source, and where it is.

    Returns
    -------
    str
        Four lines for each.
    """
    return "\n\n".join(map(_description, CORPORA.values()))


def where(name):
    """Tell in which folder a known collection is.

    Parameters
    ----------
    name : str
        One of `genres.catalogue.CORPORA`.

    Returns
    -------
    Path
        A folder of tables, or one that `genres.datasets.read` takes: below the data folder that
        the environment variable ``GENRE_DATA`` names, or else below the project's own.

    Raises
    ------
    Refusal
        If no collection has that name, or if it is not here.
    """
    corpus = _known(name)
    place = _place(corpus, *_data_folders())
    if place is None:
        raise Refusal(f"{name} is not here: {_how_to_get(corpus, PROJECT_DATA)}.")
    return place


def fetch(name, folder=None):
    """Download a known collection, unless it is there, and say so first.

    What was broken off goes on where it stopped. Archives stay beside what they were unpacked to.

    Parameters
    ----------
    name : str
        One of `genres.catalogue.CORPORA`.
    folder : str or Path, optional
        The data folder in which it gets a folder of its own; the project's own if not given.

    Returns
    -------
    Path
        Where it is, as `where` has it.

    Raises
    ------
    Refusal
        If no collection has that name; if no hashes of its files are known; if there is no room for
        it; if no mirror gave a file that has the known hashes, or an archive cannot be unpacked.
    """
    corpus = _known(name)
    folder = PROJECT_DATA if folder is None else Path(folder).expanduser()
    if place := _place(corpus, folder):
        return place
    if not corpus.files:
        raise Refusal(f"{name} is not here: {_how_to_get(corpus, folder)}.")
    target = folder / corpus.folder
    pending = [
        file
        for file in corpus.files
        if not (file.unpacks_to and (target / file.unpacks_to).exists())
    ]
    missing = [file for file in pending if not (target / file.name).exists()]
    _check_room(missing + [file for file in pending if file.unpacks_to], target)
    if missing:
        print(
            f"Downloading {name} ({', '.join(file.name for file in missing)}: {_size(missing)}) "
            f"from {corpus.mirrors[0]}. Licence: {corpus.licence}. Source: {corpus.source}.",
            file=sys.stderr,
            flush=True,
        )
    for file in pending:
        download(file, target, corpus.mirrors, _PATIENCE)
        if file.unpacks_to:
            most = round(_UNPACKS_TO_AT_MOST * file.megabytes * 1e6)
            files.unpack(target / file.name, target, max_bytes=most)
    place = _place(corpus, folder)
    if place is None:
        raise Refusal(f"{target} does not hold what {name} should: {', '.join(corpus.proofs)}.")
    return place


def _known(name):
    if name not in CORPORA:
        raise Refusal(f"There is no collection '{name}': known are {', '.join(CORPORA)}.")
    return CORPORA[name]


def _data_folders():
    named = os.environ.get("GENRE_DATA")
    return [*([Path(named).expanduser()] if named else []), PROJECT_DATA]


def _place(corpus, *folders):
    for place in (folder / place for folder in folders for place in corpus.places):
        if all(any(place.glob(proof)) for proof in corpus.proofs):
            return place.resolve()
    return None


def _description(corpus):
    size = f"downloads {_size(corpus.files)}" if corpus.files else "no download is offered"
    return (
        f"{corpus.name}: {corpus.content}\n"
        f"    {_place(corpus, *_data_folders()) or 'not here'} ({size})\n"
        f"    licence: {corpus.licence}\n"
        f"    source: {corpus.source}"
    )


def _how_to_get(corpus, folder):
    if corpus.files:
        return f"python -m genres data fetch {corpus.name} downloads it, {_size(corpus.files)}"
    return (
        "no download that could be checked is known, so put your own copy into "
        f"{folder / corpus.folder} ({corpus.source})"
    )


def _size(remote_files):
    megabytes = sum(file.megabytes for file in remote_files)
    return f"{megabytes:.1f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def _check_room(remote_files, target):
    there = next(folder for folder in (target, *target.resolve().parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e6
    if free < sum(file.megabytes for file in remote_files):
        raise Refusal(
            f"{target} has no room for the {_size(remote_files)} of archives and their content: "
            f"{free:.1f} MB are free."
        )


def _named_folder(folder, why):
    if not folder.is_dir():
        raise Refusal(f"There is no folder {folder} ({why}).")
    found = _open(folder, why)
    if not found and (extracted := _open(extraction_of(folder), f"{why}, extracted from audio")):
        folder = folder.resolve()
        reason = extracted.reason.replace(extracted.name, folder.name, 1)
        found = replace(extracted, name=folder.name, folder=folder, reason=reason, audio=folder)
    if not found:
        raise Refusal(
            f"{folder} ({why}) holds no feature table: neither it nor its folder {COURSE} has a "
            f"GenreClassData_<seconds>s file that ends in .txt, .csv, .gz or .parquet; "
            f"./run_all.sh --data makes tables of a folder of audio."
        )
    return found


def _open(folder, why):
    """Give the data in a folder or in its folder ``course``, or None where there is no table."""
    folder = folder.resolve()
    for place in (folder / COURSE, folder):
        found = _find_tables(place)
        if found:
            name = place.name if place.name == COURSE else folder.name
            synthetic = name == SYNTHETIC
            kind = "synthetic music" if synthetic else "music"
            reason = f"{name}: tables of {_lengths(found)} segments of {kind}, {why}"
            return Data(
                name, folder, found, synthetic, reason, _find_mel_store(folder), _find_audio(folder)
            )
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
    places = (_place(CORPORA[name], folder) for name in ("gtzan", "gtzan-mini"))
    return next(filter(None, places), None)


def _find_tables(folder):
    """Give the feature table for each length of segment, shortest first."""
    found = {}
    for path in sorted(folder.glob("GenreClassData_*")):
        match = _TABLE_NAME.fullmatch(path.name)
        if match:
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

"""Which data are there, and how do they get here?"""

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from genres import Refusal, files, tables

PROJECT_DATA = Path(__file__).resolve().parent.parent / "data"
"""The project's own data folder: what the user puts there, downloads, and the built-in corpus."""

COURSE, SYNTHETIC = "course", "synthetic"
"""The names that data go by; any other data are named by their folder."""

WHOLE = 30
"""Length in s of the segments of the table that has one row for each track."""

_CHUNK = 1 << 16
_TABLE_NAME = re.compile(r"GenreClassData_(\d+)s\.(txt|csv|txt\.gz|csv\.gz|parquet)")


class RemoteFile(NamedTuple):
    """A file to download, and what proves that it is the right one."""

    name: str
    megabytes: float
    git_blob_id: str
    sha256: str | None = None

    def is_at(self, path):
        """Say whether the file at `path` has this content."""
        return files.git_blob_id(path) == self.git_blob_id and (
            self.sha256 is None or files.sha256(path) == self.sha256
        )


# The table of whole tracks comes last: where it is, the download had come to its end.
COURSE_FILES = (
    RemoteFile("GenreClassData_5s.txt", 7.3, "084cc25a2864dc1458a32a7f3682e429ee77ac3f"),
    RemoteFile(
        "GenreClassData_10s.txt",
        3.7,
        "283779e35a2e3427b4f7c4cbeea9521c6147ac3c",
        "ceb3a088724706b80e39a35cd1b60024f7ce1b39d70b1f802aa0a1aab9a5bc1d",
    ),
    RemoteFile(
        "GenreClassData_30s.txt",
        1.2,
        "25b9cb48f3296b5067028cb970c018cc689b1823",
        "b0e13ad5c324c2f129ee5b3422dbc242daf27e3d148a9ee772c3e89fc1a95dd4",
    ),
)

_GITHUB = "https://raw.githubusercontent.com"
COURSE_MIRRORS = (
    f"{_GITHUB}/seb2o/Music-genre-ml-classification/df1352b586389418f9772ed1edf3107aaf4adafa"
    "/Classification%20Music",
    *(
        f"{_GITHUB}/{repository}/{branch}/{folder}"
        for repository, folder in (
            ("AntTra/TTT4275-Music-genre-classification", "Classification%20music"),
            ("finnfi/TTT4275-music-classification", "Data"),
        )
        for branch in ("main", "master")
    ),
)
"""Folders on the web that hold the course's tables, the best known first."""


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
    """

    name: str
    folder: Path
    tables: dict
    synthetic: bool
    reason: str

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
        """Give a hexadecimal digest of the content of all tables, wherever they lie."""
        digest = hashlib.sha256()
        for seconds, path in self.tables.items():
            digest.update(f"{seconds} {files.sha256(path)}\n".encode())
        return digest.hexdigest()


def find(data=None, *, offline=False):
    """Find the data to work on.

    Taken is the first of: what `data` names; what the environment variable ``GENRE_DATA`` names;
    the project's own data folder, if it holds tables; the course tables, downloaded into that
    folder; the built-in synthetic corpus.

    Parameters
    ----------
    data : str or Path, optional
        A folder that holds feature tables or has a folder ``course`` that does, or one of the names
        ``course`` (the course tables of the project's data folder) and ``synthetic``.
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
        fetch_course(PROJECT_DATA / COURSE)
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


def fetch_course(folder, *, mirrors=COURSE_MIRRORS, wanted=COURSE_FILES, timeout=(2, 5)):
    """Download the course tables that a folder lacks.

    A file stands under its name only once its hashes were checked; whatever a mirror sent instead
    is thrown away and the next mirror asked.

    Parameters
    ----------
    folder : str or Path
        Where to put them.
    mirrors : sequence of str
        Addresses of folders that hold the files.
    wanted : sequence of RemoteFile
        The files.
    timeout : tuple of float
        How long to wait for a connection, and then for more data, in s.

    Raises
    ------
    Refusal
        If a file of that name but with other content is there already, or if no mirror gave one.
    """
    folder = Path(folder)
    there = [file for file in wanted if (folder / file.name).exists()]
    for file in there:
        if not file.is_at(folder / file.name):
            raise Refusal(
                f"{folder / file.name} is not the course's table of that name: "
                "move it away to have that one downloaded."
            )
    missing = [file for file in wanted if file not in there]
    if missing:
        size = sum(file.megabytes for file in missing)
        print(
            f"Downloading the course tables ({len(missing)} files, {size:.1f} MB) from "
            f"{mirrors[0]}; the repository that publishes them states no licence.",
            file=sys.stderr,
            flush=True,
        )
    for file in missing:
        _fetch(file, folder / file.name, mirrors, timeout)


def _fetch(file, path, mirrors, timeout):
    """Download one file from the first mirror that gives it as it should be."""
    failures = []
    unreachable = set()
    for mirror in mirrors:
        host = urlsplit(mirror).netloc
        if host in unreachable:
            continue
        try:
            with files.atomic(path) as temporary:
                _download(file, mirror, temporary, timeout)
                if not file.is_at(temporary):
                    raise Refusal(f"{host} sent other content")
            return
        except Refusal as failure:
            failures.append(str(failure))
        except requests.HTTPError as error:
            failures.append(f"{host} answered with status {error.response.status_code}")
        except (requests.ConnectionError, requests.Timeout):
            unreachable.add(host)
            failures.append(f"{host} does not answer")
        except requests.RequestException:
            failures.append(f"{host} broke off")
        except OSError as error:
            raise Refusal(f"{path} cannot be written: {error.strerror}.") from error
    reasons = ", ".join(dict.fromkeys(failures))
    raise Refusal(f"{file.name} could not be downloaded: {reasons}.")


def _download(file, mirror, path, timeout):
    # The bar needs a length from the start: pooch takes one without for "no bar wanted".
    with tqdm(desc=file.name, total=file.megabytes * 1e6, unit="B", unit_scale=True) as bar:
        download = pooch.HTTPDownloader(
            progressbar=bar,
            chunk_size=_CHUNK,
            timeout=timeout,
            headers={"Accept-Encoding": "identity"},
        )
        download(f"{mirror}/{file.name}", path, pooch=None)


def _named_folder(folder, why):
    if not folder.is_dir():
        raise Refusal(f"There is no folder {folder} ({why}).")
    found = _open(folder, why)
    if not found:
        raise Refusal(
            f"{folder} ({why}) holds no feature table: neither it nor its folder {COURSE} has a "
            f"GenreClassData_<seconds>s file that ends in .txt, .csv, .gz or .parquet."
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
            return Data(name, folder, found, synthetic, reason)
    return None


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

"""Which collections are known, where are they, and how do they get here?"""

import functools
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from genres import Refusal, files, printable, project
from genres.downloads import RemoteFile, download, unpack
from genres.screen import seen_from_here


@dataclass(frozen=True)
class Corpus:
    """A known collection of music, or of what was measured of it.

    Attributes
    ----------
    name : str
        What it is called on the command line.
    content : str
        What is in it.
    licence : str
        Who lets whom use it.
    source : str
        Where it is from: what to cite, or the address of a page.
    proofs : tuple of str
        Patterns, relative to its place, of which each has to match something there.
    folder : str
        Where a download goes, relative to a data folder.
    places : tuple of str
        Folders, relative to that one, in which it may be.
    files : tuple of RemoteFile
        What to download; none where nobody has published hashes of the files.
    mirrors : tuple of str
        Addresses of folders that hold those files, the best known first.
    """

    name: str
    content: str
    licence: str
    source: str
    proofs: tuple
    folder: str
    places: tuple = (".",)
    files: tuple = ()
    mirrors: tuple = ()


_UNPACKS_TO_AT_MOST = 10  # times the size of an archive

_GITHUB = "https://raw.githubusercontent.com"

# The table of whole tracks comes last: where it is, the download had come to its end.
_COURSE_FILES = tuple(
    RemoteFile(f"GenreClassData_{seconds}s.txt", megabytes, {digest: expected})
    for seconds, megabytes, digest, expected in (
        (5, 7.3, files.git_blob_id, "084cc25a2864dc1458a32a7f3682e429ee77ac3f"),
        (10, 3.7, files.sha256, "ceb3a088724706b80e39a35cd1b60024f7ce1b39d70b1f802aa0a1aab9a5bc1d"),
        (30, 1.2, files.sha256, "b0e13ad5c324c2f129ee5b3422dbc242daf27e3d148a9ee772c3e89fc1a95dd4"),
    )
)

_MUSICNN_FILES = tuple(
    RemoteFile(f"{part}_data_GTZAN_MSDmusicnn_taggram.npz", megabytes, {files.sha256: expected})
    for part, megabytes, expected in (
        ("training", 4.0, "1c7584e7f3b7da1b20b4709e737e218ec5019c6a2ff5a2865c977b208f77a42c"),
        ("evaluation", 2.6, "02a03d35bc0761a4201b304fa6aaa974cd7112df7714ac81deb209521d19b6ce"),
    )
)


def _fma_archive(name, megabytes, sha1):
    return RemoteFile(f"{name}.zip", megabytes, {files.sha1: sha1}, name)


_FMA_METADATA = _fma_archive("fma_metadata", 358, "f0df49ffe5f2a6008d7dc83c6915b31835dfe733")
_FMA_SUBSETS = {
    "8,000 clips of 30 s, 8 balanced genres": _fma_archive(
        "fma_small", 7_700, "ade154f733639d52e35e32f5593efe5be76c6d70"
    ),
    "25,000 clips of 30 s, 16 unbalanced genres": _fma_archive(
        "fma_medium", 23_600, "c67b69ea232021025fca9231fc1c7c1a063ab50b"
    ),
}

_KNOWN = (
    Corpus(
        name="course",
        content="feature tables of 990 GTZAN clips in 5, 10 and 30 s segments, 10 genres",
        licence="none stated",
        source="NTNU, course TTT4275, as published with the report of Boo and Herculano (2024)",
        proofs=("GenreClassData_30s.*",),
        folder="course",
        files=_COURSE_FILES,
        mirrors=(
            f"{_GITHUB}/seb2o/Music-genre-ml-classification/"
            "df1352b586389418f9772ed1edf3107aaf4adafa/Classification%20Music",
            f"{_GITHUB}/AntTra/TTT4275-Music-genre-classification/main/Classification%20music",
            f"{_GITHUB}/AntTra/TTT4275-Music-genre-classification/master/Classification%20music",
            f"{_GITHUB}/finnfi/TTT4275-music-classification/main/Data",
            f"{_GITHUB}/finnfi/TTT4275-music-classification/master/Data",
        ),
    ),
    Corpus(
        name="gtzan",
        content="1,000 clips of 30 s, 10 genres",
        licence="none stated; for research",
        source="Tzanetakis and Cook (2002), the dataset marsyas/gtzan on Hugging Face",
        proofs=("blues/blues.00000.*",),
        folder="gtzan",
        places=("genres", "."),
        files=(
            RemoteFile(
                "genres.tar.gz", 1_200, {files.md5: "5b3d6dddb579ab49814ab86dba69e7c7"}, "genres"
            ),
        ),
        mirrors=("https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data",),
    ),
    Corpus(
        name="gtzan-mini",
        content="100 clips of GTZAN, 10 of each genre",
        licence="none stated; for research",
        source="TempoBeatDownbeat/gtzan_mini on GitHub",
        proofs=("blues/blues.00000.*",),
        folder="gtzan-mini",
        places=("gtzan_mini-main/genres", "."),
        files=(
            RemoteFile(
                "main.zip", 120, {files.md5: "44f7f23af8363d96c59663a987f29a4c"}, "gtzan_mini-main"
            ),
        ),
        mirrors=("https://github.com/TempoBeatDownbeat/gtzan_mini/archive/refs/heads",),
    ),
    Corpus(
        name="gtzan-excerpts",
        content="an excerpt of 2 to 3 s of each of 499 clips of GTZAN, 49 or 50 of each genre",
        licence="none stated; for research",
        source="adebnathgit/Curated-audio-dataset-sourced-from-GTZAN-Dataset---Music-Genre-"
        "Classification on GitHub",
        proofs=("blues/blues.00001.*",),
        folder="gtzan-excerpts",
    ),
    Corpus(
        name="musicnn",
        content="what the tagger musicnn says of 733 clips of GTZAN: 50 tags, second by second",
        licence="ISC",
        source="Pons and Favory, jordipons/sklearn-audio-transfer-learning on GitHub; the tagger: "
        "Pons and Serra (2019)",
        proofs=tuple(file.name for file in _MUSICNN_FILES),
        folder="musicnn",
        files=_MUSICNN_FILES,
        mirrors=(
            f"{_GITHUB}/jordipons/sklearn-audio-transfer-learning/"
            "ef1812782164f1a623a2091ecd79f0a09cf49322/data/audio_representations",
        ),
    ),
    *(
        Corpus(
            name=audio.unpacks_to.replace("_", "-"),
            content=content,
            licence="CC BY 4.0 for the metadata; each artist's own, mostly Creative Commons, "
            "for the music",
            source="Defferrard et al. (2017), mdeff/fma on GitHub",
            proofs=("000", "../fma_metadata/tracks.csv"),
            folder="fma",
            places=(audio.unpacks_to,),
            files=(_FMA_METADATA, audio),
            mirrors=("https://os.unil.cloud.switch.ch/fma",),
        )
        for content, audio in _FMA_SUBSETS.items()
    ),
    Corpus(
        name="magnatagatune",
        content="25,863 clips of 29 s, mapped to Magnatune's 10 genres",
        licence="CC BY-NC-SA for Magnatune's music",
        source="Law et al. (2009): clip_info_final.csv and the folders 0 to f of clips; and "
        "song_info.csv, Magnatune's list of its songs",
        proofs=("clip_info_final.csv", "song_info.csv"),
        folder="magnatagatune",
    ),
    Corpus(
        name="synthetic",
        content="feature tables of 1,000 synthetic clips, 10 genres: the built-in corpus",
        licence="the project's own (MIT)",
        source="part of the project; made by genres/synth/",
        proofs=("GenreClassData_30s.*",),
        folder="synthetic",
    ),
)
CORPORA = {corpus.name: corpus for corpus in _KNOWN}
"""The known collections by name."""


def listing():
    """Describe every known collection: its content, size, licence and source, and where it is."""
    return "\n\n".join(map(_description, CORPORA.values()))


def where(name: str) -> Path:
    """Tell in which folder a known collection is.

    Parameters
    ----------
    name : str
        One of `CORPORA`.

    Returns
    -------
    Path
        A folder of tables, or one that `genres.data.datasets.read` takes: below the data folder
        that the environment variable ``GENRE_DATA`` names, or else below the project's own.

    Raises
    ------
    Refusal
        If no collection has that name, or if it is not here.
    """
    corpus = _known(name)
    if place := place_of(corpus, *_data_folders()):
        return place
    raise _not_here(corpus, project.DATA)


def hint(name: str) -> str:
    """Say, for the end of a sentence, where a known collection is or comes from; else nothing."""
    if name not in CORPORA:
        return ""
    try:
        return f"; the collection of that name is in {where(name)}"
    except Refusal as refusal:
        return f"; {str(refusal).removesuffix('.')}"


def fetch(name: str, folder: str | Path | None = None) -> Path:
    """Download a known collection, unless it is there, and say so when it begins to come.

    What was broken off goes on where it stopped. Archives stay beside what they were unpacked to.

    Parameters
    ----------
    name : str
        One of `CORPORA`.
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
    folder = project.DATA if folder is None else Path(folder).expanduser()
    if place := place_of(corpus, folder):
        return place
    if not corpus.files:
        raise _not_here(corpus, folder)
    target = folder / corpus.folder
    pending = [
        file
        for file in corpus.files
        if not (file.unpacks_to and (target / file.unpacks_to).exists())
    ]
    missing = [file for file in pending if not (target / file.name).exists()]
    _check_room(missing + [file for file in pending if file.unpacks_to], target)

    @functools.cache  # once, of all its files
    def announce():
        print(
            f"Downloading {name} ({', '.join(file.name for file in missing)}: {_size(missing)}) "
            f"from {corpus.mirrors[0]}. Licence: {corpus.licence}. Source: {corpus.source}.",
            file=sys.stderr,
            flush=True,
        )

    for file in pending:
        download(file, target, corpus.mirrors, announce=announce)
        if file.unpacks_to:
            most = round(_UNPACKS_TO_AT_MOST * file.megabytes * 1e6)
            unpack(target / file.name, target, max_bytes=most)
    if place := place_of(corpus, folder):
        return place
    raise Refusal(f"{target} does not hold what {name} should: {', '.join(corpus.proofs)}.")


def _known(name):
    if name not in CORPORA:
        raise Refusal(f"There is no collection '{name}': known are {', '.join(CORPORA)}.")
    return CORPORA[name]


def _data_folders():
    named = os.environ.get("GENRE_DATA")
    return [Path(named).expanduser(), project.DATA] if named else [project.DATA]


def place_of(corpus, *folders):
    """Give where a collection is in the first of some data folders that has it, or None."""
    for folder in folders:
        for place in (folder / corpus.folder / name for name in corpus.places):
            if all(any(place.glob(proof)) for proof in corpus.proofs):
                return place.resolve()
    return None


def _description(corpus):
    size = f"downloads {_size(corpus.files)}" if corpus.files else "no download is offered"
    return (
        f"{corpus.name}: {corpus.content}\n"
        f"    {printable(place_of(corpus, *_data_folders()) or 'not here')} ({size})\n"
        f"    licence: {corpus.licence}\n"
        f"    source: {corpus.source}"
    )


def _not_here(corpus, folder):
    if corpus.files:
        program = shlex.quote(seen_from_here(Path(sys.executable).with_name("genres")))
        advice = f"{program} data fetch {corpus.name} downloads it, {_size(corpus.files)}"
    else:
        advice = (
            "no download that could be checked is known, so put your own copy into "
            f"{folder / corpus.folder} ({corpus.source})"
        )
    return Refusal(f"{corpus.name} is not here: {advice}.")


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

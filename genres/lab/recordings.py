"""Which sound and which spectrograms go with the data at hand?

Tables say of what genre a clip is and whether it is for training or for testing. Where the data
have no sound or no spectrograms of the clips in their tables, the built-in corpus takes their
place, and what comes back says so.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import numpy as np

from genres import Refusal, locks
from genres.data import catalogue, datasets, folders, tables
from genres.data.clips import Clip
from genres.decoding import audio
from genres.extraction import extract
from genres.sound import melstore
from genres.synth import builtin, corpus

EXCERPT = 2.0
"""How many seconds of a clip an excerpt has at least."""


class Labelled(NamedTuple):
    """What tables say of clips.

    Attributes
    ----------
    names : array of str, shape (n_clips,)
        What they are called in tables.
    labels : array of int, shape (n_clips,)
        Genre ids.
    train : array of bool, shape (n_clips,)
        Whether each is for training; the others are for testing.
    genres : list of str
        Names of genres, by id.
    source : str
        Where they are from, for a sentence.
    synthetic : bool
        Whether the music was made by a program.
    """

    names: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    genres: list
    source: str
    synthetic: bool


class Spectrograms(NamedTuple):
    """Log-mel spectrograms of labelled clips.

    Attributes
    ----------
    clips : Labelled
        Whose they are.
    store : genres.sound.melstore.MelStore
        The spectrograms, in the order of the clips.
    """

    clips: Labelled
    store: melstore.MelStore

    def decibels(self):
        """Give dB relative to each clip's loudest point, float32 (n_clips, n_mels, n_columns)."""
        return melstore.decibels(self.store.mel, self.store.range_db)


class Recordings(NamedTuple):
    """Sound of labelled clips.

    Attributes
    ----------
    clips : Labelled
        Whose they are.
    paths : list of str
        The file of each clip.
    missing : float
        How many seconds they may be shorter than 30 s.
    n_excerpts : int
        How many of them, the last ones, are excerpts of `EXCERPT` s or more, and not whole clips.
    """

    clips: Labelled
    paths: list
    missing: float
    n_excerpts: int = 0

    def samples(self, index):
        """Read a clip: float32, mono, 22,050 samples per second; 661,500 of a whole one.

        Raises
        ------
        Refusal
            If its file cannot be used.
        """
        path = self.paths[index]
        if index >= len(self.paths) - self.n_excerpts:
            return audio.read_whole(path, EXCERPT).samples
        return audio.read(path, folders.WHOLE, self.missing).samples


def find_spectrograms(data, n_per_genre: int = 30, progress: bool | Callable = True):
    """Give the spectrograms that go with the data at hand.

    Parameters
    ----------
    data : genres.data.folders.Data
        The data. Their mel store is taken if they have one; else it is made from their sound; else
        the built-in corpus's.
    n_per_genre : int
        How many clips of each genre, where it is the built-in corpus.
    progress : bool or callable
        As `genres.screen.bar` has it; making a store takes a while.

    Returns
    -------
    Spectrograms
        Of the clips that the 30 s table has as well.

    Raises
    ------
    Refusal
        If a mel store or a table is not sound.
    """
    path, table = data.mel, data.table(folders.WHOLE)
    if path is None and data.audio and not data.synthetic:
        out = folders.extraction_of(data.audio)
        out.mkdir(parents=True, exist_ok=True)
        with locks.alone_in(out):  # another notebook may be about to do the same
            extract.extract(data.audio, out, extract.Settings(mel=True), progress=progress)
        path = out / "mel.npz"
    if path is not None:
        store = melstore.load(path)
        clips, rows = _look_up(store.track, table, data.synthetic, f"mel store {path.name}")
        if clips:
            return Spectrograms(clips, store._replace(mel=store.mel[rows], track=clips.names))
    store = melstore.load(builtin.mel_store(n_per_genre, progress=progress))
    return Spectrograms(_built_in(store.track, data, "spectrograms"), store)


def has_spectrograms(data, n_per_genre: int = 30) -> bool:
    """Say whether `find_spectrograms` has nothing to make."""
    if data.mel or not (data.audio or data.synthetic):
        return data.mel is not None
    made = builtin.mel_place(n_per_genre) if data.synthetic else folders.extraction_of(data.audio)
    return (made / "mel.npz").exists()


def find_recordings(data, n_per_genre=30, progress=True, excerpts: bool = False):
    """Give the sound that goes with the data at hand: their own, or else the built-in corpus's.

    Parameters
    ----------
    data, n_per_genre, progress
        Those of `find_spectrograms`.
    excerpts : bool
        Whether to add the data's excerpts, of clips of which they have no whole sound.

    Returns
    -------
    Recordings
        Of the clips that the 30 s table has as well.

    Raises
    ------
    Refusal
        If a collection of audio or a table is not sound.
    """
    found = None
    if data.audio and not data.synthetic:
        found = _read_sound(data.audio, data)
    if data.excerpts and excerpts and not data.synthetic:
        found = _with_excerpts(found, data)
    if found:
        return found
    found = built_in_recordings(n_per_genre, progress)
    return found._replace(clips=_built_in(found.clips.names, data, "sound"))


def _read_sound(folder, data, what="audio", known=()):
    """Give the sound in a folder of the clips in the 30 s table, but those known; or None."""
    found = datasets.read(folder)
    clips = [clip for clip in found.clips if clip.name not in known]
    names = np.array([clip.name for clip in clips], str)
    listed, rows = _look_up(names, data.table(folders.WHOLE), False, f"{what} in {folder.name}")
    return listed and Recordings(listed, [clips[row].path for row in rows], found.missing)


def _with_excerpts(whole, data):
    """Add excerpts, behind the sound of whole clips, where there is such; or None, if no more."""
    known = set(whole.clips.names) if whole else ()
    more = _read_sound(data.excerpts, data, "excerpts", known)
    if not more:
        return whole
    if not whole:
        return more._replace(n_excerpts=len(more.paths))
    first, then = whole.clips, more.clips
    clips = first._replace(
        names=np.concatenate([first.names, then.names]),
        labels=np.concatenate([first.labels, then.labels]),
        train=np.concatenate([first.train, then.train]),
        source=f"{first.source}; {then.source}",
    )
    return Recordings(clips, whole.paths + more.paths, whole.missing, len(more.paths))


def built_in_recordings(n_per_genre=30, progress=True):
    """Give the sound of the built-in corpus, as `find_recordings` does."""
    folder = builtin.audio(n_per_genre, progress=progress)
    listed = builtin.manifest(n_per_genre)
    places = zip(listed["genre"], listed["name"], strict=True)
    clips = _built_in(listed["name"].to_numpy(str))
    return Recordings(clips, [str(folder / genre / name) for genre, name in places], 0.0)


def _built_in(names, data=None, what=None):
    """Look clips of the built-in corpus up; say which data it takes the place of, for what."""
    table = folders.find(folders.SYNTHETIC).table(folders.WHOLE)
    instead = f", as {data.name} has no {what} of its clips" if data and not data.synthetic else ""
    clips, _ = _look_up(names, table, True, f"built-in corpus of synthetic music{instead}")
    return clips


def _look_up(names, table, synthetic, source):
    """Look clips up in a table of whole tracks; give them, or None, and their places in `names`."""
    table = table.set_index("File")
    rows = np.flatnonzero(np.isin(names, table.index.to_numpy(str)))
    if not len(rows):
        return None, rows
    found = table.loc[names[rows]]
    ids = {name: number for number, name in enumerate(tables.genre_names(table))}
    n_clips = f"{len(rows):,}" + (f" of its {len(names):,}" if len(rows) < len(names) else "")
    return Labelled(
        names[rows],
        found["Genre"].map(ids).to_numpy(),
        tables.is_train(found),
        list(ids),
        f"{source}: {n_clips} clips",
        synthetic,
    ), rows


def find_sound(data, synthetic: bool) -> dict[str, Callable[[], str]]:
    """Find the sound of clips: of the built-in corpus all, else as far as it is there.

    Parameters
    ----------
    data : genres.data.folders.Data
        The data at hand.
    synthetic : bool
        Whether the clips are those of the built-in corpus.

    Returns
    -------
    dict of str to callable
        For each clip that has sound, by its name in tables, what gives the path of its file, and
        may raise a `Refusal`. A clip of the built-in corpus is made then, if it is not there.
    """
    if synthetic:
        return {entry.name: partial(builtin.clip, entry) for entry in corpus.entries()}
    found: list[Clip] = []
    with suppress(Refusal):  # what cannot be used has no sound
        found = datasets.read(data.audio).clips if data.audio else []
    return {clip.name: partial(str, clip.path) for clip in found}


def absence(data, which: str) -> str:
    """Say that some clips have no sound here and, of the course's, where it is from.

    Parameters
    ----------
    data : genres.data.folders.Data
        The data at hand.
    which : str
        The clips, in words.

    Returns
    -------
    str
        A sentence.
    """
    advice = catalogue.hint("gtzan") if data.name == folders.COURSE else ""
    return f"The sound of {which} is not on this machine{advice}."

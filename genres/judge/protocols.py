"""Which clips is a classifier trained on, and which tested on? What does it read of them?"""

import hashlib
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import GroupKFold, StratifiedKFold, StratifiedShuffleSplit

from genres import Refusal
from genres.data import folders, tables, taggrams
from genres.lab import recordings
from genres.sound import melstore

INPUTS = {
    "features": "63 numbers of a clip",
    "segments": "63 numbers of each segment, in time order",
    "mel": "a mel spectrogram in dB",
    "tags": "a taggram: fifty tags from second to second",
    "texture": "ten families of numbers of each segment",
}
"""What a classifier may read, by the name that it asks for."""

COURSE, ARTISTS, FILTERED = "course", "artists", "fault-filtered"
RANDOM, SHUFFLED, TOGETHER = "random", "segments-shuffled", "segments-together"
HONEST = (ARTISTS, FILTERED)
"""The protocols that keep artists apart."""

TITLES = {
    COURSE: "course split",
    ARTISTS: "artist folds",
    FILTERED: "fault-filtered",
    RANDOM: "ten random splits",
    SHUFFLED: "segments shuffled",
    TOGETHER: "tracks kept together",
}
"""What each protocol is called, in the order in which they are gone through."""

HONEST_FIRST = (*HONEST, COURSE, RANDOM, TOGETHER, SHUFFLED)
"""The protocols in the order in which figures are shown."""

N_RANDOM, N_FOLDS = 10, 3
_SEED = 0


class Clips(NamedTuple):
    """The clips of a data folder, in the order of its table of whole tracks.

    Attributes
    ----------
    names : array of str, shape (n_clips,)
        What they are called.
    labels : array of int, shape (n_clips,)
        Genre ids.
    genres : list of str
        Names of genres, by id.
    artists : array of str, shape (n_clips,)
        The artist of each, as the data's folds have it; where it is not known, the clip's name.
    """

    names: np.ndarray
    labels: np.ndarray
    genres: list
    artists: np.ndarray


class Protocol(NamedTuple):
    """A way to part clips, or their segments, into those to train on and those to test on.

    Attributes
    ----------
    name, title : str
        A key of `TITLES`, and what stands there.
    folds : list of (array of int, array of int)
        Rows to train on and rows to test on, in the order in which a model gets them.
    clips : array of int, shape (n_rows,)
        The place of each row's clip among the data's.
    groups : array, shape (n_rows,), or None
        What is drawn whole for an interval; None where rows are taken as independent.
    """

    name: str
    title: str
    folds: list
    clips: np.ndarray
    groups: np.ndarray | None

    @property
    def of_segments(self):
        """Whether its rows are segments."""
        return self.name in (SHUFFLED, TOGETHER)

    @property
    def is_repeated(self):
        """Whether a row is tested more than once."""
        return self.name == RANDOM

    def among(self, present):
        """Give the same protocol on those clips alone that have what a model reads."""
        folds = [tuple(rows[present[self.clips[rows]]] for rows in fold) for fold in self.folds]
        return self._replace(folds=folds)

    def digest(self, clips):
        """Tell folds apart: by the names and genres of what is trained and tested on."""
        digest = hashlib.sha256(self.name.encode())
        for fold in self.folds:
            for rows in fold:
                named = clips.names[self.clips[rows]], clips.labels[self.clips[rows]]
                digest.update(repr([part.tolist() for part in named]).encode())
        return digest.hexdigest()[:16]


def clips_of(data):
    """Give the `Clips` of data."""
    table, known = data.table(folders.WHOLE), folders.artist_folds(data)
    artist_of = {} if known is None else known["artist"].to_dict()
    names = table["File"].to_numpy(dtype=str)
    artists = np.array([str(artist_of.get(name, name)) for name in names])
    return Clips(names, table["GenreID"].to_numpy(), tables.genre_names(table), artists)


def protocols(data, clips=None):
    """Give the protocols that data allow.

    Parameters
    ----------
    data : genres.data.folders.Data
        The data.
    clips : Clips, optional
        Theirs.

    Returns
    -------
    list of Protocol
        The course split, in the order of the table, as notebook 02 has it; folds by artist and the
        fault-filtered split, without its list for validation, in the order of names, as notebook 06
        has them; random splits as large as the course's, as in notebook 02; segments of the finest
        table, in folds at random and in folds of whole tracks, as in notebook 06.
    """
    clips = clips or clips_of(data)
    table, every = data.table(folders.WHOLE), np.arange(len(clips.names))
    train = tables.is_train(table)

    def protocol(name, folds, groups=None, of=every):
        return Protocol(name, TITLES[name], folds, of, groups)

    found = [protocol(COURSE, [(np.flatnonzero(train), np.flatnonzero(~train))])]
    by_name = np.argsort(clips.names)
    if (known := folders.artist_folds(data)) is not None:
        listed = by_name[np.isin(clips.names[by_name], known.index)]
        fold, artist = known.loc[clips.names[listed], ["fold", "artist"]].to_numpy().T
        groups = np.full(len(every), -1)
        groups[listed] = artist
        folds = [(listed[fold != one], listed[fold == one]) for one in np.unique(fold)]
        if len(folds) > 1:
            found.append(protocol(ARTISTS, folds, groups))
    if (kinds := folders.fault_filtered(data)) is not None:
        listed = by_name[np.isin(clips.names[by_name], kinds.index)]
        kind = kinds.loc[clips.names[listed]].to_numpy()
        split = listed[kind == "train"], listed[kind == "test"]
        if all(map(len, split)):
            found.append(protocol(FILTERED, [split], clips.artists))
    shuffled = StratifiedShuffleSplit(N_RANDOM, test_size=int(np.sum(~train)), random_state=_SEED)
    found.append(protocol(RANDOM, list(shuffled.split(every, clips.labels))))
    of, _ = _segments_of(data, clips)
    if len(of) > len(every):
        labels = clips.labels[of]
        tracks = data.finest()[1]["Track ID"].to_numpy()  # of which both tables have the same
        at_random = StratifiedKFold(N_FOLDS, shuffle=True, random_state=_SEED).split(of, labels)
        found.append(protocol(SHUFFLED, list(at_random), tracks, of))
        together = GroupKFold(N_FOLDS).split(of, labels, tracks)
        found.append(protocol(TOGETHER, list(together), tracks, of))
    return found


def _segments_of(data, clips):
    """Give the clip of each segment of the finest table, and its place in time."""
    _, fine = data.finest()
    place = {name: number for number, name in enumerate(clips.names)}
    return fine["File"].map(place).to_numpy(), fine.groupby("File").cumcount().to_numpy()


class Inputs:
    """What classifiers read of the clips of some data.

    Parameters
    ----------
    kind : str
        A key of `INPUTS`.
    values : array, shape (n_present, …)
        Of the clips that have it.
    place : array of int, shape (n_clips,)
        The place of each clip in `values`; -1 where it has none.
    segments : array, shape (n_segments, …), or (array of int, array of int), or None
        What is read of each segment; or its clip and its place in time, where `values` have an
        axis of time; None where segments have nothing of their own.
    """

    def __init__(self, kind, values, place, segments=None):
        self.kind, self._values, self._place, self._segments = kind, values, place, segments

    @property
    def present(self):
        """Whether each clip has it."""
        return self._place >= 0

    def allows(self, protocol):
        """Say whether a protocol is possible: some need numbers of each segment."""
        return self._segments is not None or not protocol.of_segments

    def of(self, protocol, rows):
        """Give what is read of the rows of a protocol, (n_rows, …)."""
        if not protocol.of_segments:
            return self._decoded(self._values[self._place[rows]])
        if not isinstance(self._segments, tuple):
            return self._segments[rows]
        clip, step = (part[rows] for part in self._segments)
        places = self._place[clip]
        if self.kind != "mel":
            return self._values[places, step][:, None]
        n_steps = int(self._segments[1].max()) + 1
        width = self._values.shape[2] // n_steps
        columns = step[:, None] * width + np.arange(width)
        return self._decoded(self._values[places[:, None], :, columns].transpose(0, 2, 1))

    def _decoded(self, values):
        return melstore.decibels(values) if self.kind == "mel" else values


def read(data, kind, clips=None, progress=True):
    """Read what classifiers ask for.

    Parameters
    ----------
    data : genres.data.folders.Data
        The data.
    kind : str
        A key of `INPUTS`: ``features``, float64 (n_clips, 63); ``segments``, float32 (n_clips,
        n_steps, 63); ``mel``, float32 (n_clips, n_mels, n_columns), in dB relative to the clip's
        loudest point; ``tags``, float32 (n_clips, n_patches, 50), probabilities; ``texture``,
        float32 (n_clips, n_steps, n_numbers), the families of `genres.models.kernel` side by side.
    clips : Clips, optional
        Those of the data.
    progress : bool or callable
        As `genres.screen.bar` has it, where spectrograms have to be made.

    Returns
    -------
    Inputs

    Raises
    ------
    Refusal
        If the data have nothing of the kind.
    """
    clips = clips or clips_of(data)
    if kind == "tags":
        return _read_taggrams(data, clips)
    columns, order = list(tables.FEATURES), _segments_of(data, clips)
    _, fine = data.finest()
    rows = fine[columns].to_numpy()
    everywhere = np.arange(len(clips.names))
    if kind == "features":
        whole = data.table(folders.WHOLE)[columns].to_numpy()
        return Inputs(kind, whole, everywhere, rows)
    if kind == "segments":
        in_time = rows[np.lexsort((order[1], order[0]))].astype(np.float32)
        values = in_time.reshape(len(everywhere), -1, len(columns))
        return Inputs(kind, values, everywhere, order)
    spectrograms = spectrograms_of(data, progress)
    place = _places(spectrograms.clips.names, clips)
    if kind == "mel":
        return Inputs(kind, spectrograms.store.mel, place, order)
    from genres.models import champion, kernel  # which import TensorFlow, and that takes seconds

    families = kernel.measure_families(champion.gather(data, spectrograms))
    return Inputs(kind, np.concatenate([*families.values()], axis=2), place, order)


def spectrograms_of(data, progress=True):
    """Give the spectrograms of the data's own clips; a Refusal where they have none."""
    found = None
    if data.mel or data.audio or data.synthetic:
        found = recordings.find_spectrograms(data, progress=progress)
    if found is None or (found.clips.synthetic and not data.synthetic):
        raise Refusal(f"{data.folder} has no mel spectrograms of its clips, nor their sound.")
    return found


def _read_taggrams(data, clips):
    if data.taggrams is None:
        raise Refusal(f"{data.folder} has no taggrams: 'extract --tags' makes them of its sound.")
    found = taggrams.load(data.taggrams)
    n_patches = min(map(len, found.taggrams))
    values = np.stack([taggram[:n_patches] for taggram in found.taggrams])
    return Inputs("tags", values, _places(found.names, clips))


def _places(names, clips):
    """Give the place of each clip in a list of names; -1 where it is not there."""
    at = {str(name): number for number, name in enumerate(names)}
    place = np.array([at.get(name, -1) for name in clips.names])
    if (place < 0).all():
        raise Refusal("None of the clips in the tables has what the model reads.")
    return place

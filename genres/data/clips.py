"""Which clips does a collection have, of which genre, and is each for training or for testing?"""

import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from genres import Refusal, files
from genres.data.tables import GTZAN_GENRES, genre_ids, require_genres

CLIPS_AT_LEAST = 10
"""Clips of each genre that the report needs, of which a fifth is set aside for testing."""

TRAINING_AT_LEAST = 8
"""Those of them that it needs to train on: folds of 3 that are split into 3 again, for 5-NN."""

SPLITS = "splits"
"""Folder of a collection, or of a data folder, in which other ways to split its clips lie."""

ARTIST_FOLDS = "artist_folds.csv"
"""The file there that says which clips are of one artist."""

N_FOLDS = 3
"""Folds by artist that clips are parted into."""

FOLD_COLUMNS = ("file", "artist_group", "fold")
"""The columns of a table of such folds."""

_LITTER = {"__macosx", "@eadir", "eadir", "thumbs.db", "desktop.ini", "lost+found", "#recycle"}
_LITTER |= {"$recycle.bin", "system volume information"}
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
_WELL_KNOWN = {*GTZAN_GENRES, "ambient", "electronic", "experimental", "folk", "hip-hop", "house"}
_WELL_KNOWN |= {"instrumental", "international", "latin", "punk", "rap", "soul", "techno", "world"}
_NUMBERS_AT_MOST = 10
_FOLDERS_IN_A_GENRE = 3  # of an artist, an album and a disc, within each other
_LEVELS_OFF = 2  # as Kaggle's Data/genres_original
_GTZAN_FILE = re.compile(rf"\A({'|'.join(GTZAN_GENRES)})/\1\.(\d{{5}})\.[^.]+\Z")


class Clip(NamedTuple):
    """One file of a collection.

    Attributes
    ----------
    path : str
        Where it is.
    genre : str
        What it is said to be.
    name : str
        What it is called in tables: unique in its collection.
    type : str, optional
        ``"Train"`` or ``"Test"`` where the collection says so.
    group : str, optional
        What must not be on both sides of a split, such as the artist; where it is not known, the
        clip alone.
    inside : str, optional
        Where it is in the folder of its genre, if not directly there.
    """

    path: str
    genre: str
    name: str
    type: str | None = None
    group: str | None = None
    inside: str | None = None

    @property
    def file(self):
        """The genre and where the file is in it, as text even where its name is none."""
        file = Path(self.genre, self.inside or Path(self.path).name)
        return os.fsencode(file).decode(errors="replace")


def find(folder: str | Path):
    """Find the clips of a folder of folders, ``<genre>/<clip>``.

    A genre's folder may have folders of artists, and these of albums:
    ``<genre>/<artist>/<clip>`` or ``<genre>/<artist>/<album>/<clip>``.

    Everything in a genre's folder is taken for a clip, unless its name starts with a dot or is one
    that systems give to what they leave behind: whether it is one is found out when it is read. So
    are folders that are empty or cannot be read, which then are refused. The folder of other ways
    to split the collection, with `ARTIST_FOLDS` in it, is no genre.

    Parameters
    ----------
    folder : str or Path
        The folder that holds a folder for each genre.

    Returns
    -------
    list of Clip
        Ordered by genre and place. A clip with a name of GTZAN's (``pop.00072.wav``) is called as
        in the course's tables (``pop_00072.wav``), others by genre and place in it
        (``pop/song.mp3``). The group is the artist whose folder a clip is in.

    Raises
    ------
    Refusal
        If there is no such folder, no genre in it, or its folders are no genres: they are numbers,
        parts for training and testing, or hold folders that are genres; or there is but one, with
        folders in it.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise Refusal(f"{folder} is not a folder: name the one that holds a folder for each genre.")
    clips = [
        _clip(path, genre)
        for genre in filter(is_folder, _visible(folder))
        if not (genre / ARTIST_FOLDS).is_file()
        for path in _songs_of_genre(genre)
    ]
    if not clips:
        raise Refusal(
            f"{folder} has no clips: they are looked for in a folder for each genre, as "
            f"rock/song.mp3. If it is itself the folder of a genre, name {folder.parent}."
        )
    _check_level(folder, clips)
    return clips


def _songs_of_genre(genre):
    try:
        inside = _visible(genre)
    except OSError:
        return [genre]
    return [song for path in inside for song in _songs(path, _FOLDERS_IN_A_GENRE)]


def _songs(path, n_levels):
    """Give the files in a folder and in those within it; what holds none stands for itself."""
    if not n_levels or not is_folder(path):
        return [path]
    try:
        inside = _visible(path)
    except OSError:
        return [path]
    return [song for child in inside for song in _songs(child, n_levels - 1)] or [path]


def _clip(path, genre):
    inside = path.relative_to(genre)
    artist = inside.parts[0] if len(inside.parts) > 1 else None
    nested = str(inside) if len(inside.parts) != 1 else None
    clip = Clip(str(path), _text(genre.name), "", group=artist and _text(artist), inside=nested)
    return clip._replace(name=_GTZAN_FILE.sub(r"\1_\2.wav", clip.file))


def _text(name):
    """Give a folder's name as text: as UTF-8, else as Latin-1, which anything is."""
    name = os.fsencode(name)
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def _check_level(folder, clips):
    """Refuse folders that are no genres, from what is in them."""
    inner = {clip.genre: set() for clip in clips}
    for clip in clips:
        inner[clip.genre].add(clip.group)
    numbers = [genre for genre in inner if genre.isdecimal()]
    if len(numbers) > _NUMBERS_AT_MOST:
        raise Refusal(
            f"{folder} has {len(numbers)} folders that are numbers, such as {numbers[0]}, and "
            "numbers are no genres: name a folder that holds a folder for each genre."
        )
    names = sorted(inner, key=lambda name: (-len(inner[name]), name))
    within = set.union(*inner.values()) - {None}
    outer_names, inner_names = ({name.casefold() for name in some} for some in (names, within))
    alone = len(names) == 1 and len(within) > 0
    known = len(inner_names & _WELL_KNOWN) > 1 and not outer_names & _WELL_KNOWN
    if alone or known or outer_names <= _PARTS:
        inside = f", and in {'it' if alone else 'them'} {_some(sorted(within))}" if within else ""
        better = _level_of_genres(folder, _LEVELS_OFF) or folder / names[0]
        raise Refusal(
            f"{folder} holds {_some(sorted(names))}{inside}: name the folder that holds a folder "
            f"for each genre" + (f", such as {better}." if within else ".")
        )


def _level_of_genres(folder, n_levels):
    """Give a folder below this one, as near as can be, in which folders have names of genres."""
    inside = [path for path in _visible(folder) if is_folder(path) and os.access(path, os.R_OK)]
    for place in inside:
        named = {path.name.casefold() for path in _visible(place) if is_folder(path)}
        if len(named & _WELL_KNOWN) > 1:
            return place
    deeper = (_level_of_genres(place, n_levels - 1) for place in inside if n_levels > 1)
    return next(filter(None, deeper), None)


def _some(names):
    """Name the first few of some names."""
    shown = names if len(names) < 5 else [*names[:3], f"{len(names) - 3} more"]
    *others, last = shown
    return f"{', '.join(others)} and {last}" if others else last


def split(clips, test_share: float = 0.2, seed: int = 0) -> list[str]:
    """Choose clips for training and for testing, the same share of each genre.

    Parameters
    ----------
    clips : sequence of Clip
        If all have a type, that is taken. Clips of one group all go to the same side, unless a
        genre has no other group: its clips are then split as if they had none. Their order does
        not matter.
    test_share : float
        The share of each genre to test on; at least one clip of a genre that has two.
    seed : int
        Another seed, another choice.

    Returns
    -------
    list of str
        ``"Train"`` or ``"Test"`` for each clip. Where groups are single clips, a genre's number of
        test clips is its share rounded; where they are larger, as near to it as they allow.
    """
    if all(clip.type for clip in clips):
        return [clip.type for clip in clips]
    ids = genre_ids(clip.genre for clip in clips)
    alone = genres_of_one_group(clips)
    of_group = [_group(clip, clip.genre in alone) for clip in clips]
    groups: dict = {}
    for clip, group in zip(clips, of_group, strict=True):
        counts = groups.setdefault(group, np.zeros(len(ids)))
        counts[ids[clip.genre]] += 1
    totals = sum(groups.values())
    wanted = np.where(totals < 2, 0, np.maximum(test_share * totals, 1))

    names = sorted(groups)
    shuffled = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    taken, tested = np.zeros(len(ids)), set()
    # The large groups first: the small ones then fill what these leave.
    for name in sorted(shuffled, key=lambda name: -groups[name].sum()):
        with_it = taken + groups[name]
        if np.sum((with_it - wanted) ** 2) < np.sum((taken - wanted) ** 2):
            taken = with_it
            tested.add(name)
    # Of a genre of large groups none may have been near enough: its smallest is then.
    for name in sorted(shuffled, key=lambda name: groups[name].sum()):
        lacks = (groups[name] > 0) & (taken == 0)
        if lacks.any() and not ((taken + groups[name] == totals) & (groups[name] > 0)).any():
            taken = taken + groups[name]
            tested.add(name)
    return ["Test" if group in tested else "Train" for group in of_group]


def genres_of_one_group(clips) -> dict[str, str]:
    """Give the group of each genre that has two clips or more, all of them in one group."""
    groups: dict = {}
    for clip in clips:
        groups.setdefault(clip.genre, []).append(clip.group)
    return {
        genre: of_clips[0]
        for genre, of_clips in groups.items()
        if len(of_clips) > 1 and of_clips[0] is not None and len(set(of_clips)) == 1
    }


def require_enough(genres, types, source: str | Path):
    """Refuse clips that are too few for the report.

    Parameters
    ----------
    genres, types : sequence of str
        The genre of each clip, and ``"Train"`` or ``"Test"``.
    source : str or Path
        Where they are from, for the refusal's sentence.

    Raises
    ------
    Refusal
        If there are too few or too many genres, or a genre has fewer clips than `CLIPS_AT_LEAST`,
        fewer for training than `TRAINING_AT_LEAST`, or none for testing.
    """
    require_genres(genres, source)
    n_of = Counter(genres)
    n_training = Counter(
        genre for genre, kind in zip(genres, types, strict=True) if kind == "Train"
    )
    why = "because it tests on some, and splits the others into folds and these into folds again"
    fewest, most = min(n_of, key=n_of.__getitem__), max(n_of.values())
    if n_of[fewest] < CLIPS_AT_LEAST:
        numbers = f"{n_of[fewest]} clips" if n_of[fewest] > 1 else "1 clip"
        if n_of[fewest] < most:
            numbers = f"{n_of[fewest]} ({fewest}) to {most} clips"
        raise Refusal(
            f"{source} has {len(n_of)} genres of {numbers}: the report needs at least "
            f"{CLIPS_AT_LEAST} of each, {why}."
        )
    for genre, n in n_of.items():
        if n_training[genre] < TRAINING_AT_LEAST or n_training[genre] == n:
            raise Refusal(
                f"{source} has {n} clips of {genre}, {n_training[genre]} for training and "
                f"{n - n_training[genre]} for testing: of each genre the report needs at least "
                f"{TRAINING_AT_LEAST} for training and 1 for testing, {why}."
            )


def folds(genres, groups):
    """Part clips into folds in which no group is in two, each with its share of every genre.

    Parameters
    ----------
    genres : sequence of str, shape (n_clips,)
        The genre of each clip.
    groups : sequence, shape (n_clips,)
        What must not be in two folds, such as the artist.

    Returns
    -------
    array of int, shape (n_clips,)
        From 1 to `N_FOLDS`. Shares are as near as groups, the most uneven first, allow.

    Raises
    ------
    Refusal
        If there are no folds with clips of every genre in each.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # which takes a second

    table = pd.DataFrame({"genre": np.asarray(genres), "group": np.asarray(groups), "fold": 0})
    n_groups = table.groupby("genre")["group"].nunique()
    if table.empty or n_groups.min() < N_FOLDS:
        few = f"{n_groups.idxmin()} has {n_groups.min()}" if len(table) else "there are no clips"
        raise Refusal(f"For {N_FOLDS} folds each genre needs as many artists or groups: {few}.")
    splits = StratifiedGroupKFold(N_FOLDS).split(table, table["genre"], table["group"])
    for fold, (_, held_out) in enumerate(splits, start=1):
        table.loc[held_out, "fold"] = fold
    n_folds = table.groupby("genre")["fold"].nunique()
    if n_folds.min() < N_FOLDS:
        raise Refusal(
            f"The artists or groups of {n_folds.idxmin()} cannot be parted into {N_FOLDS} folds."
        )
    return table["fold"].to_numpy()


def write_folds(path, names, groups, fold):
    """Write folds by artist, as `genres.data.folders.artist_folds` reads them.

    Parameters
    ----------
    path : str or Path
        The file, written whole or not at all.
    names : sequence of str, shape (n_clips,)
        What clips are called in tables.
    groups : sequence, shape (n_clips,)
        The artist of each.
    fold : sequence of int, shape (n_clips,)
        Its fold, from 1; clips of fold 0 are left out.
    """
    numbers = pd.factorize(np.asarray(groups), sort=True)[0]
    table = pd.DataFrame(dict(zip(FOLD_COLUMNS, (names, numbers, fold), strict=True)))
    kept = table[table["fold"] > 0]
    files.write_text(path, kept.to_csv(index=False, lineterminator="\n"))


def _group(clip, alone):
    # A name cannot be taken for a group's: a group is told apart by where it stands.
    return ("", clip.name) if alone or clip.group is None else (clip.group, "")


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder, which one that cannot be looked at is not."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _visible(folder):
    return sorted(path for path in folder.iterdir() if not _is_litter(path.name))


def _is_litter(name):
    return name.startswith(".") or name.casefold() in _LITTER

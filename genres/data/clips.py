"""Which clips does a collection have, of which genre, and is each for training or for testing?"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genres import Refusal
from genres.data.tables import GTZAN_GENRES, genre_ids

_LITTER = {"__macosx", "@eadir", "eadir", "thumbs.db", "desktop.ini", "lost+found", "#recycle"}
_LITTER |= {"$recycle.bin", "system volume information"}
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
_WELL_KNOWN = {*GTZAN_GENRES, "ambient", "electronic", "experimental", "folk", "hip-hop", "house"}
_WELL_KNOWN |= {"instrumental", "international", "latin", "punk", "rap", "soul", "techno", "world"}
_NUMBERS_AT_MOST = 10
_FOLDERS_IN_A_GENRE = 3  # of an artist, an album and a disc, within each other
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
    are folders that are empty or cannot be read, which then are refused.

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
    alone = len(names) == 1 and len(within) > 1
    known = len(inner_names & _WELL_KNOWN) > 1 and not outer_names & _WELL_KNOWN
    if alone or known or outer_names <= _PARTS:
        inside = f", and in {'it' if alone else 'them'} {_some(sorted(within))}" if within else ""
        raise Refusal(
            f"{folder} holds {_some(sorted(names))}{inside}: name the folder that holds a folder "
            f"for each genre" + (f", such as {folder / names[0]}." if within else ".")
        )


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
        Clips of one group all go to the same side. Their order does not matter.
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
    ids = genre_ids(clip.genre for clip in clips)
    groups: dict = {}
    for clip in clips:
        counts = groups.setdefault(_group(clip), np.zeros(len(ids)))
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
    return ["Test" if _group(clip) in tested else "Train" for clip in clips]


def _group(clip):
    # A name cannot be taken for a group's: a group is told apart by where it stands.
    return ("", clip.name) if clip.group is None else (clip.group, "")


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

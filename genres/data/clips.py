"""Which clips does a collection have, of which genre, and is each for training or for testing?"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genres import Refusal
from genres.data.tables import GTZAN_GENRES, genre_ids

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
    """

    path: str
    genre: str
    name: str
    type: str | None = None
    group: str | None = None

    @property
    def file(self):
        """The genre and the file's own name, as text even where that is none."""
        return os.fsencode(f"{self.genre}/{Path(self.path).name}").decode(errors="replace")


def find(folder: str | Path):
    """Find the clips of a folder of folders, ``<genre>/<clip>``.

    Everything in a genre's folder is taken for a clip, unless its name starts with a dot: whether
    it is one is found out when it is read.

    Parameters
    ----------
    folder : str or Path
        The folder that holds a folder for each genre.

    Returns
    -------
    list of Clip
        Ordered by genre and name. A clip with a name of GTZAN's (``pop.00072.wav``) is called as
        in the course's tables (``pop_00072.wav``), others by genre and file (``pop/song.mp3``).

    Raises
    ------
    Refusal
        If there is no such folder, or no genre in it.
    """
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise Refusal(f"{folder} is not a folder: name the one that holds a folder for each genre.")
    genres = filter(Path.is_dir, _visible(folder))
    clips = [Clip(str(path), genre.name, "") for genre in genres for path in _visible(genre)]
    if not clips:
        raise Refusal(
            f"{folder} has no clips: they are looked for in a folder for each genre, as "
            "rock/song.mp3."
        )
    return [clip._replace(name=_GTZAN_FILE.sub(r"\1_\2.wav", clip.file)) for clip in clips]


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


def _visible(folder):
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))

"""Which of Magnatune's genres has a song that somebody else has written down?"""

import re
import unicodedata
from collections import defaultdict

import pandas as pd

GENRES = (
    "Alt Rock",
    "Ambient",
    "Classical",
    "Electro Rock",
    "Electronica",
    "Hard Rock",
    "Hip-Hop",
    "Jazz",
    "New Age",
    "World",
)
"""Magnatune's ten genres."""

KEYS = (
    ("artist", "album", "title"),
    ("artist", "album"),
    ("artist", "title"),
    ("album", "title"),
)
"""What a clip and a song may agree in, the surest first: two of three at least."""

_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})


def normalise(text):
    """Give what remains of a name when spelling does not count.

    Case, accents, punctuation, white space, an article at the beginning, and whether "and" is
    written "&" do not count.

    Parameters
    ----------
    text : str
        The name of an artist, an album or a song.

    Returns
    -------
    str
        Small letters and digits in words separated by one space; empty where there are none.
    """
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    plain = re.sub(r"['’`´]", "", plain.replace("&", " and "))
    words = re.findall(r"[^\W_]+", plain)
    if len(words) > 1 and words[0] in ("a", "an", "the"):
        del words[0]
    return " ".join(words)


def match(clips, songs):
    """Find each clip's genre in Magnatune's list of songs.

    A clip has the genre of the songs that it agrees with in artist, album and title; where there
    are none or these differ, in two of the three (`KEYS`, in that order).

    Parameters
    ----------
    clips : DataFrame
        Clips, with the columns artist, album and title.
    songs : DataFrame
        Songs, with those columns too, and genres: names separated by commas, of which the first
        that is one of the ten counts.

    Returns
    -------
    DataFrame
        A row for each clip, with its index. ``genre`` is one of `GENRES`, or None; ``how`` is what
        the clip and its songs agree in, such as ``"artist, album"``, or why there is no genre:
        ``"artist unknown"``, ``"album and title unknown"`` (of a known artist), ``"genres
        differ"`` (between the songs that it agrees with) or ``"none of the ten genres"``.
    """
    artists = set()
    genres = defaultdict(set)
    for song, names in zip(_normalised(songs), songs["genres"], strict=True):
        artists.add(song["artist"])
        for key in KEYS:
            genres[_agreement(song, key)].add(_genre(names))
    artists.discard("")
    found = [_match_one(clip, artists, genres) for clip in _normalised(clips)]
    return pd.DataFrame(found, columns=["genre", "how"], index=clips.index, dtype=object)


def _match_one(clip, artists, genres):
    how = "album and title unknown" if clip["artist"] in artists else "artist unknown"
    for key in KEYS:
        agreement = _agreement(clip, key)
        candidates = genres.get(agreement, ()) if all(dict(agreement).values()) else ()
        if len(candidates) == 1:
            (genre,) = candidates
            return genre, ", ".join(key) if genre else "none of the ten genres"
        if candidates:
            how = "genres differ"
    return None, how


def _agreement(names, key):
    return tuple((part, names[part]) for part in key)


def _normalised(table):
    parts = [table[part].map(normalise) for part in KEYS[0]]
    return [dict(zip(KEYS[0], names, strict=True)) for names in zip(*parts, strict=True)]


def _genre(names):
    wanted = {normalise(genre): genre for genre in GENRES}
    return next((wanted[name] for name in map(normalise, names.split(",")) if name in wanted), None)

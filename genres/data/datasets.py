"""What do the collections of audio that the field uses say of their clips?"""

import re
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from genres import Refusal, files, shown
from genres.data.clips import Clip, is_folder
from genres.data.clips import find as find_clips

_MOST_BYTES = 1 << 32  # of a table that describes a collection
_FMA_SUBSETS = {"fma_small": ("small",), "fma_medium": ("small", "medium")}
_FMA_COLUMNS = {
    "genre": ("track", "genre_top"),
    "split": ("set", "split"),
    "subset": ("set", "subset"),
    "artist": ("artist", "name"),
}
# Networks here take what they need for validation from the clips for training.
_FMA_TYPES = {"training": "Train", "validation": "Train", "test": "Test"}
_CLIP_COLUMNS = {name: name for name in ("artist", "album", "title", "mp3_path")}
_SONG_COLUMNS = {
    "artist": "artist",
    "albumname": "album",
    "trackname": "title",
    "magnatunegenres": "genres",
}


class Dataset(NamedTuple):
    """What a collection says of its clips; their sound is not read.

    Attributes
    ----------
    clips : list of Clip
        Those that can be used.
    rejected : DataFrame
        Those that cannot: ``path``, and the ``reason`` in a few words, equal for equal faults.
    missing : float
        How many seconds the collection's clips are shorter than 30 s, at most.
    """

    clips: list
    rejected: pd.DataFrame
    missing: float


def read(folder: str | Path):
    """Read what a collection says of its clips.

    Parameters
    ----------
    folder : str or Path
        ``fma_small`` or ``fma_medium`` of the FMA, whatever its name is, with ``fma_metadata``
        beside it or one level up, or the folder that holds these; MagnaTagATune's, with
        ``clip_info_final.csv`` and Magnatune's ``song_info.csv``; any other has a folder for each
        genre, as `genres.data.clips.find` takes it.

    Returns
    -------
    Dataset
        Of the FMA, those of the subset; for training are its parts for training and validation;
        the group is the artist. Of MagnaTagATune, those that `match_magnatune` finds a
        genre for; the group is the artist. Of others, all.

    Raises
    ------
    Refusal
        If there is no such folder, if it holds several collections or no clips, or if what
        describes the clips is missing or in another format.
    """
    folder = Path(folder).expanduser().absolute()
    subsets = _find_fma_subsets(folder)
    if len(subsets) > 1:
        raise Refusal(f"{folder} holds {' and '.join(place.name for place in subsets)}: name one.")
    if subsets:
        dataset = _read_fma(subsets[0])
    elif (folder / "clip_info_final.csv").exists():
        dataset = _read_magnatagatune(folder)
    else:
        dataset = Dataset(find_clips(folder), _rejected([]), 0.0)
    if not dataset.clips:
        reasons = dataset.rejected["reason"].value_counts()
        counts = ", ".join(f"{reason} ({n})" for reason, n in reasons.items())
        raise Refusal(f"{folder} has no clip that can be used: {counts}.")
    return dataset


def _find_fma_subsets(folder):
    """Give FMA's subsets that a folder is or holds: their names tell, or what is in them."""
    for places in ([folder], _children(folder)):
        if subsets := [place for place in places if _is_fma_subset(place)]:
            # Some archives unpack to fma_small/fma_small.
            return [next(filter(_is_fma_subset, _children(place)), place) for place in subsets]
    return []


def _is_fma_subset(folder):
    if folder.name in _FMA_SUBSETS:
        return True
    paths = folder.glob("[0-9][0-9][0-9]/[0-9]*.mp3")
    return any(re.fullmatch(rf"{path.parent.name}\d{{3}}\.mp3", path.name) for path in paths)


def _read_fma(audio):
    """Read one of FMA's subsets, <audio>/000/000002.mp3, described beside it or further up."""
    above = [*audio.parents[:2], *audio.resolve().parents[:2], audio]
    places = [place / "fma_metadata" / "tracks.csv" for place in above]
    tracks = _read_fma_tracks(next((path for path in places if path.is_file()), places[0]))
    there = {path.name: path for path in sorted(audio.glob("*/*.mp3"))}
    tracks = tracks[tracks["subset"].isin(_subsets_of(audio, tracks, there))]
    clips, rejected = [], []
    for track in tracks.itertuples():
        name = f"{int(track.track_id):06d}.mp3"
        path = there.pop(name, None)
        if path is None:
            rejected.append((audio / name[:3] / name, "no such file"))
        elif not track.genre:
            rejected.append((path, "no genre"))
        elif track.split not in _FMA_TYPES:
            rejected.append((path, "no split"))
        else:
            kind, artist = _FMA_TYPES[track.split], track.artist or None
            clips.append(Clip(str(path), track.genre, name, kind, artist))
    rejected += [(path, "not in tracks.csv") for path in there.values()]
    # Most clips have 29.98 s.
    return Dataset(clips, _rejected(rejected), missing=0.1)


def _subsets_of(audio, tracks, there):
    """Give the subsets that a folder has tracks of, by its name or else by its files."""
    if audio.name in _FMA_SUBSETS:
        return _FMA_SUBSETS[audio.name]
    medium = tracks.loc[tracks["subset"] == "medium", "track_id"]
    has_medium = any(f"{int(track):06d}.mp3" in there for track in medium)
    return _FMA_SUBSETS["fma_medium" if has_medium else "fma_small"]


def _read_fma_tracks(path):
    """Read the columns needed of ``tracks.csv``: two levels of names, then the index's name."""
    levels = _read_csv(path, header=None, nrows=3)
    if len(levels) < 3 or levels.iat[2, 0] != "track_id":
        raise Refusal(f"{path} is not FMA's table of tracks: its third line names no track_id.")
    names = list(zip(levels.iloc[0], levels.iloc[1], strict=True))
    missing = [name for name in _FMA_COLUMNS.values() if name not in names]
    if missing:
        raise Refusal(f"{path} lacks the column {' '.join(missing[0])}.")
    at = {0: "track_id"} | {names.index(column): name for name, column in _FMA_COLUMNS.items()}
    tracks = _read_csv(path, header=None, skiprows=3, usecols=list(at)).rename(columns=at)
    odd = [track for track in tracks["track_id"] if not track.isdecimal()]
    if odd:
        raise Refusal(f"{path}: the track_id '{shown(odd[0])}' is no whole number.")
    return tracks


def _read_magnatagatune(folder):
    """Read MagnaTagATune's clips, below its folders ``0`` to ``f``, wherever these are in it."""
    clips = _read_table(folder / "clip_info_final.csv", _CLIP_COLUMNS, sep="\t")
    songs = _read_table(folder / "song_info.csv", _SONG_COLUMNS, escapechar="\\")
    places = [folder, *_children(folder)]
    used, rejected = [], []
    for clip in clips.join(match_magnatune(clips, songs)).itertuples():
        name = clip.mp3_path
        path = next((place / name for place in places if (place / name).is_file()), None)
        if path is None:
            rejected.append((folder / name, "no such file" if name else "no file named"))
        elif clip.genre is None:
            rejected.append((path, clip.how))
        else:
            used.append(Clip(str(path), clip.genre, name, group=normalise(clip.artist) or None))
    # All clips have 29.1 s.
    return Dataset(used, _rejected(rejected), missing=1.0)


def _read_table(path, columns, **options):
    """Read some columns of a table, giving each the name that `columns` has for it."""
    table = _read_csv(path, **options)
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise Refusal(f"{path} lacks the column {missing[0]}.")
    return table[list(columns)].rename(columns=columns)


def _read_csv(path, **options):
    """Read a table of text, with nothing where a row is too short."""
    files.require_regular(path, _MOST_BYTES)
    options = {"dtype": str, "keep_default_na": False} | options
    try:
        try:
            return pd.read_csv(path, encoding="utf-8-sig", **options)
        except UnicodeDecodeError:
            return pd.read_csv(path, encoding="latin-1", **options)
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # pandas' own errors are such
        raise Refusal(f"{path} is no whole table: {str(error).strip()}.") from error


def _children(folder):
    return sorted(path for path in folder.iterdir() if is_folder(path)) if folder.is_dir() else []


def _rejected(rows):
    return pd.DataFrame([(str(path), reason) for path, reason in rows], columns=["path", "reason"])


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
"""What a clip and a song may agree in, the safest first: two of three at least."""

_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})


def normalise(text: str) -> str:
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


def match_magnatune(clips, songs):
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
    return table[list(KEYS[0])].map(normalise).to_dict("records")


def _genre(names):
    wanted = {normalise(genre): genre for genre in GENRES}
    return next((wanted[name] for name in map(normalise, names.split(",")) if name in wanted), None)

"""Who plays each clip, on which album, and who stands on both sides of a split?

What is on both sides, an artist or an album, may be recognised in place of a genre (Pampalk, Flexer
and Widmer, 2005). Names come from a table, from names of files and folders, or from tags.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path, PurePosixPath
from unittest import mock

import mutagen
import numpy as np
import pandas as pd
from mutagen.id3 import _frames
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from genres import Refusal, files, printable, shown
from genres.data import clips as collection
from genres.data import tablefiles
from genres.data.datasets import normalise

NAMES = ("artist", "album", "title", "album_artist")
"""What an origin has names for."""

_TAGS = {
    "artist": ("artist", "Author", "TPE1"),
    "album": ("album", "WM/AlbumTitle", "TALB"),
    "title": ("title", "Title", "TIT2"),
    "album_artist": ("albumartist", "album artist", "WM/AlbumArtist", "TPE2"),
}
_PLACES = {"artist": ".+?", "album": ".+?", "title": ".+?", "number": r"\d+", "": ".+?"}
_NOBODY = {"unknown", "unknown artist", "various", "various artists", "va", "n a", "no artist"}
_GUESTS = re.compile(r"[\s(\[]+(feat|ft|featuring)\b.*", re.IGNORECASE | re.DOTALL)
_ARTICLE_LAST = re.compile(r"(.+), (the|a|an)", re.IGNORECASE)
_NUMBERED = re.compile(r"(\w+)[._](\d{5})")  # GTZAN's clips have either between genre and number
_MOST_BYTES = 1 << 26  # of a table
_MOST_AUDIO = 1 << 40  # bytes of a file with tags
_MOST_UNPACKED = 1 << 20  # bytes of a frame
_MOST_LETTERS = 200  # of a name


def read(clips: Sequence, pattern: str | None = None, table: str | Path | None = None):
    """Find out who plays clips, on which album, and what they are called.

    Each name is that of the first source that has it: the table; the pattern; what a collection's
    own tables say of the artist; tags in the file; the folder of an artist that the file is in.

    Parameters
    ----------
    clips : sequence of genres.data.clips.Clip
    pattern : str, optional
        How files and folders are named: ``{artist} - {title}``, ``{artist}/{album}/{number}
        {title}``, with ``{}`` for what does not matter, read from the end of the path; or a regular
        expression with groups of these names, ``(?P<artist>…)``, searched for in the path from the
        genre on. Both without the ending.
    table : str or Path, optional
        Text with columns ``file`` and ``artist`` and, if it has them, ``album``, ``title`` and
        ``album_artist``, between commas, semicolons or tabs; or Sturm's index of GTZAN, ``file :::
        artist ::: title``. Of a path the end is enough, if no other ends so.

    Returns
    -------
    DataFrame
        A row for each clip: ``artist``, ``album``, ``title``, ``album_artist``, empty where not
        known; and ``source`` of the artist: ``table``, ``pattern``, ``collection``, ``tags``,
        ``folder``, or empty.

    Raises
    ------
    Refusal
        If the pattern or the table is none, or fits no clip.
    """
    sources = {
        "table": _of_table(clips, Path(table)) if table else None,
        "pattern": _of_pattern(clips, pattern) if pattern else None,
        "collection": [_of_group(clip, inside=False) for clip in clips],
        "tags": (of_tags(clip.path) for clip in clips),
        "folder": [_of_group(clip, inside=True) for clip in clips],
    }
    given = {source: found for source, found in sources.items() if found is not None}
    rows = [
        _join(dict(zip(given, each, strict=True))) for each in zip(*given.values(), strict=True)
    ]
    return pd.DataFrame(rows, columns=[*NAMES, "source"], dtype=object)


def of_tags(path: str | Path) -> dict[str, str]:
    """Read the names that a file's tags have, by what they are of; a broken file has none."""
    try:
        files.require_regular(path, _MOST_AUDIO)
        with _little_unpacked():
            file = mutagen.File(path, easy=True)
        tags = {} if file is None or file.tags is None else file.tags
        found = {name: _first(tags, keys) for name, keys in _TAGS.items()}
    except Exception:  # of a hostile file, anything may follow
        return {}
    return {name: value for name, value in found.items() if value}


def key(name: str) -> str:
    """Give what remains of a name when spelling and guests (``feat.``) do not count.

    It is empty for who is not named, as ``Unknown Artist`` and ``Various``.
    """
    alone = _ARTICLE_LAST.sub(r"\1", _GUESTS.sub("", name.strip()))
    plain = normalise(alone) or alone.casefold()
    return "" if plain in _NOBODY else plain


def across(origins: pd.DataFrame, split: Sequence[str]):
    """Find the artists and albums that stand on both sides of a split.

    Parameters
    ----------
    origins : DataFrame
        As `read` gives them.
    split : sequence of str, shape (n_clips,)
        ``"Train"`` or ``"Test"`` for each clip.

    Returns
    -------
    DataFrame
        A row for each of them: ``kind`` (``artist`` or ``album``), ``name`` as it is spelled most
        often, and how many clips of it are for training, ``train``, and for testing, ``test``. Most
        clips for testing come first; their sum over a kind is how many the fault concerns. An album
        is one of its album artist, or else of its artist.
    """
    testing = np.asarray(split) == "Test"
    kinds = {"artist": origins["artist"].map(key), "album": _albums(origins)}
    rows = [
        (kind, origins.loc[of, kind].mode()[0], int((~testing[of]).sum()), int(testing[of].sum()))
        for kind, keys in kinds.items()
        for name, of in keys.groupby(keys).indices.items()
        if name and 0 < testing[of].sum() < len(of)
    ]
    table = pd.DataFrame(rows, columns=["kind", "name", "train", "test"])
    order = ["kind", "test", "train", "name"]
    return table.sort_values(order, ascending=[False, False, False, True], ignore_index=True)


def groups(origins: pd.DataFrame, copies: Iterable[Sequence[int]] = ()):
    """Join clips that belong on one side of a split: of one artist, or copies of each other.

    Parameters
    ----------
    origins : DataFrame
        As `read` gives them. A clip whose artist is not known stands alone.
    copies : iterable of sequence of int
        Places of clips, as `genres.audit.copies.groups` gives them.

    Returns
    -------
    array of int, shape (n_clips,)
        A number for each group; they are joined through others, too.
    """
    artists = origins["artist"].map(key)
    alike = [of for name, of in artists.groupby(artists).indices.items() if name]
    pairs = [(group[0], other) for group in chain(alike, copies) for other in group[1:]]
    firsts, seconds = np.array(pairs, int).reshape(-1, 2).T
    n = len(origins)
    return connected_components(coo_array((np.ones(len(pairs)), (firsts, seconds)), (n, n)))[1]


def folds(genres: Sequence[str], groups, copies: Iterable[Sequence[int]] = ()):
    """Part clips into folds in which no group is in two, and no clip is there twice.

    Parameters
    ----------
    genres : sequence of str, shape (n_clips,)
        The genre of each.
    groups : array of int, shape (n_clips,)
        As `groups` gives them.
    copies : iterable of sequence of int
        As `genres.audit.copies.groups` gives them: the first of each is kept.

    Returns
    -------
    array of int, shape (n_clips,)
        From 1 to `genres.data.clips.N_FOLDS`; 0 for a clip that is left out.

    Raises
    ------
    Refusal
        As `genres.data.clips.folds` has it.
    """
    kept = np.ones(len(genres), bool)
    kept[[place for group in copies for place in group[1:]]] = False
    found = np.zeros(len(genres), int)
    found[kept] = collection.folds(np.asarray(genres)[kept], np.asarray(groups)[kept])
    return found


def _join(sources):
    """Give for each name what the first source says that has it, and the artist's source."""
    row = {
        name: next((found[name] for found in sources.values() if found.get(name)), "")
        for name in NAMES
    }
    source = next((name for name, found in sources.items() if found.get("artist")), "")
    return row | {"source": source}


def _of_group(clip, inside):
    """Give the artist that a collection's table names, or whose folder a clip is inside."""
    says = clip.group and inside == (clip.inside is not None)
    return {"artist": _clean(clip.group)} if says else {}


def _albums(origins):
    """Give a key for each clip's album; albums of two artists may have one name."""
    artists = origins["album_artist"].where(origins["album_artist"] != "", origins["artist"])
    albums = origins["album"].map(key)
    return (albums + "\n" + artists.map(key)).where(albums != "", "")


def _clean(text):
    return "" if text is None else printable(" ".join(str(text).split()))[:_MOST_LETTERS]


def _first(tags, keys):
    for name in keys:
        found = tags.get(name)
        values = getattr(found, "text", found)  # frames of ID3 have a text, others are lists
        if isinstance(values, list | tuple):
            values = values[0] if values else None
        if values is not None and (text := _clean(values)):
            return text
    return ""


@contextmanager
def _little_unpacked():
    """Let mutagen unpack no frame to more than it may: a few bytes can become gigabytes."""

    def decompress(data):
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(data, _MOST_UNPACKED)
        if unpacking.unconsumed_tail:
            raise zlib.error("too large")
        return unpacked

    bounded = mock.Mock(decompress=decompress, error=zlib.error)
    with mock.patch.object(_frames, "zlib", bounded):
        yield


def _of_pattern(clips, pattern):
    search = _compiled(pattern)
    found = [search(PurePosixPath(Path(clip.file).as_posix()).with_suffix("")) for clip in clips]
    if clips and not any(found):
        example = clips[0].file
        raise Refusal(f"The pattern '{shown(pattern)}' fits no clip, such as {shown(example)}.")
    return found


def _compiled(pattern):
    """Give the function that finds a pattern's names in a path without ending."""
    if "(?P<" in pattern:
        n_parts, expression = 0, pattern
    else:
        n_parts, expression = pattern.count("/") + 1, _expression(pattern)
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise Refusal(f"The pattern '{shown(pattern)}' cannot be read: {error}.") from error
    if "artist" not in compiled.groupindex:
        raise Refusal(f"The pattern '{shown(pattern)}' names no artist, as '{{artist}}' does.")
    if odd := set(compiled.groupindex) - {*NAMES, "number"}:
        raise Refusal(
            f"The pattern '{shown(pattern)}' has a group {odd.pop()}: {', '.join(NAMES)} are known."
        )

    def search(path):
        text = "/".join(path.parts[-n_parts:])
        match = compiled.fullmatch(text) if n_parts else compiled.search(text)
        found = match.groupdict() if match else {}
        return {name: _spaced(found[name]) for name in NAMES if found.get(name)}

    return search


def _expression(pattern):
    """Turn a pattern with names in braces into a regular expression."""
    expression, seen = "", set()
    for at, part in enumerate(re.split(r"\{([^{}]*)\}", pattern)):
        if at % 2 == 0:
            if "{" in part or "}" in part:
                raise Refusal(f"The pattern '{shown(pattern)}' has a brace without its other.")
            literal = (re.escape(word) for word in re.split(r"\s+", part))
            expression += r"[\s_]+".join(literal)
        elif part not in _PLACES:
            known = ", ".join(f"{{{name}}}" for name in _PLACES)
            raise Refusal(
                f"The pattern '{shown(pattern)}' has '{{{shown(part)}}}': known are {known}."
            )
        elif part in seen:
            raise Refusal(f"The pattern '{shown(pattern)}' has '{{{part}}}' twice.")
        else:
            seen |= {part} - {""}
            inside = _PLACES[part].replace(".", "[^/]")
            expression += f"(?P<{part}>{inside})" if part else f"(?:{inside})"
    return expression


def _spaced(name):
    return _clean(name if " " in name else name.replace("_", " "))


def _of_table(clips, path):
    """Find each clip's row: of a clip's path and that in the table, one is the end of the other."""
    rows = {_parts(file): (line, names) for line, file, names in _rows(path)}
    ends = {}
    for parts in rows:
        for start in range(len(parts)):
            ends.setdefault(parts[start:], []).append(parts)
    found = []
    for clip in clips:
        whole = [_parts(clip.file), _parts(clip.name)]
        longer = next((ends[parts] for parts in whole if len(ends.get(parts, ())) == 1), None)
        shorter = (parts[start:] for parts in whole for start in range(len(parts)))
        match = longer[0] if longer else next((parts for parts in shorter if parts in rows), None)
        found.append(rows[match][1] if match else {})
    if clips and not any(found):
        raise Refusal(f"{path} names none of the clips, such as {shown(clips[0].file)}.")
    return found


def _parts(file):
    """Give a path's parts as they are compared."""
    *folders, name = PurePosixPath(file.replace("\\", "/").casefold()).parts or ("",)
    stem = PurePosixPath(name).stem
    return (*folders, _NUMBERED.sub(r"\1.\2", stem) if _NUMBERED.fullmatch(stem) else stem)


def _rows(path):
    """Yield line, file and names of each row of a table of origins."""
    if (index := _sturms(path)) is not None:
        table, lines = index, range(1, len(index) + 1)
    else:
        needed = ("file", "artist")
        table, lines = tablefiles.read(path, needed, needed, NAMES[1:])
    before = {}
    given = table.reindex(columns=["file", *NAMES], fill_value="")
    rows = given.itertuples(index=False)
    for line, (file, *names) in zip(lines or range(1, len(given) + 1), rows, strict=True):
        named = dict(zip(NAMES, map(_clean, names), strict=True))
        if not file.strip():
            raise Refusal(f"{path}, line {line}: no file is named.")
        if before.setdefault(_parts(file), named) != named:
            raise Refusal(f"{path}, line {line}: {shown(file)} is there before, with other names.")
        yield line, file, named


def _sturms(path):
    """Read an index of GTZAN in Sturm's form; None if a table has another."""
    files.require_regular(path, _MOST_BYTES)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line.split(":::") for line in lines]
    if set(map(len, rows)) != {3}:
        return None
    return pd.DataFrame(rows, columns=["file", "artist", "title"])

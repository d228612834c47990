"""Which faults does a collection of music have, and which of them matter most?"""

import inspect
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pandas as pd
import soundfile

from genres import Refusal, files, imports, printable
from genres.audit import copies, defects, facts, fingerprints, labels, origins, page, shortcuts
from genres.data import clips as clip_files
from genres.data import folders, tables
from genres.decoding import audio
from genres.extraction import parts, places
from genres.project import PROJECT, RUNS
from genres.sound import melstore

LONGEST = 900.0
"""Seconds that a file may last: all of it is in memory, at its own rate."""

FOLDER = "audit"
"""The folder of a run in which an audit is kept."""

_PARTS = "measured"
_MEASURING = (audio, facts, fingerprints, labels)
_FACTS = list(facts.Facts._fields)
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_TEXTURE = "texture: "  # before the name of a family of numbers


@dataclass(eq=False)
class Audit:
    """What was found in a collection.

    Attributes
    ----------
    name, source : str
        As `Collection` has them.
    folder : Path
        Where it is kept.
    clips : DataFrame
        A row for each clip: ``clip``, ``genre``, ``path``, ``type`` (Train, Test or empty), who
        plays it as `genres.audit.origins.read` has it, all of `genres.audit.facts.Facts`, ``fault``
        (why its file cannot be used), ``copies`` (the number of its group of copies, 0 for none),
        ``group`` and ``fold`` (0 for none) as `genres.audit.origins.folds` has them.
    copies : DataFrame
        A row for each pair, the worst first: ``first`` and ``second``, rows of `clips`; ``offset``,
        ``overlap``, ``agreement`` and ``exact`` as `genres.audit.copies.Match` has them;
        ``across_genres`` and ``across_split``.
    across, doubtful, defects : DataFrame
        As `genres.audit.origins.across`, `genres.audit.labels.doubtful` and
        `genres.audit.defects.find` have them; clips are rows of `clips`.
    shortcuts : genres.audit.shortcuts.Shortcuts or None
        As `genres.audit.shortcuts.find` has it.
    unchecked : dict of str to str
        Why there is nothing of ``copies``, ``split``, ``artists``, ``labels``, ``shortcuts``,
        ``defects`` or ``folds``, or not of all clips.
    left_out : dict of str to str
        Files that the collection itself leaves out, and why.
    """

    name: str
    source: str
    folder: Path
    clips: pd.DataFrame
    copies: pd.DataFrame
    across: pd.DataFrame
    doubtful: pd.DataFrame
    shortcuts: object
    defects: pd.DataFrame
    unchecked: dict
    left_out: dict

    def save(self, folder: str | Path | None = None):
        """Write audit.html, audit.json, audit.csv and, if there are any, the folds by artist.

        Parameters
        ----------
        folder : str or Path, optional
            Where to; by default its own.

        Returns
        -------
        Path
            The page.
        """
        folder = self.folder if folder is None else Path(folder)
        rows = _rows(self).to_csv(index=False, lineterminator="\n", float_format="%.6g")
        files.write_text(folder / "audit.csv", rows)
        files.write_json(folder / "audit.json", page.content(self))
        path = folder / folders.SPLITS / folders.ARTIST_FOLDS
        kept = self.clips[self.clips["fold"] > 0]
        if len(kept):
            clip_files.write_folds(path, kept["clip"], kept["group"], kept["fold"])
        else:
            path.unlink(missing_ok=True)
        return page.write(self, folder)


def audit(
    place: str | Path,
    *,
    pattern: str | None = None,
    artists: str | Path | None = None,
    split: str | Path | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    fresh: bool = False,
    progress: bool | Callable = True,
    seed: int = 0,
):
    """Look for the faults of a collection.

    Stopped at any point and started again, it measures only what is missing.

    Parameters
    ----------
    place : str or Path
        A folder of audio that `genres.data.datasets.read` takes; a data folder, perhaps without
        audio; a feature table; or a name of `genres.data.catalogue.CORPORA`.
    pattern, artists : str or Path, optional
        Where artists are from, as `genres.audit.origins.read` has ``pattern`` and ``table``.
    split : str or Path, optional
        A table with the columns ``file`` and ``type`` (Train or Test); ``course`` for what the
        feature table or the collection says; ``none``. By default ``course`` where there is such.
    out : str or Path, optional
        Where the audit, and what it measures, is kept; by default ``runs/<name>/audit``.
    workers, progress
        As `genres.parallel.each` and `genres.screen.bar` have them.
    fresh : bool
        Whether to measure again what an earlier audit kept.
    seed : int
        As `genres.audit.shortcuts.find` and `genres.audit.labels.doubtful` have it.

    Returns
    -------
    Audit

    Raises
    ------
    Refusal
        If there is no such place, nothing in it can be used, or pattern, table or split is none.
    """
    found = places.find(place)
    types = places.types(found, split)
    clips = pd.DataFrame([clip[:3] for clip in found.clips], columns=["path", "genre", "clip"])
    people = origins.read(found.clips, pattern, artists or found.artists)
    folder = Path(out).expanduser() if out else RUNS / found.name / FOLDER
    if found.table is None and folder.resolve().is_relative_to(Path(found.source).resolve()):
        raise Refusal(f"{folder} is in the collection, and would be taken for a genre of it.")
    folder.mkdir(parents=True, exist_ok=True)  # where nothing can be written, it is said at once
    measured = _measure_all(found, folder / _PARTS, workers, fresh, progress)
    clips = pd.concat([clips.assign(type=types), people, measured[[*_FACTS, "fault"]]], axis=1)
    heard = np.flatnonzero((clips["path"] != "") & (clips["fault"] == ""))

    unchecked = _what_is_lacking(clips, heard)
    at, taken, textures = _comparable(found, measured, heard)
    matches = _matches(found, at, taken, progress, unchecked)
    if taken and (n_apart := int((clips["fault"] == "").sum()) - len(at)):
        unchecked["copies"] = f"{n_apart:,} of {len(clips):,} clips could not be compared"
    alike = copies.groups(matches)
    clips["copies"] = 0
    for number, group in enumerate(alike, start=1):
        clips.loc[group, "copies"] = number
    clips["group"] = origins.groups(people, alike)
    clips["fold"] = _folds(clips, alike, unchecked)
    split_clips = np.flatnonzero(types)
    return Audit(
        found.name,
        found.source,
        folder,
        clips,
        _pairs(matches, clips),
        origins.across(people.loc[split_clips].reset_index(drop=True), types[split_clips]),
        _doubtful(clips.iloc[at], textures, seed, unchecked),
        _shortcuts(clips.iloc[heard], seed, unchecked),
        _defects(clips, heard),
        unchecked,
        found.rejected,
    )


def _rows(audit):
    """Give a row for each clip with all that was found of it, as audit.csv has them."""
    names = audit.clips["clip"]
    others, defects = defaultdict(list), defaultdict(list)
    for first, second in zip(audit.copies["first"], audit.copies["second"], strict=True):
        others[first].append(names[second])
        others[second].append(names[first])
    for clip, defect in zip(audit.defects["clip"], audit.defects["defect"], strict=True):
        defects[clip].append(defect)
    doubtful = audit.doubtful.set_index("clip")[["suggested", "p_given", "p_suggested"]]
    table = audit.clips.rename(columns={"type": "split", "source": "artist_from"})
    table["path"] = table["path"].map(printable)
    table["time"] = pd.to_datetime(table["time"], unit="s", utc=True).dt.strftime(_TIME)
    table = table.astype({"sample_rate": "Int64", "channels": "Int64"})
    table.insert(3, "copy_of", ["; ".join(others[row]) for row in table.index])
    table.insert(4, "defects", ["; ".join(defects[row]) for row in table.index])
    table = table.join(doubtful)
    first = ["clip", "genre", "split", "artist", "album", "title", "copies", "copy_of"]
    first += ["suggested", "p_given", "p_suggested", "defects", "fold", "group"]
    return table[[*first, *table.columns.difference(first, sort=False)]]


def _measure_all(found, folder, workers, fresh, progress):
    """Give a row for each clip: facts, fingerprint and texture, or why there are none."""
    at = [place for place, clip in enumerate(found.clips) if clip.path]
    modules = imports.closure([module.__name__ for module in _MEASURING], PROJECT)
    versions = [soundfile.__libsndfile_version__, av.__version__, np.__version__]
    rows = parts.measured(
        _measure,
        [found.clips[place].path for place in at],
        folder,
        [imports.fingerprint(modules, PROJECT), inspect.getsource(_measure), *versions],
        workers=workers,
        fresh=fresh,
        progress=progress,
    ).set_axis(at)
    if at and "level" not in rows:
        why = rows["fault"].iloc[0]
        raise Refusal(f"None of the {len(at):,} files of {found.source} can be read: {why}")
    columns = dict.fromkeys([*rows.columns, *_FACTS, "fault"])
    rows = rows.reindex(index=range(len(found.clips)), columns=list(columns))
    words = ["fault", *(name for name, kind in facts.Facts.__annotations__.items() if kind is str)]
    return rows.fillna(dict.fromkeys(words, ""))


def _measure(path):
    """Measure a file, which is decoded once for all."""
    try:
        recording = audio.read_as_it_is(path, longest=LONGEST)
    except audio.AudioError as error:
        fault = str(error).replace(printable(path), printable(Path(path).name))
        return {"reason": error.reason, "fault": fault}
    samples = audio.mixed(recording).samples
    taken = fingerprints.of_sound(samples)
    textures = labels.texture_of(samples)
    return {
        "frames": taken.frames.tobytes(),
        "bands": taken.bands.tobytes(),
        "n_frames": taken.n_frames,
        "digest": taken.digest,
        **{_TEXTURE + name: numbers.tobytes() for name, numbers in textures.items()},
        **facts.of_recording(path, recording)._asdict(),
    }


def _what_is_lacking(clips, heard):
    """Say of what is needed what there is not."""
    lacking = {}
    if not clips["type"].any():
        lacking["split"] = "there is no split (--split names one)"
    if not clips["artist"].any():
        lacking["artists"] = "no artist is known (--artists names a table of them)"
    if not clips["album"].any():
        lacking["albums"] = "no album is known"
    if clips["genre"].nunique() < 2:
        lacking["labels"] = lacking["shortcuts"] = "there is but one genre"
    if not len(heard):
        lacking["shortcuts"] = lacking["defects"] = "there is no sound"
    return lacking


def _comparable(found, measured, heard):
    """Give the rows of clips that can be compared, their fingerprints and their textures."""
    if found.mel and not all(clip.path for clip in found.clips):
        store = melstore.load(found.mel)
        row_of = {name: row for row, name in enumerate(store.track)}
        at = [place for place, clip in enumerate(found.clips) if clip.name in row_of]
        mels = [store.mel[row_of[found.clips[place].name]] for place in at]
        scale = store.range_db, store.columns_per_second
        taken = [fingerprints.of_mel(mel, *scale) for mel in mels]
        return at, taken, [labels.texture_of_mel(mel, store.range_db) for mel in mels]
    families = [name for name in measured.columns if name.startswith(_TEXTURE)]
    rows = measured.loc[heard].to_dict("records")
    textures = [{name: np.frombuffer(row[name], np.float32) for name in families} for row in rows]
    return heard.tolist(), [_fingerprint(row) for row in rows], textures


def _fingerprint(row):
    frames, bands = (np.frombuffer(row[name], np.int32) for name in ("frames", "bands"))
    length, digest = int(row["n_frames"]), row["digest"]
    return fingerprints.Fingerprint(frames, bands, length, digest, fingerprints.SOUND)


def _matches(found, at, taken, progress, unchecked):
    if taken:
        matches = copies.find(taken, progress)
        return [each._replace(first=at[each.first], second=at[each.second]) for each in matches]
    unchecked["copies"] = "only exact copies were looked for, as equal rows of the table"
    row_of = {clip.name: row for row, clip in enumerate(found.clips)}
    equal = tables.copies(found.table)[["file_a", "file_b"]].map(row_of.get)
    return [copies.Match(*sorted(pair), 0.0, np.nan, 1.0, True) for pair in equal.to_numpy()]


def _pairs(matches, clips):
    """Give a row for each match, the worst first."""
    pairs = pd.DataFrame(matches, columns=list(copies.Match._fields))
    sides = [clips.loc[pairs[side], ["genre", "type"]].to_numpy() for side in ("first", "second")]
    differ = sides[0] != sides[1]
    pairs["across_genres"] = differ[:, 0]
    pairs["across_split"] = differ[:, 1] & (sides[0][:, 1] != "") & (sides[1][:, 1] != "")
    order = ["across_genres", "across_split", "exact", "agreement"]
    return pairs.sort_values(order, ascending=False, kind="stable", ignore_index=True)


def _folds(clips, alike, unchecked):
    """Give the fold of each clip that can be used; 0 for the others, and where there are none."""
    folds, usable = np.zeros(len(clips), int), clips["fault"].to_numpy() == ""
    if "artists" in unchecked:
        unchecked["folds"] = unchecked["artists"]
        return folds
    new = np.cumsum(usable) - 1
    within = [[new[place] for place in group if usable[place]] for group in alike]
    try:
        folds[usable] = origins.folds(clips["genre"][usable], clips["group"][usable], within)
    except Refusal as refusal:
        unchecked["folds"] = str(refusal)
    return folds


def _doubtful(clips, textures, seed, unchecked):
    """Give the doubtful labels of clips that have textures, called by their rows."""
    if not textures:
        unchecked["labels"] = "there is no sound and no mel store"
    elif clips.groupby("genre")["group"].nunique().gt(1).sum() < 2:
        unchecked.setdefault("labels", "it takes two genres with two artists or groups each")
    if "labels" in unchecked:
        return pd.DataFrame(columns=list(labels.COLUMNS))
    found = labels.doubtful(textures, clips["genre"], clips["group"], seed)
    row_of = clips.index.to_numpy()
    found["clip"] = row_of[found["clip"].astype(int)]
    for like in ("like_given", "like_suggested"):
        found[like] = [row_of[near].tolist() for near in found[like]]
    return found


def _shortcuts(clips, seed, unchecked):
    if "shortcuts" in unchecked:
        return None
    table = clips[_FACTS].infer_objects()
    return shortcuts.find(table, clips["genre"], clips["group"], seed=seed)


def _defects(clips, heard):
    """Give the defects of clips, those first whose file cannot be read."""
    unread = clips[clips["fault"] != ""]
    broken = pd.DataFrame({"clip": unread.index, "defect": "not read", "sentence": unread["fault"]})
    if not len(heard):
        return broken.assign(figure=np.nan)
    found = defects.find(clips.iloc[heard][_FACTS].infer_objects())
    return pd.concat([broken, found], ignore_index=True) if len(broken) else found

"""How does a collection of audio become feature tables and a mel store, whatever interrupts it?

Clips are measured in parts of sixteen. A finished part is a file, named by a hash of all that it
was made from; started again, the job measures only the parts whose files are not there, and those
with a clip that could not be reached.
"""

import json
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from itertools import chain, groupby, islice
from pathlib import Path
from typing import NamedTuple

import av
import librosa
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from genres import Refusal, files, imports, parallel, printable
from genres.data import clips, datasets, tables, taggrams
from genres.data.clips import ARTIST_FOLDS, SPLITS
from genres.decoding import audio
from genres.extraction import extracted
from genres.extraction.parts import CLIPS_PER_PART, key, state
from genres.extraction.recipes import RECIPES
from genres.project import PROJECT
from genres.screen import bar
from genres.sound import features, melstore


class Settings(NamedTuple):
    """What to measure of each clip.

    Attributes
    ----------
    features : str
        One of `genres.extraction.recipes.RECIPES`.
    segments : tuple of int, optional
        Lengths of the segments, in seconds: one table for each. By default those that the features
        are usually of, as far as they fit into a clip, or else whole clips.
    mel : bool
        Whether to keep log-mel spectrograms too.
    seconds : int
        How much of each clip is used, from its beginning.
    missing : float
        How many seconds of that a clip may lack and still be used, filled with silence.
    tags : bool
        Whether to keep what the tagger says, too.
    """

    features: str = "course"
    segments: tuple | None = None
    mel: bool = False
    seconds: int = 30
    missing: float = 0.0
    tags: bool = False


class Outcome(NamedTuple):
    """What an extraction came to.

    Attributes
    ----------
    written : list of Path
        The tables, the mel store and the taggrams.
    used : list of Clip
        The clips in them, in their order.
    silent : list of Clip
        Those of them that are silent throughout.
    cancelling : list of Clip
        Those whose channels cancel each other, and of which the loudest alone was taken.
    rejected : list of tuple
        Clip, reason and sentence of each that could not be used.
    n_parts_kept, n_parts_done : int
        Parts that were there already, and those measured now.
    """

    written: list
    used: list
    silent: list
    cancelling: list
    rejected: list
    n_parts_kept: int
    n_parts_done: int

    def summary(self, out):
        """Say what was made of how many clips, and where it is."""
        names = ", ".join(path.name for path in self.written)
        said = f", {len(self.silent):,} of them silent" if self.silent else ""
        if self.cancelling:
            said += f", {len(self.cancelling):,} with channels that cancel (the loudest was taken)"
        rejected = f"; {len(self.rejected):,} rejected (rejected.csv)" if self.rejected else ""
        alone = clips.genres_of_one_group([clip for clip in self.used if clip.type is None])
        for genre, group in alone.items():
            said += f"; all of {genre} are of {group}, whose clips are for training and for testing"
        return f"{printable(out)}: {names} from {len(self.used):,} clips{printable(said)}{rejected}"


def extract(
    collection,
    out: str | Path,
    settings=None,
    *,
    workers=None,
    dask=None,
    progress: bool | Callable = True,
    seed: int = 0,
):
    """Measure every clip of a collection and write the tables.

    Stopped at any point and started again, it measures only what is missing, and what it writes is
    the same to the byte, for any number of workers too.

    Parameters
    ----------
    collection : str, Path, Dataset or sequence of Clip
        A folder that `genres.data.datasets.read` understands, such as one with a folder for each
        genre, what it gives, or the clips themselves.
    out : str or Path
        The folder to write to: ``GenreClassData_<n>s.parquet`` for each length of segments (for
        Kaggle's features ``features_<n>_sec.csv``, in that table's own columns), ``mel.npz``,
        ``musicnn/taggrams.npz``, ``splits/artist_folds.csv`` where each genre has clips of three
        artists or more, ``rejected.csv`` with what could not be used and why, ``extract.log`` with
        a line of JSON for each part kept or done, and the ``parts`` themselves.
    settings : Settings, optional
        What to measure.
    workers, dask
        Where the work runs, as `genres.parallel.each` has it.
    progress : bool or callable
        As `genres.screen.bar` has it.
    seed : int
        Chooses the clips to test on, where the collection does not.

    Returns
    -------
    Outcome
        What was written, and what became of clips and parts.

    Raises
    ------
    Refusal
        If the settings make no sense, no clip can be used, or the clips make no sound table: of
        too few or too many genres none is measured, and none without the tagger's weights where
        they are needed.
    """
    settings = _checked(settings or Settings())
    unfit = []
    source = collection if isinstance(collection, str | Path) else "The collection"
    if isinstance(collection, str | Path):
        collection = datasets.read(collection)
    if isinstance(collection, datasets.Dataset):
        unfit = _unfit(collection.rejected)
        settings = settings._replace(missing=max(settings.missing, collection.missing))
        collection = collection.clips
    if settings.features == "course":
        tables.require_genres([clip.genre for clip in collection], source)
    out = Path(out)
    collection, repeated = _set_repeated_names_aside(collection)
    parts = _plan(collection, settings, out / "parts")
    to_do = {path: part for path, part in parts.items() if not _holds(path)}
    if settings.tags and to_do:
        _tagger().read_weights(_tagger().find_weights())
    with _log(out / "extract.log") as note:
        note("start", clips=len(collection), parts=len(parts), **settings._asdict())
        for path, part in parts.items():
            if path not in to_do:
                note("kept", part=path.stem, clips=len(part))
        n_kept = len(collection) - sum(map(len, to_do.values()))
        measure = partial(_measure_part, settings)
        with bar(progress, "extract", len(collection), n_kept) as step:
            for path, rows in parallel.each(measure, list(to_do.items()), workers, dask):
                _write_part(path, rows, settings)
                note("done", part=path.stem, clips=len(rows))
                step(len(rows))
        used, silent, cancelling, rejected, values = _gather(parts, settings)
        rejected = unfit + repeated + rejected
        extracted.write_rejected(out / "rejected.csv", rejected)
        if not used:
            raise extracted.nothing_usable(rejected, out, settings.seconds)
        if settings.features == "kaggle":
            written = extracted.write_kaggle_tables(out, used, values)
        else:
            written = extracted.write_tables(out, used, values, seed)
        if settings.mel:
            store = out / "mel.npz"
            written.append(extracted.write_mel_store(store, used, parts, settings.seconds))
        if settings.tags:
            said = out / taggrams.FOLDER / taggrams.FILE
            written.append(extracted.write_taggrams(said, used, parts))
        extracted.write_artist_folds(out / SPLITS / ARTIST_FOLDS, used)
        counts = {"used": used, "silent": silent, "cancelling": cancelling, "rejected": rejected}
        note("end", **{name: len(clips) for name, clips in counts.items()})
    n_done = len(to_do)
    return Outcome(written, used, silent, cancelling, rejected, len(parts) - n_done, n_done)


@contextmanager
def _log(path):
    """Open a file of JSON, and give the function that notes an event in a line of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:

        def note(event, **details):
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            line = json.dumps({"time": now, "event": event, **details}) + "\n"
            with files.naming(path):
                file.write(line.encode())

        yield note


def _checked(settings):
    """Refuse settings that make no sense; give the others their segments."""
    if settings.seconds < 1:
        raise Refusal(f"{settings.seconds} s of a clip give nothing to measure: 1 s is the least.")
    if not 0 <= settings.missing < settings.seconds:
        raise Refusal(
            f"Clips of {settings.seconds} s cannot lack {settings.missing:g} s: give 0 to less "
            f"than {settings.seconds}."
        )
    if settings.features not in RECIPES:
        raise Refusal(
            f"There are no features called {settings.features!r}: choose {' or '.join(RECIPES)}."
        )
    if settings.segments is None:
        usual = RECIPES[settings.features].segments
        fitting = tuple(length for length in usual if length <= settings.seconds)
        return settings._replace(segments=fitting or (settings.seconds,))
    if not settings.segments:
        raise Refusal("There is nothing to extract: name the length of at least one segment.")
    for length in settings.segments:
        if length not in range(1, settings.seconds + 1):
            raise Refusal(
                f"Segments of {length} s cannot be cut from {settings.seconds} s of a clip: "
                f"give whole seconds, 1 to {settings.seconds}."
            )
    return settings


def _unfit(rejected):
    """Give clip, reason and sentence of each that its collection itself leaves out."""
    unfit = []
    for path, reason in zip(rejected["path"].map(Path), rejected["reason"], strict=True):
        clip = clips.Clip(str(path), path.parent.name, path.name)
        unfit.append((clip, reason, f"{clip.file} is left out by its collection: {reason}."))
    return unfit


def _set_repeated_names_aside(collection):
    """Keep the first clip of each name, and reject the others."""
    kept, repeated = {}, []
    for clip in collection:
        first = kept.setdefault(clip.name, clip)
        if first is not clip:
            sentence = f"{clip.file} would be called {clip.name} in tables, as {first.file} is."
            repeated.append((clip, "same name", sentence))
    return list(kept.values()), repeated


def _plan(collection, settings, folder):
    """Give the clips of each part, by the file that is to hold what is measured of them.

    A part's clips are of one genre, so that one clip more changes the parts of its genre alone.
    """
    ids = tables.genre_ids(clip.genre for clip in collection)
    ordered = sorted(collection, key=lambda clip: (ids[clip.genre], clip.name))
    made_by = _fingerprint(settings.tags)
    measured = [value for name, value in settings._asdict().items() if name != "tags"]
    parts = {}
    for _, genre in groupby(ordered, key=lambda clip: clip.genre):
        while part := list(islice(genre, CLIPS_PER_PART)):
            made_from = [measured, made_by, [(clip.file, *state(clip.path)) for clip in part]]
            parts[folder / f"{key(made_from)}.parquet"] = part
    return parts


def _fingerprint(tags):
    """Give what numbers depend on besides audio and settings: this code and its libraries.

    The tagger, whose code has the hashes of its weights, counts where it is used.
    """
    rooms = [room.__name__ for room in (audio, features, melstore)]
    versions = [librosa.__version__, soundfile.__libsndfile_version__, av.__version__]
    if tags:
        tagger = _tagger()
        rooms.append(tagger.__name__)
        versions += [tagger.tf.__version__, tagger.soxr.__version__]
    return [imports.fingerprint(imports.closure(rooms, PROJECT), PROJECT), *versions]


def _tagger():
    from genres.sound import tagger  # which imports TensorFlow, and that takes seconds

    return tagger


def _holds(path):
    """Say whether a part is whole, and all that it holds would come out again."""
    try:
        reasons = extracted.read_part(path, ["reason"])["reason"].to_pylist()
    except (OSError, pa.ArrowInvalid):
        return False
    return not any(reason in audio.PASSING for reason in reasons)


def _measure_part(settings, item):
    path, part = item
    return path, [_measure(clip, settings) for clip in part]


def _measure(clip, settings):
    try:
        sound = audio.read(clip.path, settings.seconds, settings.missing)
    except audio.AudioError as error:
        return {
            "reason": error.reason,
            "sentence": str(error).replace(printable(clip.path), clip.file),
        }
    describe = RECIPES[settings.features].describe
    row = {"silent": sound.silent, "cancelling": sound.cancelling}
    for length in settings.segments:
        cut = features.segments(sound.samples, length, audio.SAMPLE_RATE)
        row[f"{length}s"] = np.ravel([describe(segment, audio.SAMPLE_RATE) for segment in cut])
    if settings.mel:
        row["mel"] = melstore.encode(sound.samples, audio.SAMPLE_RATE).tobytes()
    if settings.tags:
        tagged = _tagger().tag(sound.samples, audio.SAMPLE_RATE)
        row["taggram"] = tagged.taggram.astype(extracted.TAGGRAM).tobytes()
        row["embedding"] = tagged.embedding.astype(extracted.EMBEDDING).tobytes()
    return row


def _write_part(path, rows, settings):
    columns = {"reason": pa.string(), "sentence": pa.string()}
    columns |= {"silent": pa.bool_(), "cancelling": pa.bool_()}
    columns |= {f"{length}s": pa.list_(pa.float64()) for length in settings.segments}
    columns |= {"mel": pa.binary()}
    if settings.tags:
        columns |= {"taggram": pa.binary(), "embedding": pa.binary()}
    with files.atomic(path) as temporary, temporary.open("wb") as file:
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(columns)), file)


def _gather(parts, settings):
    """Read what the parts hold, but for the spectrograms.

    Returns
    -------
    used, silent, cancelling : list of Clip
        The clips that were measured, and those of them that are silent or whose channels cancel.
    rejected : list of (Clip, str, str)
        The others, with reason and sentence.
    values : dict of int to array of float64, shape (n_used, n_segments, n_features)
        Features by length of segments.
    """
    names = ["reason", "sentence", "silent", "cancelling"]
    names += {f"{length}s" for length in settings.segments}
    rows = pa.concat_tables(extracted.read_part(path, names) for path in parts)
    said = zip(*(rows[name].to_pylist() for name in names[:4]), strict=True)
    measured = list(zip(chain(*parts.values()), said, strict=True))
    used = [clip for clip, (reason, *_) in measured if not reason]
    silent = [clip for clip, (_, _, is_silent, _) in measured if is_silent]
    cancelling = [clip for clip, (*_, cancels) in measured if cancels]
    rejected = [(clip, *why[:2]) for clip, why in measured if why[0]]
    n_features = len(RECIPES[settings.features].names)
    values = {}
    for length in settings.segments:
        flat = rows[f"{length}s"].combine_chunks().flatten().to_numpy()
        values[length] = flat.reshape(len(used), settings.seconds // length, n_features)
    return used, silent, cancelling, rejected, values

"""What of the built-in corpus is made when it is needed?

Its tables, taggrams and manifest lie in the repository. Its sound does not, as a seed is all that a
clip takes: it is rendered where sound or spectrograms of clips are needed, and kept.
"""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from genres import Refusal, files, locks, parallel, project
from genres.data import clips, folders, tables, taggrams
from genres.extraction import extract
from genres.screen import bar
from genres.sound import features, tags
from genres.synth import corpus

FOLDER = project.DATA / folders.SYNTHETIC
"""Where the built-in corpus is: its tables and, in folders, what was made of it here."""

SEGMENTS = (5, 10, folders.WHOLE)
"""Lengths in s of the segments that it has tables of."""

_MANIFEST = "manifest.csv"


def manifest(n_per_genre: int = 100):
    """List the clips of the built-in corpus.

    Parameters
    ----------
    n_per_genre : int, optional
        How many of each genre, from the first on.

    Returns
    -------
    DataFrame
        A row for each clip, genre by genre, with what `genres.synth.corpus.Entry` says of it: name
        (the tables' File), genre, second_genre, kind, change_seconds, seed and split.

    Raises
    ------
    Refusal
        If a genre cannot have so many clips.
    """
    return pd.DataFrame([asdict(entry) for entry in corpus.entries(n_per_genre)])


def write_tables(
    folder: str | Path,
    n_per_genre: int = 100,
    workers: int | None = None,
    progress: bool | Callable = True,
) -> list[Path]:
    """Make the tables, the taggrams and the manifest of the built-in corpus from its sound.

    On a processor with other vector instructions the last bits of the sound are others. Against a
    column's standard deviation that is below 1e-4, but for zero crossings and roll-off (1e-3) and
    for the spectral contrast, the logarithm of next to nothing in some frames (0.03).

    Parameters
    ----------
    folder : str or Path
        Where ``manifest.csv``, ``musicnn/taggrams.npz`` and, for 5, 10 and 30 s,
        ``GenreClassData_<n>s.parquet`` go.
    n_per_genre : int, optional
        How many clips of each genre; 100 are what the repository has.
    workers : int, optional
        As `genres.parallel.each` has it.
    progress : bool or callable
        As `genres.screen.bar` has it.

    Returns
    -------
    list of Path
        What was written: the tables, shortest segments first, the taggrams and the manifest.

    Raises
    ------
    Refusal
        If a genre cannot have so many clips, the tagger's weights are missing, or the folder cannot
        be written to.
    """
    from genres.sound import tagger  # which imports TensorFlow, and that takes seconds

    folder = Path(folder)
    entries = corpus.entries(n_per_genre)
    listed = manifest(n_per_genre)
    labels = listed.rename(columns={"name": "File", "genre": "Genre", "split": "Type"})
    paths = [folder / f"GenreClassData_{length}s.parquet" for length in SEGMENTS]
    said = folder / taggrams.FOLDER / taggrams.FILE
    tagger.read_weights(tags.find_weights())
    with _writing_to(folder):
        # First what takes no time: where it cannot be written, nothing is measured in vain.
        _write_manifest(folder / _MANIFEST, listed)
        measured = dict(_each(_measure, entries, "measure", workers, progress))
        for place, path in enumerate(paths):
            values = np.stack([measured[entry.name][place] for entry in entries])
            table = _compact(tables.build(values, labels, path))
            with files.atomic(path) as temporary:
                table.to_parquet(temporary, index=False, compression="zstd", compression_level=19)
        tagged = np.stack([measured[entry.name][-1] for entry in entries])
        taggrams.write(said, [entry.name for entry in entries], tagged)
    return [*paths, said, folder / _MANIFEST]


def audio(n_per_genre: int = 30, workers=None, progress=True) -> Path:
    """Make the sound of the built-in corpus, as far as it is not there yet.

    Parameters
    ----------
    n_per_genre : int, optional
        How many clips of each genre, from the first on: 1.3 MB each.
    workers, progress
        As for `write_tables`.

    Returns
    -------
    Path
        A folder of clips of 30 s, ``<genre>/<name>``. There may be more of them than that:
        `manifest` names those of a smaller corpus. ``manifest.csv`` lists what is there.

    Raises
    ------
    Refusal
        If a genre cannot have so many clips, or the folder cannot be written to.
    """
    folder = FOLDER / "audio"
    places = {folder / entry.genre / entry.name: entry for entry in corpus.entries(n_per_genre)}
    with _writing_to(folder), locks.alone_in(folder):
        missing = [(path, entry) for path, entry in places.items() if not path.exists()]
        for _ in _each(_render, missing, "render", workers, progress):
            pass
        listing = folder / _MANIFEST
        if not listing.exists() or len(pd.read_csv(listing)) < len(places):
            _write_manifest(listing, manifest(n_per_genre))
    return folder


def clip(entry: corpus.Entry) -> str:
    """Make the sound of one clip of the built-in corpus, if it is not there yet.

    Returns
    -------
    str
        The path of its file.

    Raises
    ------
    Refusal
        If its folder cannot be written to.
    """
    path = FOLDER / "audio" / entry.genre / entry.name
    with _writing_to(path.parent):
        if not path.exists():
            _render((path, entry))
    return str(path)


def mel_store(n_per_genre: int = 30, workers=None, progress=True) -> Path:
    """Make the mel store of the built-in corpus, as far as it is not there yet.

    Parameters
    ----------
    n_per_genre : int, optional
        How many clips of each genre, from the first on.
    workers, progress
        As for `write_tables`.

    Returns
    -------
    Path
        The store, ``mel.npz``. Its tracks have the names that they have in the tables, and their
        order; for training and testing they are split as there.

    Raises
    ------
    Refusal
        If a genre cannot have so many clips, the folder cannot be written to, or a clip's file in
        it was damaged.
    """
    folder = audio(n_per_genre, workers, progress)
    collection = [
        clips.Clip(str(folder / entry.genre / entry.name), entry.genre, entry.name, entry.split)
        for entry in corpus.entries(n_per_genre)
    ]
    out = mel_place(n_per_genre)
    settings = extract.Settings(segments=(folders.WHOLE,), mel=True)
    with _writing_to(out), locks.alone_in(out):
        outcome = extract.extract(collection, out, settings, workers=workers, progress=progress)
    if outcome.rejected:
        clip, reason, _ = outcome.rejected[0]
        raise Refusal(f"{clip.path} is no longer sound ({reason}): delete it, to have it remade.")
    return out / "mel.npz"


def mel_place(n_per_genre: int = 30) -> Path:
    """Give the folder of the mel store of the built-in corpus."""
    return FOLDER / "mel" / str(n_per_genre)


@contextmanager
def _writing_to(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise Refusal(f"{folder} cannot be written to: {error.strerror or error}.") from error


def _each(function, items, label, workers, progress):
    with bar(progress, label, len(items)) as step:
        for result in parallel.each(function, items, workers):
            yield result
            step(1)


def _measure(entry):
    """Give a clip's name, its features for each length, (n_segments, 63), and its taggram."""
    from genres.sound import tagger

    samples = entry.render().samples
    measured = [
        [features.course_features(segment) for segment in features.segments(samples, length)]
        for length in SEGMENTS
    ]
    tagged = tagger.tag(samples, corpus.SAMPLE_RATE).taggram
    return entry.name, [*measured, tagged.astype(np.float16)]


def _render(item):
    path, entry = item
    corpus.write_wav(entry.render(), path)


def _compact(table):
    """Store numbers in as few bytes as they need: features vary far above float32's precision."""
    whole = table[["Track ID", "GenreID"]].apply(pd.to_numeric, downcast="integer")
    return table.astype(dict.fromkeys(tables.FEATURES, np.float32) | dict(whole.dtypes))


def _write_manifest(path, listed):
    files.write_text(path, listed.to_csv(index=False, lineterminator="\n"))

"""What does an extraction leave behind, and what does it say where it can leave nothing?"""

import math
import re
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from genres import Refusal, files
from genres.data import clips, tables, taggrams
from genres.data.taggrams import N_UNITS
from genres.decoding import audio
from genres.sound import features, melstore
from genres.sound.tags import TAGS

TAGGRAM, EMBEDDING = np.float32, np.float16
"""As what the tagger's numbers are kept: probabilities may be next to 0 or 1, embeddings not."""

_FILLED_AT_MOST = 0.1  # of a clip, without it being another
_LASTS = re.compile(r" lasts ([\d.]+) s,")


def read_part(path, columns):
    """Read some columns of a part; its path need not be UTF-8, as Arrow's have to."""
    with path.open("rb") as file:
        return pq.read_table(file, columns=columns)


def write_rejected(path, rejected):
    """Write clip, reason and sentence of each that could not be used."""
    rows = [(clip.file, reason, sentence) for clip, reason, sentence in rejected]
    table = pd.DataFrame(rows, columns=["file", "reason", "sentence"])
    files.write_text(path, table.to_csv(index=False, lineterminator="\n"))


def nothing_usable(rejected, out, seconds):
    """Give the refusal of a collection of which no clip can be used for so many seconds."""
    reasons = Counter(reason for _, reason, _ in rejected).most_common()
    counts = ", ".join(f"{reason}: {count}" for reason, count in reasons)
    return Refusal(
        f"None of {len(rejected):,} clips can be used ({counts}): {out / 'rejected.csv'} says why "
        f"of each.{_advice_on_short(rejected, seconds)}"
    )


def _advice_on_short(rejected, seconds):
    """Name the options with which most of the clips that are too short can be used."""
    sentences = [sentence for _, reason, sentence in rejected if reason == "short"]
    lengths = [float(match[1]) for match in map(_LASTS.search, sentences) if match]
    if not lengths:
        return ""
    length = np.quantile(lengths, 0.1, method="lower")  # a few may be shorter still
    missing = math.ceil(round(10 * (seconds - length), 2)) / 10
    if missing <= _FILLED_AT_MOST * seconds:
        return f" 'extract --missing {missing:g}' takes those of {length:g} s, filled with silence."
    if length < 1:
        return ""
    return f" 'extract --seconds {math.floor(length)}' takes those of {length:g} s."


def write_tables(out, used, values, seed):
    """Write the course's tables, and give their paths; `values` are by length of segments."""
    types = clips.split(used, seed=seed)
    rows = [(clip.name, clip.genre, kind) for clip, kind in zip(used, types, strict=True)]
    labels = pd.DataFrame(rows, columns=["File", "Genre", "Type"])
    written = []
    for length, measured in values.items():
        path = out / f"GenreClassData_{length}s.parquet"
        table = tables.build(measured, labels, path)
        with files.atomic(path) as temporary:
            # With checksums, a damaged file is refused instead of read as other numbers.
            temporary.write_bytes(table.to_parquet(index=False, write_page_checksum=True))
        written.append(path)
    return written


def write_kaggle_tables(out, used, values):
    """Write tables in the columns of Kaggle's, and give their paths."""
    return [_write_kaggle_table(out, used, *measured) for measured in values.items()]


def _write_kaggle_table(out, used, length, measured):
    n_segments = measured.shape[1]
    names = [re.sub(r"^([a-z]+)_(\d{5}\.wav)$", r"\1.\2", clip.name) for clip in used]
    if n_segments > 1:
        parts = [(Path(name), segment) for name in names for segment in range(n_segments)]
        names = [str(name.with_suffix(f".{segment}{name.suffix}")) for name, segment in parts]
    table = pd.DataFrame(np.vstack(measured), columns=list(features.KAGGLE_FEATURES))
    table.insert(0, "filename", names)
    table.insert(1, "length", length * audio.SAMPLE_RATE)
    table["label"] = np.repeat([clip.genre for clip in used], n_segments)
    path = out / f"features_{length}_sec.csv"
    files.write_text(path, table.to_csv(index=False, lineterminator="\n"))
    return path


def write_mel_store(path, used, parts, seconds):
    """Write the spectrograms that parts hold, and give the path."""
    kept = (read_part(part, ["mel"])["mel"].drop_null().to_pylist() for part in parts)
    spectrograms = chain.from_iterable(kept)
    n_columns = round(melstore.COLUMNS_PER_SECOND * seconds)
    melstore.write(path, [clip.name for clip in used], spectrograms, n_columns)
    return path


def write_taggrams(path, used, parts):
    """Write what the tagger said, as parts hold it, and give the path."""
    arrays = []
    for name, kind, width in (("taggram", TAGGRAM, len(TAGS)), ("embedding", EMBEDDING, N_UNITS)):
        kept = (read_part(part, [name])[name].drop_null().to_pylist() for part in parts)
        rows = np.frombuffer(b"".join(chain.from_iterable(kept)), kind)
        arrays.append(rows.reshape(len(used), -1, width))
    taggrams.write(path, [clip.name for clip in used], *arrays)
    return path


def write_artist_folds(path, used):
    """Write folds in which no artist is in two, where each can have clips of every genre.

    Parameters
    ----------
    path : Path
        The file, as `genres.data.clips.write_folds` writes it. Where there can be no such folds it
        is taken away.
    used : sequence of Clip
        Those whose group is not known are left out.
    """
    known = [clip for clip in used if clip.group is not None]
    try:
        artists = [clip.group for clip in known]
        lacking = {clip.genre for clip in used} - {clip.genre for clip in known}
        if lacking:
            raise Refusal(f"The artists of {lacking.pop()} are not known.")
        folds = clips.folds([clip.genre for clip in known], artists)
    except Refusal:
        path.unlink(missing_ok=True)
    else:
        clips.write_folds(path, [clip.name for clip in known], artists, folds)

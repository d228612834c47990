"""Finding shortcuts, against a random forest that is fitted anew for each shuffle of the genres.

The built-in corpus is taken, of which all clips came through one kind of recording, and versions of
it in which one genre went through an MP3 encoder that cuts at 10 kHz. What was encoded is decoded
again: all files are of one format, and nothing but the encoder's edge is left.
"""

import tempfile
import time
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from threadpoolctl import threadpool_limits

from benchmarks import best_of, row
from benchmarks._versions import mp3, wav
from genres import parallel
from genres.audit import facts, shortcuts
from genres.decoding import audio
from genres.synth import builtin, corpus

PER_GENRE, WORKERS, N_SHUFFLED, N_SHUFFLES = 10, 2, 50, 500
CUTOFF, KILOBITS = 10_000, 128


def rows():
    folder = builtin.audio(PER_GENRE, WORKERS)
    entries = corpus.entries(PER_GENRE)
    paths = [folder / entry.genre / entry.name for entry in entries]
    genres = np.array([entry.genre for entry in entries])
    with tempfile.TemporaryDirectory() as made:
        told = dict(parallel.each(partial(_both, made), list(enumerate(paths)), WORKERS))
    plain, encoded = (
        pd.DataFrame([told[place][version] for place in range(len(paths))]) for version in (0, 1)
    )
    return [_facts(paths[0]), _shortcuts(plain, encoded, genres)]


def _both(folder, item):
    """Tell the facts of a clip as it is, and of it encoded and decoded again."""
    place, path = item
    clip = Path(folder) / f"{place}"
    clip.write_bytes(mp3(audio.read_whole(path).samples, KILOBITS, CUTOFF))
    decoded = audio.read_whole(clip).samples
    clip.write_bytes(wav(decoded[: round(corpus.SECONDS * corpus.SAMPLE_RATE)]))
    return place, (facts.of_file(path), facts.of_file(clip))


def _facts(path):
    """Time the facts of a clip in stereo at 44,100 samples a second."""
    recording = audio.read_as_it_is(path)
    samples = librosa.resample(recording.parts[0][0][:, 0], orig_sr=22_050, target_sr=44_100)
    two = np.stack([samples, 0.7 * samples], axis=1)
    recording = recording._replace(parts=[(part, 44_100) for part in np.array_split(two, 5)])

    def straightforward():
        for channel in two.T:
            magnitude = np.abs(librosa.stft(channel))
            librosa.feature.rms(S=magnitude)
            librosa.feature.spectral_rolloff(S=magnitude, sr=44_100)
            librosa.feature.spectral_flatness(S=magnitude)

    with threadpool_limits(1):
        return row(
            "facts of 30 s in stereo",
            best_of(straightforward),
            best_of(lambda: facts.of_recording(path, recording)),
            "Decoding not included. One thread. Straightforward are level, roll-off and flatness "
            "by librosa alone.",
        )


def _shortcuts(plain, encoded, genres):
    start = time.perf_counter()
    honest = shortcuts.find(plain, genres)
    seconds = time.perf_counter() - start
    cut = {
        genre: pd.concat([plain[genres != genre], encoded[genres == genre]]).sort_index()
        for genre in corpus.GENRES
    }
    found = {genre: shortcuts.find(table, genres) for genre, table in cut.items()}
    named = sum(
        each.verdict == shortcuts.SHORTCUT
        and each.worst == "low_pass"
        and each.sentence.startswith(f"{genre}: ")
        for genre, each in found.items()
    )
    rng = np.random.default_rng(0)
    accused = {
        "the corpus": _accused(lambda: plain, genres, rng),
        "the one with country cut": _accused(lambda: cut["country"], genres, rng),
        "random facts": _accused(lambda: _random(len(genres), rng), genres, rng),
    }
    said = ", ".join(f"{n} with {what}" for what, n in accused.items())
    note = (
        f"Each genre in turn was cut at {CUTOFF / 1000:g} kHz: in {named} of {len(found)} such "
        "corpora that was found out, and the genre and the edge named. "
        f"{found['country'].sentence} The corpus itself: {honest.verdict}. Of {N_SHUFFLED} corpora "
        f"each in which genres were shuffled, were accused {said}. The random forest is "
        "extrapolated from two shuffles."
    )
    return row(f"shortcuts of {len(genres):,} clips", _by_forest(plain, genres), seconds, note)


def _accused(table, genres, rng):
    found = (shortcuts.find(table(), rng.permutation(genres)) for _ in range(N_SHUFFLED))
    return sum(each.verdict == shortcuts.SHORTCUT for each in found)


def _random(n, rng):
    """Draw facts that have nothing to do with any genre."""
    bitrate = rng.choice([128.0, 192.0, 256.0], n)
    return pd.DataFrame(
        {
            "format": rng.choice(["MP3", "WAV", "FLAC"], n),
            "codec": rng.choice(["mp3", "pcm_16"], n),
            "sample_rate": rng.choice([22_050, 44_100, 48_000], n),
            "bits": rng.choice([16.0, 24.0, np.nan], n),
            "bitrate": bitrate,
            "constant": bitrate < 256,
            "relation": rng.choice(["mono", "stereo", "identical"], n),
            "mixdown": rng.uniform(-3, 0, n),
            "duration": rng.normal(30, 0.1, n),
            "time": rng.uniform(1e9, 1.1e9, n),
            "level": rng.normal(-18, 4, n),
            "peak": -rng.exponential(1, n),
            "clipped": np.maximum(rng.normal(0, 1e-3, n), 0),
            "dc": rng.normal(0, 1e-3, n),
            "silence": np.maximum(rng.normal(0, 0.1, n), 0),
            "bandwidth": rng.choice([10_000.0, 11_025.0, 16_000.0, 22_050.0], n),
            "low_pass": rng.choice([10_000.0, 16_000.0, 19_000.0, np.nan], n),
        }
    )


def _by_forest(table, genres):
    numbers = table.select_dtypes("number").fillna(-1)

    def fit():
        cross_val_score(RandomForestClassifier(n_jobs=1), numbers, genres, cv=5)

    return best_of(fit, 2) * (1 + N_SHUFFLES)

"""Extracting features, against librosa's own functions and against one worker alone."""

import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import best_of, row
from genres import parallel
from genres.extraction import extract
from genres.sound import features
from genres.synth import corpus

SR = corpus.SAMPLE_RATE
FEW_CLIPS, MANY_CLIPS = 25, 200


def by_librosa(samples):
    """Call librosa's function for each of the course's features once."""
    feature = librosa.feature
    chroma = feature.chroma_stft(y=samples)
    mfcc = feature.mfcc(y=samples)[:12]
    single = [
        feature.zero_crossing_rate(samples),
        feature.rms(y=samples),
        feature.spectral_centroid(y=samples),
        feature.spectral_bandwidth(y=samples),
        feature.spectral_rolloff(y=samples),
        feature.spectral_contrast(y=samples),
        feature.spectral_flatness(y=samples),
    ]
    return np.concatenate(
        [
            [moment(values) for values in single for moment in (np.mean, np.std)],
            chroma.mean(axis=1),
            chroma.std(axis=1),
            feature.tempo(y=samples),
            mfcc.mean(axis=1),
            mfcc.std(axis=1),
        ]
    )


def rows():
    clip = corpus.render("rock", seed=7).samples
    with threadpool_limits(1):
        start = time.perf_counter()
        features.course_features(clip)
        first = time.perf_counter() - start
        by_length = [_one_core(clip[: seconds * SR], seconds, first) for seconds in (5, 10, 30)]
        medians = _harmonic_and_percussive(clip)
    with tempfile.TemporaryDirectory() as folder:
        return [*by_length, medians, *_collections(Path(folder))]


def _one_core(samples, seconds, first):
    ours, theirs = features.course_features(samples), by_librosa(samples)
    apart = (np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-6)).max()
    note = (
        f"One thread. Largest relative difference: {apart:.0e}. First call, with compiling or "
        f"loading compiled code: {first:.2f} s."
    )
    return row(
        f"the 63 features of {seconds} s",
        best_of(lambda: by_librosa(samples), 7),
        best_of(lambda: features.course_features(samples), 7),
        note,
    )


def _harmonic_and_percussive(clip):
    features.kaggle_features(clip)
    baseline = best_of(lambda: librosa.effects.hpss(clip), 1)
    note = "One thread. The project's time is for all 57 features, librosa's for this split alone."
    seconds = best_of(lambda: features.kaggle_features(clip))
    return row("harmonic and percussive part of 30 s", baseline, seconds, note)


def _collections(folder):
    """Time whole extractions, start-up apart: the pool of workers runs before the clock does."""
    few, many = (collection(folder / str(n_clips), n_clips) for n_clips in (FEW_CLIPS, MANY_CLIPS))
    times = {}
    for n_workers in (1, 2):
        list(parallel.each(start_worker, range(2 * n_workers), n_workers))
        for collection in (few, many):
            out = folder / f"{collection.name}-by-{n_workers}"
            start = time.perf_counter()
            extract.extract(collection, out, workers=n_workers, progress=False)
            times[collection, n_workers] = time.perf_counter() - start
    return [
        row(
            f"two workers against one, {MANY_CLIPS} clips",
            times[many, 1],
            times[many, 2],
            f"Three lengths of segments, decoding included: {MANY_CLIPS / times[many, 2]:.0f} "
            "clips per second.",
        ),
        row(
            f"a clip of {FEW_CLIPS} against one of {MANY_CLIPS}",
            times[few, 1] / FEW_CLIPS,
            times[many, 1] / MANY_CLIPS,
            "One worker. As near to 1 as the cost per clip is flat.",
        ),
    ]


def collection(folder, n_clips):
    genres = ("jazz", "rock")
    for number in range(n_clips):
        genre = genres[number % len(genres)]
        path = folder / genre / f"{number:03}.wav"
        if number < len(genres):
            corpus.write_wav(corpus.render(genre, seed=1), path)
        else:
            path.symlink_to(folder / genre / f"{genres.index(genre):03}.wav")
    return folder


def start_worker(seed):
    features.course_features(corpus.render("rock", seed, 5).samples)

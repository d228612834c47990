"""What twice as much costs: each task at four sizes, with the exponent that fits their times.

An exponent of 1 says that twice as much takes twice as long. Start-up and compiling are apart.
"""

import math
import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import best_of, extraction, row, search, shown
from genres import parallel
from genres.audit import copies, fingerprints
from genres.data import folders, tables
from genres.extraction import extract
from genres.models import neighbours, networks, training
from genres.models.networks import layers
from genres.synth import builtin, corpus

CLIPS, FEATURES, MEMBERS = (8, 16, 32, 64), (20, 28, 40, 56), (2, 4, 8, 16)


def rows():
    return [*_extraction(), _search(), _ensemble(), _audit()]


def _grown(name, sizes, task, times=1):
    """Compare the smallest size, as many times as the largest holds it, with the largest."""
    task(sizes[0])
    counts = [size if isinstance(size, int) else size[0] for size in sizes]
    seconds = [best_of(lambda size=size: task(size), times) for size in sizes]
    exponent = np.polyfit(np.log(counts), np.log(seconds), 1)[0]
    each = ", ".join(f"{n:,} in {shown(s)} s" for n, s in zip(counts, seconds, strict=True))
    note = f"Exponent {exponent:.2f}: {each}."
    return row(
        f"{name}: {counts[-1]:,} for {counts[0]:,}, exponent {exponent:.2f}",
        seconds[0] * counts[-1] / counts[0],
        seconds[-1],
        note,
    )


def _extraction():
    with tempfile.TemporaryDirectory() as folder:
        made = iter(range(1000))

        def extracted(n_clips, workers=1):
            collection = Path(folder) / str(n_clips)
            if not collection.exists():
                extraction.collection(collection, n_clips)
            out = Path(folder) / f"out-{next(made)}"
            extract.extract(collection, out, workers=workers, progress=False)

        grown = _grown("clips extracted", CLIPS, extracted)
        alone = best_of(lambda: extracted(CLIPS[-1]), 1)
        by_workers = []
        for workers in range(2, (os.cpu_count() or 1) + 1):
            list(parallel.each(extraction.start_worker, range(2 * workers), workers))
            together = best_of(lambda n=workers: extracted(CLIPS[-1], n), 1)
            name = f"{CLIPS[-1]} clips extracted by {workers} workers, not by one"
            by_workers.append(row(name, alone, together, "Decoding included."))
    return [grown, *by_workers]


def _search():
    train, train_labels, test, test_labels = search.course()

    def searched(size):
        n_features = size[1]
        few = train[:, :n_features], train_labels, test[:40, :n_features], test_labels[:40]
        neighbours.search_subsets(*few)

    return _grown("sets searched", [(math.comb(n, 4), n) for n in FEATURES], searched)


def _ensemble():
    tracks = tables.sequences(folders.find(offline=True).table(10), tables.FEATURES[:40])
    x, y = tracks.values[tracks.train], tracks.labels[tracks.train]

    def build():
        blocks = [layers.LSTM(128, return_sequences=True), layers.Dense(128, "relu")]
        return networks.sequential(x.shape[1:], blocks, y.max() + 1)

    def trained(n_members):
        training.fit_ensemble(build, x, y, n_members=n_members, epochs=8, batch_size=32)

    return _grown("LSTMs trained", MEMBERS, trained)


def _audit():
    per_genre = -(-CLIPS[-1] // len(corpus.GENRES))
    folder = builtin.audio(per_genre, 2)
    clips = [folder / entry.genre / entry.name for entry in corpus.entries(per_genre)]
    return _grown(
        "clips searched for copies",
        CLIPS,
        lambda n: copies.find(fingerprints.of_files(clips[:n], 1), progress=False),
    )

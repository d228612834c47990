"""Training networks on every core, one after the other, against Keras's own fit of arrays."""

import numpy as np

from benchmarks import row, taking_turns
from genres import parallel
from genres.data import folders, tables
from genres.models import networks, training
from genres.models.networks import keras, layers

SEEDS, EPOCHS, TURNS = range(4), 20, 3


def rows():
    data = folders.find(offline=True)

    def on_all_cores(way):
        return lambda: list(parallel.each(way, [data] * parallel.cores()))

    ways = [on_all_cores(way) for way in (_by_keras, _here)]
    taking_turns(ways, 1)  # which starts the processes, and is not counted
    seconds = taking_turns(ways, TURNS)
    both = zip(_by_keras(data), _here(data), strict=True)
    apart = max(_largest_difference(ours, theirs) for ours, theirs in both)
    note = (
        f"{len(SEEDS)} networks of {EPOCHS} epochs on each core, building and tracing included. "
        f"Largest difference of a weight: {apart:.1g}."
    )
    return [row("four small CNNs on each core", *seconds, note)]


def _rows_of(data):
    tracks = tables.sequences(data.table(folders.WHOLE), tables.FEATURES)
    values = tracks.values[tracks.train].reshape(-1, len(tables.FEATURES), 1)
    return values, tracks.labels[tracks.train]


def _build():
    blocks = [layers.Conv1D(32, 3, padding="same", activation="relu"), layers.MaxPooling1D(2)]
    blocks += [layers.Conv1D(64, 3, padding="same", activation="relu"), layers.MaxPooling1D(2)]
    blocks += [layers.Flatten(), layers.Dense(64, "relu"), layers.Dropout(0.5)]
    return networks.sequential((len(tables.FEATURES), 1), blocks, 10)


def _by_keras(data):
    values, labels = _rows_of(data)
    weights = []
    for seed in SEEDS:
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        model = _build()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(values, labels, epochs=EPOCHS, verbose=0)
        weights.append(model.get_weights())
    return weights


def _here(data):
    fits = training.fit_each(_build, *_rows_of(data), seeds=SEEDS, epochs=EPOCHS)
    return [fit.model.get_weights() for fit in fits]


def _largest_difference(ours, theirs):
    return max(np.abs(one - other).max() for one, other in zip(ours, theirs, strict=True))

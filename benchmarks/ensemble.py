"""Training ten LSTMs side by side, against ten plain Keras fits one after the other."""

import time

import numpy as np

from benchmarks import row
from genres.data import folders, tables
from genres.models import networks, training
from genres.models.networks import keras, layers

N_MEMBERS, EPOCHS, BATCH, TIMES = 10, 15, 32, 3
FEATURES = tables.FEATURES[:40]


def rows():
    table = folders.find(offline=True).table(10)
    three_steps = tables.sequences(table, FEATURES)
    # No complete table of six steps may be at hand: each step twice costs the same.
    six_steps = three_steps._replace(values=np.repeat(three_steps.values, 2, axis=1))
    return [_compared(tracks) for tracks in (three_steps, six_steps)]


def _compared(tracks):
    _, n_steps, n_features = tracks.values.shape
    x, y = tracks.values[tracks.train], tracks.labels[tracks.train]
    x_test, y_test = tracks.values[~tracks.train], tracks.labels[~tracks.train]

    def build():
        blocks = [layers.LSTM(128, return_sequences=True), layers.Dense(128, "relu")]
        blocks.append(layers.Dropout(0.3))
        return networks.sequential((n_steps, n_features), blocks, tracks.labels.max() + 1)

    plain = min((_plain_fits(build, x, y) for _ in range(TIMES)), key=lambda fits: fits[0])
    seconds, tracing, members = plain
    ours = min(
        (
            training.fit_ensemble(
                build, x, y, n_members=N_MEMBERS, epochs=EPOCHS, batch_size=BATCH, seed=seed
            )
            for seed in range(0, TIMES * N_MEMBERS, N_MEMBERS)
        ),
        key=lambda ensemble: sum(ensemble.seconds.values()),
    )
    accuracies = [
        np.mean(member.predict(x_test, verbose=0)[:, -1].argmax(axis=1) == y_test)
        for member in (*members, *ours.members)
    ]
    note = (
        f"Of these, building and tracing: {tracing:.2f} s and {ours.seconds['tracing']:.2f} s; "
        f"without them {(seconds - tracing) / ours.seconds['training']:.1f} times. Mean accuracy "
        f"of the ten: {np.mean(accuracies[:N_MEMBERS]):.3f} and "
        f"{np.mean(accuracies[N_MEMBERS:]):.3f}."
    )
    return row(f"ten LSTMs, {n_steps} steps", seconds, sum(ours.seconds.values()), note)


class _FirstStep(keras.callbacks.Callback):
    """Notes when the first training step, which traces the graph, has ended."""

    ended = None

    def on_train_batch_end(self, batch, logs=None):
        self.ended = self.ended or time.perf_counter()


def _plain_fits(build, x, y):
    every_step = np.repeat(y[:, None], x.shape[1], axis=1)
    start = time.perf_counter()
    tracing, members = 0.0, []
    for seed in range(N_MEMBERS):
        began = time.perf_counter()
        keras.utils.set_random_seed(seed)
        model, first_step = build(), _FirstStep()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, every_step, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=[first_step])
        tracing += first_step.ended - began
        members.append(model)
    return time.perf_counter() - start, tracing, members

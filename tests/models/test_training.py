"""How is a network trained, one alone or many side by side?"""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_networks import (
    N_FEATURES,
    N_GENRES,
    N_STEPS,
    assert_same_weights,
    dense,
    fast,
    lstm,
    make_sequences,
)

from genres.models import networks, stacked, training
from genres.models.networks import layers
from genres.project import PROJECT


@pytest.fixture(scope="module")
def sequences():
    return make_sequences()


def test_each_member_can_be_trained_on_rows_of_its_own(sequences):
    values, labels = sequences
    rows = np.array([range(80), range(80, 160)])
    settings = {"epochs": 2, "batch_size": 16}
    both = training.fit_ensemble(lstm, *sequences, n_members=2, rows=rows, **settings)
    for seed, (own, member) in enumerate(zip(rows, both.members, strict=True)):
        alone = training.fit_ensemble(
            lstm, values[own], labels[own], n_members=1, seed=seed, **settings
        )
        for ours, theirs in zip(member.get_weights(), alone.members[0].get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_each_member_can_be_scored_on_rows_of_its_own(sequences):
    values, labels = sequences
    held_out = np.array([range(80, 160), range(80)])
    settings = {"n_members": 2, "epochs": 3, "rows": held_out[::-1]}
    own = (values[held_out], labels[held_out])
    curves = training.fit_ensemble(lstm, *sequences, **settings, validation=own).curves
    for member, rows in enumerate(held_out):
        same = (values[rows], labels[rows])
        alone = training.fit_ensemble(lstm, *sequences, **settings, validation=same).curves
        for name in ("val_loss", "val_accuracy"):
            np.testing.assert_allclose(curves[name][member], alone[name][member], atol=1e-6)
    assert not np.array_equal(curves["val_loss"][0], curves["val_loss"][1])


def test_the_same_seed_gives_the_same_networks(sequences):
    first, second = (
        training.fit_ensemble(lstm, *sequences, n_members=2, epochs=1, seed=7) for _ in range(2)
    )
    np.testing.assert_array_equal(first.predict(sequences[0]), second.predict(sequences[0]))


# Plain fits


@pytest.fixture(scope="module")
def rows(sequences):
    """Rows whose genre is seen in their first feature."""
    values = sequences[0][:, 0]
    return values, np.digitize(values[:, 0], [-0.7, 0, 0.7])


def one_hot(labels):
    return np.eye(N_GENRES, dtype="float32")[labels]


def mix_up(rng, values, labels):
    """Mix every row with another one (Zhang et al. 2018)."""
    other, shares = rng.permutation(len(values)), rng.beta(0.3, 0.3, (len(values), 1))
    shares = shares.astype("float32")
    return (
        shares * values + (1 - shares) * values[other],
        shares * one_hot(labels) + (1 - shares) * one_hot(labels[other]),
    )


@pytest.mark.parametrize("augment", [None, mix_up])
def test_a_plain_fit_is_the_same_for_the_same_seed(rows, augment):
    first, second, other = (
        training.fit(dense, *rows, epochs=2, seed=seed, augment=augment).model for seed in (3, 3, 4)
    )
    assert_same_weights(first, second)
    with pytest.raises(AssertionError):
        assert_same_weights(first, other, atol=0.01)


@pytest.mark.parametrize("augment", [None, lambda rng, values, labels: (values, labels)])
def test_a_plain_fit_is_keras_own(rows, augment):
    plain = training.fit(dense, *rows, epochs=3, seed=3, augment=augment)
    keras.utils.set_random_seed(3)
    model = dense()
    settings = {"metrics": ["accuracy"], "run_eagerly": True}
    model.compile("adam", "sparse_categorical_crossentropy", **settings)
    history = model.fit(*rows, epochs=3, verbose=0).history
    assert_same_weights(plain.model, model, atol=1e-6)
    assert set(plain.curves) == {"loss", "accuracy"}
    for name, curve in plain.curves.items():
        np.testing.assert_allclose(curve, history[name], rtol=1e-5)
    assert plain.best_epoch == 3


@pytest.mark.parametrize("augment", [None, mix_up])
def test_networks_that_take_turns_are_those_that_are_trained_alone(rows, augment):
    def build():
        blocks = [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.3)]
        return networks.sequential((N_FEATURES,), blocks, N_GENRES)

    settings = {"epochs": 3, "augment": augment, "optimizer": fast, "validation": rows}
    in_turn = training.fit_each(build, *rows, seeds=[3, 5, 4], **settings)
    assert len({id(trained.model) for trained in in_turn}) == 3
    for seed, trained in zip([3, 5, 4], in_turn, strict=True):
        alone = training.fit(build, *rows, seed=seed, **settings)
        assert_same_weights(trained.model, alone.model)
        assert (trained.curves, trained.best_epoch) == (alone.curves, alone.best_epoch)


@pytest.mark.parametrize("augment", [None, mix_up])
def test_the_weights_of_an_earlier_epoch_are_those_of_a_shorter_training(rows, augment):
    short = training.fit(dense, *rows, epochs=2, augment=augment)
    fits = training.fit_each(dense, *rows, seeds=[5, 0], epochs=3, earlier=2, augment=augment)
    for ours, theirs in zip(fits[1].earlier, short.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert short.earlier is None


def test_workers_that_train_a_notebooks_networks_say_nothing_of_tensorflow():
    # What a notebook defines is pickled as it is, and names Keras before this project. It takes
    # seconds, as two processes import TensorFlow; a second item would have a third one do so.
    code = """
from keras import layers
from genres.models import training
kinds = {"one": lambda: layers.Dense(1)}
def units(name):
    return kinds[name]().units
print(*training.each(units, ["one"]))
"""
    process = [sys.executable, "-c", f"import genres.models.stacked{code}"]
    finished = subprocess.run(process, capture_output=True, text=True, cwd=PROJECT)
    assert (finished.stdout, finished.stderr) == ("1\n", "")


@pytest.mark.parametrize("augment", [None, mix_up])
def test_a_trainings_step_is_traced_once(rows, augment):
    class Counted(layers.Dense):
        calls = 0

        def call(self, inputs):
            Counted.calls += 1
            return super().call(inputs)

    training.fit(
        lambda: networks.sequential((N_FEATURES,), [Counted(8)], N_GENRES),
        rows[0][:128],
        rows[1][:128],
        epochs=3,
        optimizer=fast,
        augment=augment,
    )
    assert Counted.calls == 1


def test_a_network_keeps_the_weights_of_its_best_epoch_on_the_validation_rows(rows):
    values, labels = rows
    # These are not what is trained on: they are guessed now better, now worse.
    others = labels[::-1]
    plain = training.fit(
        dense, values, labels, epochs=8, optimizer=fast, validation=(values, others)
    )
    accuracies, losses = plain.curves["val_accuracy"], plain.curves["val_loss"]
    assert len(accuracies) == len(losses) == len(plain.curves["loss"]) == 8
    assert plain.best_epoch == 1 + np.argmax(accuracies) < 8
    probabilities = networks.predict(plain.model, values)
    assert np.mean(probabilities.argmax(axis=1) == others) == pytest.approx(max(accuracies))
    loss = -np.log(probabilities[np.arange(len(values)), others]).mean()
    assert loss == pytest.approx(losses[plain.best_epoch - 1], rel=1e-5)


def test_of_epochs_of_equal_accuracy_that_of_the_smallest_loss_is_the_best(rows, monkeypatch):
    monkeypatch.setattr(training, "time", Ticking())
    values, alike = rows[0], np.zeros(len(rows[0]), int)
    plain = training.fit(
        dense, values, alike, epochs=4, optimizer=fast, validation=(values[:1], alike[:1])
    )
    assert plain.curves["val_accuracy"] == [1.0] * 4
    assert plain.best_epoch == 1 + np.argmin(plain.curves["val_loss"]) > 1
    assert plain.seconds == 1


def test_every_epochs_rows_are_drawn_anew_and_the_steps_are_theirs(rows):
    drawn, told = [], []

    def half(rng, values, labels):
        drawn.append(rng.permutation(len(values))[:80])
        return values[drawn[-1]], labels[drawn[-1]]

    def optimizer(n_steps):
        told.append(n_steps)
        return keras.optimizers.Adam()

    for augment, n_steps in ((None, 3 * 4), (half, 3 * 2)):
        fitted = training.fit(
            dense, *rows, epochs=3, batch_size=41, augment=augment, optimizer=optimizer
        )
        assert told.pop() == n_steps == fitted.model.optimizer.iterations
    assert len(drawn) == 3
    assert (drawn[0] != drawn[1]).any()


def test_probabilities_that_are_certain_train_as_genre_ids_do(rows):
    ids, certain = (
        training.fit(dense, *rows, epochs=3, seed=5, augment=augment).model
        for augment in (None, lambda rng, values, labels: (values, one_hot(labels)))
    )
    assert_same_weights(ids, certain, atol=1e-5)


def test_mixed_rows_can_be_trained_on(rows):
    plain = training.fit(dense, *rows, epochs=10, optimizer=fast, augment=mix_up, validation=rows)
    assert max(plain.curves["val_accuracy"]) > 0.6


@pytest.mark.parametrize("augment", [None, mix_up])
def test_a_genre_that_counts_for_nothing_is_not_predicted(rows, augment):
    counts = {genre: float(genre != 3) for genre in range(N_GENRES)}
    with_it, without = (
        training.fit(
            dense, *rows, epochs=10, optimizer=fast, augment=augment, class_weight=class_weight
        )
        for class_weight in (None, counts)
    )
    shares = [
        np.mean(networks.predict(fitted.model, rows[0]).argmax(axis=1) == 3)
        for fitted in (with_it, without)
    ]
    assert shares[0] > 0.1
    assert shares[1] < 0.02


def test_a_network_of_two_branches_takes_a_list(rows):
    values, labels = rows
    branches = [values[:, :2], values[:, 2:]]

    def two_branches():
        inputs = [keras.Input((2,)), keras.Input((3,))]
        joined = layers.Concatenate()([layers.Dense(8, "relu")(branch) for branch in inputs])
        return keras.Model(inputs, layers.Dense(N_GENRES, "softmax")(joined))

    plain = training.fit(
        two_branches, branches, labels, epochs=10, optimizer=fast, validation=(branches, labels)
    )
    probabilities = networks.predict(plain.model, branches, batch_size=7)
    assert probabilities.shape == (len(values), N_GENRES)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    accuracy = np.mean(probabilities.argmax(axis=1) == labels)
    assert accuracy == pytest.approx(max(plain.curves["val_accuracy"]))
    assert accuracy > 0.5


def test_a_network_that_predicts_at_every_step_is_scored_at_every_step(sequences):
    values, labels = sequences
    every_step = np.repeat(labels[:, None], N_STEPS, axis=1)
    every_step[:, 0] = 0
    plain = training.fit(lstm, values, every_step, epochs=2, validation=(values, every_step))
    predicted = networks.predict(plain.model, values).argmax(axis=-1)
    assert predicted.shape == every_step.shape
    best = plain.curves["val_accuracy"][plain.best_epoch - 1]
    assert np.mean(predicted == every_step) == pytest.approx(best)


@pytest.mark.parametrize("augment", [None, mix_up])
def test_progress_is_told_after_each_epoch(rows, augment):
    steps = []
    training.fit(dense, *rows, epochs=3, augment=augment, progress=steps.append)
    assert steps == [1, 1, 1]


# Kinds of networks, tried out on training tracks


def folds_of(n_seeds, n_tracks, n_folds=2):
    return np.stack(
        [np.random.default_rng(seed).permutation(n_tracks) % n_folds for seed in range(n_seeds)]
    )


def try_out(trials, labels, folds, epochs=2):
    return dict(training.cross_validate(trials, labels, folds, epochs))


def test_a_track_is_held_out_of_the_network_that_classifies_it(sequences):
    values, labels = sequences
    folds = folds_of(2, len(labels))
    tried = try_out({"LSTM": (lstm, values, "adam")}, labels, folds)["LSTM"]
    assert tried.held_out.shape == tried.training.shape == folds.shape
    rows = np.stack([np.flatnonzero(folds[0] != 0), np.flatnonzero(folds[0] != 1)])
    own = training.fit_ensemble(lstm, values, labels, n_members=2, epochs=2, rows=rows)
    correct = own.predict(values)[:, :, -1].argmax(axis=-1) == labels
    np.testing.assert_array_equal(tried.held_out[0], np.choose(folds[0], correct))
    np.testing.assert_array_equal(tried.training[0], np.choose(folds[0], correct[::-1]))
    assert tried.n_weights == own.members[0].count_params()


def test_each_seed_may_have_values_of_its_own(sequences):
    values, labels = sequences
    folds = np.tile(folds_of(1, len(labels)), (2, 1))
    flat = {"dense": (dense, [values[:, 0], values[:, 1]], "adam")}
    tried = try_out(flat, labels, folds, epochs=5)["dense"]
    alone = try_out({"dense": (dense, values[:, 0], "adam")}, labels, folds[:1], epochs=5)
    np.testing.assert_array_equal(tried.held_out[0], alone["dense"].held_out[0])
    assert (tried.held_out[0] != tried.held_out[1]).any()


def test_kinds_of_networks_are_tried_with_the_same_seeds_and_again_alike(sequences):
    values, labels = sequences
    folds = folds_of(1, len(labels))
    trials = {name: (lstm, values, name) for name in ("adam", "rmsprop")}
    trials["again"] = trials["adam"]
    tried = try_out(trials, labels, folds, epochs=5)
    assert set(tried) == set(trials)
    np.testing.assert_array_equal(tried["again"].held_out, tried["adam"].held_out)
    assert (tried["rmsprop"].held_out != tried["adam"].held_out).any()


# What a training tells and draws


def test_an_epoch_without_a_correct_prediction_can_be_the_best():
    class Changing:
        def get_weights(self):
            return [self.predictions]

        def predict_on_batch(self, rows):
            return np.array(self.predictions)

    watch, model = training._Watch(([[0]], [1]), 3, None), Changing()
    watch.set_model(model)
    for share in (0.1, 0.4, 0.3):
        model.predictions = [[1 - share, share]]
        watch.on_epoch_end(0, {"loss": share})
    assert watch.curves["loss"] == [0.1, 0.4, 0.3]
    assert watch.curves["val_accuracy"] == [0, 0, 0]
    np.testing.assert_allclose(watch.curves["val_loss"], -np.log([0.1, 0.4, 0.3]))
    assert watch.best_epoch == 2
    assert watch.weights == [[[0.6, 0.4]]]
    assert watch.earlier_weights == [[[0.7, 0.3]]]


def test_scores_of_certain_errors_are_finite():
    class Certain:
        def predict_on_batch(self, rows):
            return rows

    rows = np.array([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]])
    loss, accuracy = training._mean_scores(Certain(), rows, [0, 0, 1])
    assert accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx((0 - np.log(1e-7) - np.log(0.75)) / 3)


class Ticking:
    """A clock that is a second later whenever it is looked at."""

    def __init__(self):
        self.seconds = -1

    def perf_counter(self):
        self.seconds += 1
        return self.seconds


def test_members_are_trained_on_every_row_of_theirs_once_an_epoch(monkeypatch):
    drawn, calls = [], []

    def train_step(self, values, labels, optimizer):
        assert optimizer == "rmsprop"

        def step(rows, number):
            drawn.append((rows.numpy().tolist(), int(number)))
            return tf.constant([[1.0, 2.0], [3.0, 4.0]])

        return step

    monkeypatch.setattr(stacked.Stacked, "train_step", train_step)
    monkeypatch.setattr(training, "time", Ticking())
    own = np.array([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]])
    fitted = training.fit_ensemble(
        dense,
        np.zeros((10, N_FEATURES)),
        np.zeros(10, int),
        n_members=2,
        epochs=2,
        batch_size=2,
        seed=7,
        optimizer="rmsprop",
        rows=own,
        progress=calls.append,
    )
    assert [number for _, number in drawn] == [0, 2, 4, 5, 7, 9]
    rngs = [np.random.default_rng(seed) for seed in (7, 8)]
    for epoch in range(2):
        batches = [rows for rows, _ in drawn[3 * epoch : 3 * epoch + 3]]
        wanted = [rng.permutation(rows) for rng, rows in zip(rngs, own, strict=True)]
        np.testing.assert_array_equal(np.concatenate(batches, axis=1), wanted)
    np.testing.assert_allclose(fitted.curves["loss"], [[3 / 5] * 2, [6 / 5] * 2], rtol=1e-6)
    np.testing.assert_allclose(fitted.curves["accuracy"], [[9 / 5] * 2, [12 / 5] * 2], rtol=1e-6)
    assert fitted.seconds == {"tracing": 2, "training": 1}
    assert calls == [1, 1]


def test_members_trained_two_by_two_on_a_cluster_come_back_in_order(monkeypatch):
    asked, calls = [], []

    def train(members, own, settings, progress=None):  # as if: what is trained tells its seed
        for member, (seed, rows) in zip(members, own, strict=True):
            assert rows.tolist() == [0, 1, 2]
            member.set_weights([weight + seed for weight in member.get_weights()])
        seeds = np.array([[seed] * settings.epochs for seed, _ in own])
        return {"loss": seeds, "accuracy": seeds / 10}, {"tracing": 10, "training": 20}

    def each(function, items, *, dask):  # the last come first
        asked.append((len(items), dask))
        yield from map(function, items[::-1])

    monkeypatch.setattr(training, "_train", train)
    monkeypatch.setattr(training, "time", Ticking())
    monkeypatch.setattr(training.cluster, "address_of", lambda dask: dask)
    monkeypatch.setattr(training.parallel, "each", each)
    there = training.fit_ensemble(
        lambda: networks.sequential((2,), [], 2),
        np.zeros((3, 2)),
        np.zeros(3, int),
        n_members=3,
        epochs=6,
        seed=5,
        progress=calls.append,
        dask="tcp://far",
    )
    assert asked == [(2, "tcp://far")]
    assert calls == [3, 3]
    assert there.curves["loss"].tolist() == [[seed] * 6 for seed in range(5, 8)]
    np.testing.assert_allclose(there.curves["accuracy"] * 10, there.curves["loss"])
    assert there.seconds == {"tracing": 21, "training": 40}
    for seed, member in enumerate(there.members, start=5):
        keras.utils.set_random_seed(seed)
        first = networks.sequential((2,), [], 2)
        for ours, theirs in zip(member.get_weights(), first.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs + seed, atol=1e-6)


def test_there_are_as_many_workers_as_cores_and_memory_allow(monkeypatch):
    monkeypatch.setattr(training.parallel, "each", lambda f, items, n: (n, list(map(f, items))))
    monkeypatch.setattr(training.parallel, "cores", lambda: 3)
    for n_networks, n_workers in ((0.9, 1), (1.9, 1), (2.5, 2), (100, 3)):
        memory = int(n_networks * training.parallel.MEMORY_OF_NETWORKS)
        monkeypatch.setattr(training.parallel, "memory_left", lambda memory=memory: memory)
        assert training.each(abs, [-1, 2]) == (n_workers, [1, 2])


class Guessing:
    """A network that predicts its own number for all tracks, at the last of two steps."""

    def __init__(self, number):
        self.number = number

    def predict_on_batch(self, rows):
        return np.tile(np.eye(4)[[3, self.number]], (len(rows), 1, 1))

    def count_params(self):
        return 12


def test_tracks_are_counted_where_they_were_trained_on_and_where_they_were_held_out(monkeypatch):
    trained = {}

    def train(members, own, settings):
        trained.update(own=own, settings=settings)

    monkeypatch.setattr(training, "_build", lambda build, seeds: [Guessing(n % 3) for n in seeds])
    monkeypatch.setattr(training, "_train", train)
    monkeypatch.setattr(training, "time", Ticking())
    labels = np.array([0, 1, 2, 0, 1, 2, 2])
    folds = np.array([[0, 1, 2, 1, 2, 0, 0], [0, 0, 0, 1, 1, 2, 2]])
    values = [np.zeros((7, 2, 1)), np.ones((7, 2, 1))]
    name, tried = training._try(labels, folds, 4, ("kind", (None, values, "adam")))
    assert name == "kind"
    # The network that holds out fold n says genre n.
    np.testing.assert_array_equal(tried.held_out, folds == labels)
    np.testing.assert_array_equal(tried.training, np.where(folds == labels, 0, 0.5))
    assert (tried.n_weights, tried.seconds) == (12, 1)
    rows = [[1, 2, 3, 4], [0, 2, 4, 5], [0, 1, 3, 5], [10, 11, 12, 13], [7, 8, 9, 12]]
    rows.append([7, 8, 9, 10])
    assert [seed for seed, _ in trained["own"]] == [0, 1, 2, 3, 4, 5]
    assert [of_member.tolist() for _, of_member in trained["own"]] == rows
    given = trained["settings"]
    assert given.values[:, 0, 0].tolist() == [0] * 7 + [1] * 7
    assert given.labels.tolist() == labels.tolist() * 2
    assert (given.epochs, given.batch_size, given.optimizer) == (4, 32, "adam")

import json
import subprocess
import sys
import zipfile
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from genres import Refusal
from genres.models import networks, stacked, training
from genres.models.networks import layers
from genres.project import PROJECT

N_STEPS, N_FEATURES, N_GENRES = 3, 5, 4


def lstm(dropout=0.3, return_sequences=True):
    blocks = [layers.LSTM(8, return_sequences=return_sequences), layers.Dense(6, "relu")]
    blocks.append(layers.Dropout(dropout))
    return networks.sequential((N_STEPS, N_FEATURES), blocks, N_GENRES)


def dense():
    blocks = [layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(8, "relu")]
    return networks.sequential((N_FEATURES,), blocks, N_GENRES)


@pytest.fixture(scope="module")
def sequences():
    """Sequences whose genre is the sum of a feature over the steps."""
    values = np.random.default_rng(0).normal(size=(160, N_STEPS, N_FEATURES)).astype("float32")
    labels = np.digitize(values[:, :, 0].sum(axis=1), [-1.2, 0, 1.2])
    return values, labels


@pytest.fixture(scope="module")
def trained(sequences):
    return training.fit_ensemble(lstm, *sequences, n_members=3, epochs=60, validation=sequences)


def recurrent(layer):
    return networks.sequential((N_STEPS, N_FEATURES), [layer(), layers.Dense(6)], N_GENRES)


RECURRENT = {
    "LSTM": lambda: layers.LSTM(8, return_sequences=True),
    "GRU": lambda: layers.GRU(8, return_sequences=True),
    "SimpleRNN": lambda: layers.SimpleRNN(8, return_sequences=True),
    "both ways": lambda: layers.Bidirectional(layers.LSTM(8, return_sequences=True)),
}


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.parametrize("kind", RECURRENT)
def test_one_step_without_dropout_is_keras_own(sequences, kind, optimizer):
    # A single batch in each epoch: order does not matter, and both start from the same weights.
    values, labels = sequences
    build = partial(recurrent, RECURRENT[kind])
    settings = {"epochs": 4, "batch_size": len(values), "optimizer": optimizer}
    ensemble = training.fit_ensemble(build, values, labels, n_members=2, **settings)
    for seed, member in enumerate(ensemble.members):
        keras.utils.set_random_seed(seed)
        plain = build()
        # Eagerly, as what is compared with need not be traced first, which would take the longest.
        plain.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
        every_step = np.repeat(labels[:, None], N_STEPS, axis=1)
        plain.fit(values, every_step, epochs=4, batch_size=len(values), verbose=0)
        for ours, theirs in zip(member.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=5e-5)


@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("kind", [layers.GRU, layers.SimpleRNN, "both ways"])
def test_recurrent_layers_predict_side_by_side_what_they_do_alone(sequences, kind, every_step):
    def build():
        if kind == "both ways":
            layer = layers.Bidirectional(layers.GRU(8, return_sequences=every_step))
        else:
            layer = kind(8, return_sequences=every_step)
        return networks.sequential((N_STEPS, N_FEATURES), [layer], N_GENRES)

    trained = training.fit_ensemble(build, *sequences, n_members=2, epochs=1)
    for member, ours in zip(trained.members, trained.predict(sequences[0]), strict=True):
        np.testing.assert_allclose(ours, member(sequences[0]), atol=1e-6)


CHAINS = {
    "plain": [layers.Conv1D(6, 3, activation="relu"), layers.MaxPooling1D(2)],
    "padded": [layers.Conv1D(6, 4, padding="same"), layers.MaxPooling1D(3)],
    "causal": [layers.Conv1D(6, 2, padding="causal")],
    "dilated": [layers.Conv1D(6, 3, dilation_rate=2), layers.Conv1D(5, 2, activation="relu")],
    "then recurrent": [layers.Conv1D(6, 3), layers.MaxPooling1D(2), layers.LSTM(5)],
}


@pytest.mark.parametrize("chain", CHAINS)
def test_convolutions_trained_side_by_side_are_keras_own(chain):
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(32, 9, 2)).astype("float32"), rng.integers(0, N_GENRES, 32)

    def build():
        blocks = [type(block).from_config(block.get_config()) for block in CHAINS[chain]]
        ending = [] if chain == "then recurrent" else [layers.Flatten()]
        return networks.sequential((9, 2), [*blocks, *ending], N_GENRES)

    ensemble = training.fit_ensemble(build, values, labels, n_members=2, epochs=4)
    predicted = ensemble.predict(values)
    for seed, member in enumerate(ensemble.members):
        keras.utils.set_random_seed(seed)
        plain = build()
        plain.compile("adam", "sparse_categorical_crossentropy")
        plain.fit(values, labels, epochs=4, batch_size=len(values), verbose=0)
        assert_same_weights(member, plain, atol=5e-5)
        np.testing.assert_allclose(predicted[seed], networks.predict(member, values), atol=1e-6)


UNUSUAL = {
    "GRU layers with another activation": partial(layers.GRU, 8, activation="relu"),
    "LSTM layers with another use_bias": partial(layers.LSTM, 8, use_bias=False),
    "LSTM layers with another recurrent_dropout": partial(layers.LSTM, 8, recurrent_dropout=0.5),
    "Dense layers with another kernel_regularizer": partial(
        layers.Dense, 8, kernel_regularizer="l2"
    ),
    "Dense layers with another bias_constraint": partial(
        layers.Dense, 8, bias_constraint="non_neg"
    ),
    "GRU layers with another reset_after": partial(layers.GRU, 8, reset_after=False),
    "LSTM layers with another recurrent_activation": partial(
        layers.LSTM, 8, recurrent_activation="relu"
    ),
    "SimpleRNN layers with another dropout": partial(layers.SimpleRNN, 8, dropout=0.1),
    "Dense layers with another use_bias": partial(layers.Dense, 8, use_bias=False),
    "Conv1D layers with another groups": partial(layers.Conv1D, 10, 2, groups=5),
    "Conv1D layers with another strides": partial(layers.Conv1D, 8, 2, strides=2),
    "MaxPooling1D layers with another padding": partial(layers.MaxPooling1D, 2, padding="same"),
    "MaxPooling1D layers with another strides": partial(layers.MaxPooling1D, 2, strides=1),
    "BatchNormalization layers cannot": layers.BatchNormalization,
}


@pytest.mark.parametrize("said", UNUSUAL)
def test_a_layer_that_would_be_trained_otherwise_is_named(sequences, said):
    def build():
        blocks = [UNUSUAL[said](), layers.Flatten()]
        return networks.sequential((N_STEPS, N_FEATURES), blocks, N_GENRES)

    with pytest.raises(ValueError, match=said):
        training.fit_ensemble(build, *sequences, n_members=2, epochs=1)


@pytest.mark.parametrize("n_steps", [1, 2, 4])
def test_the_recurrences_gradient_is_tensorflows_own(n_steps):
    rng = np.random.default_rng(n_steps)
    n_members, n_rows, n_units = 2, 3, 4
    sums = tf.Variable(rng.normal(size=(n_steps, n_members, n_rows, 4 * n_units)))
    kernel = tf.Variable(rng.normal(size=(n_members, n_units, 4 * n_units)))
    weights = rng.normal(size=(n_steps, n_members, n_rows, n_units))

    def differentiated():
        state = output = tf.zeros((n_members, n_rows, n_units), tf.float64)
        outputs = []
        for step in range(n_steps):
            enter, forget, new, leave = tf.split(sums[step] + output @ kernel, 4, axis=-1)
            state = tf.sigmoid(forget) * state + tf.sigmoid(enter) * tf.tanh(new)
            output = tf.sigmoid(leave) * tf.tanh(state)
            outputs.append(output)
        return tf.stack(outputs)

    gradients = []
    for recurrence in (differentiated, lambda: stacked._recurrence(tf.identity(sums), kernel + 0)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(recurrence() * weights)
        gradients.append(tape.gradient(loss, [sums, kernel]))
    for ours, theirs in zip(gradients[1], gradients[0], strict=True):
        theirs = tf.zeros_like(kernel) if theirs is None else theirs
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_dropout_takes_its_share_of_each_member_and_makes_up_for_it():
    ones = tf.ones((2, 50, 100))
    dropped = stacked._dropout(ones, 0.3, [[7, 1], [8, 1]]).numpy()
    assert np.unique(dropped) == pytest.approx([0, 1 / 0.7])
    np.testing.assert_allclose((dropped == 0).mean(axis=(1, 2)), 0.3, atol=0.02)
    assert (dropped[0] != dropped[1]).any()
    np.testing.assert_array_equal(stacked._dropout(ones, 0.3, [[7, 1], [8, 1]]), dropped)
    np.testing.assert_array_equal(stacked._dropout(ones, 0.3, None), ones)


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


def test_members_improve(trained):
    assert trained.curves["loss"].shape == (3, 60)
    assert np.all(trained.curves["loss"][:, -1] < trained.curves["loss"][:, 0])
    assert np.all(trained.curves["val_accuracy"][:, -1] > 2 / N_GENRES)


def test_members_differ(trained, sequences):
    one, other, _ = trained.predict(sequences[0])
    assert not np.allclose(one, other)


def test_an_ensemble_predicts_what_its_members_predict(trained, sequences):
    together = trained.predict(sequences[0])
    for member, ours in zip(trained.members, together, strict=True):
        np.testing.assert_allclose(ours, member(sequences[0]), atol=1e-6)


def test_the_same_seed_gives_the_same_networks(sequences):
    first, second = (
        training.fit_ensemble(lstm, *sequences, n_members=2, epochs=1, seed=7) for _ in range(2)
    )
    np.testing.assert_array_equal(first.predict(sequences[0]), second.predict(sequences[0]))


def test_dense_networks_and_last_steps_train_side_by_side_too(sequences):
    values, labels = sequences
    flat = training.fit_ensemble(dense, values[:, 0], labels, n_members=2, epochs=1)
    assert flat.predict(values[:, 0]).shape == (2, len(values), N_GENRES)
    last = training.fit_ensemble(
        lambda: lstm(return_sequences=False), values, labels, n_members=2, epochs=1
    )
    for member, ours in zip(last.members, last.predict(values), strict=True):
        np.testing.assert_allclose(ours, member(values), atol=1e-6)


def test_an_ensemble_is_kept_and_loaded_to_the_same_predictions(trained, sequences, tmp_path):
    names = [f"feature {number}" for number in range(N_FEATURES)]
    preparation = {"features": names, "mean": [0.5] * N_FEATURES}
    networks.save_ensemble(trained, tmp_path / "kept", preparation)
    loaded, read_back = networks.load_ensemble(tmp_path / "kept")
    assert read_back == preparation
    np.testing.assert_array_equal(loaded.predict(sequences[0]), trained.predict(sequences[0]))


def test_a_smaller_ensemble_leaves_nothing_of_the_larger_one(trained, tmp_path):
    networks.save_ensemble(trained, tmp_path, {})
    networks.save_ensemble(trained._replace(members=trained.members[:1]), tmp_path, {})
    assert len(list(tmp_path.glob("*.keras"))) == 1
    assert len(networks.load_ensemble(tmp_path)[0].members) == 1


def test_a_broken_network_file_is_named(trained, tmp_path):
    networks.save_ensemble(trained, tmp_path, {})
    (tmp_path / "member-02.keras").write_bytes(b"no network")
    with pytest.raises(Refusal, match=r"member-02\.keras is damaged"):
        networks.load_ensemble(tmp_path)


def test_no_ensemble_is_a_refusal(tmp_path):
    with pytest.raises(Refusal, match=r"ensemble\.json"):
        networks.load_ensemble(tmp_path)


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


def fast(n_steps):
    return keras.optimizers.Adam(0.02)


def assert_same_weights(one, other, atol=0.0):
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


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


def test_a_network_that_would_take_all_memory_is_refused_before_it_is_built(tmp_path, monkeypatch):
    small = keras.Sequential([keras.Input((4,)), layers.Dense(2, "softmax")])
    networks.save_ensemble(networks.Ensemble([small], {}, {}), tmp_path, {})
    path = tmp_path / "member-01.keras"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(content["config.json"])
    dense = described["config"]["layers"][-1]
    dense["config"]["units"] = 10**9
    many = json.loads(content["config.json"])
    many["config"]["layers"] += 10_000 * [many["config"]["layers"][-1]]
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("it was built"))
    deep = "[" * 100_000
    for config in (json.dumps(described), json.dumps(many), deep, "[]" + deep):
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in (content | {"config.json": config.encode()}).items():
                archive.writestr(name, part)
        with pytest.raises(Refusal, match=r"member-01\.keras describes no network that can be"):
            networks.load_ensemble(tmp_path)


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
    tried = try_out(flat, labels, folds, epochs=20)["dense"]
    alone = try_out({"dense": (dense, values[:, 0], "adam")}, labels, folds[:1], epochs=20)
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


# What networks are made of


def layers_of(model, *names):
    """Give the values of some settings of a network's layers, where they have them."""
    configs = [(type(layer).__name__, layer.get_config()) for layer in model.layers]
    return [(kind, *(c[name] for name in names if name in c)) for kind, c in configs]


def test_the_recurrent_network_is_the_reports():
    model = networks.recurrent((3, 40), 10)
    assert model.output_shape == (None, 3, 10)
    assert layers_of(model, "units", "rate", "activation") == [
        ("InputLayer",),
        ("LSTM", 128, "tanh"),
        ("Dense", 128, "relu"),
        ("Dropout", 0.3),
        ("Dense", 10, "softmax"),
    ]


def test_the_convolutional_network_halves_the_columns_three_times():
    model = networks.convolutional((128, 64), 10)
    convolutions = [layer.output.shape[1:] for layer in model.layers if "conv1d" in layer.name]
    assert convolutions == [(128, 128), (64, 128), (32, 128)]
    found = layers_of(model, "kernel_size", "use_bias", "pool_size", "momentum", "rate", "units")
    block = [("Conv1D", (4,), False), ("MaxPooling1D", (2,)), ("BatchNormalization", 0.9)]
    block += [("ReLU",), ("Dropout", 0.2)]
    ends = [("GlobalAveragePooling1D",), ("GlobalMaxPooling1D",), ("Concatenate",)]
    ends += [("Dense", True, 64), ("Dropout", 0.3), ("Dense", True, 10)]
    assert found == [("InputLayer",), *block, *block, *block, *ends]


@pytest.mark.parametrize("width", [5, 9])
def test_windows_are_drawn_anywhere_and_mixed_with_those_of_other_clips(width):
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(40, 9, 2)), rng.integers(0, N_GENRES, 40)
    windows, targets = networks.mix_windows(
        width, N_GENRES, np.random.default_rng(3), values, labels
    )
    rng = np.random.default_rng(3)  # which draws windows, then shares, then partners
    starts = rng.integers(0, 10 - width, 40)
    shares, partners = rng.beta(0.3, 0.3, 40), rng.permutation(40)
    assert set(starts) == set(range(10 - width))
    for row, (share, partner) in enumerate(zip(shares, partners, strict=True)):
        own, other = (values[i, starts[i] : starts[i] + width] for i in (row, partner))
        np.testing.assert_allclose(windows[row], share * own + (1 - share) * other, atol=1e-6)
        wanted = np.zeros(N_GENRES)
        wanted[labels[row]] += share
        wanted[labels[partner]] += 1 - share
        np.testing.assert_allclose(targets[row], wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("n_steps", "rates"),
    [
        (100, {0: 0.1, 5: 0.55, 10: 1, 55: 0.505, 100: 0.01, 120: 0.01}),
        (20, {0: 0.1, 1: 0.55, 2: 1, 11: 0.505, 20: 0.01}),
        (5, {0: 0.1, 1: 1, 3: 0.505, 5: 0.01}),
        (1, {0: 0.1, 1: 1, 2: 0.01}),
    ],
)
def test_the_rate_of_learning_rises_for_a_tenth_of_the_steps_and_falls_along_a_cosine(
    n_steps, rates
):
    optimizer = networks.cosine_decay(0.004)(n_steps)
    for step, share in rates.items():
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(0.004 * share, rel=1e-4)


class Fixed:
    """A network that predicts what its rows say, and notes how many it gets at once."""

    def __init__(self):
        self.sizes = []

    def predict_on_batch(self, rows):
        self.sizes.append(len(rows))
        return rows


def test_rows_are_predicted_in_batches():
    fixed, rows = Fixed(), np.arange(520)[:, None]
    np.testing.assert_array_equal(networks.predict(fixed, rows), rows)
    networks.predict(fixed, rows[:6], batch_size=3)
    assert fixed.sizes == [256, 256, 8, 3, 3]


# What is kept of them


def kept_network(folder, preparation, *blocks, inputs=(4,)):
    """Keep an ensemble of one small network."""
    blocks = blocks or [layers.Dense(3)]
    member = networks.sequential(inputs, blocks, 2)
    networks.save_ensemble(networks.Ensemble([member], {}, {}), folder, preparation)
    return member


def test_a_network_is_loaded_as_it_was_kept_but_for_its_training(tmp_path):
    folder = tmp_path / "models" / "kept"
    kept_network(folder, {})
    model = networks.sequential((4,), [layers.Dense(3)], 2)
    model.compile("adam", "sparse_categorical_crossentropy")
    for _ in range(2):
        networks.save_ensemble(networks.Ensemble([model] * 2, {}, {}), folder, {"width": 7})
    assert [path.name for path in sorted(folder.iterdir())] == [
        "ensemble.json",
        "member-01.keras",
        "member-02.keras",
    ]
    loaded, preparation = networks.load_ensemble(folder)
    assert preparation == {"width": 7}
    assert not any(member.compiled for member in loaded.members)
    assert (loaded.curves, loaded.seconds) == ({}, {})


def test_code_in_a_network_is_not_run(tmp_path):
    kept_network(tmp_path, {}, layers.Lambda(lambda tensor: tensor * 2))
    with pytest.raises(Refusal, match=r"member-01\.keras cannot be read as a network"):
        networks.load_ensemble(tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    member = networks.sequential((4,), [layers.Dense(3)], 2)
    weights = member.get_weights()
    weights[2][0, 0] = np.nan
    member.set_weights(weights)
    networks.save_ensemble(networks.Ensemble([member], {}, {}), tmp_path, {})
    with pytest.raises(Refusal, match="weights that are no numbers"):
        networks.load_ensemble(tmp_path)


def test_members_read_and_predict_what_has_one_shape(tmp_path):
    members = [networks.sequential((width,), [layers.Dense(3)], 2) for width in (4, 5)]
    networks.save_ensemble(networks.Ensemble(members, {}, {}), tmp_path, {})
    with pytest.raises(Refusal, match="describes no ensemble"):
        networks.load_ensemble(tmp_path)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([f"member-{n}.keras" for n in range(1001)], "describes no ensemble"),
        ([f"member-{n}.keras" for n in range(1000)], r"member-0\.keras cannot be read: No such"),
        (["member-1.keras", "member-1.keras"], "describes no ensemble"),
        (["member-1.keras", "member-a.keras"], "describes no ensemble"),
        ([], "describes no ensemble"),
    ],
)
def test_members_are_up_to_a_thousand_files_of_that_folder(tmp_path, names, told):
    (tmp_path / "ensemble.json").write_text(json.dumps({"members": names}))
    with pytest.raises(Refusal, match=told):
        networks.load_ensemble(tmp_path)


@pytest.mark.parametrize(
    ("preparation", "sound"),
    [
        ({}, True),
        ({"mean": [0, 0, 0], "deviation": [1, 2, 1e-9], "features": ["a", "b", "c"]}, True),
        ({"mean": [0, 0]}, False),
        ({"mean": [[0, 0, 0]]}, False),
        ({"deviation": [1, 1, 1, 1]}, False),
        ({"mean": [0, 0, float("inf")]}, False),
        ({"deviation": [1, 1, float("inf")]}, False),
        ({"deviation": [1, 1, 0]}, False),
        ({"deviation": [1, 1, -1]}, False),
        ({"width": 1}, True),
        ({"width": 10_000}, True),
        ({"width": 10_001}, False),
        ({"width": 0}, False),
        ({"width": 2.0}, False),
        ({"features": ["a", "b"]}, False),
        ({"features": ["a", "b", "b"]}, False),
        ({"features": ["a", "b", "c", "d"]}, False),
    ],
)
def test_what_turns_rows_into_input_has_to_fit_the_network(preparation, sound):
    if sound:
        networks._check(preparation, 3)
    else:
        with pytest.raises(ValueError, match=r"features|means|width"):
            networks._check(preparation, 3)


# What a training tells and draws


def test_an_epoch_without_a_correct_prediction_can_be_the_best():
    class Changing(Fixed):
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
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]])
    loss, accuracy = training._mean_scores(Fixed(), rows, [0, 0, 1])
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


def test_networks_of_other_layers_do_not_stand_side_by_side():
    with pytest.raises(ValueError, match="argument 2 is"):
        stacked.Stacked(
            [
                networks.sequential((N_FEATURES,), [layers.Dense(size) for size in sizes], N_GENRES)
                for sizes in ([8], [8, N_GENRES])
            ]
        )


def test_dropout_draws_anew_for_every_member_step_and_layer():
    chain = stacked.Stacked([dense(), dense()], seeds=[7, 9])
    assert len(chain.chain) == 4
    drawn = [np.array(chain._dropout_seeds(step, layer)) for step in (0, 3) for layer in (1, 2)]
    assert [d.tolist() for d in drawn] == [[[7, n], [9, n]] for n in (1, 2, 13, 14)]

"""How do several networks run, and train, as one?"""

from functools import partial

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
    lstm,
    make_sequences,
)

from genres.models import networks, stacked, training
from genres.models.networks import layers


@pytest.fixture(scope="module")
def sequences():
    return make_sequences()


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


def test_dense_networks_and_last_steps_train_side_by_side_too(sequences):
    values, labels = sequences
    flat = training.fit_ensemble(dense, values[:, 0], labels, n_members=2, epochs=1)
    assert flat.predict(values[:, 0]).shape == (2, len(values), N_GENRES)
    last = training.fit_ensemble(
        lambda: lstm(return_sequences=False), values, labels, n_members=2, epochs=1
    )
    for member, ours in zip(last.members, last.predict(values), strict=True):
        np.testing.assert_allclose(ours, member(values), atol=1e-6)


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

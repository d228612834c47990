import keras
import numpy as np
import pytest
import tensorflow as tf

from genres import Refusal, networks, stacked
from genres.networks import layers

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
    return networks.fit_ensemble(lstm, *sequences, n_members=3, epochs=60, validation=sequences)


def test_one_step_without_dropout_is_keras_own(sequences):
    # A single batch in each epoch: order does not matter, and both start from the same weights.
    values, labels = sequences
    ensemble = networks.fit_ensemble(
        lambda: lstm(dropout=0.0), values, labels, n_members=2, epochs=4, batch_size=len(values)
    )
    for seed, member in enumerate(ensemble.members):
        keras.utils.set_random_seed(seed)
        plain = lstm(dropout=0.0)
        plain.compile("adam", "sparse_categorical_crossentropy")
        every_step = np.repeat(labels[:, None], N_STEPS, axis=1)
        plain.fit(values, every_step, epochs=4, batch_size=len(values), verbose=0)
        for ours, theirs in zip(member.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-5)


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


def test_members_learn(trained):
    assert trained.curves["loss"].shape == (3, 60)
    assert np.all(trained.curves["loss"][:, -1] < trained.curves["loss"][:, 0])
    assert np.all(trained.curves["val_accuracy"][:, -1] > 2 / N_GENRES)


def test_members_differ(trained, sequences):
    one, other, _ = trained.predict(sequences[0])
    assert not np.allclose(one, other)


def test_an_ensemble_predicts_what_its_members_predict(trained, sequences):
    together = trained.predict(sequences[0])
    for member, ours in zip(trained.members, together, strict=True):
        np.testing.assert_allclose(ours, member.predict(sequences[0], verbose=0), atol=1e-6)


def test_the_same_seed_gives_the_same_networks(sequences):
    first, second = (
        networks.fit_ensemble(lstm, *sequences, n_members=2, epochs=1, seed=7) for _ in range(2)
    )
    np.testing.assert_array_equal(first.predict(sequences[0]), second.predict(sequences[0]))


def test_dense_networks_and_last_steps_train_side_by_side_too(sequences):
    values, labels = sequences
    flat = networks.fit_ensemble(dense, values[:, 0], labels, n_members=2, epochs=1)
    assert flat.predict(values[:, 0]).shape == (2, len(values), N_GENRES)
    last = networks.fit_ensemble(
        lambda: lstm(return_sequences=False), values, labels, n_members=2, epochs=1
    )
    for member, ours in zip(last.members, last.predict(values), strict=True):
        np.testing.assert_allclose(ours, member.predict(values, verbose=0), atol=1e-6)


def test_a_layer_that_cannot_be_stacked_is_named(sequences):
    def convolutional():
        return networks.sequential((N_STEPS, N_FEATURES), [layers.Conv1D(4, 2)], N_GENRES)

    with pytest.raises(ValueError, match="Conv1D layers cannot be trained side by side"):
        networks.fit_ensemble(convolutional, *sequences, n_members=2, epochs=1)


def test_an_ensemble_is_kept_and_loaded_to_the_same_predictions(trained, sequences, tmp_path):
    preparation = {"features": ["a", "b"], "mean": [0.5, 1.0]}
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
    with pytest.raises(Refusal, match=r"member-02\.keras cannot be read as a network"):
        networks.load_ensemble(tmp_path)


def test_no_ensemble_is_a_refusal(tmp_path):
    with pytest.raises(Refusal, match=r"ensemble\.json"):
        networks.load_ensemble(tmp_path)


def test_a_plain_fit_is_the_same_for_the_same_seed(sequences):
    values, labels = sequences
    first, second = (networks.fit(dense, values[:, 0], labels, epochs=1, seed=3) for _ in range(2))
    for ours, theirs in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)

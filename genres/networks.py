"""Which networks, and how is an ensemble trained, kept and loaded?

The members of an ensemble have the same layers and differ in their weights only. Here they are
trained side by side: each weight gets a leading member axis, each product of matrices becomes a
batch of products, and one step trains all members, each on a batch of its own. For small networks
this saves most of the time, which goes into starting operations and not into arithmetic.
"""

import os
import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from genres import Refusal, files

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _without_greeting():
    """Keep TensorFlow's notes on its own build, which no level of logging holds back, to itself."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123, a device
        stderr = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


with _without_greeting():
    import keras
    import tensorflow as tf
    from keras import layers

ADAM = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}  # Keras's own defaults


class Fit(NamedTuple):
    """A trained network and how its training went."""

    model: keras.Model
    seconds: float


class Ensemble(NamedTuple):
    """Networks of one architecture, and how their training went.

    Attributes
    ----------
    members : list of keras.Model
        The trained networks.
    curves : dict of array, shape (n_members, n_epochs)
        ``loss`` and ``accuracy`` on the training rows while dropout is on and, where there were
        validation rows, ``val_loss`` and ``val_accuracy``.
    seconds : dict of float
        ``tracing`` (building the members and the training step) and ``training`` (the rest).
    """

    members: list
    curves: dict
    seconds: dict

    def predict(self, values):
        """Probabilities of each member.

        Parameters
        ----------
        values : array of float, shape (n_rows, …)
            What the networks take.

        Returns
        -------
        array of float, shape (n_members, n_rows, …, n_genres)
        """
        return tf.nn.softmax(_all_logits(_Stacked(self.members), values)).numpy()


def sequential(inputs, blocks, n_genres):
    """Chain layers between an input and a softmax over genres.

    Parameters
    ----------
    inputs : tuple of int
        Shape of one row.
    blocks : list of callable
        Layers, or functions from tensor to tensor, applied in order.
    n_genres : int
        Answers of the softmax.

    Returns
    -------
    keras.Model
    """
    first = tensor = keras.Input(inputs)
    for block in blocks:
        tensor = block(tensor)
    return keras.Model(first, layers.Dense(n_genres, activation="softmax")(tensor))


def fit(build, values, labels, *, epochs, batch_size=32, seed=0):
    """Train one network with Adam and cross-entropy, the plain way.

    Parameters
    ----------
    build : callable
        Gives a fresh, uncompiled ``keras.Model`` that ends in a softmax.
    values : array of float, shape (n_rows, …)
        What the network takes.
    labels : array of int, shape (n_rows,) or (n_rows, n_steps)
        Genre ids, for each answer of the network.
    epochs, batch_size, seed : int
        Passes over the rows; rows of a step; seed of weights, order and dropout.

    Returns
    -------
    Fit
    """
    start = time.perf_counter()
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = build()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    model.fit(values, labels, epochs=epochs, batch_size=batch_size, verbose=0)
    return Fit(model, time.perf_counter() - start)


def fit_ensemble(
    build,
    values,
    labels,
    *,
    n_members,
    epochs,
    batch_size=32,
    seed=0,
    validation=None,
    progress=None,
):
    """Train networks of one architecture side by side, with Adam and cross-entropy.

    Parameters
    ----------
    build : callable
        Gives a fresh ``keras.Model``: a chain of LSTM, Dense and Dropout layers that ends in a
        softmax.
    values : array of float, shape (n_rows, …, n_features)
        What the networks take.
    labels : array of int, shape (n_rows,)
        Genre ids; where the networks answer at every step, the label holds for all steps.
    n_members : int
        Networks to train. Member i has its weights and its order of rows from ``seed + i``,
        whatever the number of members; dropout is drawn for all of them together.
    epochs, batch_size, seed : int
        Passes over the rows; rows of a step; seed.
    validation : tuple of (values, labels), optional
        Rows to score after each epoch.
    progress : callable, optional
        Called after each epoch with 1.

    Returns
    -------
    Ensemble
        The same for the same seed on the same machine; sums are taken in another order where the
        number of cores differs, and the last digits with them.

    Raises
    ------
    ValueError
        If the network holds a layer of another kind.
    """
    start = time.perf_counter()
    keras.backend.clear_session()
    members = []
    for member in range(n_members):
        keras.utils.set_random_seed(seed + member)
        members.append(build())
    stacked = _Stacked(members)
    train_step = _train_step(stacked, values, labels)
    orders = [np.random.default_rng(seed + member) for member in range(n_members)]
    curves = {"loss": [], "accuracy": []}
    if validation:
        curves |= {"val_loss": [], "val_accuracy": []}
    traced = None
    for epoch in range(epochs):
        order = np.stack([rng.permutation(len(values)) for rng in orders])
        sums = 0.0
        for first in range(0, len(values), batch_size):
            batch = tf.constant(order[:, first : first + batch_size])
            step_sums = train_step(batch, tf.constant([seed, epoch * len(values) + first]))
            traced = traced or time.perf_counter()
            sums = sums + step_sums
        loss, accuracy = (sums / len(values)).numpy()
        curves["loss"].append(loss)
        curves["accuracy"].append(accuracy)
        if validation:
            loss, accuracy = _validation_scores(stacked, *validation)
            curves["val_loss"].append(loss)
            curves["val_accuracy"].append(accuracy)
        if progress:
            progress(1)
    stacked.unstack()
    seconds = {"tracing": traced - start, "training": time.perf_counter() - traced}
    return Ensemble(members, {name: np.array(c).T for name, c in curves.items()}, seconds)


def save_ensemble(ensemble, folder, preparation):
    """Keep an ensemble: a Keras file a member, and a JSON file for all that belongs to its input.

    Parameters
    ----------
    ensemble : Ensemble
        What to keep.
    folder : path-like
        Where; other members that lie there are removed.
    preparation : dict
        What turns a table's rows into the input: names of features, means, deviations.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("member-*.keras"):
        old.unlink()
    names = [f"member-{number:02d}.keras" for number in range(1, len(ensemble.members) + 1)]
    for name, member in zip(names, ensemble.members, strict=True):
        with files.atomic(folder / name) as temporary:
            member.save(temporary)
    files.write_json(folder / "ensemble.json", {"members": names, **preparation})


def load_ensemble(folder):
    """Load an ensemble that `save_ensemble` kept.

    Parameters
    ----------
    folder : path-like
        Where it lies.

    Returns
    -------
    ensemble : Ensemble
        Without curves and times.
    preparation : dict
        As it was given.

    Raises
    ------
    Refusal
        If there is no ensemble, or a file of it cannot be read. Files are read in Keras's safe
        mode: they cannot bring code of their own.
    """
    preparation = files.read_json(folder / "ensemble.json")
    members = []
    for name in preparation.pop("members"):
        try:
            members.append(keras.saving.load_model(folder / name, compile=False, safe_mode=True))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Refusal(
                f"{folder / name} cannot be read as a network; train it again."
            ) from error
    return Ensemble(members, {}, {}), preparation


class _Stacked:
    """The layers of several equal networks as one chain over weights with a member axis."""

    def __init__(self, members):
        self.members = members
        weights = zip(*[member.get_weights() for member in members], strict=True)
        self.weights = [tf.Variable(np.stack(same)) for same in weights]
        unused = iter(self.weights)
        self.chain = []
        for layer in members[0].layers:
            if not isinstance(layer, layers.InputLayer):
                own = [next(unused) for _ in layer.weights if not isinstance(layer, layers.Dropout)]
                self.chain.append(_stacked_layer(layer, own))

    def logits(self, tensor, dropout_seed=None):
        """Inputs (n_members, n_rows, …) to what the softmax takes; no seed means no dropout."""
        for number, layer in enumerate(self.chain):
            seed = None if dropout_seed is None else tf.add(dropout_seed, [0, number])
            tensor = layer(tensor, seed)
        return tensor

    def unstack(self):
        """Give each member its own weights back."""
        values = [weight.numpy() for weight in self.weights]
        for number, member in enumerate(self.members):
            member.set_weights([value[number] for value in values])


def _stacked_layer(layer, weights):
    """The function (tensor, seed) → tensor of a Keras layer whose weights have a member axis."""
    if isinstance(layer, layers.Dense):
        # The softmax at the end is part of the loss.
        activation = None if layer.activation is keras.activations.softmax else layer.activation
        return lambda tensor, seed: _stacked_dense(tensor, *weights, activation)
    if isinstance(layer, layers.LSTM):
        if not layer.return_sequences:
            return lambda tensor, seed: _stacked_lstm(tensor, *weights)[:, :, -1]
        return lambda tensor, seed: _stacked_lstm(tensor, *weights)
    if isinstance(layer, layers.Dropout):
        return lambda tensor, seed: _dropout(tensor, layer.rate, seed)
    kind = type(layer).__name__
    raise ValueError(f"{kind} layers cannot be trained side by side: LSTM, Dense and Dropout can")


def _stacked_dense(tensor, kernel, bias, activation=None):
    shape = tf.shape(tensor)
    flat = tf.reshape(tensor, [shape[0], -1, tensor.shape[-1]])
    flat = tf.matmul(flat, kernel) + bias[:, None]
    flat = activation(flat) if activation else flat
    return tf.reshape(flat, tf.concat([shape[:-1], [kernel.shape[-1]]], axis=0))


def _stacked_lstm(tensor, kernel, recurrent_kernel, bias):
    from_inputs = tf.transpose(_stacked_dense(tensor, kernel, bias), [2, 0, 1, 3])
    return tf.transpose(
        _recurrence(from_inputs, tf.convert_to_tensor(recurrent_kernel)), [1, 2, 0, 3]
    )


@tf.custom_gradient
def _recurrence(from_inputs, kernel):
    """Run an LSTM over (n_steps, n_members, n_rows, 4 × units) and the kernel of its own output.

    The gradient by the kernel is one product over all steps, where TensorFlow's own would be one
    product and one sum a step.
    """
    n_steps = from_inputs.shape[0]
    outputs, states, gates = [], [], []
    for step in range(n_steps):
        summed = from_inputs[step]
        if step:
            summed += tf.matmul(outputs[-1], kernel)
        enter, forget, new, leave = tf.split(summed, 4, axis=-1)
        enter, forget, leave = tf.sigmoid(enter), tf.sigmoid(forget), tf.sigmoid(leave)
        new = tf.tanh(new)
        states.append(enter * new + forget * states[-1] if step else enter * new)
        squashed = tf.tanh(states[-1])
        outputs.append(leave * squashed)
        gates.append((enter, forget, new, leave, squashed))

    def gradient(by_outputs):
        by_sums = [None] * n_steps
        by_output, by_state = 0.0, 0.0
        for step in reversed(range(n_steps)):
            enter, forget, new, leave, squashed = gates[step]
            by_output += by_outputs[step]
            by_state += by_output * leave * (1 - squashed**2)
            before = states[step - 1] if step else tf.zeros_like(new)
            by_sums[step] = tf.concat(
                [
                    by_state * new * enter * (1 - enter),
                    by_state * before * forget * (1 - forget),
                    by_state * enter * (1 - new**2),
                    by_output * squashed * leave * (1 - leave),
                ],
                axis=-1,
            )
            by_output = tf.matmul(by_sums[step], kernel, transpose_b=True) if step else 0.0
            by_state = by_state * forget
        if n_steps == 1:
            return tf.stack(by_sums), tf.zeros_like(kernel)
        earlier, later = tf.concat(outputs[:-1], axis=1), tf.concat(by_sums[1:], axis=1)
        return tf.stack(by_sums), tf.matmul(earlier, later, transpose_a=True)

    return tf.stack(outputs), gradient


def _all_logits(stacked, values):
    """What each member's softmax takes, for the same rows."""
    repeats = [len(stacked.members)] + [1] * np.ndim(values)
    return stacked.logits(tf.tile(tf.constant(values, tf.float32)[None], repeats))


def _validation_scores(stacked, values, labels):
    """Mean cross-entropy and accuracy of each member, shape (2, n_members)."""
    repeated = tf.tile(tf.constant(labels, tf.int32)[None], [len(stacked.members), 1])
    return _scores(_all_logits(stacked, values), repeated).numpy() / len(labels)


def _dropout(tensor, rate, seed):
    if seed is None:
        return tensor
    kept = tf.random.stateless_uniform(tf.shape(tensor), seed) >= rate
    return tf.where(kept, tensor / (1 - rate), 0.0)


def _scores(logits, labels):
    """Sum over rows of the cross-entropy and of the right answers of the last step.

    Takes (n_members, n_rows, [n_steps,] n_genres) and (n_members, n_rows); gives (2, n_members).
    """
    if logits.shape.rank == 3:
        logits = logits[:, :, None]
    repeated = tf.repeat(labels[:, :, None], tf.shape(logits)[2], axis=2)
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(repeated, logits)
    right = tf.argmax(logits[:, :, -1], axis=-1, output_type=labels.dtype) == labels
    sums = [
        tf.reduce_sum(tf.reduce_mean(entropy, 2), 1),
        tf.reduce_sum(tf.cast(right, tf.float32), 1),
    ]
    return tf.stack(sums)


def _train_step(stacked, values, labels):
    """The function that trains all members, each on its own batch of rows, and sums its scores."""
    values, labels = tf.constant(values, tf.float32), tf.constant(labels, tf.int32)
    weights = stacked.weights
    means, squares = ([tf.Variable(tf.zeros_like(w)) for w in weights] for _ in range(2))
    powers = tf.Variable([1.0, 1.0])

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.int64), tf.TensorSpec([2], tf.int32)]
    )
    def train_step(rows, dropout_seed):
        with tf.GradientTape() as tape:
            scores = _scores(
                stacked.logits(tf.gather(values, rows), dropout_seed), tf.gather(labels, rows)
            )
            loss = tf.reduce_sum(scores[0]) / tf.cast(tf.shape(rows)[1], tf.float32)
        gradients = tape.gradient(loss, weights)
        powers.assign(powers * [ADAM["beta1"], ADAM["beta2"]])
        for weight, mean, square, gradient in zip(weights, means, squares, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                grad=gradient,
                **ADAM,
            )
        return scores

    return train_step

"""How do several networks run, and train, as one?

The members of an ensemble have the same layers and differ in their weights only. Here each weight
gets a leading member axis, each product of matrices becomes a batch of products, and one step
trains all members, each on a batch of its own. For small networks this saves most of the time,
which goes into starting operations and not into arithmetic.
"""

from collections.abc import Callable

import numpy as np

from genres.screen import without_stderr

# No level of logging holds back TensorFlow's notes on its own build.
with without_stderr():
    import keras
    import tensorflow as tf
    from keras import layers

# It warns of every network after the first few that tracing them again takes time.
tf.get_logger().setLevel("ERROR")

# Keras's own defaults
ADAM = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}
RMSPROP = {"lr": 1e-3, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7}
_DEFAULTS = {
    "use_bias": True,
    "recurrent_activation": "sigmoid",
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "reset_after": True,
    "groups": 1,
    "data_format": "channels_last",
}


class Stacked:
    """The layers of several equal networks as one chain over weights with a member axis.

    Parameters
    ----------
    members : list of keras.Model
        Networks of the same layers: Dense, Dropout, Conv1D, MaxPooling1D, Flatten, LSTM, GRU,
        SimpleRNN and Bidirectional, the last one Dense with a softmax.
    seeds : sequence of int, optional
        Where each member's dropout starts from; without them there is no training.

    Raises
    ------
    ValueError
        If there is a layer of another kind, or one whose settings would be passed over: of a
        recurrent layer all but its units and what it returns, of others regularisers, constraints,
        strides and groups.
    """

    def __init__(self, members, seeds=None):
        self.members = members
        self.seeds = seeds
        weights = zip(*[member.get_weights() for member in members], strict=True)
        self.weights = [tf.Variable(np.stack(same)) for same in weights]
        unused = iter(self.weights)
        self.chain = []
        for layer in members[0].layers:
            if not isinstance(layer, layers.InputLayer):
                own = [next(unused) for _ in layer.weights if not isinstance(layer, layers.Dropout)]
                self.chain.append(_stacked_layer(layer, own))

    def logits(self, tensor, step=None):
        """Inputs (n_members, n_rows, …) to what the softmax takes; dropout at a training step."""
        for number, layer in enumerate(self.chain):
            tensor = layer(tensor, None if step is None else self._dropout_seeds(step, number))
        return tensor

    def _dropout_seeds(self, step, layer_number):
        draw = step * len(self.chain) + layer_number
        return [tf.stack([seed, draw]) for seed in self.seeds]

    def train_step(self, values, labels, optimizer: str = "adam") -> Callable:
        """Give the function that trains all members, each on its own batch of rows.

        Parameters
        ----------
        values : array of float, shape (n_rows, …)
            What the networks take.
        labels : array of int, shape (n_rows,)
            Genre ids.
        optimizer : str
            ``adam`` or ``rmsprop``, with Keras's defaults.

        Returns
        -------
        callable
            (rows of shape (n_members, batch_size), number of the step) → sums of the scores, as
            `_scores` gives them.
        """
        values, labels = tf.constant(values, tf.float32), tf.constant(labels, tf.int32)
        weights = self.weights
        update = _OPTIMIZERS[optimizer](weights)

        @tf.function(
            input_signature=[tf.TensorSpec([None, None], tf.int64), tf.TensorSpec([], tf.int32)],
            autograph=False,  # no tensor decides what is done: Python's own loops can stay
        )
        def train_step(rows, step):
            with tf.GradientTape() as tape:
                scores = _scores(
                    self.logits(tf.gather(values, rows), step), tf.gather(labels, rows)
                )
                loss = tf.reduce_sum(scores[0]) / tf.cast(tf.shape(rows)[1], tf.float32)
            update(tape.gradient(loss, weights))
            return scores

        return train_step

    def probabilities(self, values):
        """Give each member's probabilities for the same rows, (n_members, n_rows, …, n_genres)."""
        return tf.nn.softmax(self._all_logits(values)).numpy()

    def mean_scores(self, values, labels):
        """Mean cross-entropy and accuracy of each member, (2, n_members).

        All are scored on the same rows or, where the labels have a member axis, on their own.
        """
        if np.ndim(labels) == 1:
            values, labels = self._for_each(values), self._for_each(labels)
        logits = self.logits(tf.cast(values, tf.float32))
        return _scores(logits, tf.cast(labels, tf.int32)).numpy() / labels.shape[1]

    def _all_logits(self, values):
        return self.logits(tf.cast(self._for_each(values), tf.float32))

    def _for_each(self, array):
        """Put a member axis before an array."""
        return np.broadcast_to(array, (len(self.members), *np.shape(array)))

    def unstack(self):
        """Give each member its own weights back."""
        values = [weight.numpy() for weight in self.weights]
        for number, member in enumerate(self.members):
            member.set_weights([value[number] for value in values])


def _stacked_layer(layer, weights):
    """The function (tensor, dropout seeds) → tensor of a layer whose weights have a member axis."""
    _require_defaults(layer)
    if isinstance(layer, layers.Dense):
        # The softmax at the end is part of the loss.
        activation = None if layer.activation is keras.activations.softmax else layer.activation
        return lambda tensor, seeds: _stacked_dense(tensor, *weights, activation)
    if isinstance(layer, layers.Bidirectional) and layer.merge_mode == "concat":
        return _stacked_bidirectional(layer, weights)
    if isinstance(layer, tuple(_RECURRENT)):
        read = _stacked_recurrent(layer)
        if not layer.return_sequences:
            return lambda tensor, seeds: read(tensor, *weights)[:, :, -1]
        return lambda tensor, seeds: read(tensor, *weights)
    if isinstance(layer, layers.Dropout):
        return lambda tensor, seeds: _dropout(tensor, layer.rate, seeds)
    if isinstance(layer, layers.Conv1D):
        return lambda tensor, seeds: _stacked_conv(tensor, *weights, layer)
    if isinstance(layer, layers.MaxPooling1D):
        return lambda tensor, seeds: _max_pooled(tensor, *layer.pool_size)
    if isinstance(layer, layers.Flatten):
        return lambda tensor, seeds: _reshaped(tensor, np.prod(tensor.shape[2:]))
    kind = type(layer).__name__
    raise ValueError(
        f"{kind} layers cannot be trained side by side: Dense, Dropout, Conv1D, MaxPooling1D, "
        "Flatten, LSTM, GRU, SimpleRNN and Bidirectional can"
    )


def _require_defaults(layer):
    """Raise ValueError if a layer has a setting that is passed over here."""
    usual = dict(_DEFAULTS)
    if isinstance(layer, tuple(_RECURRENT)):
        usual["activation"] = "tanh"
    if isinstance(layer, layers.Conv1D):
        usual["strides"] = (1,)
    if isinstance(layer, layers.MaxPooling1D):
        usual |= {"strides": layer.pool_size, "padding": "valid"}
    for name, value in layer.get_config().items():
        restrains = name.endswith(("_regularizer", "_constraint")) and value is not None
        if restrains or value != usual.get(name, value):
            kind = type(layer).__name__
            raise ValueError(f"{kind} layers with another {name} cannot be trained side by side")


def _stacked_dense(tensor, kernel, bias, activation=None):
    shape = tf.shape(tensor)
    flat = tf.reshape(tensor, [shape[0], -1, tensor.shape[-1]])
    flat = tf.matmul(flat, kernel) + bias[:, None]
    flat = activation(flat) if activation else flat
    return tf.reshape(flat, tf.concat([shape[:-1], [kernel.shape[-1]]], axis=0))


def _stacked_conv(tensor, kernel, bias, layer):
    """A convolution along the steps, as one product with all that a filter reads at a step."""
    width, (dilation,) = kernel.shape[1], layer.dilation_rate
    reach = (width - 1) * dilation
    if layer.padding != "valid":
        before = reach if layer.padding == "causal" else reach // 2
        tensor = tf.pad(tensor, [[0, 0], [0, 0], [before, reach - before], [0, 0]])
    n_steps = tensor.shape[2] - reach
    read = [tensor[:, :, first : first + n_steps] for first in range(0, reach + 1, dilation)]
    flat = tf.reshape(kernel, [kernel.shape[0], -1, kernel.shape[3]])
    return _stacked_dense(tf.concat(read, axis=3), flat, bias, layer.activation)


def _max_pooled(tensor, size):
    n_steps = tensor.shape[2] // size
    groups = _reshaped(tensor[:, :, : n_steps * size], n_steps, size, tensor.shape[3])
    return tf.reduce_max(groups, axis=3)


def _reshaped(tensor, *shape):
    """Give each member's rows another shape."""
    n_members, n_rows, *_ = tf.unstack(tf.shape(tensor))
    return tf.reshape(tensor, [n_members, n_rows, *shape])


def _stacked_recurrent(layer):
    """The function (tensor, weights) → outputs at every step of a recurrent layer."""
    _require_defaults(layer)
    return _RECURRENT[type(layer)]


def _stacked_bidirectional(layer, weights):
    """A layer that reads the steps in both directions, and joins what it finds."""
    half = len(weights) // 2
    forward, backward = map(_stacked_recurrent, (layer.forward_layer, layer.backward_layer))

    def read(tensor, seeds):
        onward = forward(tensor, *weights[:half])
        back = backward(tf.reverse(tensor, [2]), *weights[half:])
        if not layer.return_sequences:
            return tf.concat([onward[:, :, -1], back[:, :, -1]], axis=-1)
        return tf.concat([onward, tf.reverse(back, [2])], axis=-1)

    return read


def _stacked_rnn(tensor, kernel, recurrent_kernel, bias):
    outputs = []
    for from_input in tf.unstack(_stacked_dense(tensor, kernel, bias), axis=2):
        summed = from_input + tf.matmul(outputs[-1], recurrent_kernel) if outputs else from_input
        outputs.append(tf.tanh(summed))
    return tf.stack(outputs, axis=2)


def _stacked_gru(tensor, kernel, recurrent_kernel, bias):
    from_inputs = tf.unstack(_stacked_dense(tensor, kernel, bias[:, 0]), axis=2)
    outputs = [tf.zeros_like(from_inputs[0][..., : recurrent_kernel.shape[1]])]
    for from_input in from_inputs:
        from_output = tf.matmul(outputs[-1], recurrent_kernel) + bias[:, 1, None]
        keep, reset, new = tf.split(from_input, 3, axis=-1)
        own_keep, own_reset, own_new = tf.split(from_output, 3, axis=-1)
        keep, reset = tf.sigmoid(keep + own_keep), tf.sigmoid(reset + own_reset)
        outputs.append(keep * outputs[-1] + (1 - keep) * tf.tanh(new + reset * own_new))
    return tf.stack(outputs[1:], axis=2)


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


_RECURRENT = {
    layers.LSTM: _stacked_lstm,
    layers.GRU: _stacked_gru,
    layers.SimpleRNN: _stacked_rnn,
}


def _adam(weights):
    means, squares = ([tf.Variable(tf.zeros_like(w)) for w in weights] for _ in range(2))
    powers = tf.Variable([1.0, 1.0])

    def update(gradients):
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

    return update


def _rmsprop(weights):
    squares, momenta = ([tf.Variable(tf.zeros_like(w)) for w in weights] for _ in range(2))

    def update(gradients):
        for weight, square, momentum, gradient in zip(
            weights, squares, momenta, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyRMSProp(
                var=weight.handle, ms=square.handle, mom=momentum.handle, grad=gradient, **RMSPROP
            )

    return update


_OPTIMIZERS = {"adam": _adam, "rmsprop": _rmsprop}


def _dropout(tensor, rate, seeds):
    if seeds is None:
        return tensor
    drawn = [tf.random.stateless_uniform(tf.shape(tensor)[1:], seed) for seed in seeds]
    return tf.where(tf.stack(drawn) >= rate, tensor / (1 - rate), 0.0)


def _scores(logits, labels):
    """Sum over rows of the cross-entropy and of the correct predictions of the last step.

    Takes (n_members, n_rows, [n_steps,] n_genres) and (n_members, n_rows); gives (2, n_members).
    """
    if logits.shape.rank == 3:
        logits = logits[:, :, None]
    repeated = tf.repeat(labels[:, :, None], tf.shape(logits)[2], axis=2)
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(repeated, logits)
    correct = tf.argmax(logits[:, :, -1], axis=-1, output_type=labels.dtype) == labels
    sums = [
        tf.reduce_sum(tf.reduce_mean(entropy, 2), 1),
        tf.reduce_sum(tf.cast(correct, tf.float32), 1),
    ]
    return tf.stack(sums)

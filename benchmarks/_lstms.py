"""Ten LSTMs in other libraries: an LSTM of 128, a dense layer of 128, dropout, and softmax."""

import numpy as np

N_MEMBERS, EPOCHS, BATCH, UNITS, DROPOUT = 10, 5, 32, 128, 0.3
RATE, FIRST, SECOND, SMALL = 1e-3, 0.9, 0.999, 1e-7  # of Adam, as in Keras


def with_torch(x, y, x_test, y_test, seed):
    """Train one after the other, with PyTorch's own layers; give the mean accuracy."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(x.shape[2], UNITS, batch_first=True)
            self.dense, self.dropout = nn.Linear(UNITS, UNITS), nn.Dropout(DROPOUT)
            self.out = nn.Linear(UNITS, int(y.max()) + 1)

        def forward(self, values):
            return self.out(self.dropout(torch.relu(self.dense(self.lstm(values)[0]))))

    inputs, labels = torch.from_numpy(x), torch.from_numpy(np.int64(y))
    accuracies = []
    for member in range(N_MEMBERS):
        torch.manual_seed(N_MEMBERS * seed + member)
        network = Network()
        adam = torch.optim.Adam(network.parameters(), RATE, eps=SMALL)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(BATCH):
                adam.zero_grad()
                logits = network(inputs[rows]).flatten(0, 1)
                every_step = labels[rows].repeat_interleave(x.shape[1])
                nn.functional.cross_entropy(logits, every_step).backward()
                adam.step()
        network.eval()
        with torch.no_grad():
            predicted = network(torch.from_numpy(x_test))[:, -1].argmax(1).numpy()
        accuracies.append(np.mean(predicted == y_test))
    return np.mean(accuracies)


def with_torch_vmap(x, y, x_test, y_test, seed):
    """Train side by side with torch.func.vmap, whose layers' LSTM cannot be mapped."""
    import torch

    def loss(weights, values, labels, kept):
        logs = torch.log_softmax(_logits(torch, weights, values, kept), -1)
        return -(logs * labels[:, None]).sum(-1).mean()

    step = torch.func.vmap(torch.func.grad(loss))
    tensor = torch.from_numpy
    weights = {name: tensor(value) for name, value in _initial(x, y, seed).items()}
    first = {name: torch.zeros_like(value) for name, value in weights.items()}
    second = {name: torch.zeros_like(value) for name, value in weights.items()}
    for time, batch in enumerate(_batches(x, y, seed), start=1):
        gradients = step(weights, *map(tensor, batch))
        for name, gradient in gradients.items():
            _adam(torch, name, gradient, weights, first, second, time)
    predict = torch.func.vmap(
        lambda weights: _logits(torch, weights, tensor(x_test), 1.0)[:, -1].argmax(-1)
    )
    return np.mean(predict(weights).numpy() == y_test)


def with_jax(x, y, x_test, y_test, seed):
    """Train side by side with jax.vmap, compiled."""
    import jax
    from jax import numpy as jnp

    jnp_like = _Jax(jax, jnp)

    def loss(weights, values, labels, kept):
        logs = jax.nn.log_softmax(_logits(jnp_like, weights, values, kept), -1)
        return -(logs * labels[:, None]).sum(-1).mean()

    @jax.jit
    def step(weights, first, second, time, batch):
        gradients = jax.vmap(jax.grad(loss))(weights, *batch)
        weights, first, second = dict(weights), dict(first), dict(second)
        for name, gradient in gradients.items():
            _adam(jnp, name, gradient, weights, first, second, time)
        return weights, first, second

    weights = {name: jnp.asarray(value) for name, value in _initial(x, y, seed).items()}
    first = {name: jnp.zeros_like(value) for name, value in weights.items()}
    second = dict(first)
    for time, batch in enumerate(_batches(x, y, seed), start=1):
        weights, first, second = step(weights, first, second, float(time), batch)
    predict = jax.vmap(lambda w: _logits(jnp_like, w, x_test, 1.0)[:, -1].argmax(-1))
    return np.mean(np.asarray(predict(weights)) == y_test)


class _Jax:
    """JAX's functions under the names they have in PyTorch."""

    def __init__(self, jax, jnp):
        self.sigmoid, self.relu = jax.nn.sigmoid, jax.nn.relu
        self.tanh, self.stack, self.zeros_like = jnp.tanh, jnp.stack, jnp.zeros_like


def _initial(x, y, seed):
    rng = np.random.default_rng(seed)
    shapes = {
        "kernel": (x.shape[2], 4 * UNITS),
        "recurrent": (UNITS, 4 * UNITS),
        "dense": (UNITS, UNITS),
        "out": (UNITS, int(y.max()) + 1),
    }
    weights = {}
    for name, (n_in, n_out) in shapes.items():
        limit = np.sqrt(6 / (n_in + n_out))
        values = rng.uniform(-limit, limit, (N_MEMBERS, n_in, n_out))
        weights[name] = values.astype(np.float32)
        weights[f"{name} bias"] = np.zeros((N_MEMBERS, n_out), np.float32)
    weights["kernel bias"][:, UNITS : 2 * UNITS] = 1  # of the forget gate, as in Keras
    del weights["recurrent bias"]
    return weights


def _batches(x, y, seed):
    """Give each member its own order of the tracks, and what its dropout keeps."""
    rng = np.random.default_rng(seed)
    one_hot = np.eye(int(y.max()) + 1, dtype=np.float32)[y]
    for _ in range(EPOCHS):
        orders = np.array([rng.permutation(len(x)) for _ in range(N_MEMBERS)])
        for start in range(0, len(x), BATCH):
            rows = orders[:, start : start + BATCH]
            kept = rng.random((*rows.shape, x.shape[1], UNITS), np.float32) >= DROPOUT
            yield x[rows], one_hot[rows], kept.astype(np.float32) / np.float32(1 - DROPOUT)


def _logits(library, weights, values, kept):
    hidden = library.zeros_like(values[:, 0] @ weights["kernel"])[:, :UNITS]
    state, outputs = hidden, []
    for step in range(values.shape[1]):
        gates = values[:, step] @ weights["kernel"] + hidden @ weights["recurrent"]
        gates = gates + weights["kernel bias"]
        into, forget, new, out = (gates[:, i * UNITS : (i + 1) * UNITS] for i in range(4))
        state = library.sigmoid(forget) * state + library.sigmoid(into) * library.tanh(new)
        hidden = library.sigmoid(out) * library.tanh(state)
        outputs.append(hidden)
    every_step = library.stack(outputs, 1)
    dense = library.relu(every_step @ weights["dense"] + weights["dense bias"])
    return (dense * kept) @ weights["out"] + weights["out bias"]


def _adam(library, name, gradient, weights, first, second, time):
    first[name] = FIRST * first[name] + (1 - FIRST) * gradient
    second[name] = SECOND * second[name] + (1 - SECOND) * gradient**2
    rate = RATE * (1 - SECOND**time) ** 0.5 / (1 - FIRST**time)
    weights[name] = weights[name] - rate * first[name] / (library.sqrt(second[name]) + SMALL)

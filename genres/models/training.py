"""How is a network trained, one alone or many side by side?"""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from genres import cluster, parallel
from genres.models.networks import Ensemble, predict
from genres.models.stacked import Stacked, keras, tf

_MIXUP = 0.3  # of the beta distribution that shares are drawn from


class Fit(NamedTuple):
    """A trained network and how its training went.

    Attributes
    ----------
    model : keras.Model
        The trained network.
    curves : dict of list of float
        ``loss`` and ``accuracy`` of each epoch on what was trained on and, where there were
        validation rows, ``val_loss`` and ``val_accuracy``.
    best_epoch : int
        The epoch, from 1, whose weights the network has.
    seconds : float
        How long it took.
    """

    model: keras.Model
    curves: dict
    best_epoch: int
    seconds: float


def fit(
    build: Callable,
    values,
    labels,
    *,
    epochs: int,
    batch_size: int = 32,
    seed: int = 0,
    optimizer="adam",
    class_weight=None,
    augment: Callable | None = None,
    validation=None,
    progress: Callable | None = None,
):
    """Train one network with cross-entropy, the plain way.

    Parameters
    ----------
    build : callable
        Gives a fresh, uncompiled ``keras.Model`` that ends in a softmax.
    values : array of float, shape (n_rows, …), or list of such arrays
        What the network takes.
    labels : array of int, shape (n_rows,) or (n_rows, n_steps)
        Genre ids, for each prediction of the network.
    epochs, batch_size, seed : int
        Passes over the rows; rows of a step; seed of weights, order, dropout and augmentation.
    optimizer : str or callable
        A name that Keras knows, or a function from the number of steps to an optimizer.
    class_weight : dict of int to float, optional
        How much a row of each genre counts, where a network gives one prediction for a row; of
        probabilities, that of the likeliest genre.
    augment : callable, optional
        Makes an epoch's rows: (random generator, values, labels) to values and either genre ids or
        probabilities of genres, (n_rows, n_genres).
    validation : tuple of (values, labels), optional
        Rows to score after each epoch. The network then keeps the weights of the epoch that was
        best on them: of the highest accuracy, and among equals of the smallest loss.
    progress : callable, optional
        Called after each epoch with 1.

    Returns
    -------
    Fit
    """
    start = time.perf_counter()
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    rows, targets = augment(rng, values, labels) if augment else (values, labels)
    kind = "categorical" if augment and np.ndim(targets) == 2 else "sparse_categorical"
    if callable(optimizer):
        optimizer = optimizer(epochs * -(-len(targets) // batch_size))
    model = build()
    model.compile(optimizer=optimizer, loss=f"{kind}_crossentropy", metrics=["accuracy"])
    _prepare(model, targets)
    watch = _Watch(validation, progress)
    settings = {"batch_size": batch_size, "class_weight": class_weight, "callbacks": [watch]}
    model.fit(rows, targets, epochs=1 if augment else epochs, verbose=0, **settings)
    if augment:
        for _ in range(epochs - 1):
            model.fit(*augment(rng, values, labels), verbose=0, **settings)
    if validation:
        model.set_weights(watch.weights)
    best_epoch = watch.best_epoch or epochs
    return Fit(model, watch.curves, best_epoch, time.perf_counter() - start)


def _prepare(model, targets):
    """Make all variables of a training; else its first step makes them, and is traced twice."""
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(None, targets[:1], np.zeros((1, *model.output_shape[1:]), np.float32))
    model.reset_metrics()


class _Watch(keras.callbacks.Callback):
    """Note how a training goes, and keep the weights that are best on validation rows."""

    def __init__(self, validation, progress):
        super().__init__()
        self.curves, self.best_epoch, self.weights = {}, None, None
        self._validation, self._progress, self._best = validation, progress, (-1, 0)

    def on_epoch_end(self, epoch, logs=None):
        scores = dict(logs)
        if self._validation:
            loss, accuracy = _mean_scores(self.model, *self._validation)
            scores |= {"val_loss": loss, "val_accuracy": accuracy}
        for name, value in scores.items():
            self.curves.setdefault(name, []).append(value)
        if self._validation and (accuracy, -loss) > self._best:
            self._best, self.best_epoch = (accuracy, -loss), len(self.curves["loss"])
            self.weights = self.model.get_weights()
        if self._progress:
            self._progress(1)


def cosine_decay(learning_rate: float) -> Callable:
    """Give Adam whose learning rate rises over a tenth of the steps, then falls along a cosine.

    Parameters
    ----------
    learning_rate : float
        Its highest rate.

    Returns
    -------
    callable
        From the number of steps to an optimizer, as `fit` takes it (Loshchilov and Hutter, 2017).
    """

    def optimizer(n_steps):
        warmup_steps = max(n_steps // 10, 1)
        return keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(
                learning_rate / 10,
                max(n_steps - warmup_steps, 1),
                alpha=0.01,
                warmup_target=learning_rate,
                warmup_steps=warmup_steps,
            )
        )

    return optimizer


def mix_windows(width: int, n_genres: int, rng, values, labels):
    """Cut a window out of each clip, and blend it with another's (mixup, Zhang et al., 2018).

    Parameters
    ----------
    width, n_genres : int
        Columns of a window; how many genres there are. With these given, the rest is what `fit`
        calls its ``augment`` with.
    rng : numpy.random.Generator
        What draws windows, partners and shares.
    values : array of float, shape (n_clips, n_columns, n_bands)
        The clips.
    labels : array of int, shape (n_clips,)
        Their genre ids.

    Returns
    -------
    windows : array of float, shape (n_clips, width, n_bands)
        Each a mean of two.
    targets : array of float, shape (n_clips, n_genres)
        The share of each genre.
    """
    starts = rng.integers(0, values.shape[1] - width + 1, len(values))
    x = np.stack([clip[at : at + width] for clip, at in zip(values, starts, strict=True)])
    share = rng.beta(_MIXUP, _MIXUP, len(x)).astype(np.float32)[:, None]
    other, targets = rng.permutation(len(x)), np.eye(n_genres)[labels]
    blended = x * share[..., None] + x[other] * (1 - share[..., None])
    return blended, targets * share + targets[other] * (1 - share)


def _mean_scores(model, values, labels):
    """Give mean cross-entropy and accuracy of a network."""
    probabilities = predict(model, values)
    correct = probabilities.argmax(axis=-1) == labels
    of_label = np.take_along_axis(probabilities, np.asarray(labels)[..., None], axis=-1)
    return float(-np.log(np.maximum(of_label, 1e-7)).mean()), float(correct.mean())


def fit_ensemble(
    build: Callable,
    values,
    labels,
    *,
    n_members: int,
    epochs: int,
    batch_size: int = 32,
    seed: int = 0,
    rows=None,
    validation=None,
    progress: Callable | None = None,
    dask: str | None = None,
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
        Genre ids; where the networks predict at every step, the label holds for all steps.
    n_members : int
        Networks to train. Member i has its weights, its order of rows and its dropout from
        ``seed + i``, whatever the number of members.
    epochs, batch_size, seed : int
        Passes over the rows; rows of a step; seed.
    rows : array of int, shape (n_members, n_own_rows), optional
        Which rows each member is trained on; all of them on all rows by default.
    validation : tuple of (values, labels), optional
        Rows to score after each epoch.
    progress : callable, optional
        Called after each epoch with 1.
    dask : str, optional
        Address of a cluster on which to train, as `genres.parallel.each` has it: members two by
        two, on workers of one thread each. ``seconds`` are then those of all workers together, and
        progress comes at the end of each two.

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
    building = time.perf_counter() - start
    if rows is None:
        rows = np.tile(np.arange(len(values)), (n_members, 1))
    own = [(seed + member, rows[member]) for member in range(n_members)]
    settings = _Settings(values, labels, epochs, batch_size, validation)
    if cluster.address_of(dask):
        curves, seconds = _train_far_away(build, members, own, settings, progress, dask)
    else:
        curves, seconds = _train(members, own, settings, progress)
    seconds["tracing"] += building
    return Ensemble(members, curves, seconds)


class _Settings(NamedTuple):
    """What the members of an ensemble are trained on, and how: the same for all."""

    values: np.ndarray
    labels: np.ndarray
    epochs: int
    batch_size: int
    validation: tuple | None


def _train(members, own, settings, progress=None):
    """Train members side by side, each with a seed and rows of its own.

    Gives their curves and the seconds it took.
    """
    values, labels, epochs, batch_size, validation = settings
    start = time.perf_counter()
    stacked = Stacked(members, [seed for seed, _ in own])
    train_step = stacked.train_step(values, labels)
    orders = [(np.random.default_rng(seed), rows) for seed, rows in own]
    n_rows = len(own[0][1])
    curves = {"loss": [], "accuracy": []}
    if validation:
        curves |= {"val_loss": [], "val_accuracy": []}
    traced = None
    for epoch in range(epochs):
        order = np.stack([rng.permutation(rows) for rng, rows in orders])
        sums = 0.0
        for first in range(0, n_rows, batch_size):
            batch = tf.constant(order[:, first : first + batch_size])
            step_sums = train_step(batch, tf.constant(epoch * n_rows + first))
            traced = traced or time.perf_counter()
            sums = sums + step_sums
        loss, accuracy = (sums / n_rows).numpy()
        curves["loss"].append(loss)
        curves["accuracy"].append(accuracy)
        if validation:
            loss, accuracy = stacked.mean_scores(*validation)
            curves["val_loss"].append(loss)
            curves["val_accuracy"].append(accuracy)
        if progress:
            progress(1)
    stacked.unstack()
    seconds = {"tracing": traced - start, "training": time.perf_counter() - traced}
    return {name: np.array(c).T for name, c in curves.items()}, seconds


def _train_far_away(build, members, own, settings, progress, dask):
    """Train members two by two on a cluster; give their curves and the seconds of all workers.

    Their first weights travel with the work: a worker's own threads draw random numbers too.
    """
    pairs = [slice(first, first + 2) for first in range(0, len(members), 2)]
    work = [
        (pair.start, own[pair], [member.get_weights() for member in members[pair]])
        for pair in pairs
    ]
    parts = {}
    for first, weights, *part in parallel.each(
        partial(_train_pair, build, settings), work, dask=dask
    ):
        parts[first] = part
        for member, trained in zip(members[first : first + 2], weights, strict=True):
            member.set_weights(trained)
        if progress:
            progress(settings.epochs / len(pairs))
    all_curves, all_seconds = zip(*[parts[pair.start] for pair in pairs], strict=True)
    curves = {name: np.concatenate([c[name] for c in all_curves]) for name in all_curves[0]}
    seconds = {name: sum(s[name] for s in all_seconds) for name in all_seconds[0]}
    return curves, seconds


def _train_pair(build, settings, work):
    """Train two members where the call comes to, from weights and to weights."""
    first, own, weights = work
    keras.backend.clear_session()
    members = [build() for _ in weights]
    for member, initial in zip(members, weights, strict=True):
        member.set_weights(initial)
    curves, seconds = _train(members, own, settings)
    return first, [member.get_weights() for member in members], curves, seconds

"""How is a network trained, one alone or many side by side?"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from genres import cluster, parallel
from genres.models.networks import Ensemble, Fit, predict, shuffled
from genres.models.stacked import Stacked, keras, tf


def fit(build: Callable, values, labels, *, seed: int = 0, **settings):
    """Train one network with cross-entropy, the plain way.

    Parameters
    ----------
    seed : int
        What it starts from; all else is as `fit_each` has it, and so is the Fit that is given.
    """
    return fit_each(build, values, labels, seeds=[seed], **settings)[0]


def fit_each(
    build: Callable,
    values,
    labels,
    *,
    seeds: Sequence[int],
    epochs: int,
    batch_size: int = 32,
    optimizer="adam",
    class_weight=None,
    augment: Callable | None = None,
    validation=None,
    earlier: int | None = None,
    progress: Callable | None = None,
):
    """Train networks of one kind one after another, each from a seed of its own.

    The step of training is traced once: of small networks, that takes longer than the training.

    Parameters
    ----------
    build : callable
        Gives a fresh, uncompiled ``keras.Model`` that ends in a softmax.
    values : array of float, shape (n_rows, …), or list of such arrays
        What the networks take.
    labels : array of int, shape (n_rows,) or (n_rows, n_steps)
        Genre ids, for each prediction of a network.
    seeds : sequence of int
        Of each network's weights, order of rows, dropout and augmentation.
    epochs, batch_size : int
        Passes over the rows; rows of a step.
    optimizer : str or callable
        A name that Keras knows, or a function from the number of steps to an optimizer.
    class_weight : dict of int to float, optional
        How much a row of each genre counts, where a network gives one prediction for a row; of
        probabilities, that of the likeliest genre.
    augment : callable, optional
        Makes an epoch's rows: (random generator, values, labels) to values and either genre ids or
        probabilities of genres, (n_rows, n_genres).
    validation : tuple of (values, labels), optional
        Rows to score after each epoch. A network then keeps the weights of the epoch that was
        best on them: of the highest accuracy, and among equals of the smallest loss.
    earlier : int, optional
        An epoch, from 1, whose weights are kept beside those at the end.
    progress : callable, optional
        Called after each epoch with 1.

    Returns
    -------
    list of Fit
        One for each seed, as `fit` gives it; the seconds of the first include the tracing.
    """
    keras.backend.clear_session()
    model, untrained, fits = None, None, []
    for seed in seeds:
        start = time.perf_counter()
        keras.utils.set_random_seed(seed)
        rng = np.random.default_rng(seed)
        rows, targets = augment(rng, values, labels) if augment else (values, labels)
        fresh = build()
        if model is None:
            model = fresh
            n_batches = -(-len(targets) // batch_size)
            adapted = optimizer(epochs * n_batches) if callable(optimizer) else optimizer
            kind = "" if augment and np.ndim(targets) == 2 else "sparse_"
            loss = f"{kind}categorical_crossentropy"
            model.compile(adapted, loss, metrics=["accuracy"], steps_per_execution=n_batches)
            _prepare(model, targets)
            untrained = [variable.numpy() for variable in model.optimizer.variables]
        else:
            _restart(model, fresh, untrained)
            fits[-1] = fits[-1]._replace(model=fresh)  # which has taken over what was trained
        watch = _Watch(validation, earlier, progress)
        settings = {"steps_per_epoch": n_batches, "class_weight": class_weight, "verbose": 0}
        settings |= {"epochs": 1 if augment else epochs, "callbacks": [watch]}
        model.fit(shuffled((rows, targets), batch_size), **settings)
        if augment:
            for _ in range(epochs - 1):
                model.fit(shuffled(augment(rng, values, labels), batch_size), **settings)
        if validation:
            model.set_weights(watch.weights)
        best_epoch, seconds = watch.best_epoch or epochs, time.perf_counter() - start
        fits.append(Fit(model, watch.curves, best_epoch, seconds, watch.earlier_weights))
    return fits


def each(function: Callable, items):
    """Call a function that trains networks on every item, as `genres.parallel.each` does.

    There are as many workers as cores and memory allow. A notebook's own function is unpickled
    after this module, which imports TensorFlow in silence.
    """
    workers = min(parallel.cores(), parallel.memory_left() // parallel.MEMORY_OF_NETWORKS)
    return parallel.each(partial(_call, function), items, max(1, workers))


def _call(function, item):
    return function(item)


def _prepare(model, targets):
    """Make all variables of a training; else its first step makes them, and is traced twice."""
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(None, targets[:1], np.zeros((1, *model.output_shape[1:]), np.float32))
    model.reset_metrics()


def _restart(model, fresh, untrained):
    """Give a network and its optimizer their first state; what was trained goes to `fresh`."""
    trained = model.get_weights()
    variables = [*model.variables, *model.optimizer.variables]
    for variable, first in zip(variables, [*fresh.variables, *untrained], strict=True):
        variable.assign(first)
    fresh.set_weights(trained)


class _Watch(keras.callbacks.Callback):
    """Note how a training goes, and keep the weights that are best on validation rows."""

    def __init__(self, validation, earlier, progress):
        super().__init__()
        self.curves, self.best_epoch, self.weights, self.earlier_weights = {}, None, None, None
        self._validation, self._earlier, self._progress = validation, earlier, progress
        self._best = -1, 0

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
        if len(self.curves["loss"]) == self._earlier:
            self.earlier_weights = self.model.get_weights()
        if self._progress:
            self._progress(1)


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
    optimizer: str = "adam",
    rows=None,
    validation=None,
    progress: Callable | None = None,
    dask: str | None = None,
):
    """Train networks of one architecture side by side, with cross-entropy.

    Parameters
    ----------
    build : callable
        Gives a fresh ``keras.Model``: a chain of layers that `genres.models.stacked.Stacked` takes.
    values : array of float, shape (n_rows, …, n_features)
        What the networks take.
    labels : array of int, shape (n_rows,)
        Genre ids; where the networks predict at every step, the label holds for all steps.
    n_members : int
        Networks to train. Member i has its weights, its order of rows and its dropout from
        ``seed + i``, whatever the number of members.
    epochs, batch_size, seed : int
        Passes over the rows; rows of a step; seed.
    optimizer : str
        ``adam`` or ``rmsprop``.
    rows : array of int, shape (n_members, n_own_rows), optional
        Which rows each member is trained on; all of them on all rows by default.
    validation : tuple of (values, labels), optional
        Rows to score after each epoch; with a member axis before both, each member's own.
    progress : callable, optional
        Called after each epoch with 1.
    dask : str, optional
        Address of a cluster on which to train, as `genres.parallel.each` has it: members two by
        two, on workers of one thread each. ``seconds`` are then those of all workers together, and
        progress comes at the end of each two.

    Returns
    -------
    Ensemble
        The same for the same seed, whatever the number of cores.

    Raises
    ------
    ValueError
        If the network holds a layer that cannot be trained so.
    """
    start = time.perf_counter()
    members = _build(build, range(seed, seed + n_members))
    building = time.perf_counter() - start
    if rows is None:
        rows = np.tile(np.arange(len(values)), (n_members, 1))
    own = [(seed + member, rows[member]) for member in range(n_members)]
    settings = _Settings(values, labels, epochs, batch_size, optimizer, validation)
    if cluster.address_of(dask):
        curves, seconds = _train_far_away(build, members, own, settings, progress, dask)
    else:
        curves, seconds = _train(members, own, settings, progress)
    seconds["tracing"] += building
    return Ensemble(members, curves, seconds)


def _build(build, seeds):
    """Build networks that start from these seeds."""
    keras.backend.clear_session()
    members = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        members.append(build())
    return members


class _Settings(NamedTuple):
    """What the members of an ensemble are trained on, and how: the same for all."""

    values: np.ndarray
    labels: np.ndarray
    epochs: int
    batch_size: int
    optimizer: str
    validation: tuple | None


def _train(members, own, settings, progress=None):
    """Train members side by side, each with a seed and rows of its own.

    Gives their curves and the seconds it took.
    """
    values, labels, epochs, batch_size, optimizer, validation = settings
    start = time.perf_counter()
    stacked = Stacked(members, [seed for seed, _ in own])
    train_step = stacked.train_step(values, labels, optimizer)
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
    return curves, {name: sum(s[name] for s in all_seconds) for name in all_seconds[0]}


def _train_pair(build, settings, work):
    """Train two members where the call comes to, from weights and to weights."""
    first, own, weights = work
    keras.backend.clear_session()
    members = [build() for _ in weights]
    for member, initial in zip(members, weights, strict=True):
        member.set_weights(initial)
    curves, seconds = _train(members, own, settings)
    return first, [member.get_weights() for member in members], curves, seconds


class Tried(NamedTuple):
    """How networks did on tracks that they were trained on, and on others.

    Attributes
    ----------
    training : array of float, shape (n_seeds, n_tracks)
        Share of the networks trained on a track that classify it correctly.
    held_out : array of bool, shape (n_seeds, n_tracks)
        Whether the network that was not trained on a track classifies it correctly.
    n_weights : int
        Numbers that a network learns.
    seconds : float
        How long it took.
    """

    training: np.ndarray
    held_out: np.ndarray
    n_weights: int
    seconds: float


def cross_validate(trials: dict[str, tuple], labels, folds, epochs: int):
    """Try out networks on training tracks, one kind on a core.

    Parameters
    ----------
    trials : dict of str to (callable, array or list of array, str)
        For each kind what builds a network, its values (or a list of them, for each seed) and its
        optimizer, as `fit_ensemble` takes them.
    labels : array of int, shape (n_tracks,)
        Genre ids.
    folds : array of int, shape (n_seeds, n_tracks)
        For each seed the fold that holds each track out. Networks of one seed and fold start
        alike, whatever their kind.
    epochs : int
        Passes over the tracks.

    Yields
    ------
    name : str
    tried : Tried
        In the order in which they end. Of a sequence the last prediction counts.
    """
    yield from each(partial(_try, labels, folds, epochs), list(trials.items()))


def _try(labels, folds, epochs, trial):
    name, (build, values, optimizer) = trial
    start = time.perf_counter()
    (n_seeds, n_tracks), n_folds = folds.shape, folds.max() + 1
    own = values if isinstance(values, list) else [values] * n_seeds
    held = [(seed, folds[seed] == fold) for seed in range(n_seeds) for fold in range(n_folds)]
    rows = [np.flatnonzero(~held_out) + seed * n_tracks for seed, held_out in held]
    shortest = min(map(len, rows))
    members = _build(build, range(len(rows)))
    settings = _Settings(np.concatenate(own), np.tile(labels, n_seeds), epochs, 32, optimizer, None)
    _train(members, [(seed, of_member[:shortest]) for seed, of_member in enumerate(rows)], settings)
    tried = Tried(np.zeros(folds.shape), np.zeros(folds.shape, bool), 0, 0.0)
    for (seed, held_out), model in zip(held, members, strict=True):
        predicted = predict(model, own[seed]).argmax(axis=-1)
        correct = predicted.reshape(n_tracks, -1)[:, -1] == labels
        tried.held_out[seed, held_out] = correct[held_out]
        tried.training[seed] += correct * ~held_out / (n_folds - 1)
    seconds = time.perf_counter() - start
    return name, tried._replace(n_weights=members[0].count_params(), seconds=seconds)

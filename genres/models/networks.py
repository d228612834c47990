"""How is a network built, used for predictions, kept and loaded?"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genres import Refusal, files
from genres.models.stacked import Stacked, keras, layers, tf

_MIXUP = 0.3  # of the beta distribution that shares are drawn from
_MOST_BYTES = 1 << 28  # of a network's file
_MOST_MEMBERS, _MOST_COLUMNS = 1000, 10_000
_MOST_WEIGHTS = 1 << 24  # of a network


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
    earlier : list of array, or None
        The weights after an earlier epoch, where they were asked for.
    """

    model: keras.Model
    curves: dict
    best_epoch: int
    seconds: float
    earlier: list | None = None


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
        return Stacked(self.members).probabilities(values)


def sequential(inputs, blocks, n_genres: int):
    """Chain layers between an input and a softmax over genres.

    Parameters
    ----------
    inputs : tuple of int
        Shape of one row.
    blocks : list of callable
        Layers, or functions from tensor to tensor, applied in order.
    n_genres : int
        Classes of the softmax.

    Returns
    -------
    keras.Model
    """
    first = tensor = keras.Input(inputs)
    for block in blocks:
        tensor = block(tensor)
    return keras.Model(first, layers.Dense(n_genres, activation="softmax")(tensor))


def recurrent(inputs, n_genres: int):
    """Build the first report's LSTM, which predicts at every step.

    Parameters
    ----------
    inputs : tuple of int
        Steps, and features of a step.
    n_genres : int
        Classes of the softmax.

    Returns
    -------
    keras.Model
    """
    lstm = layers.LSTM(128, return_sequences=True)
    return sequential(inputs, [lstm, layers.Dense(128, "relu"), layers.Dropout(0.3)], n_genres)


def convolutional(inputs, n_genres: int):
    """Build a network of three convolutions along time over all bands, as notebook 07 tries it.

    Parameters
    ----------
    inputs : tuple of int
        Columns of a spectrogram, and bands.
    n_genres : int
        Classes of the softmax.

    Returns
    -------
    keras.Model
        It reads the mean and the maximum over time of what the convolutions find.
    """
    convolutions = []
    for filters in (128, 128, 128):
        convolutions += [
            layers.Conv1D(filters, 4, padding="same", use_bias=False),
            layers.MaxPooling1D(2),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Dropout(0.2),
        ]
    blocks = [*convolutions, _over_time, layers.Dense(64, "relu"), layers.Dropout(0.3)]
    return sequential(inputs, blocks, n_genres)


def _over_time(tensor):
    ends = [layers.GlobalAveragePooling1D()(tensor), layers.GlobalMaxPooling1D()(tensor)]
    return layers.Concatenate()(ends)


def mix_windows(width: int, n_genres: int, rng, values, labels):
    """Cut a window out of each clip, and blend it with another's (mixup, Zhang et al., 2018).

    Parameters
    ----------
    width, n_genres : int
        Columns of a window; how many genres there are. With these given, the rest is what
        `genres.models.training.fit` calls its ``augment`` with.
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


def cosine_decay(learning_rate: float) -> Callable:
    """Give Adam whose learning rate rises over a tenth of the steps, then falls along a cosine.

    Parameters
    ----------
    learning_rate : float
        Its highest rate.

    Returns
    -------
    callable
        From the number of steps to an optimizer, as `genres.models.training.fit` takes it
        (Loshchilov and Hutter, 2017).
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


def shuffled(rows, batch_size: int):
    """Give rows in shuffled batches, the very ones that Keras makes of arrays.

    With Keras's seed set, they are the same in each epoch. Keras's own pipeline tunes itself, and
    at the end of each epoch waits until its tuner looks up: on busy cores, for a quarter of the
    time that small networks train.

    Parameters
    ----------
    rows : tuple of (array or list of arrays, array), each of shape (n_rows, …)
        What a network takes; genre ids, or probabilities of genres.
    batch_size : int
        Rows of a batch; the last one has what is left.

    Returns
    -------
    tf.data.Dataset
    """
    values, targets = rows
    n_whole, n_left = divmod(len(targets), batch_size)

    def order(_):
        return tf.random.shuffle(tf.range(len(targets), dtype=tf.int64))

    def cut(numbers):
        whole = tf.reshape(numbers[: n_whole * batch_size], [n_whole, batch_size])
        batches = tf.data.Dataset.from_tensor_slices(whole)
        left = tf.data.Dataset.from_tensors(numbers[n_whole * batch_size :])
        return batches.concatenate(left) if n_left else batches

    def take(numbers, arrays):
        return tf.nest.map_structure(lambda array: tf.gather(array, numbers), arrays)

    parts = tuple(values) if isinstance(values, list) else values
    arrays = tf.data.Dataset.from_tensors((parts, targets)).repeat()
    numbers = tf.data.Dataset.range(1).map(order).flat_map(cut)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    batches = tf.data.Dataset.zip((numbers, arrays)).map(take).with_options(options)
    return batches.apply(tf.data.experimental.assert_cardinality(n_whole + bool(n_left)))


def predict(model, values, batch_size: int = 256):
    """Give a network's probabilities.

    Parameters
    ----------
    model : keras.Model
        A network that ends in a softmax.
    values : array of float, shape (n_rows, …), or list of such arrays
        What it takes.
    batch_size : int
        Rows at once.

    Returns
    -------
    array of float32, shape (n_rows, …, n_genres)
    """
    parts = values if isinstance(values, list) else [values]
    given = []
    for first in range(0, len(parts[0]), batch_size):
        batch = [part[first : first + batch_size] for part in parts]
        given.append(model.predict_on_batch(batch if isinstance(values, list) else batch[0]))
    return np.concatenate(given)


def save_ensemble(ensemble, folder: Path, preparation: dict):
    """Keep an ensemble: a Keras file a member, and a JSON file for all that belongs to its input.

    Parameters
    ----------
    ensemble : Ensemble
        What to keep.
    folder : Path
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


def load_ensemble(folder: Path):
    """Load an ensemble that `save_ensemble` kept.

    Parameters
    ----------
    folder : Path
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
        If there is no ensemble, or a file of it cannot be read, or does not fit the others. Files
        are read in Keras's safe mode: they cannot bring code of their own.
    """
    path = folder / "ensemble.json"
    preparation = files.read_json(path)
    try:
        names = preparation.pop("members")
        if not 0 < len(names) <= _MOST_MEMBERS or len(set(names)) < len(names):
            raise ValueError("no members, too many, or one twice")
        if not all(re.fullmatch(r"member-[0-9]+\.keras", name) for name in names):
            raise ValueError("members that are elsewhere")
        members = [_load(folder / name) for name in names]
        if len({(str(one.input_shape), str(one.output_shape)) for one in members}) > 1:
            raise ValueError("members of different shapes")
        _check(preparation, members[0].input_shape[-1])
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise Refusal(f"{path} describes no ensemble: train it again.") from error
    return Ensemble(members, {}, {}), preparation


def _load(path):
    files.require_archive(path, _MOST_BYTES)
    files.require_small_network(path, _MOST_WEIGHTS)
    try:
        member = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras checks little of what it reads: anything may follow
        raise Refusal(f"{path} cannot be read as a network; train it again.") from error
    if not all(np.isfinite(weight).all() for weight in member.get_weights()):
        raise Refusal(f"{path} has weights that are no numbers: train it again.")
    return member


def _check(preparation, width):
    """Raise ValueError if what turns rows into input is not of `width` columns, or no numbers."""
    mean, deviation = (
        np.array(preparation.get(of, [1.0] * width), float) for of in ("mean", "deviation")
    )
    if not mean.shape == deviation.shape == (width,):
        raise ValueError("means or deviations of other columns")
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all() and (deviation > 0).all()):
        raise ValueError("means or deviations that are none")
    window = preparation.get("width", 1)
    if type(window) is not int or not 1 <= window <= _MOST_COLUMNS:
        raise ValueError("a window of no width")
    names = preparation.get("features", range(width))
    if len(names) != width or len(set(names)) < width:
        raise ValueError("other features")

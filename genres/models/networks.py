"""How is a network built, used for predictions, kept and loaded?"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from genres import Refusal, files
from genres.models.stacked import Stacked, keras, layers


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
    """Build notebook 07's network: three convolutions along time over all bands.

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

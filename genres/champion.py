"""What is the best answer for one clip?

Two kinds of networks are asked, which hear different things: LSTMs that read the features of a
clip's segments in order, and convolutional networks that look at windows of its mel spectrogram.
Their probabilities are averaged, with a weight for each kind, and brought to a temperature at which
they mean what they say. Weights and temperature come from tracks that the networks did not learn
from.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from mrmr import mrmr_classif
from scipy.optimize import minimize
from scipy.special import softmax

from genres import Refusal, audio, evaluation, features, files, melstore, networks, tables
from genres.networks import layers

N_FEATURES = 40
"""Features of a segment that the LSTMs read, chosen by MRMR on training tracks."""

SECONDS = 30
"""Length of the clip that is answered at once."""

_WINDOW = 128  # columns of a mel store: ten seconds
_MIXUP = 0.3
_N_WINDOWS = 6  # which cover a clip


class Tracks(NamedTuple):
    """What a champion hears of clips.

    Attributes
    ----------
    segments : array of float32, shape (n_tracks, n_steps, 63)
        Features of a clip's segments, in time order.
    mel : array of uint8, shape (n_tracks, n_mels, n_columns)
        Its log-mel spectrogram, as a mel store has it.
    """

    segments: np.ndarray
    mel: np.ndarray

    def take(self, rows):
        """Give some of the tracks, by number or by mask."""
        return Tracks(self.segments[rows], self.mel[rows])


class Kind(NamedTuple):
    """A kind of networks.

    Attributes
    ----------
    fit : callable
        (tracks, labels, n_genres, seed, effort, step) to networks and what prepares their input.
    answer : callable
        (networks, preparation, tracks) to probabilities, (n_tracks, n_genres).
    n_epochs : callable
        From effort to the number of times that `step` is called.
    """

    fit: Callable
    answer: Callable
    n_epochs: Callable


class Effort(NamedTuple):
    """How much is trained: networks of each kind, and their epochs."""

    lstms: int = 10
    lstm_epochs: int = 15
    cnns: int = 3
    cnn_epochs: int = 40


def gather(table, spectrograms):
    """Put features and spectrograms of the same clips side by side.

    Parameters
    ----------
    table : DataFrame
        Feature table of segments.
    spectrograms : genres.media.Spectrograms
        Spectrograms; a clip that the table lacks is an error.

    Returns
    -------
    Tracks
        In the order of the spectrograms.
    """
    rows = table.groupby("File", sort=False).indices
    order = np.stack([rows[name] for name in spectrograms.clips.names])
    values = table[list(tables.FEATURES)].to_numpy(np.float32)
    return Tracks(values[order], spectrograms.store.mel)


def listen(samples, n_steps):
    """Give what a champion hears of sound.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second; at least a second.
    n_steps : int
        Segments of a clip.

    Returns
    -------
    Tracks
        A clip of 30 s after the other; the last one ends where the sound ends, and overlaps the one
        before. What is shorter than 30 s is followed by silence.
    """
    length = SECONDS * audio.SAMPLE_RATE
    samples = np.pad(samples, (0, max(0, length - len(samples))))
    n_clips = -(-len(samples) // length)
    starts = np.linspace(0, len(samples) - length, n_clips).round().astype(int)
    clips = [samples[start : start + length] for start in starts]
    segments = [
        [
            features.course_features(segment, audio.SAMPLE_RATE)
            for segment in features.segments(clip, SECONDS / n_steps, audio.SAMPLE_RATE)
        ]
        for clip in clips
    ]
    mel = [features.mel_store_columns(clip, audio.SAMPLE_RATE) for clip in clips]
    return Tracks(np.array(segments, np.float32), np.stack(mel))


def _fit_lstms(tracks, labels, n_genres, seed, effort, step):
    _, n_steps, n_features = tracks.segments.shape
    rows = pd.DataFrame(tracks.segments.reshape(-1, n_features), columns=list(tables.FEATURES))
    chosen = mrmr_classif(
        X=rows,
        y=pd.Series(np.repeat(labels, n_steps)),
        K=N_FEATURES,
        show_progress=False,
        n_jobs=1,
    )
    preparation = {
        "features": chosen,
        "mean": rows[chosen].mean().tolist(),
        "deviation": rows[chosen].std(ddof=0).clip(lower=1e-9).tolist(),
    }

    def lstm():
        blocks = [
            layers.LSTM(128, return_sequences=True),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.3),
        ]
        return networks.sequential((n_steps, N_FEATURES), blocks, n_genres)

    ensemble = networks.fit_ensemble(
        lstm,
        _chosen_features(tracks, preparation),
        labels,
        n_members=effort.lstms,
        epochs=effort.lstm_epochs,
        seed=seed,
        progress=step,
    )
    return ensemble, preparation


def _answer_lstms(ensemble, preparation, tracks):
    # The last step has heard all of the clip.
    return ensemble.predict(_chosen_features(tracks, preparation))[:, :, -1].mean(axis=0)


def _chosen_features(tracks, preparation):
    places = [tables.FEATURES.index(name) for name in preparation["features"]]
    mean, deviation = preparation["mean"], preparation["deviation"]
    return (tracks.segments[:, :, places] - np.array(mean)) / np.array(deviation)


def _fit_cnns(tracks, labels, n_genres, seed, effort, step):
    bands = _bands(tracks)
    preparation = {
        "mean": bands.mean(axis=(0, 1)).tolist(),
        "deviation": np.maximum(bands.std(axis=(0, 1)), 1e-3).tolist(),
    }
    values = _standardised(bands, preparation)
    members = [
        networks.fit(
            lambda: networks.sequential((_WINDOW, values.shape[2]), _along_time(), n_genres),
            values,
            labels,
            epochs=effort.cnn_epochs,
            batch_size=16,
            seed=seed + member,
            optimizer=networks.warm_then_cool(2e-3),
            augment=lambda rng, x, y: _blended_windows(rng, x, np.eye(n_genres)[y]),
            progress=step,
        ).model
        for member in range(effort.cnns)
    ]
    return networks.Ensemble(members, {}, {}), preparation


def _along_time():
    """Three convolutions along time over all bands; their mean and maximum over time."""
    convolutions = []
    for filters in (128, 128, 128):
        convolutions += [
            layers.Conv1D(filters, 4, padding="same", use_bias=False),
            layers.MaxPooling1D(2),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Dropout(0.2),
        ]
    return [*convolutions, _over_time, layers.Dense(64, "relu"), layers.Dropout(0.3)]


def _over_time(tensor):
    ends = [layers.GlobalAveragePooling1D()(tensor), layers.GlobalMaxPooling1D()(tensor)]
    return layers.Concatenate()(ends)


def _blended_windows(rng, values, targets):
    """Cut a window out of each clip, and blend it with another's (mixup, Zhang et al., 2018)."""
    starts = rng.integers(0, values.shape[1] - _WINDOW + 1, len(values))
    x = np.stack([clip[at : at + _WINDOW] for clip, at in zip(values, starts, strict=True)])
    share = rng.beta(_MIXUP, _MIXUP, len(x)).astype(np.float32)[:, None]
    other = rng.permutation(len(x))
    blended = x * share[..., None] + x[other] * (1 - share[..., None])
    return blended, targets * share + targets[other] * (1 - share)


def _answer_cnns(ensemble, preparation, tracks):
    values = _standardised(_bands(tracks), preparation)
    starts = np.linspace(0, values.shape[1] - _WINDOW, _N_WINDOWS).astype(int)
    return np.mean(
        [
            networks.answers(member, values[:, at : at + _WINDOW])
            for member in ensemble.members
            for at in starts
        ],
        axis=0,
    )


def _bands(tracks):
    """Average pairs of bands, in dB; time first, (n_tracks, n_columns, n_mels / 2)."""
    decibels = melstore.decibels(tracks.mel)
    n_tracks, n_mels, n_columns = decibels.shape
    halved = decibels.reshape(n_tracks, n_mels // 2, 2, n_columns).mean(axis=2)
    return halved.transpose(0, 2, 1)


def _standardised(bands, preparation):
    mean, deviation = (np.array(preparation[name], np.float32) for name in ("mean", "deviation"))
    return (bands - mean) / deviation


KINDS = {
    "LSTMs on features": Kind(_fit_lstms, _answer_lstms, lambda effort: effort.lstm_epochs),
    "CNNs on mel": Kind(_fit_cnns, _answer_cnns, lambda effort: effort.cnns * effort.cnn_epochs),
}
"""The kinds of networks that are asked."""


def fit_kinds(tracks, labels, n_genres, *, seed=0, effort=None, step=None):
    """Train the networks of all kinds.

    Parameters
    ----------
    tracks : Tracks
        What to learn from.
    labels : array of int, shape (n_tracks,)
        Their genre ids.
    n_genres : int
        How many genres there are.
    seed : int
        Where chance starts from.
    effort : Effort, optional
        How much to train.
    step : callable, optional
        Called `n_steps(effort)` times with 1.

    Returns
    -------
    dict of str to tuple of (genres.networks.Ensemble, dict)
        Networks of each kind, and what prepares their input.
    """
    effort = effort or Effort()
    return {
        name: kind.fit(tracks, labels, n_genres, seed, effort, step) for name, kind in KINDS.items()
    }


def n_steps(effort):
    """Give how often `fit_kinds` calls its `step`."""
    return sum(kind.n_epochs(effort) for kind in KINDS.values())


def ask(fitted, tracks):
    """Give the probabilities of each kind, {kind: (n_tracks, n_genres)}."""
    return {name: KINDS[name].answer(*parts, tracks) for name, parts in fitted.items()}


class Mixture(NamedTuple):
    """How the answers of the kinds become one.

    Attributes
    ----------
    weights : dict of str to float
        The share of each kind; together 1.
    temperature : float
        What the mean's logarithms are divided by.
    """

    weights: dict
    temperature: float

    def __call__(self, answers):
        """Give probabilities, (n_tracks, n_genres), from those of each kind."""
        mean = sum(weight * answers[name] for name, weight in self.weights.items())
        return evaluation.warm(mean, self.temperature)


def mix(answers, labels):
    """Find the mixture of least cross-entropy.

    Parameters
    ----------
    answers : dict of str to array of float, shape (n_tracks, n_genres)
        Probabilities of each kind for tracks that it did not learn from.
    labels : array of int, shape (n_tracks,)
        Their genre ids.

    Returns
    -------
    Mixture
    """
    stacked = np.stack(list(answers.values()))

    def cross_entropy(scores):
        mean = np.tensordot(softmax(scores), stacked, axes=1)
        return -np.log(np.maximum(mean[np.arange(len(labels)), labels], 1e-12)).mean()

    weights = softmax(minimize(cross_entropy, np.zeros(len(stacked)), method="Nelder-Mead").x)
    shares = dict(zip(answers, map(float, weights), strict=True))
    return Mixture(shares, evaluation.temperature(Mixture(shares, 1.0)(answers), labels))


class Champion(NamedTuple):
    """A trained champion.

    Attributes
    ----------
    genres : list of str
        Names, by id.
    n_steps : int
        Segments of a clip.
    fitted : dict
        Networks of each kind, as `fit_kinds` gives them.
    mixture : Mixture
        How their answers become one.
    """

    genres: list
    n_steps: int
    fitted: dict
    mixture: Mixture

    def probabilities(self, tracks):
        """Give probabilities for tracks, (n_tracks, n_genres)."""
        return self.mixture(ask(self.fitted, tracks))


def save(champion, folder):
    """Keep a champion in a folder: its networks as Keras files, all else as JSON."""
    for number, (ensemble, preparation) in enumerate(champion.fitted.values()):
        networks.save_ensemble(ensemble, folder / f"kind-{number}", preparation)
    description = {
        "genres": champion.genres,
        "n_steps": champion.n_steps,
        "kinds": list(champion.fitted),
        "weights": champion.mixture.weights,
        "temperature": champion.mixture.temperature,
    }
    files.write_json(folder / "champion.json", description)


def load(folder):
    """Load a champion that `save` kept.

    Raises
    ------
    Refusal
        If there is none, or a file of it cannot be read. Nothing is unpickled.
    """
    description = files.read_json(folder / "champion.json")
    try:
        fitted = {
            name: networks.load_ensemble(folder / f"kind-{number}")
            for number, name in enumerate(description["kinds"])
        }
        mixture = Mixture(description["weights"], description["temperature"])
        return Champion(description["genres"], description["n_steps"], fitted, mixture)
    except (KeyError, TypeError) as error:
        raise Refusal(
            f"{folder} holds no champion that this version knows: make it again."
        ) from error

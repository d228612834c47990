"""Which classifiers does the champion ask, and what does each of them hear?

An expert is trained by ``fit``, answers with probabilities, and is kept in a folder without any
code: networks as Keras files, all else as arrays and JSON.
"""

import zipfile
from typing import NamedTuple

import numpy as np
import pandas as pd
from mrmr import mrmr_classif
from scipy.special import softmax
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from genres import Refusal, files
from genres.data import tables
from genres.models import networks, training
from genres.models.networks import layers
from genres.sound import melstore, texture

N_FEATURES = 40
"""Features of a segment that the LSTMs read."""

MOST_SUPPORT = 8000
"""Segments that the kernel machine knows at most: its time grows with their third power."""

_RIDGE = 0.03
_SHARPNESS = 10.0  # of the softmax over the kernel machine's scores, which are about 0 to 1
_FARTHEST = 5.0  # deviations: what is farther out counts as that far
_ARRAYS = "kernel-machine.npz"

_WINDOW = 128  # columns of a mel store: ten seconds of a common one
_MIXUP = 0.3
_N_WINDOWS = 6  # which cover a clip


class Tracks(NamedTuple):
    """What is heard of clips.

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
        return Tracks(*(values[rows] for values in self))


class Effort(NamedTuple):
    """How much is trained: networks of each kind, and their epochs."""

    lstms: int = 10
    lstm_epochs: int = 15
    cnns: int = 1
    cnn_epochs: int = 40


class KernelMachine(NamedTuple):
    """Kernel ridge regression on features of segments and on the texture of their mel spectrogram.

    Every number is standardised. How far two segments are apart is the mean squared difference of
    their numbers, averaged over ten families of numbers: each family counts the same, however
    large it is. A clip's answer is the mean over its segments.

    Attributes
    ----------
    support : array of float32, shape (n_support, n_numbers)
        The segments that it knows.
    coefficients : array of float32, shape (n_support, n_genres)
        What each of them says for each genre.
    mean, deviation, weight : array of float32, shape (n_numbers,)
        What numbers are standardised by, and how much each counts.
    track : array of int, shape (n_support,)
        Of which of the tracks that were learnt from each segment is, in rising order.
    """

    support: np.ndarray
    coefficients: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    weight: np.ndarray
    track: np.ndarray

    @property
    def n_genres(self):
        """How many genres it knows."""
        return self.coefficients.shape[1]

    @staticmethod
    def n_steps(effort):
        """Give how often `fit` calls its ``step``."""
        return 1

    @classmethod
    def fit(cls, tracks, labels, n_genres, *, seed, effort, step):
        """Learn from tracks; of more than `MOST_SUPPORT` segments, so many drawn by chance."""
        families = _families(tracks)
        track = np.repeat(np.arange(len(labels)), tracks.segments.shape[1])
        if len(track) > MOST_SUPPORT:
            drawn = np.random.default_rng(seed).choice(len(track), MOST_SUPPORT, replace=False)
            drawn.sort()
            families, track = [family[drawn] for family in families], track[drawn]
        values = np.concatenate(families, axis=1)
        mean, deviation = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
        sizes = np.concatenate([np.full(family.shape[1], family.shape[1]) for family in families])
        weight = (1 / np.sqrt(2 * len(families) * sizes)).astype(np.float32)
        support = _scaled(values, mean, deviation, weight)
        ridge = KernelRidge(alpha=_RIDGE, kernel="rbf", gamma=1.0)
        ridge.fit(support, np.eye(n_genres)[labels[track]] - 1 / n_genres)
        step(1)
        return cls(support, ridge.dual_coef_.astype(np.float32), mean, deviation, weight, track)

    def answer(self, tracks):
        """Give probabilities, (n_tracks, n_genres)."""
        scores = self._near(tracks) @ self.coefficients
        scores = scores.reshape(len(tracks.mel), -1, self.n_genres)
        return softmax(_SHARPNESS * scores.mean(axis=1), axis=1)

    def likeness(self, tracks):
        """Say how like each track that it knows is to others.

        Parameters
        ----------
        tracks : Tracks
            The others.

        Returns
        -------
        places : array of int, shape (n_known,)
            Which of the tracks learnt from have segments here: all, unless there were too many.
        likeness : array of float, shape (n_tracks, n_known)
            From 0 to 1: for each segment of a track the kernel at the nearest segment of the known
            one; the mean over segments.
        """
        places, first = np.unique(self.track, return_index=True)
        nearest = np.maximum.reduceat(self._near(tracks), first, axis=1)
        return places, nearest.reshape(len(tracks.mel), -1, len(places)).mean(axis=1)

    def _near(self, tracks):
        """Give the kernel between segments, (n_tracks * n_steps, n_support)."""
        values = np.concatenate(_families(tracks), axis=1)
        scaled = _scaled(values, self.mean, self.deviation, self.weight)
        return rbf_kernel(scaled, self.support, gamma=1.0)

    def save(self, folder):
        """Keep it in a folder."""
        with files.atomic(folder / _ARRAYS) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **self._asdict())

    @classmethod
    def load(cls, folder):
        """Load what `save` kept; nothing is unpickled."""
        try:
            with np.load(folder / _ARRAYS, allow_pickle=False) as archive:
                return cls(*(archive[name] for name in cls._fields))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise Refusal(f"{folder / _ARRAYS} cannot be read: train it again.") from error


def _families(tracks):
    """Give families of numbers of all segments, each (n_tracks * n_steps, n_numbers)."""
    n_tracks, n_steps, _ = tracks.segments.shape
    width = tracks.mel.shape[2] // n_steps
    of_steps = [
        texture.statistics(melstore.decibels(tracks.mel[:, :, at * width : (at + 1) * width]))
        for at in range(n_steps)
    ]
    textures = [np.stack([step[name] for step in of_steps], axis=1) for name in of_steps[0]]
    return [values.reshape(n_tracks * n_steps, -1) for values in (tracks.segments, *textures)]


def _scaled(values, mean, deviation, weight):
    return np.clip((values - mean) / deviation, -_FARTHEST, _FARTHEST) * weight


class Lstms(NamedTuple):
    """LSTMs that read the features of a clip's segments in order, as in the first report.

    Attributes
    ----------
    ensemble : genres.models.networks.Ensemble
        The networks.
    preparation : dict
        ``features`` (chosen by MRMR on what was learnt from), their ``mean`` and ``deviation``.
    """

    ensemble: networks.Ensemble
    preparation: dict

    @property
    def n_genres(self):
        """How many genres they know."""
        return self.ensemble.members[0].output_shape[-1]

    @staticmethod
    def n_steps(effort):
        """Give how often `fit` calls its ``step``."""
        return effort.lstm_epochs

    @classmethod
    def fit(cls, tracks, labels, n_genres, *, seed, effort, step):
        """Learn from tracks; member i has its chance from ``seed + i``."""
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
            return networks.sequential((n_steps, len(chosen)), blocks, n_genres)

        ensemble = training.fit_ensemble(
            lstm,
            _chosen_features(tracks, preparation),
            labels,
            n_members=effort.lstms,
            epochs=effort.lstm_epochs,
            seed=seed,
            progress=step,
        )
        return cls(ensemble, preparation)

    def answer(self, tracks):
        """Give probabilities, (n_tracks, n_genres): the last step has heard all of the clip."""
        values = _chosen_features(tracks, self.preparation)
        return self.ensemble.predict(values)[:, :, -1].mean(axis=0)

    def save(self, folder):
        """Keep them in a folder."""
        networks.save_ensemble(self.ensemble, folder, self.preparation)

    @classmethod
    def load(cls, folder):
        """Load what `save` kept."""
        return cls(*networks.load_ensemble(folder))


def _chosen_features(tracks, preparation):
    places = [tables.FEATURES.index(name) for name in preparation["features"]]
    mean, deviation = preparation["mean"], preparation["deviation"]
    return (tracks.segments[:, :, places] - np.array(mean)) / np.array(deviation)


class Cnns(NamedTuple):
    """Convolutional networks that look at windows of the mel spectrogram, as in notebook 07.

    Attributes
    ----------
    ensemble : genres.models.networks.Ensemble
        The networks.
    preparation : dict
        ``mean`` and ``deviation`` of each band, and the ``width`` of a window in columns.
    """

    ensemble: networks.Ensemble
    preparation: dict

    @property
    def n_genres(self):
        """How many genres they know."""
        return self.ensemble.members[0].output_shape[-1]

    @staticmethod
    def n_steps(effort):
        """Give how often `fit` calls its ``step``."""
        return effort.cnns * effort.cnn_epochs

    @classmethod
    def fit(cls, tracks, labels, n_genres, *, seed, effort, step):
        """Learn from tracks; network i has its chance from ``seed + i``."""
        bands = _bands(tracks)
        preparation = {
            "mean": bands.mean(axis=(0, 1)).tolist(),
            "deviation": np.maximum(bands.std(axis=(0, 1)), 1e-3).tolist(),
            "width": min(_WINDOW, bands.shape[1]),
        }
        values, width = _standardised(bands, preparation), preparation["width"]
        members = [
            training.fit(
                lambda: networks.sequential((width, values.shape[2]), _along_time(), n_genres),
                values,
                labels,
                epochs=effort.cnn_epochs,
                batch_size=16,
                seed=seed + member,
                optimizer=training.warm_then_cool(2e-3),
                augment=lambda rng, x, y: _blended_windows(rng, x, np.eye(n_genres)[y], width),
                progress=step,
            ).model
            for member in range(effort.cnns)
        ]
        return cls(networks.Ensemble(members, {}, {}), preparation)

    def answer(self, tracks):
        """Give probabilities, (n_tracks, n_genres): the mean over windows that cover a clip.

        A clip that is shorter than a window is repeated.
        """
        values, width = _standardised(_bands(tracks), self.preparation), self.preparation["width"]
        n_columns = values.shape[1]
        values = values[:, np.arange(max(width, n_columns)) % n_columns]
        starts = np.unique(np.linspace(0, values.shape[1] - width, _N_WINDOWS).astype(int))
        return np.mean(
            [
                networks.predict(member, values[:, at : at + width])
                for member in self.ensemble.members
                for at in starts
            ],
            axis=0,
        )

    def save(self, folder):
        """Keep them in a folder."""
        networks.save_ensemble(self.ensemble, folder, self.preparation)

    @classmethod
    def load(cls, folder):
        """Load what `save` kept."""
        return cls(*networks.load_ensemble(folder))


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


def _blended_windows(rng, values, targets, width):
    """Cut a window out of each clip, and blend it with another's (mixup, Zhang et al., 2018)."""
    starts = rng.integers(0, values.shape[1] - width + 1, len(values))
    x = np.stack([clip[at : at + width] for clip, at in zip(values, starts, strict=True)])
    share = rng.beta(_MIXUP, _MIXUP, len(x)).astype(np.float32)[:, None]
    other = rng.permutation(len(x))
    blended = x * share[..., None] + x[other] * (1 - share[..., None])
    return blended, targets * share + targets[other] * (1 - share)


def _bands(tracks):
    """Average pairs of bands, in dB; time first, (n_tracks, n_columns, n_mels / 2)."""
    decibels = melstore.decibels(tracks.mel)
    n_tracks, n_mels, n_columns = decibels.shape
    paired = decibels[:, : n_mels // 2 * 2]
    return paired.reshape(n_tracks, -1, 2, n_columns).mean(axis=2).transpose(0, 2, 1)


def _standardised(bands, preparation):
    mean, deviation = (np.array(preparation[name], np.float32) for name in ("mean", "deviation"))
    return (bands - mean) / deviation


EXPERTS = {
    "kernel machine on texture": KernelMachine,
    "LSTMs on features": Lstms,
    "CNNs on mel": Cnns,
}
"""All of them, by name."""

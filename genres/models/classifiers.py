"""Which classifiers does the champion combine, and what does each of them read?

All are scikit-learn estimators. `KernelRidgeClassifier` takes plain arrays, and passes that
library's own checks. The base classifiers take `genres.sound.measurements.Tracks`, inputs of two
kinds, which those checks cannot make. They are kept in a folder without any code: networks as Keras
files, all else as arrays and JSON.
"""

import json
from functools import partial
from numbers import Integral

import numpy as np
import pandas as pd
from mrmr import mrmr_classif
from scipy.special import softmax
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from genres import Refusal, files
from genres.data import tables
from genres.models import networks, training
from genres.models.networks import ProbabilisticClassifier
from genres.sound.measurements import SECONDS

_FARTHEST = 5.0  # standard deviations: what is farther out counts as that far
_ARRAYS = "kernel-ridge.npz"
_RIDGE = ("support_", "support_vectors_", "dual_coef_", "mean_", "deviation_", "weight_")
_WINDOW, _N_WINDOWS = 128, 6  # columns of a window, usually ten seconds; windows that cover a clip
_MOST_BYTES = 1 << 30  # of arrays that are kept


class KernelRidgeClassifier(ProbabilisticClassifier):
    """Kernel ridge regression on the indicators of the classes, and a softmax over its scores.

    Columns are standardised. The squared distance of two rows, of which their Gaussian kernel is
    made, is averaged over families of columns: each family counts the same, however large it is.

    Parameters
    ----------
    alpha : float, optional
        The ridge.
    sharpness : float, optional
        What the scores, about 0 to 1, are multiplied by before the softmax.
    family_sizes : sequence of int, optional
        How many neighbouring columns each family has; by default all columns are one family.
    max_support : int, optional
        Rows to train on at most, drawn at random from more: time grows with their third power.
    random_state : int, optional
        Seed of that draw.

    Attributes
    ----------
    n_features_in_ : int
        Columns.
    support_ : array of int, shape (n_support,)
        The rows trained on, in rising order.
    support_vectors_ : array of float, shape (n_support, n_features_in_)
        What these are after scaling.
    dual_coef_ : array of float32, shape (n_support, n_classes)
        What each of them adds to the score of each class.
    mean_, deviation_, weight_ : array of float, shape (n_features_in_,)
        What columns are standardised by, and how much each counts.
    """

    def __init__(
        self, alpha=0.03, sharpness=10.0, family_sizes=None, max_support=8000, random_state=None
    ):
        self.alpha = alpha
        self.sharpness = sharpness
        self.family_sizes = family_sizes
        self.max_support = max_support
        self.random_state = random_state

    def fit(self, X, y):
        """Train on rows X, array of float of shape (n_rows, n_columns), with labels y."""
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        codes, n_classes = self._encode(X, y), len(self.classes_)
        sizes = [X.shape[1]] if self.family_sizes is None else self.family_sizes
        if sum(sizes) != X.shape[1]:
            raise ValueError(f"families of {sum(sizes)} columns, but X has {X.shape[1]}")
        self.support_ = np.arange(len(X))
        if len(X) > self.max_support:
            rng = np.random.default_rng(self.random_state)
            self.support_ = np.sort(rng.choice(len(X), self.max_support, replace=False))
            X = X[self.support_]
        self.mean_, self.deviation_ = X.mean(axis=0), np.maximum(X.std(axis=0), 1e-6)
        self.weight_ = (1 / np.sqrt(2 * len(sizes) * np.repeat(sizes, sizes))).astype(np.float32)
        self.support_vectors_ = self._scaled(X)
        ridge = KernelRidge(alpha=self.alpha, kernel="rbf", gamma=1.0)
        ridge.fit(self.support_vectors_, np.eye(n_classes)[codes[self.support_]] - 1 / n_classes)
        self.dual_coef_ = ridge.dual_coef_.astype(np.float32)
        return self

    def predict_proba(self, X):
        """Give probabilities, (n_rows, n_classes)."""
        return softmax(self.sharpness * self.scores(X), axis=1)

    def scores(self, X):
        """Give the scores that probabilities are made of, (n_rows, n_classes)."""
        return self.similarity(X) @ self.dual_coef_

    def similarity(self, X):
        """Give the kernel of rows and of those trained on, (n_rows, n_support)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return rbf_kernel(self._scaled(X), self.support_vectors_, gamma=1.0)

    def _check(self, n_classes):
        """Raise ValueError if the arrays, loaded from a file, are not such as `fit` makes."""
        (n_support, n_features), rows = self.support_vectors_.shape, self.support_
        shapes = [(n_support,), (n_support, n_features), (n_support, n_classes)]
        arrays = [getattr(self, name) for name in _RIDGE]
        if [array.shape for array in arrays] != shapes + 3 * [(n_features,)]:
            raise ValueError("arrays that do not fit")
        if rows.dtype.kind != "i" or rows[0] < 0 or (np.diff(rows) <= 0).any():
            raise ValueError("rows that are none")
        positive = np.concatenate([self.deviation_, self.weight_, [self.sharpness]])
        if not all(np.isfinite(array).all() for array in [*arrays, positive]) or min(positive) <= 0:
            raise ValueError("numbers out of range")

    def _scaled(self, X):
        standardised = (X - self.mean_) / self.deviation_
        return np.clip(standardised, -_FARTHEST, _FARTHEST) * self.weight_


class TextureClassifier(ProbabilisticClassifier):
    """A `KernelRidgeClassifier` on features of segments and the texture of their mel spectrogram.

    There are ten families of numbers. A clip's scores are the mean over its segments.

    Parameters
    ----------
    max_support, random_state : int, optional
        As `KernelRidgeClassifier` has them.

    Attributes
    ----------
    kernel_ridge_ : KernelRidgeClassifier
        The classifier of segments.
    n_steps_ : int
        Segments of a clip trained on.
    """

    n_fit_steps = 1  # how often `fit` calls its ``progress``

    def __init__(self, max_support=8000, random_state=None):
        self.max_support = max_support
        self.random_state = random_state

    def fit(self, X, y, progress=None):
        """Train on Tracks X with labels y; `progress` is called with 1."""
        codes, (rows, sizes) = self._encode(X, y), _segment_rows(X)
        self.n_steps_ = X.segments.shape[1]
        same = {"max_support": self.max_support, "random_state": self.random_state}
        self.kernel_ridge_ = KernelRidgeClassifier(family_sizes=sizes, **same)
        self.kernel_ridge_.fit(rows, np.repeat(codes, self.n_steps_))
        if progress:
            progress(1)
        return self

    def predict_proba(self, X):
        """Give probabilities of Tracks, (n_tracks, n_classes)."""
        check_is_fitted(self)
        scores = self.kernel_ridge_.scores(_segment_rows(X)[0])
        mean = scores.reshape(len(X), -1, len(self.classes_)).mean(axis=1)
        return softmax(self.kernel_ridge_.sharpness * mean, axis=1)

    def similarity(self, X):
        """Say how similar tracks are to each of those that it was trained on.

        Parameters
        ----------
        X : Tracks
            The others.

        Returns
        -------
        places : array of int, shape (n_known,)
            Which of the tracks trained on have segments here: all, unless there were too many.
        similarity : array of float, shape (n_tracks, n_known)
            From 0 to 1: for each segment of a track the kernel at the nearest segment of the known
            one; the mean over segments.
        """
        check_is_fitted(self)
        places, first = np.unique(self.kernel_ridge_.support_ // self.n_steps_, return_index=True)
        of_segments = self.kernel_ridge_.similarity(_segment_rows(X)[0])
        nearest = np.maximum.reduceat(of_segments, first, axis=1)
        return places, nearest.reshape(len(X), -1, len(places)).mean(axis=1)

    def save(self, folder):
        """Keep it in a folder."""
        check_is_fitted(self)
        ridge = self.kernel_ridge_
        arrays = {name: getattr(ridge, name) for name in _RIDGE}
        arrays |= {"classes": self.classes_.tolist(), "n_steps": self.n_steps_}
        arrays |= {"parameters": json.dumps(ridge.get_params(), default=int)}
        with files.atomic(folder / _ARRAYS) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, folder):
        """Load what `save` kept; nothing is unpickled. A Refusal, if it is not sound."""
        path = folder / _ARRAYS
        files.require_archive(path, _MOST_BYTES)
        try:
            with np.load(path, allow_pickle=False) as archive:
                ridge = KernelRidgeClassifier(**json.loads(archive["parameters"].item()))
                for name in _RIDGE:
                    setattr(ridge, name, archive[name])
                classes, n_steps = archive["classes"], int(archive["n_steps"])
            classifier = cls(ridge.max_support, ridge.random_state)
            classifier.classes_, classifier.n_steps_ = classes, n_steps
            classifier.kernel_ridge_ = ridge
            ridge._check(len(classes))
            ridge.classes_, ridge.n_features_in_ = np.arange(len(classes)), len(ridge.mean_)
            if not 1 <= n_steps <= SECONDS:
                raise ValueError(f"{n_steps} segments")
        except Exception as error:  # of arrays of any kind, anything may follow
            raise Refusal(f"{path} cannot be read: train it again.") from error
        networks.require_probabilities(classifier, n_steps, path)
        return classifier


def _segment_rows(tracks):
    """Give all numbers of all segments, (n_tracks * n_steps, n_numbers), and sizes of families."""
    families = [tracks.segments, *tracks.textures().values()]
    families = [family.reshape(-1, family.shape[2]) for family in families]
    return np.concatenate(families, axis=1), [family.shape[1] for family in families]


class _NetworkClassifier(ProbabilisticClassifier):
    """What classifiers that are networks share: how they are trained, kept and loaded."""

    def fit(self, X, y, progress=None):
        """Train on Tracks X with labels y; `progress` is called `n_fit_steps` times with 1."""
        codes, seed = self._encode(X, y), self.random_state
        seed = int(seed if isinstance(seed, Integral) else check_random_state(seed).randint(2**31))
        self.preparation_ = self._prepare(X, codes)
        self.ensemble_ = self._train(self._inputs(X), codes, seed, progress)
        return self

    @classmethod
    def of(cls, ensemble, preparation, classes, **parameters):
        """Make a fitted classifier of networks that were trained elsewhere."""
        classifier = cls(**parameters)
        classifier.ensemble_, classifier.preparation_ = ensemble, preparation
        classifier.classes_ = np.asarray(classes)
        return classifier

    def save(self, folder):
        """Keep it in a folder."""
        check_is_fitted(self)
        kept = {"classes": self.classes_.tolist(), "parameters": self.get_params()}
        networks.save_ensemble(self.ensemble_, folder, {**self.preparation_, **kept})

    @classmethod
    def load(cls, folder):
        """Load what `save` kept. A Refusal, if it cannot be read."""
        ensemble, preparation = networks.load_ensemble(folder)
        try:
            classes, parameters = preparation.pop("classes"), preparation.pop("parameters")
            classifier = cls.of(ensemble, preparation, classes, **parameters)
        except (KeyError, TypeError, ValueError) as error:
            raise Refusal(f"{folder} is of another version: train it again.") from error
        n_steps = ensemble.members[0].input_shape[1] if cls is LstmClassifier else 1
        networks.require_probabilities(classifier, n_steps, folder)
        return classifier

    def _standardised(self, values, dtype):
        mean, deviation = (np.array(self.preparation_[of], dtype) for of in ("mean", "deviation"))
        return (values - mean) / deviation


class LstmClassifier(_NetworkClassifier):
    """LSTMs that read the features of a clip's segments in order, as in the first report.

    Parameters
    ----------
    n_members, epochs : int, optional
        How many, whose probabilities are averaged; passes over the tracks.
    n_selected : int, optional
        Features of a segment that they read, selected by MRMR on the tracks trained on.
    random_state : int, optional
        Seed: member i is seeded by ``random_state + i``.

    Attributes
    ----------
    ensemble_ : genres.models.networks.Ensemble
        The networks.
    preparation_ : dict
        The ``features`` that are selected, their ``mean`` and ``deviation``.
    """

    def __init__(self, n_members=10, epochs=15, n_selected=40, random_state=None):
        self.n_members = n_members
        self.epochs = epochs
        self.n_selected = n_selected
        self.random_state = random_state

    @property
    def n_fit_steps(self):
        """How often `fit` calls its ``progress``."""
        return self.epochs

    def predict_proba(self, X):
        """Give probabilities of Tracks, (n_tracks, n_classes): those of the last step."""
        check_is_fitted(self)
        return self.ensemble_.predict(self._inputs(X))[:, :, -1].mean(axis=0)

    def _prepare(self, X, codes):
        _, n_steps, n_features = X.segments.shape
        rows = pd.DataFrame(X.segments.reshape(-1, n_features), columns=list(tables.FEATURES))
        labels = pd.Series(np.repeat(codes, n_steps))
        selected = mrmr_classif(rows, labels, self.n_selected, show_progress=False, n_jobs=1)
        return {
            "features": selected,
            "mean": rows[selected].mean().tolist(),
            "deviation": rows[selected].std(ddof=0).clip(lower=1e-9).tolist(),
        }

    def _inputs(self, X):
        places = [tables.FEATURES.index(name) for name in self.preparation_["features"]]
        return self._standardised(X.segments[:, :, places], float)

    def _train(self, inputs, codes, seed, progress):
        build = partial(networks.recurrent, inputs.shape[1:], len(self.classes_))
        amount = {"n_members": self.n_members, "epochs": self.epochs}
        return training.fit_ensemble(build, inputs, codes, **amount, seed=seed, progress=progress)


class CnnClassifier(_NetworkClassifier):
    """Convolutional networks on windows of the mel spectrogram, as in notebook 07.

    Parameters
    ----------
    n_members, epochs, random_state : int, optional
        As `LstmClassifier` has them.

    Attributes
    ----------
    ensemble_ : genres.models.networks.Ensemble
        The networks.
    preparation_ : dict
        ``mean`` and ``deviation`` of each band, and the ``width`` of a window in columns.
    """

    def __init__(self, n_members=1, epochs=40, random_state=None):
        self.n_members = n_members
        self.epochs = epochs
        self.random_state = random_state

    @property
    def n_fit_steps(self):
        """How often `fit` calls its ``progress``."""
        return self.n_members * self.epochs

    def predict_proba(self, X):
        """Give probabilities of Tracks, (n_tracks, n_classes): the mean over windows of a clip.

        A clip that is shorter than a window is repeated.
        """
        check_is_fitted(self)
        inputs, width = self._inputs(X), self.preparation_["width"]
        n_columns = inputs.shape[1]
        inputs = inputs[:, np.arange(max(width, n_columns)) % n_columns]
        starts = np.unique(np.linspace(0, inputs.shape[1] - width, _N_WINDOWS).astype(int))
        windows, members = [inputs[:, at : at + width] for at in starts], self.ensemble_.members
        return np.mean([networks.predict(m, part) for m in members for part in windows], axis=0)

    def _prepare(self, X, codes):
        bands = X.paired_bands()
        return {
            "mean": bands.mean(axis=(0, 1)).tolist(),
            "deviation": np.maximum(bands.std(axis=(0, 1)), 1e-3).tolist(),
            "width": min(_WINDOW, bands.shape[1]),
        }

    def _inputs(self, X):
        return self._standardised(X.paired_bands(), np.float32)

    def _train(self, inputs, codes, seed, progress):
        n, width, n_classes = self.n_members, self.preparation_["width"], len(self.classes_)
        build = partial(networks.convolutional, (width, inputs.shape[2]), n_classes)
        augment = partial(networks.mix_windows, width, n_classes)
        settings = {"optimizer": networks.cosine_decay(2e-3), "batch_size": 16, "augment": augment}
        settings |= {"epochs": self.epochs, "progress": progress}
        fits = (training.fit(build, inputs, codes, seed=seed + i, **settings) for i in range(n))
        return networks.Ensemble([fit.model for fit in fits], {}, {})


BASE_CLASSIFIERS = {
    "kernel machine on texture": TextureClassifier,
    "LSTMs on features": LstmClassifier,
    "CNNs on mel": CnnClassifier,
}
"""Those that the champion combines, by name."""

"""Which classifiers does the champion combine, and what does each of them read?

All are scikit-learn estimators that take `genres.sound.measurements.Tracks`. They are kept in a
folder without any code: networks as Keras files, all else as arrays and JSON.
"""

from functools import partial
from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd
from mrmr import mrmr_classif
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from genres import Refusal, files
from genres.data import tables
from genres.models import networks, training
from genres.models.kernel import ProbabilisticClassifier, TextureClassifier, require_probabilities

_DISCRIMINANTS = "discriminants.json"
_WINDOW, _N_WINDOWS = 128, 6  # columns of a window, usually ten seconds; windows that cover a clip


class Effort(NamedTuple):
    """How much is trained: networks of each kind, and their epochs."""

    lstms: int = 10
    lstm_epochs: int = 15
    cnns: int = 1
    cnn_epochs: int = 40


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
        require_probabilities(classifier, n_steps, folder)
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
    """Convolutional networks along time, on windows of the mel spectrogram.

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


class TagClassifier(ProbabilisticClassifier):
    """Linear discriminant analysis of what a tagger says of a clip.

    The covariance is shrunk as Ledoit and Wolf (2004) have it: there may be fewer clips of a genre
    than tags.

    Parameters
    ----------
    random_state : optional
        Not used: nothing is left to chance.

    Attributes
    ----------
    coef_, intercept_ : array of float, shape (n_classes, 50) and (n_classes,)
        What a tag's log-odds add to the score of each class, and where that begins.
    """

    n_fit_steps = 1  # how often `fit` calls its ``progress``
    reads_tags = True

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y, progress=None):
        """Train on Tracks X, with tags, and labels y; `progress` is called with 1."""
        codes = self._encode(X, y)
        found = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(X.tags, codes)
        self.coef_, self.intercept_ = found.coef_, found.intercept_
        if len(self.classes_) == 2:  # scikit-learn keeps the scores of the second class alone
            self.coef_ = np.concatenate([0 * self.coef_, self.coef_])
            self.intercept_ = np.concatenate([0 * self.intercept_, self.intercept_])
        if progress:
            progress(1)
        return self

    def predict_proba(self, X):
        """Give probabilities of Tracks, (n_tracks, n_classes)."""
        check_is_fitted(self)
        return softmax(X.tags @ self.coef_.T + self.intercept_, axis=1)

    def save(self, folder):
        """Keep it in a folder."""
        check_is_fitted(self)
        kept = {name: getattr(self, name).tolist() for name in ("classes_", "coef_", "intercept_")}
        files.write_json(folder / _DISCRIMINANTS, kept)

    @classmethod
    def load(cls, folder):
        """Load what `save` kept. A Refusal, if it cannot be read."""
        path, classifier = folder / _DISCRIMINANTS, cls()
        kept = files.read_json(path)
        try:
            for name in ("classes_", "coef_", "intercept_"):
                setattr(classifier, name, np.asarray(kept[name]))
        except (LookupError, TypeError, ValueError) as error:
            raise Refusal(f"{path} is of another version: train it again.") from error
        require_probabilities(classifier, 1, path)
        return classifier


ON_TAGS = "discriminants on tags"
"""The one that reads tags alone."""

BASE_CLASSIFIERS = {
    "kernel machine on texture": TextureClassifier,
    "LSTMs on features": LstmClassifier,
    "CNNs on mel": CnnClassifier,
    ON_TAGS: TagClassifier,
}
"""Those that the champion combines, by name."""

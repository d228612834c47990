"""What is the best prediction for one clip?

Base classifiers read different things; `genres.models.classifiers` has them. Their calibrated
probabilities are averaged, with a weight for each, and the mean is calibrated again. Weights and
temperatures come from tracks that the base classifiers were not trained on.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.validation import check_is_fitted

from genres import Refusal, files, imports
from genres.data import folders, tables
from genres.models import classifiers, evaluation, kernel
from genres.models.classifiers import BASE_CLASSIFIERS, ON_TAGS, Effort, ProbabilisticClassifier
from genres.project import PROJECT
from genres.sound.measurements import SECONDS, Tracks


def base_classifiers(effort=None, random_state: int | None = None, *, tagged: bool = False):
    """Make the base classifiers, not fitted yet.

    Parameters
    ----------
    effort : Effort, optional
        How much is to be trained.
    random_state : int, optional
        Their seed.
    tagged : bool, optional
        Whether there is to be one that reads tags alone.

    Returns
    -------
    dict of str to classifier
        By name, as `genres.models.classifiers.BASE_CLASSIFIERS` has them.
    """
    effort = effort or Effort()
    amounts = {
        "LSTMs on features": {"n_members": effort.lstms, "epochs": effort.lstm_epochs},
        "CNNs on mel": {"n_members": effort.cnns, "epochs": effort.cnn_epochs},
    }
    return {
        name: classifier(**amounts.get(name, {}), random_state=random_state)
        for name, classifier in BASE_CLASSIFIERS.items()
        if tagged or name != ON_TAGS
    }


def n_fit_steps(base):
    """Give how often fitting base classifiers, a dict of them by name, calls ``progress``."""
    return sum(classifier.n_fit_steps for classifier in base.values())


def gather(data, spectrograms):
    """Put features and spectrograms of the same clips side by side.

    Parameters
    ----------
    data : genres.data.folders.Data
        Whose features.
    spectrograms : genres.lab.recordings.Spectrograms
        Whose spectrograms. Where these are the built-in corpus's, so are the features.

    Returns
    -------
    genres.sound.measurements.Tracks
        In the order of the spectrograms.
    """
    names, columns = spectrograms.clips.names, list(tables.FEATURES)
    _, segments = _data_of(data, spectrograms.clips).finest()
    rows = segments.groupby("File", sort=False).indices
    order = np.stack([rows[name] for name in names])
    values = segments[columns].to_numpy(np.float32)[order]
    return Tracks(values, spectrograms.store.mel, names)


def whole_features(data, clips):
    """Give the features of whole clips, float (n_clips, 63), of the data that `gather` takes."""
    table = _data_of(data, clips).table(SECONDS).set_index("File")
    return table.loc[clips.names, list(tables.FEATURES)].to_numpy()


def _data_of(data, clips):
    return folders.find(folders.SYNTHETIC) if clips.synthetic else data


def cross_val_predict_proba(
    base,
    X,
    y,
    splits,
    *,
    classes=None,
    progress: Callable | None = None,
    folder: Path | None = None,
):
    """Let base classifiers predict tracks that they were not trained on.

    Parameters
    ----------
    base : dict of str to classifier
        As `base_classifiers` makes them. They stay as they are: clones are fitted.
    X : genres.sound.measurements.Tracks
        The tracks.
    y : array, shape (n_tracks,)
        Their labels.
    splits : sequence of (train, test)
        Places of the tracks to train on and of those to predict, as scikit-learn's splitters give
        them. Not all tracks need to be predicted.
    classes : sequence, optional
        The labels that columns stand for, in sorted order; by default those that are in `y`.
    progress : callable, optional
        Called `n_fit_steps(base)` times with 1 for each split; or once, with all and ``kept=True``.
    folder : Path, optional
        Where they are kept: what the same code has predicted of the same is not computed again.

    Returns
    -------
    dict of str to array of float, shape (n_tracks, n_classes)
        Probabilities by each classifier: 0 for a class that was not trained on; NaN for tracks
        that no split predicts.
    """
    y, splits = np.asarray(y), list(splits)
    classes = np.unique(y) if classes is None else np.asarray(classes)
    if folder:
        kept = folder / f"{_digest(base, X, y, classes, splits)}.npz"
        with suppress(Refusal, ValueError):  # there are none yet, or they were damaged
            files.require_archive(kept, 1 << 30)
            with np.load(kept, allow_pickle=False) as archive:
                found = {name: archive[name] for name in base}
            if progress:
                progress(n_fit_steps(base) * len(splits), kept=True)
            return found
    predicted = {name: np.full((len(y), len(classes)), np.nan) for name in base}
    for train, test in splits:
        for name, classifier in base.items():
            fitted = clone(classifier).fit(X[train], y[train], progress=progress)
            columns = np.searchsorted(classes, fitted.classes_)
            predicted[name][test] = 0
            predicted[name][np.ix_(test, columns)] = fitted.predict_proba(X[test])
    if folder:
        with files.atomic(kept) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **predicted)
    return predicted


def _digest(base, X, y, classes, splits):
    """Tell predictions apart: by who predicts what, and by the code that does."""
    code = imports.closure([classifiers.__name__, Tracks.__module__], PROJECT)
    who = [(name, type(one).__name__, one.get_params()) for name, one in base.items()]
    made_by = (who, classes.tolist(), imports.fingerprint(code, PROJECT))
    digest = hashlib.sha256(repr(made_by).encode())
    measured = [part for part in (X.segments, X.mel, X.tags) if part is not None]
    places = [np.asarray(part) for split in splits for part in split]
    for values in (*measured, np.searchsorted(classes, y), *places):
        digest.update(repr((values.shape, values.dtype)).encode())
        digest.update(np.ascontiguousarray(values))
    return digest.hexdigest()[:20]


class Mixture(NamedTuple):
    """How the probabilities of base classifiers become one.

    Attributes
    ----------
    weights : dict of str to float
        The share of each base classifier that is used; together 1.
    temperatures : dict of str to float
        What the logarithms of each one's probabilities are divided by.
    temperature : float
        What those of their mean are divided by.
    """

    weights: dict
    temperatures: dict
    temperature: float

    @classmethod
    def alone(cls, name):
        """Make the mixture that is one base classifier as it is."""
        return cls({name: 1.0}, {name: 1.0}, 1.0)

    def __call__(self, probabilities):
        """Give probabilities, (n_tracks, n_classes), from those of each base classifier."""
        mean = sum(
            weight * evaluation.scale_temperature(probabilities[name], self.temperatures[name])
            for name, weight in self.weights.items()
        )
        return evaluation.scale_temperature(mean, self.temperature)


def mix(probabilities, labels):
    """Find the mixture of least cross-entropy.

    Parameters
    ----------
    probabilities : dict of str to array of float, shape (n_tracks, n_classes)
        Of each base classifier, for tracks that it was not trained on.
    labels : array of int, shape (n_tracks,)
        Their columns.

    Returns
    -------
    Mixture
    """
    temperatures = {
        name: evaluation.fit_temperature(given, labels) for name, given in probabilities.items()
    }
    calibrated = np.stack(
        [
            evaluation.scale_temperature(given, temperatures[name])
            for name, given in probabilities.items()
        ]
    )

    def cross_entropy(scores):
        mean = np.tensordot(softmax(scores), calibrated, axes=1)
        return -np.log(np.maximum(mean[np.arange(len(labels)), labels], 1e-12)).mean()

    start = np.zeros(len(probabilities))
    shares = softmax(minimize(cross_entropy, start, method="Nelder-Mead").x)
    weights = dict(zip(probabilities, map(float, shares), strict=True))
    mean = Mixture(weights, temperatures, 1.0)(probabilities)
    return Mixture(weights, temperatures, evaluation.fit_temperature(mean, labels))


class Champion(ProbabilisticClassifier):
    """Base classifiers, whose calibrated probabilities are averaged.

    Parameters
    ----------
    base : dict of str to classifier, optional
        As `base_classifiers` makes them, which is the default.
    mixture : Mixture, optional
        Weights and temperatures: only those with a weight are fitted. By default it is found by
        cross-validation on what the champion is trained on.
    genres : sequence of str, optional
        What the classes are called, in their order; by default they are called what they are.
    cv : int, optional
        Folds of that cross-validation.
    random_state : int, optional
        Seed of the folds, and of the default base classifiers.

    Attributes
    ----------
    classes_ : array, shape (n_classes,)
        The labels, sorted.
    genres_ : list of str
        What they are called.
    base_ : dict of str to classifier
        The base classifiers, fitted.
    mixture_ : Mixture
        How their probabilities become one.
    n_steps_ : int
        Segments of a clip.
    known_ : list of [str, str]
        Name and genre of the tracks that it was trained on, where these have names.
    """

    def __init__(self, base=None, mixture=None, genres=None, cv=5, random_state=None):
        self.base = base
        self.mixture = mixture
        self.genres = genres
        self.cv = cv
        self.random_state = random_state

    @property
    def n_fit_steps(self):
        """How often `fit` calls its ``progress``."""
        return n_fit_steps(self._used()) * (1 if self.mixture else 1 + self.cv)

    @property
    def reads_tags(self):
        """Whether tracks have to be tagged for it."""
        return any(one.reads_tags for one in self.base_.values())

    def _used(self):
        base = self.base or base_classifiers(random_state=self.random_state)
        return {name: base[name] for name in self.mixture.weights} if self.mixture else base

    def fit(self, X, y, progress=None):
        """Train on Tracks X with labels y; `progress` is called `n_fit_steps` times with 1."""
        codes, used = self._encode(X, y), self._used()
        genres = self.classes_ if self.genres is None else self.genres
        if len(genres) != len(self.classes_):
            raise ValueError(f"{len(genres)} genres, but y has {len(self.classes_)} classes")
        self.mixture_ = self.mixture
        if self.mixture is None:
            folds = StratifiedKFold(self.cv, shuffle=True, random_state=self.random_state)
            splits = folds.split(codes, codes)
            held_out = cross_val_predict_proba(used, X, codes, splits, progress=progress)
            self.mixture_ = mix(held_out, codes)
        self.base_ = {
            name: clone(classifier).fit(X, y, progress=progress)
            for name, classifier in used.items()
        }
        self.genres_, self.n_steps_ = [str(genre) for genre in genres], X.segments.shape[1]
        names = [] if X.names is None else X.names
        self.known_ = [
            [str(name), self.genres_[code]] for name, code in zip(names, codes, strict=False)
        ]
        return self

    @classmethod
    def of(cls, base, mixture, genres, n_steps, known=()):
        """Make a fitted champion of fitted base classifiers."""
        champion = cls({name: clone(one) for name, one in base.items()}, mixture, genres)
        champion.base_, champion.mixture_ = base, mixture
        champion.genres_, champion.n_steps_, champion.known_ = genres, n_steps, list(known)
        champion.classes_ = next(iter(base.values())).classes_
        return champion

    def predict_proba(self, X):
        """Give probabilities of Tracks, (n_tracks, n_classes)."""
        check_is_fitted(self)
        return self.mixture_({name: one.predict_proba(X) for name, one in self.base_.items()})


def save(champion, folder):
    """Keep a champion in a folder: networks as Keras files, all else as arrays and JSON."""
    for number, classifier in enumerate(champion.base_.values(), start=1):
        part = folder / f"classifier-{number}"
        part.mkdir(parents=True, exist_ok=True)
        classifier.save(part)
    description = {
        "genres": champion.genres_,
        "n_steps": champion.n_steps_,
        "reads_tags": champion.reads_tags,
        "classifiers": list(champion.base_),
        **champion.mixture_._asdict(),
        "known": champion.known_,
    }
    files.write_json(folder / "champion.json", description)


def load(folder):
    """Load a champion that `save` kept.

    Raises
    ------
    Refusal
        If there is none, or a file of it cannot be read, or does not fit the others.
        Nothing is unpickled.
    """
    path = folder / "champion.json"
    description = files.read_json(path)
    try:
        if len(set(description["classifiers"])) < len(description["classifiers"]):
            raise ValueError("a classifier twice")
        base = {
            name: BASE_CLASSIFIERS[name].load(folder / f"classifier-{number}")
            for number, name in enumerate(description["classifiers"], start=1)
        }
        mixture = Mixture(*(description[field] for field in Mixture._fields))
        genres, n_steps, known = (description[field] for field in ("genres", "n_steps", "known"))
        champion = Champion.of(base, mixture, genres, n_steps, known)
        _check(champion)
    except (AttributeError, LookupError, TypeError, ValueError, StopIteration) as error:
        raise Refusal(
            f"{folder} holds no champion that this version knows: make it again."
        ) from error
    kernel.require_probabilities(champion, n_steps, path)
    return champion


def _check(champion):
    """Raise ValueError if what was loaded is not what `Champion.fit` makes."""
    base, mixture, genres = champion.base_, champion.mixture_, champion.genres_
    if set(mixture.weights) != set(base) or set(mixture.temperatures) != set(base):
        raise ValueError("weights of other classifiers")
    weights = np.array([*mixture.weights.values()], float)
    temperatures = np.array([*mixture.temperatures.values(), mixture.temperature], float)
    if not ((weights >= 0).all() and abs(weights.sum() - 1) < 1e-6):
        raise ValueError("weights that are no shares")
    if not ((temperatures > 0).all() and np.isfinite(temperatures).all()):
        raise ValueError("temperatures out of range")
    if not all(isinstance(genre, str) for genre in genres) or len(set(genres)) < len(genres):
        raise ValueError("genres that are no names, or twice the same")
    if type(champion.n_steps_) is not int or not 1 <= champion.n_steps_ <= SECONDS:
        raise ValueError("no number of segments")
    for name, classifier in base.items():
        classes = classifier.classes_
        if not np.array_equal(classes, champion.classes_) or len(classes) != len(genres):
            raise ValueError("classifiers of different classes or genres")
        if name == "kernel machine on texture":
            last = classifier.kernel_ridge_.support_[-1] // classifier.n_steps_
            if classifier.n_steps_ != champion.n_steps_ or 0 < len(champion.known_) <= last:
                raise ValueError("other segments, or fewer tracks than it was trained on")
    for name, genre in champion.known_:
        if not isinstance(name, str) or genre not in genres:
            raise ValueError("tracks of other genres")

"""How does kernel ridge regression classify clips by texture? What do all classifiers share?

`KernelRidgeClassifier` takes plain arrays, and passes scikit-learn's own checks of estimators;
`TextureClassifier` takes `genres.sound.measurements.Tracks`, measures their texture, and is kept in
a file without any code. Notebook 11 chooses their parameters.
"""

import json
from pathlib import Path

import numpy as np
from scipy.linalg import blas, lapack
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from genres import Refusal, files
from genres.data import tables
from genres.sound import melstore, spectra, tags
from genres.sound.measurements import SECONDS, Tracks

_ARRAYS = "kernel-ridge.npz"
_RIDGE = ("support_", "support_vectors_", "dual_coef_", "mean_", "deviation_", "weight_")
_SHARED = ("alpha", "sharpness", "clip", "max_support", "random_state")  # by both classifiers
_MOST_BYTES = 1 << 30  # of arrays that are kept


class ProbabilisticClassifier(ClassifierMixin, BaseEstimator):
    """What all classifiers here share: labels of any kind, and predictions from probabilities.

    Attributes
    ----------
    classes_ : array, shape (n_classes,)
        The labels, sorted.
    """

    reads_tags = False
    """Whether tracks have to be tagged for it."""

    def predict(self, X):
        """Give the class of the largest probability of each."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return self.classes_[likeliest]

    def _encode(self, X, y):
        """Keep the classes, in sorted order, and give the place of each label among them."""
        check_consistent_length(X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            (only,) = self.classes_.tolist()
            raise ValueError(f"two classes are needed, and y has one class: {only!r}")
        return codes


def require_probabilities(classifier, n_steps: int, path: Path):
    """Refuse a classifier, loaded from `path`, that does not predict what it should of silence.

    Parameters
    ----------
    classifier : ProbabilisticClassifier
        What is to predict.
    n_steps : int
        Segments of a clip.
    path : Path
        What a refusal names.

    Raises
    ------
    Refusal
        If its classes are not in order, or if what it predicts is no probabilities of them.
    """
    mel = np.zeros((1, spectra.N_MELS, round(melstore.COLUMNS_PER_SECOND * SECONDS)), np.uint8)
    features = np.zeros((1, n_steps, len(tables.FEATURES)), np.float32)
    silence = Tracks(features, mel, tags=np.zeros((1, len(tags.TAGS)), np.float32))
    try:
        classes = classifier.classes_
        given = classifier.predict_proba(silence)
        sound = (
            classes.ndim == 1
            and np.array_equal(classes, np.unique(classes))
            and given.shape == (1, len(classes))
            and np.allclose(given.sum(axis=1), 1, atol=1e-3)
            and (given >= 0).all()
        )
    except Exception as error:  # parts that do not fit fail anywhere in the libraries
        raise Refusal(f"{path} holds a model that does not work: train it again.") from error
    if not sound:
        raise Refusal(f"{path} holds a model that gives no probabilities: train it again.")


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
    clip : float, optional
        Standard deviations: what is farther from its column's mean counts as that far.
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
        self,
        alpha=0.03,
        sharpness=10.0,
        clip=5.0,
        family_sizes=None,
        max_support=8000,
        random_state=None,
    ):
        self.alpha = alpha
        self.sharpness = sharpness
        self.clip = clip
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
        positive = np.concatenate([self.deviation_, self.weight_, [self.sharpness, self.clip]])
        if not all(np.isfinite(array).all() for array in [*arrays, positive]) or min(positive) <= 0:
            raise ValueError("numbers out of range")

    def _scaled(self, X):
        standardised = (X - self.mean_) / self.deviation_
        return np.clip(standardised, -self.clip, self.clip) * self.weight_


class TextureClassifier(ProbabilisticClassifier):
    """A `KernelRidgeClassifier` on features of segments and the texture of their mel spectrogram.

    A clip's scores are the mean over its segments.

    Parameters
    ----------
    families : sequence of str, optional
        The families of numbers that it reads, by their names in `measure_families`; by default all
        that the tracks trained on have.
    alpha, sharpness, clip, max_support, random_state : optional
        As `KernelRidgeClassifier` has them.

    Attributes
    ----------
    kernel_ridge_ : KernelRidgeClassifier
        The classifier of segments.
    families_ : list of str
        What it reads.
    n_steps_ : int
        Segments of a clip trained on.
    """

    n_fit_steps = 1  # how often `fit` calls its ``progress``

    def __init__(
        self,
        families=None,
        alpha=0.03,
        sharpness=10.0,
        clip=5.0,
        max_support=8000,
        random_state=None,
    ):
        self.families = families
        self.alpha = alpha
        self.sharpness = sharpness
        self.clip = clip
        self.max_support = max_support
        self.random_state = random_state

    @property
    def reads_tags(self):
        """Whether tracks have to be tagged for it."""
        return "tags" in self.families_

    def fit(self, X, y, progress=None):
        """Train on Tracks X with labels y; `progress` is called with 1."""
        self.families_ = list(measure_families(X) if self.families is None else self.families)
        codes, (rows, sizes) = self._encode(X, y), self._segment_rows(X)
        self.n_steps_ = X.segments.shape[1]
        same = {name: getattr(self, name) for name in _SHARED}
        self.kernel_ridge_ = KernelRidgeClassifier(family_sizes=sizes, **same)
        self.kernel_ridge_.fit(rows, np.repeat(codes, self.n_steps_))
        if progress:
            progress(1)
        return self

    def predict_proba(self, X):
        """Give probabilities of Tracks, (n_tracks, n_classes)."""
        check_is_fitted(self)
        scores = self.kernel_ridge_.scores(self._segment_rows(X)[0])
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
        of_segments = self.kernel_ridge_.similarity(self._segment_rows(X)[0])
        nearest = np.maximum.reduceat(of_segments, first, axis=1)
        return places, nearest.reshape(len(X), -1, len(places)).mean(axis=1)

    def save(self, folder):
        """Keep it in a folder."""
        check_is_fitted(self)
        ridge = self.kernel_ridge_
        arrays = {name: getattr(ridge, name) for name in _RIDGE}
        arrays |= {"classes": self.classes_.tolist(), "n_steps": self.n_steps_}
        arrays |= {"parameters": json.dumps(ridge.get_params(), default=int)}
        arrays |= {"families": json.dumps(self.families), "read": json.dumps(self.families_)}
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
                families, read = (json.loads(archive[of].item()) for of in ("families", "read"))
            shared = {name: getattr(ridge, name) for name in _SHARED}
            classifier = cls(families, **shared)
            classifier.classes_, classifier.n_steps_ = classes, n_steps
            classifier.kernel_ridge_, classifier.families_ = ridge, read
            ridge._check(len(classes))
            ridge.classes_, ridge.n_features_in_ = np.arange(len(classes)), len(ridge.mean_)
            if not 1 <= n_steps <= SECONDS:
                raise ValueError(f"{n_steps} segments")
        except Exception as error:  # of arrays of any kind, anything may follow
            raise Refusal(f"{path} cannot be read: train it again.") from error
        require_probabilities(classifier, n_steps, path)
        return classifier

    def _segment_rows(self, tracks):
        """Give the numbers of all segments, (n_tracks * n_steps, n_numbers), and family sizes."""
        measured, names = measure_families(tracks), self.families_
        if not names or not set(names) <= set(measured):
            raise ValueError(f"families are {list(measured)}, not {names}")
        rows = [measured[name].reshape(-1, measured[name].shape[2]) for name in names]
        return np.concatenate(rows, axis=1), [family.shape[1] for family in rows]


def measure_families(tracks):
    """Give the numbers of each segment, family by family.

    Parameters
    ----------
    tracks : genres.sound.measurements.Tracks
        The clips.

    Returns
    -------
    dict of str to array of float32, shape (n_tracks, n_steps, n_numbers)
        ``features``, the 63; the families of `genres.sound.texture.statistics`; and ``tags``, where
        tracks have them: the same in each segment of a track.
    """
    measured = {"features": tracks.segments, **tracks.textures()}
    if tracks.tags is not None:
        measured["tags"] = np.repeat(tracks.tags[:, None], tracks.segments.shape[1], axis=1)
    return measured


def leave_groups_out(similarity, targets, groups, alpha: float):
    """Predict each row by kernel ridge regression on the rows of all other groups.

    No regression is fitted again: the rows of a group miss their targets by what the whole
    regression leaves, divided by the group's block of the inverse (An, Liu and Venkatesh, 2007).

    Parameters
    ----------
    similarity : array of float, shape (n_rows, n_rows)
        The kernel of the rows.
    targets : array of float, shape (n_rows, n_targets)
        What is regressed on.
    groups : array, shape (n_rows,)
        What is left out together, such as an artist.
    alpha : float
        The ridge, above 0.

    Returns
    -------
    array of float, shape (n_rows, n_targets)

    Raises
    ------
    ValueError
        If kernel and ridge together are not positive definite.
    """
    factor, failed = lapack.dpotrf(similarity + alpha * np.eye(len(similarity)), lower=True)
    if failed:
        raise ValueError(f"the kernel with a ridge of {alpha} is not positive definite")
    inverse = lapack.dpotri(factor, lower=True)[0]  # its lower triangle alone
    coefficients = blas.dsymm(1.0, inverse, targets, lower=True)
    predicted = np.array(targets, float)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        block = np.tril(inverse[np.ix_(rows, rows)])
        block += np.tril(block, -1).T
        predicted[rows] -= np.linalg.solve(block, coefficients[rows])
    return predicted

"""Do the classifiers speak scikit-learn?

Its own checks run on the one that takes plain arrays. They make their inputs themselves, and cannot
make `Tracks`, inputs of two kinds; so the others are tried with the tools that people use.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from genres.models.champion import Champion, cross_val_predict_proba
from genres.models.classifiers import CnnClassifier, LstmClassifier
from genres.models.kernel import KernelRidgeClassifier, TextureClassifier
from genres.sound.measurements import Tracks

pytestmark = pytest.mark.usefixtures("untraced")

TEXTURES = {"all": TextureClassifier(), "some": TextureClassifier(max_support=10, random_state=0)}
OF_TRACKS = {
    "texture": TextureClassifier(),
    "lstms": LstmClassifier(n_members=1, epochs=2, random_state=0),
    "cnns": CnnClassifier(n_members=1, epochs=2, random_state=0),
    "champion": Champion(TEXTURES, cv=2, random_state=0),
}


@pytest.fixture(scope="module")
def tracks():
    """Sixteen tracks of two genres, by name, that differ in every feature and every band."""
    rng = np.random.default_rng(0)
    labels = np.array(["rock", "blues"] * 8)
    shift = (labels == "rock")[:, None, None]
    segments = (rng.normal(size=(16, 2, 63)) + 2 * shift).astype(np.float32)
    mel = (rng.integers(60, 120, size=(16, 16, 64)) + 80 * shift).astype(np.uint8)
    return Tracks(segments, mel), labels


@parametrize_with_checks([KernelRidgeClassifier(), KernelRidgeClassifier(max_support=20)])
def test_what_takes_plain_arrays_passes_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_families_of_columns_count_the_same():
    rng = np.random.default_rng(0)
    telling, noise = rng.normal(size=(80, 1)), rng.normal(size=(80, 200))
    X, y = np.hstack([telling, noise]), (telling[:, 0] > 0).astype(int)
    train, test = slice(60), slice(60, None)
    shares = [
        KernelRidgeClassifier(family_sizes=sizes).fit(X[train], y[train]).score(X[test], y[test])
        for sizes in (None, [1, 200])
    ]
    assert shares[1] > shares[0] + 0.2


def test_families_that_are_not_all_columns_are_an_error():
    with pytest.raises(ValueError, match="families of 3 columns, but X has 4"):
        KernelRidgeClassifier(family_sizes=[1, 2]).fit(np.eye(4), [0, 1, 0, 1])


def test_hyperparameters_can_be_searched():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), np.arange(60) % 3
    pipeline = make_pipeline(StandardScaler(), KernelRidgeClassifier())
    grid = {"kernelridgeclassifier__alpha": [0.01, 1.0]}
    assert GridSearchCV(pipeline, grid, cv=2).fit(X + y[:, None], y).best_score_ > 0.5


@pytest.mark.parametrize("name", OF_TRACKS)
def test_classes_are_sorted_and_predictions_are_among_them(tracks, name):
    fitted = clone(OF_TRACKS[name]).fit(*tracks)
    assert fitted.classes_.tolist() == ["blues", "rock"]
    probabilities = fitted.predict_proba(tracks[0])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(
        fitted.predict(tracks[0]), fitted.classes_[probabilities.argmax(axis=1)]
    )
    assert fitted.score(*tracks) > 0.7


@pytest.mark.parametrize("name", OF_TRACKS)
def test_clones_have_the_same_parameters_and_predict_the_same(tracks, name):
    one, other = clone(OF_TRACKS[name]), clone(clone(OF_TRACKS[name]).fit(*tracks))
    assert repr(one.get_params()) == repr(other.get_params())
    first, second = (model.fit(*tracks).predict_proba(tracks[0]) for model in (one, other))
    np.testing.assert_array_equal(first, second)
    assert clone(one).set_params(random_state=5).random_state == 5


@pytest.mark.parametrize("name", OF_TRACKS)
def test_cross_val_predict_splits_tracks(tracks, name):
    X, y = tracks
    probabilities = cross_val_predict(OF_TRACKS[name], X, y, cv=2, method="predict_proba")
    assert probabilities.shape == (16, 2)
    by_hand = clone(OF_TRACKS[name]).fit(X[8:], y[8:]).predict_proba(X[:8])
    np.testing.assert_allclose(probabilities[:8], by_hand, atol=1e-6)


@pytest.mark.parametrize("name", OF_TRACKS)
def test_a_pipeline_can_end_in_it_and_be_calibrated(tracks, name):
    louder = FunctionTransformer(lambda X: Tracks(X.segments * 2, X.mel))
    pipeline = make_pipeline(louder, OF_TRACKS[name])
    calibrated = CalibratedClassifierCV(pipeline, cv=2).fit(*tracks)
    probabilities = calibrated.predict_proba(tracks[0])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert calibrated.predict(tracks[0])[0] == "rock"


@pytest.mark.parametrize("name", OF_TRACKS)
def test_what_cannot_be_done_is_a_value_error(tracks, name):
    X, y = tracks
    with pytest.raises(NotFittedError):
        clone(OF_TRACKS[name]).predict_proba(X)
    with pytest.raises(ValueError, match="one class"):
        clone(OF_TRACKS[name]).fit(X, np.full(16, "rock"))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(OF_TRACKS[name]).fit(X, y[:5])
    with pytest.raises(ValueError, match="Unknown label type"):
        clone(OF_TRACKS[name]).fit(X, np.linspace(0, 1, 16))


@pytest.mark.parametrize("name", OF_TRACKS)
@pytest.mark.parametrize("seed", [np.int64(1), np.random.RandomState(1)], ids=["NumPy's", "state"])
def test_any_random_state_of_scikit_learns_will_do(tracks, name, seed, tmp_path):
    fitted = clone(OF_TRACKS[name]).set_params(random_state=seed).fit(*tracks)
    assert fitted.score(*tracks) > 0.7
    if name == "lstms" and isinstance(seed, np.integer):
        fitted.save(tmp_path)
        kept = type(fitted).load(tmp_path).predict_proba(tracks[0])
        np.testing.assert_allclose(kept, fitted.predict_proba(tracks[0]), atol=1e-6)


def test_labels_go_by_their_places_whatever_their_index(tracks):
    X, y = tracks
    shuffled = pd.Series(y, index=np.arange(len(y))[::-1])
    base = {"texture": TextureClassifier()}
    splits = [(np.arange(8), np.arange(8, 16)), (np.arange(8, 16), np.arange(8))]
    given, expected = (cross_val_predict_proba(base, X, labels, splits) for labels in (shuffled, y))
    np.testing.assert_array_equal(given["texture"], expected["texture"])


@pytest.mark.parametrize("classifier", [TextureClassifier(), OF_TRACKS["cnns"]])
def test_what_reads_spectrograms_says_that_there_are_none(tracks, classifier):
    X, y = tracks
    with pytest.raises(ValueError, match="these tracks have no mel spectrograms"):
        clone(classifier).fit(Tracks(X.segments), y)

"""How does kernel ridge regression classify clips by texture, and how well without some of them?"""

import zipfile

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from genres import Refusal
from genres.models import kernel
from genres.models.kernel import KernelRidgeClassifier, TextureClassifier
from genres.sound.measurements import Tracks


@pytest.fixture
def tracks():
    """Twelve tracks of two genres that differ in their spectrograms alone."""
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 2
    segments = rng.normal(size=(12, 2, 63)).astype(np.float32)
    mel = rng.integers(60, 120, size=(12, 16, 64)) + 80 * labels[:, None, None]
    return Tracks(segments, mel.astype(np.uint8)), labels


def test_leaving_a_group_out_is_fitting_without_it():
    rng = np.random.default_rng(0)
    rows, targets = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    groups = rng.integers(0, 6, size=30)
    predicted = kernel.leave_groups_out(rbf_kernel(rows), targets, groups, 0.1)
    for group in range(6):
        unseen = groups == group
        fitted = KernelRidge(alpha=0.1, kernel="rbf").fit(rows[~unseen], targets[~unseen])
        np.testing.assert_allclose(predicted[unseen], fitted.predict(rows[unseen]), atol=1e-9)


def test_targets_stay_as_they_are():
    targets = np.eye(3)
    kernel.leave_groups_out(np.eye(3), targets, [0, 1, 2], 1.0)
    np.testing.assert_array_equal(targets, np.eye(3))


def test_what_is_no_kernel_is_refused():
    with pytest.raises(ValueError, match="positive definite"):
        kernel.leave_groups_out(-np.eye(3), np.eye(3), [0, 1, 2], 0.5)


def test_only_the_families_named_are_read(tracks):
    X, y = tracks
    measured = kernel.measure_families(X)
    fitted = TextureClassifier(["rhythm", "edges"]).fit(X, y)
    sizes = [measured["rhythm"].shape[2], measured["edges"].shape[2]]
    assert fitted.kernel_ridge_.family_sizes == sizes
    other = Tracks(X.segments + 5, X.mel)
    np.testing.assert_array_equal(fitted.predict_proba(other), fitted.predict_proba(X))


@pytest.mark.parametrize("families", [["volume"], []])
def test_families_that_are_none_are_an_error(tracks, families):
    with pytest.raises(ValueError, match="families are"):
        TextureClassifier(families).fit(*tracks)


def test_what_is_farther_out_than_the_clip_counts_as_that_far():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    fitted = KernelRidgeClassifier(clip=2.0).fit(X, y)
    far = fitted.mean_ + fitted.deviation_ * np.array([[2.0], [50.0]])
    np.testing.assert_allclose(*fitted.predict_proba(far))


def test_what_notebook_11_chose_is_what_both_take_by_default():
    chosen = {"alpha": 0.03, "sharpness": 10.0, "clip": 5.0, "max_support": 8000}
    segments = KernelRidgeClassifier().get_params()
    clips = TextureClassifier().get_params()
    assert segments == {**chosen, "random_state": None, "family_sizes": None}
    assert clips == {**chosen, "random_state": None, "families": None}


def test_scores_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 4)), np.array(["a", "b", "c"] * 3)
    X[:, 3] = 7  # a column that never changes
    new = np.vstack([rng.normal(size=(4, 4)), 50 * np.ones(4)])
    new[:4, 3] = 7
    new[4, 3] = 7 + 2e-6
    fitted = KernelRidgeClassifier(alpha=0.2, sharpness=3, clip=2, family_sizes=[1, 3]).fit(X, y)

    def scaled(rows):
        deviation = np.append(X[:, :3].std(axis=0), 1e-6)  # constant columns: a millionth
        return np.clip((rows - X.mean(axis=0)) / deviation, -2, 2)

    def similar(row, other):
        apart = (row - other) ** 2 / 2
        return np.exp(-(apart[0] + apart[1:].mean()) / 2)

    known = scaled(X)
    kernel_ = np.array([[similar(row, other) for other in known] for row in known])
    targets = np.eye(3)[np.arange(9) % 3] - 1 / 3
    weights = np.linalg.solve(kernel_ + 0.2 * np.eye(9), targets)
    scores = np.array([[similar(row, other) for other in known] for row in scaled(new)]) @ weights
    np.testing.assert_allclose(fitted.scores(new), scores, atol=1e-5)
    expected = np.exp(3 * scores) / np.exp(3 * scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(new), expected, atol=1e-5)
    assert fitted.support_.tolist() == list(range(9))


def test_more_rows_than_allowed_are_drawn_by_their_seed():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 2
    drawn = np.sort(np.random.default_rng(4).choice(30, 10, replace=False))
    some = KernelRidgeClassifier(max_support=10, random_state=4).fit(X, y)
    np.testing.assert_array_equal(some.support_, drawn)
    alone = KernelRidgeClassifier().fit(X[drawn], y[drawn])
    np.testing.assert_allclose(some.scores(X), alone.scores(X), atol=1e-6)
    all_of_them = KernelRidgeClassifier(max_support=30).fit(X, y)
    assert all_of_them.support_.tolist() == list(range(30))


def test_a_clip_is_told_by_the_mean_over_its_segments(tracks):
    X, y = tracks
    calls = []
    fitted = TextureClassifier(["features", "colour"]).fit(X, y, progress=calls.append)
    assert calls == [1] == [fitted.n_fit_steps]
    rows = fitted._segment_rows(X)[0]
    assert rows.shape[0] == 24
    scores = fitted.kernel_ridge_.scores(rows)
    mean = (scores[::2] + scores[1::2]) / 2
    expected = np.exp(10 * mean) / np.exp(10 * mean).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-5)


@pytest.mark.parametrize("max_support", [8000, 9])
def test_similarity_is_that_of_the_nearest_segment_averaged_over_the_others(tracks, max_support):
    X, y = tracks
    fitted = TextureClassifier(["colour"], max_support=max_support, random_state=1).fit(X, y)
    ridge = fitted.kernel_ridge_
    of_segments = ridge.similarity(fitted._segment_rows(X)[0])
    places, found = fitted.similarity(X)
    known = sorted({row // 2 for row in ridge.support_})
    assert places.tolist() == known
    assert len(known) == (12 if max_support > 24 else len(known)) > 1
    for track in range(12):
        for column, place in enumerate(known):
            own = np.flatnonzero(ridge.support_ // 2 == place)
            nearest = [of_segments[row, own].max() for row in (2 * track, 2 * track + 1)]
            assert found[track, column] == pytest.approx(np.mean(nearest), rel=1e-5)


def test_tags_are_a_family_that_is_the_same_in_each_segment(tracks):
    X, y = tracks
    assert "tags" not in kernel.measure_families(X)
    tags = np.random.default_rng(0).normal(size=(12, 50)).astype(np.float32)
    tagged = Tracks(X.segments, X.mel, tags=tags)
    measured = kernel.measure_families(tagged)
    first, *_, last = measured
    assert (first, last) == ("features", "tags")
    assert measured["tags"].shape == (12, 2, 50)
    for step in (0, 1):
        np.testing.assert_array_equal(measured["tags"][:, step], tags)
    np.testing.assert_array_equal(measured["features"], X.segments)
    assert TextureClassifier().fit(tagged, y).reads_tags
    assert not TextureClassifier(["features"]).fit(tagged, y).reads_tags


class Saying:
    """A classifier that says always the same."""

    def __init__(self, probabilities, classes=(0, 1)):
        self.probabilities, self.classes_ = np.array(probabilities), np.array(classes)

    def predict_proba(self, X):
        assert X.segments.shape == (1, 4, 63)
        assert X.mel.shape == (1, 128, 387)
        assert X.tags.shape == (1, 50)
        assert not any(part.any() for part in (X.segments, X.mel, X.tags))
        return self.probabilities


@pytest.mark.parametrize(
    ("classifier", "told"),
    [
        (Saying([[0.3, 0.7]]), None),
        (Saying([[0.0, 1.0]]), None),
        (Saying([[0.3, 0.7005]]), None),
        (Saying([[0.3, 0.6995]]), None),
        (Saying([[0.3, 0.7021]]), "gives no probabilities"),
        (Saying([[0.3, 0.6]]), "gives no probabilities"),
        (Saying([[-0.1, 1.1]]), "gives no probabilities"),
        (Saying([[0.2, 0.2, 0.6]]), "gives no probabilities"),
        (Saying([[0.3, 0.7]] * 2), "gives no probabilities"),
        (Saying([[0.3, 0.7]], [1, 0]), "gives no probabilities"),
        (Saying([[0.3, 0.7]], [1, 1]), "gives no probabilities"),
        (Saying([[0.3, 0.7]], [[0, 1]]), "gives no probabilities"),
        (Saying([0.3, 0.7]), "does not work|gives no probabilities"),
        (object(), "does not work"),
    ],
)
def test_what_was_loaded_has_to_give_probabilities_of_silence(tmp_path, classifier, told):
    if told is None:
        kernel.require_probabilities(classifier, 4, tmp_path)
    else:
        with pytest.raises(Refusal, match=told):
            kernel.require_probabilities(classifier, 4, tmp_path)


def test_one_class_is_none_to_tell_apart():
    told = "two classes are needed, and y has one class: 'a'$"
    with pytest.raises(ValueError, match=told):
        KernelRidgeClassifier().fit(np.eye(3), ["a"] * 3)
    fitted = KernelRidgeClassifier().fit(np.eye(3), ["b", "a", "b"])
    assert fitted.predict(np.eye(3)).tolist() == ["b", "a", "b"]
    assert not fitted.reads_tags


def test_families_of_columns_are_all_columns():
    with pytest.raises(ValueError, match="families of 3 columns, but X has 4"):
        KernelRidgeClassifier(family_sizes=[1, 2]).fit(np.eye(4), [0, 1, 0, 1])


@pytest.fixture
def kept(tracks, tmp_path):
    """A classifier, and how it is loaded with other arrays in its file."""
    fitted = TextureClassifier(["features"], random_state=3).fit(*tracks)
    folder = tmp_path
    fitted.save(folder)
    arrays = dict(np.load(folder / "kernel-ridge.npz"))

    def load(**changes):
        np.savez(folder / "kernel-ridge.npz", **(arrays | changes))
        return TextureClassifier.load(folder)

    return fitted, arrays, load


def test_a_classifier_is_loaded_as_it_was_kept(kept, tracks):
    fitted, _, load = kept
    loaded = load()
    assert loaded.get_params() == fitted.get_params()
    assert (loaded.families_, loaded.n_steps_) == (["features"], 2)
    assert loaded.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(loaded.predict_proba(tracks[0]), fitted.predict_proba(tracks[0]))
    for ours, theirs in zip(
        loaded.similarity(tracks[0]), fitted.similarity(tracks[0]), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_clips_have_one_to_thirty_segments(kept):
    *_, load = kept
    for n_steps in (1, 30):
        assert load(n_steps=n_steps).n_steps_ == n_steps
    for n_steps in (0, 31):
        with pytest.raises(Refusal, match="cannot be read"):
            load(n_steps=n_steps)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("support_", lambda rows: rows - 1),
        ("support_", lambda rows: np.append(rows[:-1], rows[-2])),
        ("support_", lambda rows: rows.astype(float)),
        ("support_", lambda rows: rows[:-1]),
        ("support_vectors_", lambda vectors: vectors[:-1]),
        ("support_vectors_", lambda vectors: vectors[:, :-1]),
        ("support_vectors_", lambda vectors: np.where(vectors == vectors.max(), np.inf, vectors)),
        ("dual_coef_", lambda dual: dual[:-1]),
        ("dual_coef_", lambda dual: np.full_like(dual, np.inf)),
        ("mean_", lambda mean: np.append(mean, 0)),
        ("mean_", lambda mean: np.where(mean == mean.max(), np.nan, mean)),
        ("deviation_", lambda deviation: deviation[:-1]),
        ("deviation_", lambda deviation: np.where(deviation == deviation.min(), 0, deviation)),
        ("deviation_", lambda deviation: np.where(deviation == deviation.min(), np.inf, deviation)),
        ("weight_", lambda weight: np.append(weight, 1)),
        ("weight_", lambda weight: weight * 0),
        ("parameters", lambda text: np.array(text.item().replace('"clip": 5.0', '"clip": 0.0'))),
        ("parameters", lambda text: np.array(text.item().replace("10.0", "Infinity"))),
    ],
)
def test_arrays_that_fit_would_not_make_are_refused(kept, name, change):
    _, arrays, load = kept
    load(**{name: arrays[name]})
    with pytest.raises(Refusal, match="cannot be read"):
        load(**{name: change(arrays[name])})


def test_arrays_of_more_than_a_gibibyte_are_refused_unread(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "kernel-ridge.npz", "w") as archive:
        archive.writestr("mean_.npy", b"")
    for size, told in (((1 << 30) + 1, "more than 1024 MiB"), (1 << 30, "cannot be read")):
        with zipfile.ZipFile(tmp_path / "kernel-ridge.npz", "a") as archive:
            archive.getinfo("mean_.npy").file_size = size
            archive.writestr(f"{size}.txt", "")  # makes zipfile write the list anew
        with pytest.raises(Refusal, match=told):
            TextureClassifier.load(tmp_path)

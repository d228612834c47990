from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import KNeighborsClassifier

from genres.data import tables
from genres.models import evaluation, neighbours

TASK_1 = """
pop 12 165 13 8
metal 7 165 13 13
disco 9 160 18 11
blues 3 168 10 17
reggae 10 167 11 10
classical 15 173 6 4
rock 3 158 20 17
hiphop 10 174 4 10
country 3 173 6 16
jazz 8 161 17 12
"""
TASK_3 = """
pop 14 169 9 6
metal 13 166 12 7
disco 8 164 14 12
blues 6 170 8 14
reggae 9 173 5 11
classical 14 177 2 5
rock 10 164 14 10
hiphop 11 171 7 9
country 8 167 12 11
jazz 10 166 12 10
"""
BEST_FIVE = {
    ("spectral_rolloff_mean", "spectral_centroid_mean", "tempo", "rmse_var"): 0.52122,
    ("spectral_rolloff_mean", "mfcc_1_mean", "tempo", "rmse_var"): 0.50634,
    ("spectral_rolloff_mean", "mfcc_1_mean", "tempo", "mfcc_4_std"): 0.50451,
    ("spectral_rolloff_mean", "mfcc_1_mean", "tempo", "mfcc_12_mean"): 0.48303,
    ("mfcc_1_mean", "spectral_centroid_mean", "tempo", "rmse_var"): 0.47912,
}


class Course:
    """The 30 s course table, ready for k-NN."""

    def __init__(self, table):
        train = tables.is_train(table)
        values = tables.standardise(table[list(tables.FEATURES)].to_numpy(), train)
        labels = table["GenreID"].to_numpy()
        self.genres = tables.genre_names(table)
        self.train, self.test = values[train], values[~train]
        self.train_labels, self.test_labels = labels[train], labels[~train]

    def columns(self, features):
        return [tables.FEATURES.index(feature) for feature in features]

    def counts(self, features):
        args = self.train, self.train_labels, self.test, [self.columns(features)]
        predictions = neighbours.predict_subsets(*args)[0]
        return evaluation.count_per_genre(self.test_labels, predictions, self.genres)

    def data(self, columns=slice(None)):
        return self.train[:, columns], self.train_labels, self.test[:, columns], self.test_labels


@pytest.fixture(scope="module")
def course_table(real_data):
    return tables.load(real_data / "course" / "GenreClassData_30s.txt")


@pytest.fixture(scope="module")
def course(course_table):
    return Course(course_table)


@pytest.fixture(scope="module")
def report_scores(course):
    named = neighbours.report_combinations(tables.FEATURES, tables.BASE_FEATURES)
    columns = [course.columns(four) for four in named]
    return named, columns, neighbours.score_subsets(*course.data(), columns)


def reference(text):
    rows = (line.split() for line in text.strip().splitlines())
    return {genre: tuple(map(int, counts)) for genre, *counts in rows}


def as_reference(counts):
    return {genre: (c["tp"], c["tn"], c["fp"], c["fn"]) for genre, c in counts.items()}


def loop_over_scikit_learn(train, train_labels, test, test_labels, subsets, **options):
    scores = []
    for subset in subsets:
        knn = KNeighborsClassifier(5, weights="distance", **options)
        predictions = knn.fit(train[:, subset], train_labels).predict(test[:, subset])
        scores.append(f1_score(test_labels, predictions, average="macro", zero_division=0))
    return np.array(scores)


def test_task_1_is_the_reports_in_every_cell(course):
    assert as_reference(course.counts(tables.BASE_FEATURES)) == reference(TASK_1)


def test_task_3_is_the_reports_in_every_cell(course):
    best = next(iter(BEST_FIVE))
    assert as_reference(course.counts(best)) == reference(TASK_3)


@pytest.mark.parametrize(
    ("features", "expected"), [(tables.BASE_FEATURES, TASK_1), (next(iter(BEST_FIVE)), TASK_3)]
)
def test_one_changed_row_breaks_the_equality(course_table, features, expected):
    changed = course_table.copy()
    row = changed.index[(changed["Genre"] == "classical") & (changed["Type"] == "Test")][0]
    other = changed.index[(changed["Genre"] == "metal") & (changed["Type"] == "Test")][0]
    changed.loc[row, list(tables.FEATURES)] = changed.loc[other, list(tables.FEATURES)].to_numpy()
    assert as_reference(Course(changed).counts(features)) != reference(expected)


def test_the_236_combinations_rank_as_in_the_reference(report_scores):
    named, _, scores = report_scores
    assert len(named) == 236
    best = np.argsort(-scores.macro_f1)[:5]
    assert {named[i]: round(scores.macro_f1[i], 5) for i in best} == BEST_FIVE
    assert scores.accuracy[best[0]] == pytest.approx(0.52020, abs=5e-6)


def test_the_236_score_as_in_a_loop_over_scikit_learn(course, report_scores):
    _, columns, scores = report_scores
    looped = loop_over_scikit_learn(*course.data(), columns, algorithm="brute")
    np.testing.assert_allclose(scores.macro_f1, looped, rtol=0, atol=1e-12)


def test_scikit_learns_tree_differs_only_where_a_copy_ties_across_genres(course, report_scores):
    # metal 58 and rock 16 are the same recording: which of the two comes fifth is anybody's choice.
    _, columns, scores = report_scores
    looped = loop_over_scikit_learn(*course.data(), columns)
    for i in np.flatnonzero(np.abs(looped - scores.macro_f1) > 1e-12):
        knn = KNeighborsClassifier(6, weights="distance")
        knn.fit(course.train[:, columns[i]], course.train_labels)
        distances, rows = knn.kneighbors(course.test[:, columns[i]])
        tied = distances[:, 4] == distances[:, 5]
        labels = course.train_labels[rows]
        assert np.any(tied & (labels[:, 4] != labels[:, 5]))


def test_the_search_scores_every_four_as_they_score_alone(course):
    few = np.r_[0:6, 40:45]
    found = neighbours.search_subsets(*course.data(few))
    assert [tuple(four) for four in found.subsets] == list(combinations(range(len(few)), 4))
    alone = neighbours.score_subsets(*course.data(few), found.subsets)
    np.testing.assert_array_equal(found.macro_f1, alone.macro_f1)
    np.testing.assert_array_equal(found.accuracy, alone.accuracy)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_train=st.sampled_from([7, 40, 200, 600]),
    n_neighbors=st.sampled_from([1, 2, 5, 7]),
    steps=st.sampled_from([None, 1, 3]),
    scale=st.sampled_from([1.0, 1e-9, 1e-12, 1e-25, 1e20, 1e200]),
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_every_prediction_is_that_of_double_precision(seed, n_train, n_neighbors, steps, scale):
    rng = np.random.default_rng(seed)
    train, test = rng.normal(size=(n_train, 6)), rng.normal(size=(4, 6))
    if steps:  # many rows equally far, and copies at distance 0
        train, test = np.round(train * steps), np.round(test * steps)
    train[-3:] = train[:3]
    test[0] = train[1]
    train, test, labels = train * scale, test * scale, rng.integers(0, 3, n_train)
    fours = np.array(list(combinations(range(6), 4)))
    expected = [[exactly(train, labels, row, four, n_neighbors) for row in test] for four in fours]
    alone = neighbours.predict_subsets(train, labels, test, fours, n_neighbors)
    np.testing.assert_array_equal(alone, expected)
    found = neighbours.search_subsets(train, labels, test, alone[7], n_neighbors)
    np.testing.assert_array_equal(found.accuracy, (alone == alone[7]).mean(axis=1))


def test_genres_about_equally_strong_are_told_apart():
    rng = np.random.default_rng(4)
    labels, four = np.array([0, 1, 1, 0]), np.arange(4)
    for _ in range(200):
        first, second, third = np.sort(rng.uniform(1, 2, 3))
        fourth = 1 / (1 / second + 1 / third - 1 / first)  # the two genres are as strong
        if fourth <= 0:
            continue
        train = np.zeros((4, 4))
        train[:, 0] = first, second, third, fourth * (1 + rng.normal(scale=1e-7))
        predicted = neighbours.predict_subsets(train, labels, np.zeros((1, 4)), [four], 4)
        assert predicted[0, 0] == exactly(train, labels, np.zeros(4), four, 4)


def exactly(train, labels, row, four, n_neighbors):
    """The prediction in double precision; of rows equally far the first comes first."""
    squares = (row - train) ** 2
    a, b, c, d = four
    squared = squares[:, a] + squares[:, b] + squares[:, c] + squares[:, d]
    nearest = np.argsort(squared, kind="stable")[:n_neighbors]
    votes = np.zeros(labels.max() + 1)
    for neighbour in nearest:
        if squared[nearest[0]] == 0:
            votes[labels[neighbour]] += squared[neighbour] == 0
        else:
            votes[labels[neighbour]] += 1 / np.sqrt(squared[neighbour])
    return votes.argmax()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_train=st.integers(5, 90),
    n_test=st.integers(1, 12),
    n_neighbors=st.integers(1, 5),
    coarse=st.booleans(),
)
def test_scores_are_those_of_the_definition(seed, n_train, n_test, n_neighbors, coarse):
    rng = np.random.default_rng(seed)
    train, test = rng.normal(size=(n_train, 5)), rng.normal(size=(n_test, 5))
    if coarse:  # many rows equally far, and copies at distance 0
        train, test = np.round(train), np.round(test)
    train_labels, test_labels = rng.integers(0, 3, n_train), rng.integers(0, 3, n_test)
    found = neighbours.search_subsets(train, train_labels, test, test_labels, n_neighbors)
    for four, accuracy, macro_f1 in zip(*found, strict=True):
        predictions = [
            by_definition(train[:, four], train_labels, row[four], n_neighbors) for row in test
        ]
        if None in predictions:
            continue
        assert accuracy == pytest.approx(accuracy_score(test_labels, predictions))
        expected = f1_score(test_labels, predictions, average="macro", zero_division=0)
        assert macro_f1 == pytest.approx(expected)


def by_definition(train, labels, row, n_neighbors):
    """The prediction, or None where it hangs on which of equally far rows is a neighbour."""
    distances = np.sqrt(((train - row) ** 2).sum(axis=1))
    order = np.argsort(distances, kind="stable")
    nearest = order[:n_neighbors]
    last = distances[nearest[-1]]
    if len(set(labels[np.abs(distances - last) < 1e-9])) > 1:
        return None
    if distances[nearest[0]] == 0:
        weights = (distances[nearest] == 0).astype(float)
    else:
        weights = 1 / distances[nearest]
    votes = np.bincount(labels[nearest], weights=weights, minlength=3)
    return int(votes.argmax()) if np.sum(votes > votes.max() - 1e-9) == 1 else None


def test_cross_validation_scales_with_each_folds_training_rows_only():
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(40, 4)), np.arange(40) % 2
    values[30:] *= 1e6  # held out: must not reach the scaling
    fold = (np.arange(30), np.arange(30, 40))
    found = neighbours.cross_validated_scores(values, labels, [[0, 1, 2, 3]], [fold])
    mean, deviation = values[:30].mean(axis=0), values[:30].std(axis=0, ddof=1)
    scaled = (values - mean) / deviation
    alone = neighbours.score_subsets(
        scaled[:30], labels[:30], scaled[30:], labels[30:], [[0, 1, 2, 3]]
    )
    np.testing.assert_allclose(found.macro_f1, alone.macro_f1)


def test_too_few_training_rows_are_refused():
    with pytest.raises(ValueError, match="n_neighbors is 5, but there are 3 training rows"):
        neighbours.predict_subsets(np.zeros((3, 2)), np.zeros(3, int), np.zeros((1, 2)), [[0, 1]])


def test_too_few_features_are_refused():
    with pytest.raises(ValueError, match="at least 4 features, not 3"):
        neighbours.search_subsets(np.zeros((9, 3)), np.arange(9) % 2, np.zeros((1, 3)), [0])


def test_four_features_make_one_set():
    train, labels, test = random_tracks()
    found = neighbours.search_subsets(train, labels, test, np.arange(20) % 3)
    assert found.subsets.tolist() == [[0, 1, 2, 3]]
    alone = neighbours.score_subsets(train, labels, test, np.arange(20) % 3, [[0, 1, 2, 3]])
    assert found.accuracy == alone.accuracy
    assert found.macro_f1 == alone.macro_f1


def test_progress_is_told_of_every_test_row_here_and_on_a_cluster(monkeypatch):
    train, labels, test = random_tracks()
    here, there, asked = [], [], []
    settings = train, labels, test, np.arange(20) % 3
    found = neighbours.search_subsets(*settings, progress=here.append)
    assert here == [4] * 5

    def each(function, blocks, *, dask):
        asked.append((len(blocks), dask))
        return map(function, blocks[::-1])

    monkeypatch.setattr(neighbours.cluster, "address_of", lambda dask: dask)
    monkeypatch.setattr(neighbours.parallel, "each", each)
    far = neighbours.search_subsets(*settings, progress=there.append, dask="tcp://far")
    assert (asked, there) == ([(2, "tcp://far")], [4, 16])
    np.testing.assert_array_equal(far.accuracy, found.accuracy)
    np.testing.assert_array_equal(far.macro_f1, found.macro_f1)


def test_genres_that_only_the_test_rows_have_are_scored_too():
    train, labels, test = random_tracks()
    found = neighbours.search_subsets(train, labels, test, np.full(20, 4))
    predicted = neighbours.predict_subsets(train, labels, test, [[0, 1, 2, 3]])[0]
    assert found.accuracy.tolist() == [0]
    alone = neighbours.score_subsets(train, labels, test, predicted, [[0, 1, 2, 3]])
    assert (alone.accuracy.tolist(), alone.macro_f1.tolist()) == ([1], [1])


def test_folds_count_the_same():
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(40, 5)), np.arange(40) % 2
    subsets = [[0, 1, 2, 3], [1, 2, 3, 4]]
    rows = np.arange(40)
    folds = [(rows[10:], rows[:10]), (rows[:25], rows[25:])]
    both = neighbours.cross_validated_scores(values, labels, subsets, folds, 3)
    each = [neighbours.cross_validated_scores(values, labels, subsets, [f], 3) for f in folds]
    np.testing.assert_allclose(both.accuracy, (each[0].accuracy + each[1].accuracy) / 2)
    np.testing.assert_allclose(both.macro_f1, (each[0].macro_f1 + each[1].macro_f1) / 2)
    assert both.accuracy.shape == (2,)
    usual = neighbours.cross_validated_scores(values, labels, subsets, folds)
    five = neighbours.cross_validated_scores(values, labels, subsets, folds, 5)
    np.testing.assert_array_equal(usual.accuracy, five.accuracy)


def test_the_reports_sets_keep_three_of_four_and_add_one():
    named = neighbours.report_combinations("abcdef", "abcd")
    assert named[:2] == [("a", "b", "c", "e"), ("a", "b", "c", "f")]
    assert len(set(named)) == len(named) == 8
    assert {four[3] for four in named} == {"e", "f"}


@pytest.mark.parametrize("n_neighbors", [0, 61])
def test_as_many_neighbours_as_training_rows_are_taken_at_most(n_neighbors):
    train, labels, test = random_tracks()
    for enough in (1, 60):
        neighbours.predict_subsets(train, labels, test, [[0, 1]], enough)
    with pytest.raises(ValueError, match=f"n_neighbors is {n_neighbors}, but there are 60"):
        neighbours.predict_subsets(train, labels, test, [[0, 1]], n_neighbors)


def random_tracks():
    rng = np.random.default_rng(2)
    return rng.normal(size=(60, 4)), np.arange(60) % 3, rng.normal(size=(20, 4))


@pytest.mark.parametrize("n_neighbors", [1, 5, 12])
def test_the_nearest_predict_as_a_search_of_sets_does(n_neighbors):
    train, labels, test = random_tracks()
    predicted, _ = neighbours.find_nearest(train, labels, test, n_neighbors, 5)
    expected = neighbours.predict_subsets(train, labels, test, np.arange(4)[None], n_neighbors)
    np.testing.assert_array_equal(predicted, expected[0])


def test_the_nearest_are_named_in_order_and_more_than_vote():
    train, labels, test = random_tracks()
    _, rows = neighbours.find_nearest(train, labels, test, n_neighbors=2, n_rows=5)
    assert rows.shape == (len(test), 5)
    distances = euclidean_distances(test, train)
    np.testing.assert_allclose(
        np.take_along_axis(distances, rows, axis=1), np.sort(distances, axis=1)[:, :5]
    )
    _, rows = neighbours.find_nearest(train[:3], labels[:3], test, 2, n_rows=5)
    assert rows.shape[1] == 3


def test_parts_of_distances_sum_to_their_squares():
    train, _, (track, *_) = random_tracks()
    parts = neighbours.distance_parts(track, train)
    assert parts.shape == train.shape
    squares = euclidean_distances(track[None], train, squared=True)[0]
    np.testing.assert_allclose(parts.sum(axis=1), squares)


def test_rows_about_equally_far_are_told_apart():
    rng = np.random.default_rng(5)
    train = rng.normal(size=(2, 4))
    middle, apart = train.mean(axis=0), train[1] - train[0]
    test = rng.normal(size=(1500, 4))
    test -= np.outer((test - middle) @ apart, apart) / (apart @ apart)  # as far from both
    test += np.outer(rng.normal(scale=1e-8, size=1500), apart)
    labels, four = np.array([0, 1]), np.arange(4)
    predicted = neighbours.predict_subsets(train, labels, test, [four], 1)
    expected = [exactly(train, labels, row, four, 1) for row in test]
    np.testing.assert_array_equal(predicted[0], expected)

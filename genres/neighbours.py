"""Which features should k-NN look at?

Squared Euclidean distances add up over features. So a set of features needs no model of its own:
the distances of four single features, summed, are the distances of the set. That makes it cheap
enough to score every set of four, exactly, with the neighbours and the votes that scikit-learn's
``KNeighborsClassifier(weights="distance")`` would give.
"""

from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numba import get_num_threads, njit, prange

from genres import tables

BLOCK = 24  # training rows whose distances are compared at once
NEAR_ROWS = 28  # training rows, at least, to sort by three features before the fourth is added


class SubsetScores(NamedTuple):
    """The score of each set of features.

    Attributes
    ----------
    subsets : array of int, shape (n_subsets, subset_size)
        Feature columns of each set.
    accuracy, macro_f1 : arrays of float, shape (n_subsets,)
        Share of right answers, and the mean over genres of F1 (0 for a genre that is neither
        met nor answered).
    """

    subsets: np.ndarray
    accuracy: np.ndarray
    macro_f1: np.ndarray


def report_combinations(features, base):
    """Sets that keep all but one of the base features and add one other feature.

    Parameters
    ----------
    features : sequence of str
        All feature names, in column order.
    base : sequence of str
        The base features.

    Returns
    -------
    list of tuple of str
        Base features first; ``len(base) * (len(features) - len(base))`` sets.
    """
    others = [feature for feature in features if feature not in base]
    return [(*kept, other) for kept in combinations(base, len(base) - 1) for other in others]


def answer_subsets(train, train_labels, test, subsets, n_neighbors=5):
    """Answer the test rows by k-NN, neighbours weighted by 1/distance, on sets of features.

    Parameters
    ----------
    train, test : arrays of float, shapes (n_train, n_features) and (n_test, n_features)
        Standardised features.
    train_labels : array of int, shape (n_train,)
        Genre ids from 0.
    subsets : array of int, shape (n_subsets, subset_size)
        Feature columns of each set. Neighbouring sets that differ in their last column only
        share most of the work.
    n_neighbors : int
        Neighbours that vote.

    Returns
    -------
    array of int, shape (n_subsets, n_test)
        Genre ids. Of copies among the training rows the first comes first; where genres are
        equally strong, the smallest id wins.
    """
    columns, train_labels, test = _prepared(train, train_labels, test, n_neighbors)
    subsets = np.ascontiguousarray(subsets, dtype=np.int64)
    n_genres = train_labels.max() + 1
    return _answers(columns, train_labels, test, subsets, n_neighbors, n_genres)


def score_subsets(train, train_labels, test, test_labels, subsets, n_neighbors=5):
    """Score k-NN, neighbours weighted by 1/distance, on each of the given sets of features.

    Parameters
    ----------
    train, test : arrays of float, shapes (n_train, n_features) and (n_test, n_features)
        Standardised features.
    train_labels, test_labels : arrays of int, shapes (n_train,) and (n_test,)
        Genre ids from 0.
    subsets : array of int, shape (n_subsets, subset_size)
        Feature columns of each set.
    n_neighbors : int
        Neighbours that vote.

    Returns
    -------
    SubsetScores
        In the order of `subsets`. Of copies among the training rows the first comes first;
        where genres are equally strong, the smallest id wins.
    """
    answers = answer_subsets(train, train_labels, test, subsets, n_neighbors)
    test_labels = np.asarray(test_labels)
    n_genres = max(answers.max(), test_labels.max()) + 1
    rights = np.empty((len(answers), n_genres), dtype=np.int64)
    answered = np.empty_like(rights)
    for genre in range(n_genres):
        answered[:, genre] = (answers == genre).sum(axis=1)
        rights[:, genre] = (answers[:, test_labels == genre] == genre).sum(axis=1)
    return _scores(np.asarray(subsets), rights, answered, test_labels)


def search_subsets(train, train_labels, test, test_labels, n_neighbors=5, progress=None):
    """Score k-NN, neighbours weighted by 1/distance, on every set of four features.

    For a test row and three features, the training rows near in those three are sorted by their
    distance. It is a lower bound of the distance in any four that hold the three, so the search
    for neighbours ends as soon as the bound exceeds the distance of the last neighbour found:
    some twenty rows are looked at, not all of them.

    Parameters
    ----------
    train, test, train_labels, test_labels, n_neighbors
        As for `score_subsets`, which gives the same scores for the same sets.
    progress : callable, optional
        Called with the number of test rows that a step finished.

    Returns
    -------
    SubsetScores
        All sets of four columns, in lexicographic order.

    Raises
    ------
    ValueError
        If there are fewer than four features or fewer training rows than neighbours.
    """
    columns, train_labels, test = _prepared(train, train_labels, test, n_neighbors)
    test_labels = np.ascontiguousarray(test_labels, dtype=np.int64)
    n_features = len(columns)
    if n_features < 4:
        raise ValueError(f"a set of four needs at least 4 features, not {n_features}")
    n_genres = max(train_labels.max(), test_labels.max()) + 1
    n_threads = get_num_threads()
    counts = np.zeros((n_threads, 2, comb(n_features, 4), n_genres), dtype=np.uint16)
    rows_per_step = 2 * n_threads
    for start in range(0, len(test), rows_per_step):
        rows = test[start : start + rows_per_step]
        labels = test_labels[start : start + rows_per_step]
        _count_answers_of_fours(columns, train_labels, rows, labels, n_neighbors, counts)
        if progress:
            progress(len(rows))
    rights, answered = counts.sum(axis=0, dtype=np.int64)
    subsets = np.array(list(combinations(range(n_features), 4)), dtype=np.int64)
    return _scores(subsets, rights, answered, test_labels)


def cross_validated_scores(values, labels, subsets, folds, n_neighbors=5):
    """Score sets of features by cross-validation.

    Parameters
    ----------
    values : array of float, shape (n_rows, n_features)
        Features as measured; each fold standardises them with its own training rows.
    labels : array of int, shape (n_rows,)
        Genre ids.
    subsets : array of int, shape (n_subsets, subset_size)
        Feature columns of each set.
    folds : iterable of (train_rows, held_out_rows)
        Row numbers, as scikit-learn's splitters give them.
    n_neighbors : int
        Neighbours that vote.

    Returns
    -------
    SubsetScores
        Means over the folds.
    """
    accuracies, f1s = [], []
    for train_rows, held_out in folds:
        is_train = np.zeros(len(values), dtype=bool)
        is_train[train_rows] = True
        scaled = tables.standardise(values, is_train)
        scores = score_subsets(
            scaled[train_rows],
            labels[train_rows],
            scaled[held_out],
            labels[held_out],
            subsets,
            n_neighbors,
        )
        accuracies.append(scores.accuracy)
        f1s.append(scores.macro_f1)
    return SubsetScores(np.asarray(subsets), np.mean(accuracies, axis=0), np.mean(f1s, axis=0))


def _prepared(train, train_labels, test, n_neighbors):
    """Lay the data out for compiled code, the training rows feature by feature."""
    if not 1 <= n_neighbors <= len(train):
        raise ValueError(f"n_neighbors is {n_neighbors}, but there are {len(train)} training rows")
    return (
        np.ascontiguousarray(np.transpose(train), dtype=np.float64),
        np.ascontiguousarray(train_labels, dtype=np.int64),
        np.ascontiguousarray(test, dtype=np.float64),
    )


def _scores(subsets, rights, answered, test_labels):
    """Scores from right answers and answers, both of shape (n_subsets, n_genres)."""
    met = np.bincount(test_labels, minlength=rights.shape[1])
    known = (met + answered) > 0
    f1 = np.divide(2 * rights, met + answered, out=np.zeros(rights.shape), where=known)
    accuracy = rights.sum(axis=1) / len(test_labels)
    return SubsetScores(subsets, accuracy, f1.sum(axis=1) / known.sum(axis=1))


@njit(cache=True)
def _insert(distance, row, distances, rows):
    """Put a training row, nearer than the last neighbour, among the sorted neighbours."""
    place = len(distances) - 1
    while place > 0 and distance < distances[place - 1]:
        distances[place] = distances[place - 1]
        rows[place] = rows[place - 1]
        place -= 1
    distances[place] = distance
    rows[place] = row


@njit(cache=True)
def _scan(known, added, beyond, distances, rows):
    """Add to the neighbours the training rows whose known distance lies beyond a radius."""
    n_rows = len(known)
    for start in range(0, n_rows, BLOCK):
        stop = min(start + BLOCK, n_rows)
        farthest = distances[-1]
        n_nearer = 0
        for row in range(start, stop):  # without a branch, so that it becomes vector code
            n_nearer += (known[row] > beyond) & (known[row] + added[row] < farthest)
        if n_nearer:
            for row in range(start, stop):
                distance = known[row] + added[row]
                if known[row] > beyond and distance < distances[-1]:
                    _insert(distance, row, distances, rows)


@njit(cache=True)
def _vote(distances, rows, labels, weights):
    """Answer the genre with the largest sum of 1/distance; at distance 0, only copies vote."""
    weights[:] = 0.0
    copies_only = distances[0] == 0.0
    for neighbour in range(len(distances)):
        if copies_only:
            weights[labels[rows[neighbour]]] += 1.0 if distances[neighbour] == 0.0 else 0.0
        else:
            weights[labels[rows[neighbour]]] += 1.0 / np.sqrt(distances[neighbour])
    return np.argmax(weights)


@njit(cache=True)
def _squares(columns, test_row):
    """Squared distance to each training row in each feature alone."""
    squares = np.empty(columns.shape)
    for feature in range(len(columns)):
        for row in range(columns.shape[1]):
            step = test_row[feature] - columns[feature, row]
            squares[feature, row] = step * step
    return squares


@njit(parallel=True, cache=True)
def _answers(columns, train_labels, test, subsets, n_neighbors, n_genres):
    """Answer of each set of features for each test row, shape (n_subsets, n_test)."""
    n_train = columns.shape[1]
    n_least = min(NEAR_ROWS, n_train)
    answers = np.empty((len(subsets), len(test)), dtype=np.uint8)
    for row in prange(len(test)):
        squares = _squares(columns, test[row])
        known = np.empty(n_train)
        near = np.empty(n_train + 1)
        near_rows = np.empty(n_train + 1, dtype=np.int64)
        distances = np.empty(n_neighbors)
        rows = np.empty(n_neighbors, dtype=np.int64)
        weights = np.empty(n_genres)
        radius = 1.0
        n_near = 0
        for subset in range(len(subsets)):
            features = subsets[subset]
            if subset == 0 or not np.array_equal(features[:-1], subsets[subset - 1, :-1]):
                known[:] = 0.0
                for feature in features[:-1]:
                    known += squares[feature]
                radius = _radius(known, radius, n_least, 3 * n_least)
                n_near = _sort_near(known, radius, near, near_rows)
            added = squares[features[-1]]
            _find_nearest(known, added, radius, near[:n_near], near_rows, distances, rows)
            answers[subset, row] = _vote(distances, rows, train_labels, weights)
    return answers


@njit(parallel=True, cache=True)
def _count_answers_of_fours(columns, train_labels, test, test_labels, n_neighbors, counts):
    """Add to counts (thread, right or answered, subset, genre) the answers of every four."""
    n_threads = len(counts)
    for thread in prange(n_threads):
        for row in range(thread, len(test), n_threads):
            squares = _squares(columns, test[row])
            _answer_fours(squares, train_labels, test_labels[row], n_neighbors, counts[thread])


@njit(cache=True)
def _answer_fours(squares, train_labels, test_label, n_neighbors, counts):
    """Answer one test row with every set of four features, in lexicographic order."""
    n_features, n_train = squares.shape
    n_least = min(NEAR_ROWS, n_train)
    near = np.empty(n_train + 1)
    near_rows = np.empty(n_train + 1, dtype=np.int64)
    distances = np.empty(n_neighbors)
    rows = np.empty(n_neighbors, dtype=np.int64)
    weights = np.empty(counts.shape[2])
    radius = 1.0
    subset = 0
    for first in range(n_features - 3):
        for second in range(first + 1, n_features - 2):
            pair = squares[first] + squares[second]
            for third in range(second + 1, n_features - 1):
                known = pair + squares[third]
                radius = _radius(known, radius, n_least, 3 * n_least)
                n_near = _sort_near(known, radius, near, near_rows)
                for fourth in range(third + 1, n_features):
                    added = squares[fourth]
                    _find_nearest(known, added, radius, near[:n_near], near_rows, distances, rows)
                    answer = _vote(distances, rows, train_labels, weights)
                    counts[1, subset, answer] += 1
                    if answer == test_label:
                        counts[0, subset, answer] += 1
                    subset += 1


@njit(cache=True, inline="always")
def _find_nearest(known, added, radius, near, near_rows, distances, rows):
    """Find the neighbours by known + added distance; rows near by the known one come sorted."""
    distances[:] = np.inf
    for place in range(len(near)):
        if near[place] > distances[-1]:
            return
        distance = near[place] + added[near_rows[place]]
        if distance < distances[-1]:
            _insert(distance, near_rows[place], distances, rows)
    if distances[-1] > radius:
        _scan(known, added, radius, distances, rows)


@njit(cache=True)
def _radius(distances, guess, at_least, at_most):
    """Adapt a radius until it holds that many training rows (more, where many are equally far)."""
    wanted = (at_least + at_most) / 2
    attempt = 0
    while True:
        n_near = 0
        for row in range(len(distances)):  # without a branch, so that it becomes vector code
            n_near += distances[row] <= guess
        if n_near >= at_least and (n_near <= at_most or attempt >= 8):
            return guess
        attempt += 1
        guess *= (wanted / (n_near + 1.0)) ** (2 / 3) if attempt < 8 else 4.0


@njit(cache=True)
def _sort_near(distances, radius, near, near_rows):
    """Collect the training rows within a radius, nearest first, copies in their order."""
    n_near = 0
    for row in range(len(distances)):
        near[n_near] = distances[row]
        near_rows[n_near] = row
        n_near += distances[row] <= radius
    for last in range(1, n_near):
        distance = near[last]
        row = near_rows[last]
        place = last
        while place > 0 and near[place - 1] > distance:
            near[place] = near[place - 1]
            near_rows[place] = near_rows[place - 1]
            place -= 1
        near[place] = distance
        near_rows[place] = row
    return n_near

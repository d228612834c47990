"""Which features should k-NN look at?

Squared Euclidean distances add up over features. So a set of features needs no model of its own:
the distances of four single features, summed, are the distances of the set. That makes it cheap
enough to score every set of four, exactly, with the neighbours and the votes that scikit-learn's
``KNeighborsClassifier(weights="distance")`` would give.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numba import get_num_threads
from sklearn.neighbors import KNeighborsClassifier

from genres import cluster, parallel
from genres.data import tables
from genres.models import nearest


class SubsetScores(NamedTuple):
    """The score of each set of features.

    Attributes
    ----------
    subsets : array of int, shape (n_subsets, subset_size)
        Feature columns of each set.
    accuracy, macro_f1 : arrays of float, shape (n_subsets,)
        Share of correct predictions, and the mean over the genres that occur or are predicted of
        F1 (0 for one never predicted correctly).
    """

    subsets: np.ndarray
    accuracy: np.ndarray
    macro_f1: np.ndarray


def report_combinations(features: Sequence[str], base: Sequence[str]):
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


def predict_subsets(train, train_labels, test, subsets, n_neighbors: int = 5):
    """Predict the test rows by k-NN, neighbours weighted by 1/distance, on sets of features.

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
    predict = partial(
        nearest.predict, columns, train_labels, subsets, n_neighbors, train_labels.max() + 1
    )
    blocks = np.array_split(test, get_num_threads())
    return np.concatenate(list(_side_by_side(predict, blocks))).T


def score_subsets(train, train_labels, test, test_labels, subsets, n_neighbors: int = 5):
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
    predictions = predict_subsets(train, train_labels, test, subsets, n_neighbors)
    test_labels = np.asarray(test_labels)
    n_genres = max(predictions.max(), test_labels.max()) + 1
    counts = np.zeros((2, len(predictions), n_genres), dtype=np.int32)
    nearest.count(predictions.T, test_labels, counts)
    return _scores(np.asarray(subsets), counts, test_labels)


def search_subsets(
    train,
    train_labels,
    test,
    test_labels,
    n_neighbors=5,
    progress: Callable | None = None,
    dask: str | None = None,
):
    """Score k-NN, neighbours weighted by 1/distance, on every set of four features.

    For a test row and two features, only the training rows near in those two are looked at. Their
    distances are lower bounds of those in any four that hold the two, so that some hundred rows
    decide who is nearest in several hundred sets at once (`genres.models.nearest`).

    Parameters
    ----------
    train, test, train_labels, test_labels, n_neighbors
        As for `score_subsets`, which gives the same scores for the same sets.
    progress : callable, optional
        Called with the number of test rows that a step finished.
    dask : str, optional
        Address of a cluster to work on, as `genres.parallel.each` has it; without one, all cores
        of this machine work.

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
    n_features = len(columns)
    if n_features < 4:
        raise ValueError(f"a set of four needs at least 4 features, not {n_features}")
    test_labels = np.asarray(test_labels)
    n_genres = max(train_labels.max(), test_labels.max()) + 1
    predict = partial(_predict_fours, columns, train_labels, n_neighbors, n_genres)
    n_rows = 16 if cluster.address_of(dask) else 4
    cuts = range(n_rows, len(test), n_rows)
    blocks = list(zip(np.split(test, cuts), np.split(test_labels, cuts), strict=True))
    if cluster.address_of(dask):
        predicted = parallel.each(predict, blocks, dask=dask)
    else:
        predicted = _side_by_side(predict, blocks)
    counts = np.zeros((2, comb(n_features, 4), n_genres), dtype=np.int32)
    for labels, predictions in predicted:
        nearest.count(predictions, labels, counts)
        if progress:
            progress(len(labels))
    every = chain.from_iterable(combinations(range(n_features), 4))
    subsets = np.fromiter(every, dtype=np.int64, count=4 * counts.shape[1]).reshape(-1, 4)
    return _scores(subsets, counts, test_labels)


def _predict_fours(columns, train_labels, n_neighbors, n_genres, block):
    """Predict a block of test rows with every four: its labels, and the predictions."""
    test, test_labels = block
    return test_labels, nearest.predict_fours(columns, train_labels, n_neighbors, n_genres, test)


def _side_by_side(function, blocks):
    """Give the results of a function that needs no lock of Python's, in order, on all cores."""
    threads = ThreadPoolExecutor(get_num_threads())
    try:
        yield from threads.map(function, blocks)
    finally:
        threads.shutdown(cancel_futures=True)


def cross_validated_scores(values, labels, subsets, folds, n_neighbors: int = 5):
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


def _scores(subsets, counts, test_labels):
    """Scores from counts of predictions, shape (correct or all, n_subsets, n_genres)."""
    n_correct, n_predicted = counts
    n_true = np.bincount(test_labels, minlength=n_correct.shape[1])
    occurs = (n_true + n_predicted) > 0
    zeros = np.zeros(n_correct.shape)
    f1 = np.divide(2 * n_correct, n_true + n_predicted, out=zeros, where=occurs)
    accuracy = n_correct.sum(axis=1) / len(test_labels)
    return SubsetScores(subsets, accuracy, f1.sum(axis=1) / occurs.sum(axis=1))


def find_nearest(train, labels, test, n_neighbors: int, n_rows: int):
    """Predict genres of test tracks by scikit-learn's k-NN, neighbours weighted by 1/distance.

    Parameters
    ----------
    train, test : arrays of float, shapes (n_train, n_features) and (n_test, n_features)
        Standardised features.
    labels : array of int, shape (n_train,)
        Genre ids.
    n_neighbors : int
        Neighbours that vote.
    n_rows : int
        Neighbours to name, where these are more.

    Returns
    -------
    predicted : array of int, shape (n_test,)
        Genre ids.
    rows : array of int, shape (n_test, n_rows)
        The nearest training tracks, the nearest first: at least as many as vote.
    """
    knn = KNeighborsClassifier(n_neighbors, weights="distance").fit(train, labels)
    n_rows = min(max(n_neighbors, n_rows), len(train))
    return knn.predict(test), knn.kneighbors(test, n_rows, return_distance=False)


def distance_parts(track, others):
    """Take squared Euclidean distances apart.

    Parameters
    ----------
    track : array of float, shape (n_features,)
        From where.
    others : array of float, shape (n_others, n_features)
        To where.

    Returns
    -------
    array of float, shape (n_others, n_features)
        What each feature adds: rows sum to the squared distances.
    """
    return (np.asarray(others) - track) ** 2

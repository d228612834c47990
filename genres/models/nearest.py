"""How are the neighbours in many sets of features found fast? Code that numba compiles.

A row is compared feature by feature: its squared distances in single features are added up for
each set. Sets that have all features but the last in common share the sum of those.
"""

import numpy as np
from numba import njit, prange

BLOCK = 24  # training rows whose distances are compared at once
NEAR_ROWS = 28  # training rows, at least, to sort by three features before the fourth is added


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
    """Vote for the genre with the largest sum of 1/distance; at distance 0, only copies vote."""
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
def predict(columns, train_labels, test, subsets, n_neighbors, n_genres):
    """Predict each test row with each set of features, shape (n_subsets, n_test)."""
    n_train = columns.shape[1]
    n_least = min(NEAR_ROWS, n_train)
    predictions = np.empty((len(subsets), len(test)), dtype=np.uint8)
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
            predictions[subset, row] = _vote(distances, rows, train_labels, weights)
    return predictions


@njit(parallel=True, cache=True)
def count_side_by_side(columns, train_labels, test, test_labels, n_neighbors, counts):
    """Add to counts (thread, correct or all, subset, genre) the predictions of every four."""
    n_threads = len(counts)
    for thread in prange(n_threads):
        rows = slice(thread, None, n_threads)
        count_rows(
            columns, train_labels, test[rows], test_labels[rows], n_neighbors, counts[thread]
        )


@njit(cache=True, nogil=True)
def count_rows(columns, train_labels, test, test_labels, n_neighbors, counts):
    """Add to counts (correct or all, subset, genre) the predictions of every four."""
    for row in range(len(test)):
        squares = _squares(columns, test[row])
        _predict_fours(squares, train_labels, test_labels[row], n_neighbors, counts)


@njit(cache=True)
def _predict_fours(squares, train_labels, test_label, n_neighbors, counts):
    """Predict one test row with every set of four features, in lexicographic order."""
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
                    predicted = _vote(distances, rows, train_labels, weights)
                    counts[1, subset, predicted] += 1
                    if predicted == test_label:
                        counts[0, subset, predicted] += 1
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

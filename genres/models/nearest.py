"""How are the neighbours in many sets of features found fast? Code that numba compiles.

Squared distances add up over features. Sets that have some features in common, the *known* ones,
are searched side by side, each in a *lane* of its own, which adds the set's other features:

1. Only training rows that are *near* in the known features are looked at, those within a radius.
   A row outside is farther away than the radius and the least that the lane adds.
2. Each lane keeps its smallest distances in order. A new one passes them, by minimum and maximum:
   no branch, so that a processor does 8 or 16 lanes at a time. For this a distance and the genre
   of its row are one whole number, the *key*: single precision, its last bits the genre.
3. The lanes vote. Where single precision could make a difference, a lane is *uncertain*, and
   `_look_again` goes over all training rows in double precision: where the last neighbour and the
   next row are about equally far, where a row outside may be nearer, where two genres are about
   equally strong, and where a distance is so small that it may be 0.

So what is predicted is what double precision predicts, always.
"""

from math import comb
from typing import NamedTuple

import numpy as np
from numba import njit

LANES = 256  # sets searched side by side: what they add stays in the processor's cache
PASSING = 4  # keys of a lane that pass the kept ones together
KEPT = 6  # kept keys of a lane that are passed in one go; the next six come in the next go
NEAR_ONE, NEAR_TWO = 10, 20  # near rows for each neighbour, where lanes add one feature or two
NO_KEY = np.int32(2**31 - 1)  # above all keys
SMALL = np.float32(1e-20)  # a squared distance between 0 and this needs a second look
LEAST, LARGEST = np.float32(2.0**-126), 3.4e38  # of single precision, 0 apart


class Search(NamedTuple):
    """What is searched for, and room for it: arrays whose last axis is the lanes, if not said."""

    labels: np.ndarray  # genre ids, shape (n_train,)
    n_neighbors: int
    bits: int  # of a key for the genre
    added: np.ndarray  # what lanes add to the known distance of each training row
    least: np.ndarray  # its minimum over the rows
    known: np.ndarray  # the known distances, shape (n_train,)
    near: np.ndarray  # those of the near rows, shape (n_near,)
    near_rows: np.ndarray  # their numbers
    keys: np.ndarray  # the passing and the kept keys, shape (n_goes, (PASSING + KEPT) * LANES)
    kept: np.ndarray  # the kept keys of all goes, smallest first
    weights: np.ndarray  # what each neighbour weighs
    votes: np.ndarray  # the sum for each neighbour's genre; in the last row the largest
    predicted: np.ndarray  # genre ids
    certain: np.ndarray  # whether they stand
    sums: np.ndarray  # for a second look: all distances, shape (n_train,)
    distances: np.ndarray  # those of the neighbours, shape (n_neighbors,)
    rows: np.ndarray  # the neighbours' numbers
    strengths: np.ndarray  # the genres' votes, shape (n_genres,)


def _prepare(labels, n_neighbors, n_genres, n_near):
    """Make room. A genre takes at least 4 bits: roundings of a distance are then fewer."""
    n_train, most = len(labels), 2 * n_near + PASSING
    n_goes = n_neighbors // KEPT + 1

    def lanes(rows, dtype):
        return np.empty((rows, LANES), dtype)

    return Search(
        labels=labels.astype(np.int32),
        n_neighbors=n_neighbors,
        bits=max(4, int(n_genres - 1).bit_length()),
        added=lanes(n_train, np.float32),
        least=lanes(1, np.float32)[0],
        known=np.empty(n_train, np.float32),
        near=np.empty(most, np.float32),
        near_rows=np.empty(most, np.int64),
        keys=np.empty((n_goes, (PASSING + KEPT) * LANES), np.int32),
        kept=lanes(n_neighbors + 1, np.int32),
        weights=lanes(n_neighbors, np.float32),
        votes=lanes(n_neighbors + 1, np.float32),
        predicted=lanes(1, np.int32)[0],
        certain=lanes(1, np.int32)[0],
        sums=np.empty(n_train),
        distances=np.empty(n_neighbors),
        rows=np.empty(n_neighbors, np.int64),
        strengths=np.empty(n_genres),
    )


@njit(cache=True)
def _single(number):
    """Round to single precision: nothing but 0 becomes 0, and what is no number infinite."""
    if number == 0.0:
        return np.float32(0)
    return max(np.float32(number), LEAST) if number < LARGEST else np.float32(np.inf)


@njit(cache=True)
def _radius(distances, guess, at_least):
    """Adapt a radius until it holds that many rows, or up to half as many again.

    It holds more where too many are equally far.
    """
    at_most = at_least * 3 // 2
    if at_most >= len(distances):
        return np.float32(np.inf)
    if not LEAST < guess < np.inf:
        guess = np.float32(1)
    low, high = np.float32(0), np.float32(np.inf)
    for _ in range(24):
        n_near = 0
        for row in range(len(distances)):  # without a branch, so that it becomes vector code
            n_near += distances[row] <= guess
        if at_least <= n_near <= at_most:
            return guess
        if n_near < at_least:
            low = guess
        else:
            high = guess
        guess *= np.float32((1.25 * at_least / (n_near + 1)) ** 0.8)
        if not low < guess < high:
            guess = 4 * low if high == np.inf else (low + high) / 2
    return high


@njit(cache=True)
def _find_near(search, radius):
    """Collect the rows within a radius, and count them; 0 of them if they are too many.

    Rows at infinity fill the last `PASSING`.
    """
    known, near, near_rows = search.known, search.near, search.near_rows
    n_near = 0
    for row in range(len(known)):
        near[n_near] = known[row]
        near_rows[n_near] = row
        n_near += known[row] <= radius
        if n_near > len(near) - PASSING:
            return 0
    for place in range(n_near, n_near + PASSING):
        near[place] = np.inf
        near_rows[place] = 0
    return n_near


@njit(inline="always")
def _passed(key, a, b, c, d, e, f):
    """Six keys in order, once another has passed them, and the largest of the seven."""
    return (
        min(key, a),
        min(max(key, a), b),
        min(max(key, b), c),
        min(max(key, c), d),
        min(max(key, d), e),
        min(max(key, e), f),
        max(key, f),
    )


@njit(cache=True)
def _pass(keys, n_lanes):
    """Let the keys in the first four rows of lanes pass those kept in the six rows below."""
    for lane in range(n_lanes):
        a, b, c = keys[4 * LANES + lane], keys[5 * LANES + lane], keys[6 * LANES + lane]
        d, e, f = keys[7 * LANES + lane], keys[8 * LANES + lane], keys[9 * LANES + lane]
        for row in range(PASSING):
            place = row * LANES + lane
            a, b, c, d, e, f, keys[place] = _passed(keys[place], a, b, c, d, e, f)
        keys[4 * LANES + lane], keys[5 * LANES + lane], keys[6 * LANES + lane] = a, b, c
        keys[7 * LANES + lane], keys[8 * LANES + lane], keys[9 * LANES + lane] = d, e, f


@njit(cache=True)
def _keep_nearest(search, n_near, n_lanes):
    """Keep each lane's smallest keys, in order."""
    keys, added, no_genre = search.keys, search.added, np.int32(-(2**search.bits))
    for go in range(keys.shape[0]):
        for place in range(keys.shape[1]):
            keys[go, place] = NO_KEY
    first = keys[0]
    for start in range(0, n_near, PASSING):
        for place in range(PASSING):
            known, row = search.near[start + place], search.near_rows[start + place]
            genre = search.labels[row]
            for lane in range(n_lanes):
                distance = np.float32(known + added[row, lane])
                first[place * LANES + lane] = (distance.view(np.int32) & no_genre) | genre
        _pass(first, n_lanes)
        for go in range(1, len(keys)):
            for place in range(PASSING * LANES):
                keys[go, place] = keys[go - 1, place]
            _pass(keys[go], n_lanes)
    for level in range(len(search.kept)):
        row = keys[level // KEPT, (PASSING + level % KEPT) * LANES :]
        for lane in range(n_lanes):
            search.kept[level, lane] = row[lane]


@njit(cache=True)
def _vote(search, n_lanes):
    """Vote for the genre with the largest sum of 1/distance; copies, at distance 0, outvote all."""
    n_neighbors, kept, weights, votes = (
        search.n_neighbors,
        search.kept,
        search.weights,
        search.votes,
    )
    predicted, certain, most = search.predicted, search.certain, votes[n_neighbors]
    no_genre, genre = np.int32(-(2**search.bits)), np.int32(2**search.bits - 1)
    margin = np.float32(1 + (2**search.bits + n_neighbors + 10) * 2.0**-22)
    for lane in range(n_lanes):
        most[lane] = 0
    for one in range(n_neighbors):
        for lane in range(n_lanes):
            distance = np.int32(kept[one, lane] & no_genre).view(np.float32)
            weights[one, lane] = np.float32(1) / np.sqrt(max(distance, LEAST))
            certain[lane] &= (distance == 0) | (distance >= SMALL)
    for one in range(n_neighbors):
        for lane in range(n_lanes):
            votes[one, lane] = 0
        for other in range(n_neighbors):
            for lane in range(n_lanes):
                same = (kept[one, lane] ^ kept[other, lane]) & genre == 0
                votes[one, lane] += weights[other, lane] if same else np.float32(0)
        for lane in range(n_lanes):
            more = votes[one, lane] > most[lane]
            predicted[lane] = kept[one, lane] & genre if more else predicted[lane]
            most[lane] = max(votes[one, lane], most[lane])
    for one in range(n_neighbors):
        for lane in range(n_lanes):
            same = kept[one, lane] & genre == predicted[lane]
            certain[lane] &= same | (votes[one, lane] * margin < most[lane])


@njit(cache=True)
def _search_lanes(search, radius, n_near, n_lanes):
    """Predict the genre of each lane, or say that it is uncertain."""
    _keep_nearest(search, n_near, n_lanes)
    last, after, bits = search.n_neighbors - 1, search.n_neighbors, search.bits
    for lane in range(n_lanes):
        outside = np.float32(radius + search.least[lane]).view(np.int32)
        farther = min(search.kept[after, lane], outside)
        search.certain[lane] = (farther >> bits) - (search.kept[last, lane] >> bits) >= 2
    _vote(search, n_lanes)


@njit(cache=True)
def _add_up(squares, features, sums):
    """Squared distance to each training row in several features."""
    for row in range(len(sums)):
        sums[row] = 0.0
    for feature in features:
        for row in range(len(sums)):
            sums[row] += squares[feature, row]


@njit(cache=True)
def _look_again(search, squares, features):
    """Predict in double precision; of rows equally far the first comes first."""
    sums, distances, rows = search.sums, search.distances, search.rows
    _add_up(squares, features, sums)
    distances[:] = np.inf
    rows[:] = 0
    for row in range(len(sums)):
        if sums[row] < distances[-1]:
            place = len(distances) - 1
            while place > 0 and sums[row] < distances[place - 1]:
                distances[place] = distances[place - 1]
                rows[place] = rows[place - 1]
                place -= 1
            distances[place] = sums[row]
            rows[place] = row
    search.strengths[:] = 0.0
    copies_only = distances[0] == 0.0
    for neighbour in range(len(distances)):
        genre = search.labels[rows[neighbour]]
        if copies_only:
            search.strengths[genre] += 1.0 if distances[neighbour] == 0.0 else 0.0
        else:
            search.strengths[genre] += 1.0 / np.sqrt(distances[neighbour])
    return np.argmax(search.strengths)


def predict(columns, labels, subsets, n_neighbors, n_genres, test):
    """Predict each test row with each set of features, shape (n_test, n_subsets)."""
    changes = (subsets[1:, :-1] != subsets[:-1, :-1]).any(axis=1)
    starts = np.r_[0, 1 + np.flatnonzero(changes), len(subsets)]
    search = _prepare(labels, n_neighbors, n_genres, NEAR_ONE * n_neighbors)
    predictions = np.empty((len(test), len(subsets)), dtype=np.uint8)
    for test_row, predicted in zip(test, predictions, strict=True):
        squares = (test_row[:, None] - columns) ** 2
        _predict(search, squares, np.fmin.reduce(squares, axis=1), subsets, starts, predicted)
    return predictions


@njit(cache=True, nogil=True)
def _predict(search, squares, least, subsets, starts, predictions):
    """Predict one row; sets between two starts have all features but the last in common."""
    radius = np.float32(1)
    for group in range(len(starts) - 1):
        _add_up(squares, subsets[starts[group], :-1], search.sums)
        for row in range(len(search.known)):
            search.known[row] = _single(search.sums[row])
        radius = _radius(search.known, radius, NEAR_ONE * search.n_neighbors)
        n_near = _find_near(search, radius)
        for start in range(starts[group], starts[group + 1], LANES):
            n_lanes = min(LANES, starts[group + 1] - start)
            for lane in range(n_lanes):
                feature = subsets[start + lane, -1]
                search.least[lane] = _single(least[feature])
                for place in range(n_near + PASSING):
                    row = search.near_rows[place]
                    search.added[row, lane] = _single(squares[feature, row])
            _search_lanes(search, radius, n_near, n_lanes)
            for lane in range(n_lanes):
                if search.certain[lane]:
                    predictions[start + lane] = search.predicted[lane]
                else:
                    predictions[start + lane] = _look_again(search, squares, subsets[start + lane])


def predict_fours(columns, labels, n_neighbors, n_genres, test):
    """Predict each test row with every set of four features, shape (n_test, n_subsets).

    Two of the four are known, and each other two have a lane. The known ones are those in which
    the test row differs most from the training rows: they decide best who is near.
    """
    n_features = len(columns)
    pairs = np.array(np.triu_indices(n_features, 1))[:, ::-1].copy()
    others = n_features - 1 - np.arange(n_features)
    ranks = -np.array([[comb(n, size) for n in others] for size in (4, 3, 2, 1)])
    ranks[0] += comb(n_features, 4) - 1
    search = _prepare(labels, n_neighbors, n_genres, NEAR_TWO * n_neighbors)
    predictions = np.empty((len(test), comb(n_features, 4)), dtype=np.uint8)
    for test_row, predicted in zip(test, predictions, strict=True):
        squares = (test_row[:, None] - columns) ** 2
        order = np.argsort(-np.median(squares, axis=1))
        _predict_fours(search, squares, order, pairs, ranks, predicted)
    return predictions


@njit(cache=True, nogil=True)
def _predict_fours(search, squares, order, pairs, ranks, predictions):
    """Predict one row; ranks of four features in order add up to the place of the four."""
    n_features, n_train = squares.shape
    singles = np.empty(squares.shape, dtype=np.float32)
    for place in range(n_features):
        for row in range(n_train):
            singles[place, row] = _single(squares[order[place], row])
    radius = np.float32(1)
    for start in range(0, pairs.shape[1], LANES):
        thirds, fourths = pairs[0, start : start + LANES], pairs[1, start : start + LANES]
        _add_pairs(search, singles, thirds, fourths)
        n_lanes = len(thirds)
        for second in range(1, thirds[0]):
            while thirds[n_lanes - 1] <= second:
                n_lanes -= 1
            for first in range(second):
                for row in range(n_train):
                    search.known[row] = singles[first, row] + singles[second, row]
                radius = _radius(search.known, radius, NEAR_TWO * search.n_neighbors)
                _search_lanes(search, radius, _find_near(search, radius), n_lanes)
                one, two = order[first], order[second]
                for lane in range(n_lanes):
                    four = _in_order(one, two, order[thirds[lane]], order[fourths[lane]])
                    place = ranks[0, four[0]] + ranks[1, four[1]]
                    place += ranks[2, four[2]] + ranks[3, four[3]]
                    if search.certain[lane]:
                        predictions[place] = search.predicted[lane]
                    else:
                        predictions[place] = _look_again(search, squares, four)


@njit(cache=True)
def _in_order(a, b, c, d):
    """Four numbers, the smallest first."""
    a, b = min(a, b), max(a, b)
    c, d = min(c, d), max(c, d)
    e, f = max(a, c), min(b, d)
    return min(a, c), min(e, f), max(e, f), max(b, d)


@njit(cache=True)
def _add_pairs(search, singles, thirds, fourths):
    """Set what lanes add to each row, and at least."""
    for lane in range(len(thirds)):
        search.least[lane] = np.inf
    for row in range(singles.shape[1]):
        for lane in range(len(thirds)):
            added = singles[thirds[lane], row] + singles[fourths[lane], row]
            search.added[row, lane] = added
            search.least[lane] = min(search.least[lane], added)


@njit(cache=True, nogil=True)
def count(predictions, test_labels, counts):
    """Add the predictions of test rows to counts (correct or all, subset, genre)."""
    for subset in range(predictions.shape[1]):
        for row in range(len(predictions)):
            predicted = predictions[row, subset]
            counts[0, subset, predicted] += predicted == test_labels[row]
            counts[1, subset, predicted] += 1

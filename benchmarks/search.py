"""Scoring sets of features, against a loop over scikit-learn's k-NN.

Both sides take turns, and the median of each is kept: what else the machine does slows both.
"""

import time

import numba
import numpy as np
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from benchmarks import best_of, row, taking_turns
from genres.data import folders, tables
from genres.models import neighbours

SAMPLE = 1000  # sets from which the loop's time for all sets is extrapolated
TURNS = 5


def looped(data, subsets, algorithm="brute"):
    train, train_labels, test, test_labels = data
    scores = []
    for subset in subsets:
        knn = KNeighborsClassifier(5, weights="distance", algorithm=algorithm)
        predicted = knn.fit(train[:, subset], train_labels).predict(test[:, subset])
        scores.append(f1_score(test_labels, predicted, average="macro", zero_division=0))
    return np.array(scores)


def course():
    """Give training and test rows of the course's table, standardised, with their labels."""
    table = folders.find(offline=True).table(30)
    train = tables.is_train(table)
    values = tables.standardise(table[list(tables.FEATURES)].to_numpy(), train)
    labels = table["GenreID"].to_numpy()
    return values[train], labels[train], values[~train], labels[~train]


def rows():
    data = course()
    named = neighbours.report_combinations(tables.FEATURES, tables.BASE_FEATURES)
    columns = np.array([[tables.FEATURES.index(name) for name in four] for four in named])
    few = data[0][:, :5], data[1], data[2][:, :5], data[3]
    start = time.perf_counter()
    neighbours.search_subsets(*few)
    first = time.perf_counter() - start
    rows = [_combinations(data, columns), _all_fours(data, first)]
    n_threads = numba.get_num_threads()
    with threadpool_limits(1):
        numba.set_num_threads(1)
        rows.append(_all_fours(data, first, "on one core"))
        numba.set_num_threads(n_threads)
    return rows


def _combinations(data, columns):
    start = time.perf_counter()
    scores = neighbours.score_subsets(*data, columns)
    first = time.perf_counter() - start
    seconds = best_of(lambda: neighbours.score_subsets(*data, columns), 10)
    loops = {how: best_of(lambda how=how: looped(data, columns, how)) for how in ("brute", "auto")}
    apart = np.abs(looped(data, columns) - scores.macro_f1).max()
    note = (
        f"First call, with compiling or loading compiled code: {first:.2f} s. Largest difference "
        f"in macro F1: {apart:.0e}. {_beside(loops, seconds)}"
    )
    return row(f"{len(columns)} combinations", min(loops.values()), seconds, note)


def _all_fours(data, first, where=""):
    every = neighbours.search_subsets(*data)
    drawn = np.random.default_rng(0).choice(len(every.subsets), SAMPLE, replace=False)
    parts = iter(np.array_split(np.tile(drawn, 2), 2 * TURNS))
    brute, auto, seconds = taking_turns(
        [
            lambda: looped(data, every.subsets[next(parts)]),
            lambda: looped(data, every.subsets[next(parts)], "auto"),
            lambda: neighbours.search_subsets(*data),
        ],
        TURNS,
    )
    share = len(every.subsets) / (SAMPLE / TURNS)
    loops = {"brute": share * brute, "auto": share * auto}
    differ = np.abs(looped(data, every.subsets[drawn]) - every.macro_f1[drawn]) > 1e-9
    note = (
        f"The loop is extrapolated from {SAMPLE} sets. Compiling or loading compiled code: "
        f"{first:.2f} s. Macro F1 differs in {differ.sum()} of the {SAMPLE} sets, where copies tie "
        f"across genres. {_beside(loops, seconds)}"
    )
    name = f"all {len(every.subsets):,} sets of four"
    return row(f"{name}, {where}" if where else name, min(loops.values()), seconds, note)


def _beside(loops, seconds):
    return (
        f"The loop with algorithm='brute' takes {loops['brute']:.3g} s, with the default "
        f"{loops['auto']:.3g} s ({loops['auto'] / seconds:.1f} times)."
    )

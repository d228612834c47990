"""Scoring sets of features, against a loop over scikit-learn's k-NN."""

import time

import numpy as np
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier

from benchmarks import best_of, row
from genres.data import folders, tables
from genres.models import neighbours

SAMPLE = 1000  # sets from which the loop's time for all sets is extrapolated


def looped(data, subsets, algorithm):
    train, train_labels, test, test_labels = data
    scores = []
    for subset in subsets:
        knn = KNeighborsClassifier(5, weights="distance", algorithm=algorithm)
        predicted = knn.fit(train[:, subset], train_labels).predict(test[:, subset])
        scores.append(f1_score(test_labels, predicted, average="macro", zero_division=0))
    return np.array(scores)


def rows():
    table = folders.find(offline=True).table(30)
    train = tables.is_train(table)
    values = tables.standardise(table[list(tables.FEATURES)].to_numpy(), train)
    labels = table["GenreID"].to_numpy()
    data = values[train], labels[train], values[~train], labels[~train]
    named = neighbours.report_combinations(tables.FEATURES, tables.BASE_FEATURES)
    columns = np.array([[tables.FEATURES.index(name) for name in four] for four in named])
    return [_combinations(data, columns), _all_fours(data)]


def _combinations(data, columns):
    start = time.perf_counter()
    scores = neighbours.score_subsets(*data, columns)
    first = time.perf_counter() - start
    seconds = best_of(lambda: neighbours.score_subsets(*data, columns), 10)
    loops = {how: best_of(lambda how=how: looped(data, columns, how)) for how in ("brute", "auto")}
    apart = np.abs(looped(data, columns, "brute") - scores.macro_f1).max()
    note = (
        f"First call, with compiling or loading compiled code: {first:.2f} s. Largest difference "
        f"in macro F1: {apart:.0e}. {_beside(loops, seconds)}"
    )
    return row(f"{len(columns)} combinations", min(loops.values()), seconds, note)


def _all_fours(data):
    few = data[0][:, :5], data[1], data[2][:, :5], data[3]
    start = time.perf_counter()
    neighbours.search_subsets(*few)
    first = time.perf_counter() - start
    start = time.perf_counter()
    every = neighbours.search_subsets(*data)
    seconds = time.perf_counter() - start
    drawn = np.random.default_rng(0).choice(len(every.subsets), SAMPLE, replace=False)
    share = len(every.subsets) / SAMPLE
    loops = {
        how: share * best_of(lambda how=how: looped(data, every.subsets[drawn], how))
        for how in ("brute", "auto")
    }
    differ = np.abs(looped(data, every.subsets[drawn], "brute") - every.macro_f1[drawn]) > 1e-9
    note = (
        f"The loop is extrapolated from {SAMPLE} sets. Compiling or loading compiled code: "
        f"{first:.2f} s. Macro F1 differs in {differ.sum()} of the {SAMPLE} sets, where copies tie "
        f"across genres. {_beside(loops, seconds)}"
    )
    return row(f"all {len(every.subsets):,} sets of four", min(loops.values()), seconds, note)


def _beside(loops, seconds):
    return (
        f"The loop with algorithm='brute' takes {loops['brute']:.3g} s, with the default "
        f"{loops['auto']:.3g} s ({loops['auto'] / seconds:.1f} times)."
    )

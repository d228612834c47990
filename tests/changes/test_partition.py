"""Cutting a track into parts of one sound and one genre."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
import ruptures
from hypothesis import given, settings
from hypothesis import strategies as st

from genres.changes import partition


def every_partition(n_cells, n_genres, least):
    """Give all ways to cut cells into parts, with genres of which no two neighbours are alike."""
    inner = range(least, n_cells - least + 1)
    for n_changes in range(n_cells // least):
        for borders in combinations(inner, n_changes):
            ends = [0, *borders, n_cells]
            if min(np.diff(ends)) >= least:
                for genres in product(range(n_genres), repeat=n_changes + 1):
                    if all(a != b for a, b in pairwise(genres)):
                        yield ends, genres


def worth(ends, genres, scatter, gains, cost):
    parts = list(zip(ends[:-1], ends[1:], genres, strict=True))
    gained = sum(gains[a:b, genre].sum() - scatter[a, b] for a, b, genre in parts)
    return gained - cost * (len(parts) - 1)


@given(st.integers(0, 10**6), st.integers(4, 9), st.integers(1, 3), st.floats(0, 2))
@settings(max_examples=25, deadline=None)
def test_no_other_partition_is_worth_more(seed, n_cells, n_genres, cost):
    rng = np.random.default_rng(seed)
    scatter = partition.scatters(rng.normal(size=(n_cells, 2)))
    gains = rng.normal(size=(n_cells, n_genres))
    starts, genres = partition.partition(scatter, gains, cost, least=2)
    best = max(
        worth(*cut, scatter, gains, cost) for cut in every_partition(n_cells, n_genres, least=2)
    )
    found = worth([*starts, n_cells], genres, scatter, gains, cost)
    assert found == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_without_genres_it_is_what_kernel_change_point_detection_finds(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(40, 3)) + np.repeat(np.eye(4)[:, :3] * 6, 10, axis=0)
    known = ruptures.KernelCPD(kernel="rbf", min_size=4).fit(values).predict(pen=2.0)
    undecided = np.zeros((40, 2))
    starts, _ = partition.partition(partition.scatters(values), undecided, 2.0)
    assert [*starts[1:], 40] == known == [10, 20, 30, 40]


def test_a_part_scatters_by_its_distances_from_its_mean():
    values = np.array([[0.0], [0.0], [3.0], [3.0]])
    scatter = partition.scatters(values)
    assert scatter[0, 2] == pytest.approx(0)
    apart = 1 - np.exp(-9 / 9)  # half of the squared distance; the median of distances is 9
    assert scatter[1, 3] == pytest.approx(apart)
    assert partition.scatters(np.ones((5, 2))).max() == pytest.approx(0)


def test_a_track_shorter_than_a_part_is_one_part():
    starts, genres = partition.partition(np.zeros((3, 3)), np.array([[0, 1.0], [0, 1.0]]), 0.0)
    assert starts.tolist() == [0] and genres.tolist() == [1]

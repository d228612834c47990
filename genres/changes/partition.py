"""Where do sound and genre change together?

A track is cut into parts so that each part sounds alike and has one genre. How much a part sounds
alike is told by a kernel, as in kernel change point detection (Arlot, Celisse and Harchaoui, 2019);
the genre by the predictions of a classifier.
"""

import numba
import numpy as np

LEAST = 4
"""Cells of which a part has at least so many."""


def scatters(values):
    """Say how much each possible part of a track varies in sound.

    Parameters
    ----------
    values : array of float, shape (n_cells, n_features)
        What was measured of each of its cells, short stretches of equal length.

    Returns
    -------
    array of float, shape (n_cells + 1, n_cells + 1)
        At [a, b], for a before b, the part from cell a to before cell b: the squared distances of
        its cells from their mean, summed, where a radial basis function is the kernel. Its width
        is given by the median of the squared distances between cells.
    """
    n_cells = len(values)
    squares = np.sum((values[:, None] - values) ** 2, axis=2)
    between = squares[np.triu_indices(n_cells, 1)]
    median = np.median(between) if len(between) else 0.0
    kernel = np.exp(-squares / (median if median > 0 else 1.0))
    sums = np.zeros((n_cells + 1, n_cells + 1))
    sums[1:, 1:] = kernel.cumsum(axis=0).cumsum(axis=1)
    diagonal = np.diag(sums)
    inside = diagonal[:, None] + diagonal - sums - sums.T
    lengths = np.abs(np.subtract.outer(np.arange(n_cells + 1), np.arange(n_cells + 1)))
    return lengths - inside / np.maximum(lengths, 1)


def partition(scatter, gains, cost: float, least: int = LEAST):
    """Cut a track into parts of one sound and one genre each.

    Taken is the partition of the largest sum of gains, less the scatter of each part, less the cost
    of each change. It is exact: found by dynamic programming over all ends of parts and genres.

    Parameters
    ----------
    scatter : array of float, shape (n_cells + 1, n_cells + 1)
        As `scatters` gives it.
    gains : array of float, shape (n_cells, n_genres)
        What each cell says for each genre, such as a weighted logarithm of its probability. Two
        genres that gain the same everywhere leave the sound to decide alone.
    cost : float
        What a change costs.
    least : int, optional
        Cells that a part has at least; a shorter track is one part.

    Returns
    -------
    starts : array of int, shape (n_parts,)
        The first cell of each part.
    genres : array of int, shape (n_parts,)
        The genre of each part; never the same as that of the part before.
    """
    n_cells, n_genres = gains.shape
    gained = np.concatenate([np.zeros((1, n_genres)), np.cumsum(gains, axis=0)])
    best, first = _find_best(scatter, gained, float(cost), least)
    genre, end, found = int(best[n_cells].argmax()), n_cells, []
    while end:
        end = int(first[end, genre])
        found.append((end, genre))
        others = np.where(np.arange(n_genres) == genre, -np.inf, best[end])
        genre = int(others.argmax())
    starts, genres = zip(*reversed(found), strict=True)
    return np.array(starts), np.array(genres)


@numba.njit(cache=True)
def _find_best(scatter, gained, cost, least):
    """Say what the best partition that ends at each cell is worth, by its last genre.

    Gives that and the first cell of its last part, each (n_cells + 1, n_genres).
    """
    n_cells, n_genres = len(gained) - 1, gained.shape[1]
    best, first = np.full(gained.shape, -np.inf), np.zeros(gained.shape, np.int64)
    before = np.full(gained.shape, -np.inf)  # of what may come before each genre
    before[0] = 0.0
    for end in range(min(least, n_cells), n_cells + 1):
        for genre in range(n_genres):
            for start in range(max(1, end - least + 1)):
                reached = before[start, genre] - scatter[start, end]
                reached = reached + gained[end, genre] - gained[start, genre]
                if reached > best[end, genre]:
                    best[end, genre], first[end, genre] = reached, start
        for genre in range(n_genres):
            for other in range(n_genres):
                if other != genre:
                    before[end, genre] = max(before[end, genre], best[end, other] - cost)
    return best, first

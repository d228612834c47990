"""Where do sound and genre change together?

A track is cut into parts so that each part sounds alike and has one genre. How much a part sounds
alike is told by a kernel, as in kernel change point detection (Arlot, Celisse and Harchaoui, 2019);
the genre by the predictions of a classifier.
"""

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
    ids = np.arange(n_genres)
    best = np.full((n_cells + 1, n_genres), -np.inf)  # of what ends here, by its last genre
    before = np.full((n_cells + 1, n_genres), -np.inf)  # of what may come before each genre
    first = np.zeros((n_cells + 1, n_genres), int)
    before[0] = 0.0
    for end in range(min(least, n_cells), n_cells + 1):
        starts = np.r_[0, np.arange(least, end - least + 1)]
        reached = before[starts] - scatter[starts, end, None] + gained[end] - gained[starts]
        of = reached.argmax(axis=0)
        best[end], first[end] = reached[of, ids], starts[of]
        before[end] = _best_of_others(best[end]) - cost
    genre, end, found = int(best[n_cells].argmax()), n_cells, []
    while end:
        end = int(first[end, genre])
        found.append((end, genre))
        others = np.where(ids == genre, -np.inf, best[end])
        genre = int(others.argmax())
    starts, genres = zip(*reversed(found), strict=True)
    return np.array(starts), np.array(genres)


def _best_of_others(scores):
    """Give, for each genre, the best score of another."""
    if len(scores) == 1:
        return np.full(1, -np.inf)
    leader = scores.argmax()
    others = np.full(len(scores), scores[leader])
    others[leader] = np.delete(scores, leader).max()
    return others

"""How good is it, really?"""

import numpy as np
from scipy.stats import binomtest, gaussian_kde
from sklearn.metrics import accuracy_score, f1_score


def summarise(labels, answers, genres):
    """Score the answers for a set of tracks in the ways the report does.

    Parameters
    ----------
    labels, answers : array of int, shape (n_tracks,)
        True and answered genre ids.
    genres : sequence of str
        Names, by id.

    Returns
    -------
    dict
        ``accuracy``; ``macro_f1``; ``interval``, the 95 % interval of the accuracy as
        [low, high]; ``per_genre``, {genre: {tp, tn, fp, fn, f1}}.
    """
    return {
        "accuracy": float(accuracy_score(labels, answers)),
        "macro_f1": macro_f1(labels, answers),
        "interval": list(accuracy_interval(int(np.sum(labels == answers)), len(labels))),
        "per_genre": count_per_genre(labels, answers, genres),
    }


def macro_f1(labels, answers):
    """Mean of F1 over the genres that are met or answered; 0 for one that is never right."""
    return float(f1_score(labels, answers, average="macro", zero_division=0))


def accuracy_interval(n_right, n):
    """95 % interval of an accuracy.

    Parameters
    ----------
    n_right, n : int
        Right answers, and answers.

    Returns
    -------
    low, high : float
        Wilson's score interval (E. B. Wilson, 1927): the true rates at which so many right answers
        of `n` independent ones would be no surprise.
    """
    interval = binomtest(n_right, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def count_per_genre(labels, answers, genres):
    """Count right and wrong answers with each genre in turn against all others.

    Parameters
    ----------
    labels, answers : array of int, shape (n_tracks,)
        True and answered genre ids.
    genres : sequence of str
        Names, by id.

    Returns
    -------
    dict of str to dict
        For each genre ``tp``, ``tn``, ``fp``, ``fn`` and ``f1`` (0 where nothing is right).
    """
    counts = {}
    for genre_id, genre in enumerate(genres):
        meant, answered = labels == genre_id, answers == genre_id
        tp, tn = int(np.sum(meant & answered)), int(np.sum(~meant & ~answered))
        fp, fn = int(np.sum(~meant & answered)), int(np.sum(meant & ~answered))
        f1 = 2 * tp / (2 * tp + fp + fn) if tp else 0.0
        counts[genre] = {"tp": tp, "tn": tn, "fp": fp, "fn": fn, "f1": f1}
    return counts


def hard_vote(probabilities):
    """Give each item the label that most voters have as their first.

    Parameters
    ----------
    probabilities : array of float, shape (n_voters, n_items, n_genres)
        What each voter thinks of each item.

    Returns
    -------
    array of int, shape (n_items,)
        Ties go to the label with the larger summed probability, then to the smaller id.
    """
    n_genres = probabilities.shape[-1]
    votes = np.eye(n_genres)[probabilities.argmax(axis=-1)].sum(axis=0)
    summed = probabilities.sum(axis=0)
    most = votes == votes.max(axis=-1, keepdims=True)
    return np.where(most, summed, -np.inf).argmax(axis=-1)


def soft_vote(probabilities):
    """Give each item the label with the largest probability, averaged over voters.

    Parameters
    ----------
    probabilities : array of float, shape (n_voters, n_items, n_genres)
        What each voter thinks of each item.

    Returns
    -------
    array of int, shape (n_items,)
        Ties go to the smaller id.
    """
    return probabilities.mean(axis=0).argmax(axis=-1)


def track_vote(probabilities, tracks):
    """Give each track the label that most of its segments have as their first.

    Parameters
    ----------
    probabilities : array of float, shape (n_segments, n_genres)
        What is thought of each segment.
    tracks : array, shape (n_segments,)
        The track each segment was cut from.

    Returns
    -------
    array of int, shape (n_tracks,)
        A label per track, in the order in which the tracks first come. Ties as in `hard_vote`.

    Raises
    ------
    ValueError
        If the two differ in length.
    """
    if len(probabilities) != len(tracks):
        raise ValueError(f"{len(probabilities)} segments, but tracks for {len(tracks)}")
    _, first, of_track = np.unique(tracks, return_index=True, return_inverse=True)
    in_order = np.argsort(np.argsort(first))[of_track]
    return np.array(
        [hard_vote(probabilities[in_order == track][:, None])[0] for track in range(len(first))],
        dtype=int,
    )


def overlap_coefficients(samples, n_points=512):
    """Area that the densities of each two samples share.

    Parameters
    ----------
    samples : sequence of array of float
        Values of a feature, one sample a genre.
    n_points : int
        Points at which the densities are compared.

    Returns
    -------
    array of float, shape (n_samples, n_samples)
        From 0, nothing in common, to 1, the same distribution; symmetric, with 1 on the diagonal.
        Densities are Gaussian kernel estimates with Scott's bandwidth. A sample without spread
        shares all with an equal one and nothing with others.
    """
    together = np.concatenate(samples)
    margin = (np.ptp(together) or 1.0) / 2
    grid = np.linspace(together.min() - margin, together.max() + margin, n_points)
    shares = np.array([_shares_of_points(sample, grid) for sample in samples])
    return np.minimum(shares[:, None], shares[None]).sum(axis=-1)


def _shares_of_points(sample, grid):
    """Distribute a sample of weight 1 over the points of a grid."""
    if np.ptp(sample) == 0:
        return np.eye(len(grid))[np.abs(grid - sample[0]).argmin()]
    density = gaussian_kde(sample)(grid)
    return density / density.sum()

"""How good is it, really?"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from scipy.stats import binomtest, spearmanr
from sklearn.metrics import accuracy_score, f1_score


def summarise(labels, predictions, genres: Sequence[str]) -> dict:
    """Score the predictions for a set of tracks in the ways the report does.

    Parameters
    ----------
    labels, predictions : array of int, shape (n_tracks,)
        True and predicted genre ids.
    genres : sequence of str
        Names, by id.

    Returns
    -------
    dict
        ``accuracy``; ``macro_f1``; ``interval``, the 95 % interval of the accuracy as
        [low, high]; ``per_genre``, {genre: {tp, tn, fp, fn, f1}}.
    """
    return {
        "accuracy": float(accuracy_score(labels, predictions)),
        "macro_f1": macro_f1(labels, predictions),
        "interval": list(accuracy_interval(int(np.sum(labels == predictions)), len(labels))),
        "per_genre": count_per_genre(labels, predictions, genres),
    }


def hold_out(labels, share: float, seed: int = 0):
    """Choose items to hold out, the same share of each genre.

    Parameters
    ----------
    labels : array of int, shape (n_items,)
        Genre ids.
    share : float
        The share of each genre to hold out, rounded; of a genre with two items or more at least
        one, and never all.
    seed : int
        Another seed, another choice.

    Returns
    -------
    array of bool, shape (n_items,)
        Whether each is held out.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        items = rng.permutation(np.flatnonzero(labels == label))
        n = min(max(round(share * len(items)), 1), len(items) - 1)
        held_out[items[:n]] = True
    return held_out


def macro_f1(labels, predictions):
    """Mean of F1 over the genres that occur or are predicted; 0 for one without a hit."""
    return float(f1_score(labels, predictions, average="macro", zero_division=0))


def accuracy_interval(n_correct: int, n: int):
    """95 % interval of an accuracy.

    Parameters
    ----------
    n_correct, n : int
        Correct predictions, and all predictions.

    Returns
    -------
    low, high : float
        Wilson's score interval (E. B. Wilson, 1927): the true rates at which so many correct
        predictions of `n` independent ones would be no surprise.
    """
    interval = binomtest(n_correct, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def count_per_genre(labels, predictions, genres: Sequence[str]) -> dict[str, dict]:
    """Count correct predictions and errors with each genre in turn against all others.

    Parameters
    ----------
    labels, predictions : array of int, shape (n_tracks,)
        True and predicted genre ids.
    genres : sequence of str
        Names, by id.

    Returns
    -------
    dict of str to dict
        For each genre ``tp``, ``tn``, ``fp``, ``fn`` and ``f1`` (0 where nothing is correct).
    """
    counts = {}
    for genre_id, genre in enumerate(genres):
        true, predicted = labels == genre_id, predictions == genre_id
        tp, tn = int(np.sum(true & predicted)), int(np.sum(~true & ~predicted))
        fp, fn = int(np.sum(~true & predicted)), int(np.sum(true & ~predicted))
        f1 = 2 * tp / (2 * tp + fp + fn) if tp else 0.0
        counts[genre] = {"tp": tp, "tn": tn, "fp": fp, "fn": fn, "f1": f1}
    return counts


def hard_vote(probabilities):
    """Give each item the label that most voters have as their first.

    Parameters
    ----------
    probabilities : array of float, shape (n_voters, n_items, n_genres)
        Of each item, by each voter.

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
        Of each item, by each voter.

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
        Of each segment.
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


def mcnemar(correct, other_correct) -> float:
    """Test whether two classifiers differ on the same tracks.

    Parameters
    ----------
    correct, other_correct : array of bool, shape (n_tracks,)
        Whether each classified each track correctly.

    Returns
    -------
    float
        Two-sided p-value of McNemar's exact test (1947): how surprising the split of those tracks
        on which only one was correct would be, were both equally good. 1 where there are none.
    """
    only_first = int(np.sum(correct & ~other_correct))
    only_second = int(np.sum(other_correct & ~correct))
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)


def bootstrap_interval(values, groups=None, n_draws: int = 10_000, seed: int = 0):
    """95 % interval of a mean, by drawing again from what was measured.

    Parameters
    ----------
    values : array of float, shape (n_tracks,)
        A value for each track: 1 where the prediction is correct, else 0; or a difference of two.
    groups : array, shape (n_tracks,), optional
        What belongs together, such as tracks of one artist: groups are drawn whole.
    n_draws, seed : int, int
        How often; seed of the draws.

    Returns
    -------
    low, high : float
        The 2.5th and 97.5th percentile of the means of the draws (Efron, 1979).
    """
    values = np.asarray(values, float)
    groups = np.arange(len(values)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sums, sizes = np.bincount(groups, values), np.bincount(groups)
    times = _drawn((len(sizes),), n_draws, seed)[0].astype(float)
    return tuple(np.percentile(times @ sums / (times @ sizes), [2.5, 97.5]).tolist())


@lru_cache(maxsize=8)
def _drawn(sizes, n_draws, seed):
    """Say how often each draw has each of n things, (n_draws, n) for every n, all in turn."""
    rng = np.random.default_rng(seed)
    return [rng.multinomial(n, np.full(n, 1 / n), n_draws).astype(np.uint16) for n in sizes]


def bootstrap_f1(labels, predictions, n_genres: int, n_draws: int = 10_000, seed: int = 0):
    """Compute the F1 of each genre again on tracks drawn from the same tracks.

    Two classifiers' figures are paired: for the same labels and seed the draws are the same.

    Parameters
    ----------
    labels, predictions : array of int, shape (n_tracks,)
        True and predicted genre ids.
    n_genres : int
        Genres, whose ids count from 0.
    n_draws, seed : int, int
        How often; seed of the draws.

    Returns
    -------
    array of float, shape (n_draws, n_genres)
        NaN where a draw has a genre neither among its labels nor among its predictions, so that
        ``nanmean`` over the genres is the macro F1 of each draw.
    """
    n, ids = len(labels), np.arange(n_genres)
    true, predicted = np.equal.outer(labels, ids), np.equal.outer(predictions, ids)
    times = _drawn((n,), n_draws, seed)[0].astype(float)
    occurring = times @ (true.astype(int) + predicted)
    hits = 2.0 * (times @ (true & predicted))
    return np.divide(hits, occurring, out=np.full(hits.shape, np.nan), where=occurring > 0)


def crossed_interval(values, level: float = 0.95, n_draws: int = 10_000, seed: int = 0):
    """Interval of a mean over seeds and tracks, by drawing both again.

    Parameters
    ----------
    values : array of float, shape (n_seeds, n_tracks)
        As `bootstrap_interval` has it, for each seed.
    level, n_draws, seed : float, int, int
        How much of the draws the interval holds; how many draws, and from which seed.

    Returns
    -------
    low, high : float
        Seeds and tracks are drawn independently, each whole (Owen, 2007): the interval covers
        other tracks and other seeds, and is rather too wide than too narrow.
    """
    values = np.asarray(values, float)
    drawn = _drawn(values.shape, n_draws, seed)
    seeds, tracks = (times / float(n) for times, n in zip(drawn, values.shape, strict=True))
    means = np.sum(seeds * (tracks @ values.T), axis=1)
    tail = 50 * (1 - level)
    return tuple(np.percentile(means, [tail, 100 - tail]).tolist())


def reliability(probabilities, labels, n_bins: int = 10):
    """Compare the confidence of a classifier with its accuracy.

    Parameters
    ----------
    probabilities : array of float, shape (n_tracks, n_genres)
        Of each track; the largest is the classifier's confidence.
    labels : array of int, shape (n_tracks,)
        True genre ids.
    n_bins : int
        Bins of equal width between 0 and 1.

    Returns
    -------
    dict of array, shape (n_filled_bins,)
        ``confidence`` (mean), ``accuracy`` and ``count`` of the tracks in each bin that has any.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    of_bin = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    count = np.bincount(of_bin, minlength=n_bins)
    filled = count > 0
    count = count[filled]
    return {
        "confidence": np.bincount(of_bin, confidence, n_bins)[filled] / count,
        "accuracy": np.bincount(of_bin, correct, n_bins)[filled] / count,
        "count": count,
    }


def calibration_error(probabilities, labels, n_bins=10):
    """Expected calibration error (Naeini, Cooper and Hauskrecht, 2015), from 0 to 1.

    It is how far confidence and accuracy are apart on average over the tracks; arguments are those
    of `reliability`.
    """
    bins = reliability(probabilities, labels, n_bins)
    apart = np.abs(bins["confidence"] - bins["accuracy"])
    return float(np.average(apart, weights=bins["count"]))


def fit_temperature(probabilities, labels) -> float:
    """Find the temperature that calibrates probabilities as well as one number can.

    Parameters
    ----------
    probabilities : array of float, shape (n_tracks, n_genres)
        Of tracks that the classifier was not trained on.
    labels : array of int, shape (n_tracks,)
        True genre ids.

    Returns
    -------
    float
        The one of least cross-entropy (Guo and others, 2017): above 1 where the classifier is
        overconfident. It is sought between 0.05 and 20.
    """

    def cross_entropy(log_temperature):
        scaled = scale_temperature(probabilities, np.exp(log_temperature))
        return -np.log(np.maximum(scaled[np.arange(len(labels)), labels], 1e-12)).mean()

    return float(np.exp(minimize_scalar(cross_entropy, bounds=np.log([0.05, 20])).x))


def scale_temperature(probabilities, temperature: float):
    """Scale probabilities by a temperature: 1 leaves them, a higher one evens them out.

    Parameters
    ----------
    probabilities : array of float, shape (…, n_genres)
        Probabilities.
    temperature : float
        What their logarithms are divided by.

    Returns
    -------
    array of float, shape (…, n_genres)
    """
    return softmax(np.log(np.maximum(probabilities, 1e-12)) / temperature, axis=-1)


def accuracy_by_coverage(probabilities, labels):
    """Give the accuracy on the tracks of the highest confidence, for each share of them.

    Parameters
    ----------
    probabilities : array of float, shape (n_tracks, n_genres)
        Of each track.
    labels : array of int, shape (n_tracks,)
        True genre ids.

    Returns
    -------
    coverage, accuracy : array of float, shape (n_tracks,)
        Shares of tracks that are classified, rising to 1, and the accuracy on these.
    """
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    correct = (probabilities.argmax(axis=1) == labels)[order]
    n = np.arange(1, len(labels) + 1)
    return n / len(labels), np.cumsum(correct) / n


def rank_correlation(values, others) -> float:
    """Correlation of the ranks of two series of numbers (Spearman, 1904).

    Parameters
    ----------
    values, others : array of float, shape (n,)
        The numbers.

    Returns
    -------
    float
        From -1 to 1; 0 where all of one series are equal, so that nothing can be ranked.
    """
    if np.ptp(values) == 0 or np.ptp(others) == 0:
        return 0.0
    return float(spearmanr(values, others).statistic)

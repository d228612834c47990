"""Which clips may have the wrong genre, and what sounds like them?

By confident learning (Northcutt, Jiang and Chuang, 2021): a classifier that has not been trained on
a clip, nor on any of its artist, may be as confident of another genre as it is of that genre's own
clips. As many labels as that happens to are doubtful: those whose probability is the smallest. The
classifier is the kernel ridge regression on texture of notebook 11. It errs too, most on genres
that sound alike: what is doubtful is to be listened to. On GTZAN, with one label in twenty changed
at random, nine in ten of those are found, and three in ten of the doubtful ones are such.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from genres.models import evaluation
from genres.models.kernel import KernelRidgeClassifier, leave_groups_out
from genres.sound import measurements, melstore, texture

COLUMNS = ("clip", "given", "suggested", "p_given", "p_suggested", "like_given", "like_suggested")
"""What `doubtful` says of a clip."""

MOST_TOGETHER = 2000
"""Clips that are compared with each other; more are judged in parts, drawn at random."""

_ALPHA = 0.1
_N_NEAREST = 3
_N_PARTS = 5  # of clips that temperatures are chosen on


@threadpool_limits.wrap(limits=1)  # arrays are so small that threads would wait for each other
def texture_of(samples):
    """Measure the texture of a clip's middle.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second.

    Returns
    -------
    dict of str to array of float32, shape (n_numbers,)
        Families of numbers, as `genres.sound.texture.statistics` has them, of 30 s.
    """
    windows = measurements.windows(samples)
    return texture_of_mel(melstore.encode(windows[len(windows) // 2]))


@threadpool_limits.wrap(limits=1)
def texture_of_mel(mel, range_db: float = melstore.RANGE_DB):
    """Measure the texture of a clip in a mel store, array of uint8 of shape (n_mels, n_columns)."""
    families = texture.statistics(melstore.decibels(mel, range_db)[None])
    return {name: values[0] for name, values in families.items()}


def doubtful(inputs: Sequence[dict], genres: Sequence[str], groups=None, seed: int = 0):
    """Find clips whose genre is in doubt.

    Parameters
    ----------
    inputs : sequence of dict, length n_clips
        The texture of each clip, as `texture_of` measures it.
    genres : sequence of str, shape (n_clips,)
        The genre that each is said to be.
    groups : sequence, shape (n_clips,), optional
        Clips of one artist, or copies of each other, which are never trained on for one another. By
        default each clip stands alone.
    seed : int
        Draws the parts of a large collection.

    Returns
    -------
    DataFrame
        A row for each, the most doubtful first: ``clip``, its place; the genre ``given`` and the
        one ``suggested``; the probability of each, ``p_given`` and ``p_suggested``; and as reasons
        ``like_given`` and ``like_suggested``, lists of the places of the clips of these genres, of
        other groups, that sound most like it. Clips of a genre of one group are not judged; and
        none, where the classifier does no better than to name the most frequent genre.
    """
    genres = np.asarray(genres)
    groups = np.arange(len(genres)) if groups is None else np.unique(groups, return_inverse=True)[1]
    parts = _parts(groups, -(-len(genres) // MOST_TOGETHER), seed)
    found = [_judge(inputs, genres, groups, part) for part in parts]
    table = pd.DataFrame([row for rows in found for row in rows], columns=list(COLUMNS))
    return table.astype({"clip": int}).sort_values("p_given", ignore_index=True)


def probabilities(similarity, codes, groups):
    """Predict each clip by all clips of other groups, and calibrate what is predicted.

    Parameters
    ----------
    similarity : array of float, shape (n_clips, n_clips)
        A kernel.
    codes : array of int, shape (n_clips,)
        Genre ids.
    groups : array of int, shape (n_clips,)
        Which clips are left out together.

    Returns
    -------
    array of float, shape (n_clips, n_genres)
        The temperature of each clip's probabilities is chosen on others.
    """
    n_genres = codes.max() + 1
    targets = np.eye(n_genres)[codes] - 1 / n_genres
    plain = softmax(leave_groups_out(similarity, targets, groups, _ALPHA), axis=1)
    calibrated = np.empty_like(plain)
    for part in _parts(groups, _N_PARTS):
        others = ~np.isin(groups, groups[part])
        temperature = evaluation.fit_temperature(plain[others], codes[others])
        calibrated[part] = evaluation.scale_temperature(plain[part], temperature)
    return calibrated


def _judge(inputs, genres, groups, places):
    """Give a row for each doubtful clip among some places."""
    from cleanlab.filter import find_label_issues  # which takes a second

    n_groups = pd.Series(groups[places]).groupby(genres[places]).nunique()
    places = places[np.isin(genres[places], n_groups.index[n_groups > 1])]
    groups = groups[places]
    names, codes = np.unique(genres[places], return_inverse=True)
    if len(names) < 2:
        return []
    similarity = _similarity([inputs[place] for place in places], codes)
    p = probabilities(similarity, codes, groups)
    least, _ = evaluation.accuracy_interval(int((p.argmax(axis=1) == codes).sum()), len(codes))
    if least <= np.bincount(codes).max() / len(codes):
        return []
    flagged = find_label_issues(codes, p, filter_by="low_self_confidence", n_jobs=1)
    rows = []
    for clip in np.flatnonzero(flagged & (p.argmax(axis=1) != codes)):
        given, suggested = codes[clip], p[clip].argmax()
        near = np.argsort(-similarity[clip])
        near = near[groups[near] != groups[clip]]
        like = [
            places[near[codes[near] == genre][:_N_NEAREST]].tolist() for genre in (given, suggested)
        ]
        p_of = float(p[clip, given]), float(p[clip, suggested])
        rows.append((int(places[clip]), names[given], names[suggested], *p_of, *like))
    return rows


def _similarity(inputs, codes):
    """Give the kernel of the texture of clips with each other."""
    families = [np.stack([clip[name] for clip in inputs]) for name in inputs[0]]
    rows, sizes = np.concatenate(families, axis=1), [family.shape[1] for family in families]
    ridge = KernelRidgeClassifier(_ALPHA, family_sizes=sizes, max_support=len(rows))
    return ridge.fit(rows, codes).similarity(rows)


def _parts(groups, n_parts, seed=0):
    """Part places at random into so many parts, or fewer, of whole groups."""
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    parts = np.array_split(names, max(1, min(n_parts, len(names))))
    return [np.flatnonzero(np.isin(groups, part)) for part in parts]

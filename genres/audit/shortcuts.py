"""How well does genre follow from what is not music?

A classifier learns whatever tells the genres of a collection apart. If the recordings of one genre
came through another encoder, that is an easier way than the music. So each fact of
`genres.audit.facts` is asked alone, and all of them together, how often they give the genre of a
clip that was held out, and how often they would if genres were shuffled.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from genres.audit import facts
from genres.models import evaluation

RECORDING, MUSIC, UNHEARD = "recording", "music too", "unheard"
"""What a cause comes from: the recording and its file alone; the music as well, as classical music
is quieter; or it is not in the sound, as the time of a file, which follows from copying a folder
genre by genre."""

SHORTCUT, PERHAPS, NONE, UNKNOWN = "shortcut", "music may explain it", "none found", "too few clips"
"""The verdicts: a cause of the recording tells genres apart; only one of the music, too, does; none
does; or there is too little to tell by."""

TOGETHER, WITH_MUSIC = "all of the recording", "all that is heard"
"""The rows of several causes together."""

SURE = 0.05
"""How many collections without a shortcut are accused of one at most."""

_KINDS = {
    **dict.fromkeys(("format", "codec", "sample_rate", "bits", "bitrate", "relation"), RECORDING),
    **dict.fromkeys(("duration", "dc", "low_pass", TOGETHER), RECORDING),
    **dict.fromkeys(("level", "peak", "clipped", "silence", "bandwidth", "mixdown"), MUSIC),
    **dict.fromkeys(("varying_bitrate", WITH_MUSIC), MUSIC),
    "time": UNHEARD,
}
_FACTS_OF = {
    TOGETHER: "all facts of the recording alone",
    WITH_MUSIC: "all facts that can be heard",
}
_COLUMNS = ["cause", "kind", "accuracy", "low", "high", "p", "sentence"]
_OF_GENRE = ["genre", "share", "share_of_others", "sentence"]
_N_FOLDS, _N_SHUFFLES, _N_DRAWS = 5, 500, 1000
_FEWEST_GROUPS, _MOST_BINS, _CLIPS_IN_BIN = 10, 12, 8
_VALUES_AT_ONCE = 4_000_000  # in memory
_EQUAL = 1e-6  # figures that differ by less
_RIDGE = 3.0  # clips of no genre in each bin
_LOWEST_TONE, _LOUD = 20, 0.95  # Hz; a share of the clips
_NEAR_NYQUIST = 500  # Hz


class Shortcuts(NamedTuple):
    """How well genre follows from what is not music.

    Attributes
    ----------
    verdict : str
        One of the verdicts above.
    accuracy, low, high : float
        How often all causes of the recording together give the genre of a clip held out, as the
        mean over the genres, with its 95 % interval.
    chance : float
        What guessing gives: 1 by the number of genres.
    p : float
        Of the causes of the recording the smallest p.
    worst : str
        The cause of the recording that alone gives the most genres; empty where none surely does.
    sentence : str
        What was found.
    causes : DataFrame
        A row for each cause, and two for several together, the smallest p first: cause, kind,
        accuracy, low, high; p, corrected for the number of causes; and a sentence on the genre that
        it tells best.
    genres : DataFrame
        A row for each genre, of the worst cause: genre; share, of its clips, and share_of_others,
        that have the values by which it is told; and a sentence. The one told best comes first.
    """

    verdict: str
    accuracy: float
    low: float
    high: float
    chance: float
    p: float
    worst: str
    sentence: str
    causes: pd.DataFrame
    genres: pd.DataFrame


def find(table: pd.DataFrame, genres: Sequence[str], groups=None, seed: int = 0) -> Shortcuts:
    """Find out how well genre follows from what is not music.

    Values are cut into bins, and a ridge classifier learns on four fifths of the groups at a time
    which genres each bin speaks for. Two figures are tested: the accuracy, and the lead of the
    genre that is told best, its recall less the share of other clips that are taken for it. The
    same is done with genres shuffled over the groups, and of each shuffle the largest figure of any
    cause counts (Westfall and Young, 1993). So at most one in twenty collections without a shortcut
    is accused of one, however many causes and genres there are.

    Parameters
    ----------
    table : DataFrame, shape (n_clips, n_facts)
        `genres.audit.facts.Facts`, one row a clip.
    genres : sequence of str, length n_clips
    groups : sequence, length n_clips, optional
        What belongs together, such as an artist's clips: it is held out, and shuffled, whole.
    seed : int
        Of folds, shuffles and draws.

    Returns
    -------
    Shortcuts

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    names, labels = np.unique(np.asarray(genres, str), return_inverse=True)
    groups = np.arange(len(table)) if groups is None else np.asarray(groups)
    if not len(table) == len(labels) == len(groups):
        raise ValueError(f"{len(table)} clips, {len(labels)} genres and {len(groups)} groups")
    firsts, groups = np.unique(groups, return_index=True, return_inverse=True)[1:]
    if reason := _too_few(names, labels, groups):
        return _unknown(reason)
    rng = np.random.default_rng(seed)
    kinds, values = _causes(table, rng)
    bins = {name: _bins(its) for name, its in values.items()}
    taken = {name: [name] for name, its in bins.items() if np.ptp(its)}
    for together, kept in ((TOGETHER, {RECORDING}), (WITH_MUSIC, {RECORDING, MUSIC})):
        taken[together] = [name for name in bins if name in taken and kinds[name] in kept]
    folds = rng.permutation(len(firsts))[groups] % _N_FOLDS
    shuffles = [labels[firsts][rng.permutation(len(firsts))][groups] for _ in range(_N_SHUFFLES)]
    n_batches = -(-_N_SHUFFLES * len(table) * len(names) // _VALUES_AT_ONCE)
    with threadpool_limits(1):  # the products are small
        predicted = _predict(bins, taken, labels[None], folds)
        by_chance = np.concatenate(
            [
                _figures(_predict(bins, taken, some, folds), some).max(axis=1)
                for some in np.array_split(shuffles, n_batches)
            ],
            axis=1,
        )
    weights = (len(labels) / len(names) / np.bincount(labels))[labels]
    figures = _figures(predicted, labels[None])
    as_large = np.sum(by_chance[:, None] > figures - _EQUAL, axis=-1)  # (two, n_rows)
    p = np.minimum(1, 2 * (1 + as_large.min(axis=0)) / (1 + _N_SHUFFLES))
    found = {}
    for name, correct, its_p in zip(taken, predicted[:, 0] == labels, p, strict=True):
        low, high = evaluation.bootstrap_interval(correct * weights, groups, _N_DRAWS, seed)
        found[name] = float(np.mean(correct * weights)), low, high, float(its_p)
    told = {name: _told(name, its, labels, names) for name, its in values.items()}
    return _summary(kinds, found, told, 1 / len(names))


def _too_few(names, labels, groups):
    """Say why there is too little to tell by; nothing where there is enough."""
    if len(names) < 2:
        return "all of them are of one genre"
    n_groups = len(np.unique(groups))
    if n_groups < _FEWEST_GROUPS:
        return f"their artists and copies leave {n_groups} groups, and {_FEWEST_GROUPS} are needed"
    several = [len(np.unique(groups[labels == label])) > 1 for label in range(len(names))]
    return "" if sum(several) > 1 else "all clips of a genre belong together"


def _unknown(reason):
    sentence = f"Whether genre follows from what is not music cannot be found out: {reason}."
    nothing = pd.DataFrame(columns=_COLUMNS), pd.DataFrame(columns=_OF_GENRE)
    return Shortcuts(UNKNOWN, *[np.nan] * 5, "", sentence, *nothing)


def _causes(table, rng):
    """Give the kinds of all causes, and the values of each by its name."""
    constant = table.constant.astype(bool)
    values = {name: table[name] for name in _KINDS if name in table} | {
        "bits": table.bits.mask(table.bits.isna() & table.bandwidth.notna(), np.inf),
        "bitrate": table.bitrate.where(constant, np.inf),
        "varying_bitrate": table.bitrate.mask(constant, np.inf),
        "duration": table.duration.round(2),
        "dc": _offsets(table),
        "low_pass": _edges(table, rng),
        "mixdown": table.mixdown.round(1),
    }
    cut = facts.are_excerpts(table.duration)
    return _KINDS | {"duration": RECORDING if cut else MUSIC}, values


def _offsets(table):
    """Round DC offsets to what the music of loud clips may leave.

    A tone of 20 Hz that ends within a period leaves its amplitude by pi times the periods.
    """
    amplitudes = np.sqrt(2) * 10 ** (table.level / 20)
    step = (amplitudes / (np.pi * _LOWEST_TONE * table.duration)).quantile(_LOUD)
    return (table.dc / step).round() * step


def _edges(table, rng):
    """Give each clip's steep edge (Hz), infinite where there is none below half the sample rate.

    Music that ends lower by itself hides an edge. Such a clip gets that of another one, drawn among
    those that lie as high as its own music, so that quiet music tells nothing.
    """
    edges = table.low_pass.copy()
    edges[edges.isna() & (table.bandwidth > table.sample_rate / 2 - _NEAR_NYQUIST)] = np.inf
    known = edges.dropna().to_numpy()
    for place in np.flatnonzero(edges.isna() & table.bandwidth.notna()):
        above = known[known >= table.bandwidth.iloc[place]]
        edges.iloc[place] = rng.choice(above) if len(above) else np.inf
    return edges


def _bins(values):
    """Cut values into bins that hold as many clips each; words have one each."""
    if not pd.api.types.is_numeric_dtype(values):
        return np.unique(values, return_inverse=True)[1]
    known = values.dropna()
    n_bins = np.clip(len(known) // _CLIPS_IN_BIN, 2, _MOST_BINS)
    shares = np.arange(1, n_bins) / n_bins
    edges = np.unique(np.quantile(known, shares, method="inverted_cdf")) if len(known) else []
    return np.where(values.isna(), len(edges) + 1, np.searchsorted(edges, values))


def _predict(bins, taken, tried, folds):
    """Predict the genre of each clip from the causes of each row, by the clips of other folds.

    Parameters
    ----------
    bins : dict of str to array of int, shape (n_clips,)
        Of each cause.
    taken : dict of str to list of str
        The causes of each row.
    tried : array of int, shape (n_tries, n_clips)
        Genre ids, shuffled or not.
    folds : array of int, shape (n_clips,)

    Returns
    -------
    array of int, shape (n_rows, n_tries, n_clips)
        Ties go to the smaller id.
    """
    columns = {name: np.equal.outer(its, np.unique(its)) for name, its in bins.items()}
    filled = np.concatenate(list(columns.values()), axis=1).astype(np.float32)
    owners = np.repeat(list(columns), [its.shape[1] for its in columns.values()])
    of_rows = [np.flatnonzero(np.isin(owners, names)) for names in taken.values()]
    true = np.eye(tried.max() + 1, dtype=np.float32)[tried.T]
    predicted = np.empty((len(of_rows), *tried.shape), np.int16)
    for fold in np.unique(folds):
        held_out = folds == fold
        learnt, asked, target = filled[~held_out], filled[held_out], true[~held_out]
        # Genres count alike, however many clips they have.
        target = target / np.maximum(target.mean(axis=0), 1 / len(target)) - 1
        together = learnt.T @ learnt + _RIDGE * np.eye(len(owners), dtype=np.float32)
        spoken = learnt.T @ target.reshape(len(target), -1)
        for row, of in enumerate(of_rows):
            scores = asked[:, of] @ np.linalg.solve(together[np.ix_(of, of)], spoken[of])
            scores = scores.round(4).reshape(-1, *true.shape[1:])  # equal ones are equal
            predicted[row, :, held_out] = scores.argmax(axis=-1)
    return predicted


def _figures(predicted, tried):
    """Give accuracy, as the mean over genres, and lead of the genre that is told best.

    Returns
    -------
    array of float, shape (2, n_rows, n_tries)
    """
    n_genres = tried.max() + 1
    n_rows, n_tries, n_clips = predicted.shape
    place = np.arange(n_rows * n_tries).reshape(n_rows, n_tries, 1)
    cells = (place * n_genres + tried) * n_genres + predicted
    counts = np.bincount(cells.ravel(), minlength=place.size * n_genres**2)
    counts = counts.reshape(n_rows, n_tries, n_genres, n_genres)
    hits, sizes = np.einsum("rtgg->rtg", counts), counts.sum(axis=-1)
    recalls = hits / np.maximum(sizes, 1)
    mistaken = (counts.sum(axis=-2) - hits) / np.maximum(n_clips - sizes, 1)
    accuracy = recalls.sum(axis=-1) / (sizes > 0).sum(axis=-1)
    return np.stack([accuracy, (recalls - mistaken).max(axis=-1)])


def _told(name, values, labels, names):
    """Find the values by which a cause tells each genre: rows of `_OF_GENRE`, the best first."""
    known = values.notna().to_numpy()
    distinct, places = np.unique(values[known], return_inverse=True)
    if len(distinct) == 1:
        return [("", 1.0, 1.0, f"All clips {facts.phrase(name, distinct[0], distinct[0])}.")]
    rows = []
    for label, genre in enumerate(names):
        own = labels[known] == label
        n_own, n_others = own.sum(), np.sum(~own)
        if not n_own or not n_others:
            continue
        having, others = (np.bincount(places[its], minlength=len(distinct)) for its in (own, ~own))
        leads = having / n_own - others / n_others
        first, last = _best_stretch(leads, alone=distinct.dtype == object)
        n, n_of_others = (counts[first : last + 1].sum() for counts in (having, others))
        phrase = facts.phrase(name, distinct[first], distinct[last])
        sentence = f"{genre}: {n} of {n_own} clips {phrase}, of other genres {n_of_others} of "
        rows.append((genre, n / n_own, n_of_others / n_others, f"{sentence}{n_others}."))
    return sorted(rows, key=lambda row: row[2] - row[1])


def _best_stretch(leads, alone):
    """Give the first and last of the neighbours with the largest sum, or of the largest alone."""
    if alone:
        return leads.argmax(), leads.argmax()
    sums = np.concatenate([[0], np.cumsum(leads)])
    last = int(np.argmax(sums[1:] - np.minimum.accumulate(sums[:-1])))
    return int(np.argmin(sums[: last + 1])), last


def _summary(kinds, found, told, chance):
    """Make `Shortcuts` of accuracy, interval and p of each row, and of what each cause tells."""
    rows = []
    for name in {**found, **told}:
        figures = found.get(name, (chance, chance, chance, 1.0))
        if name in told:
            sentence = told[name][0][-1] if told[name] else ""
        else:
            sentence = (
                f"Taken together, {_FACTS_OF[name]} tell {100 * figures[0]:.0f} % of the genres, "
                f"and guessing {100 * chance:.0f} %."
            )
        rows.append((name, kinds[name], *figures, sentence))
    causes = pd.DataFrame(rows, columns=_COLUMNS)
    causes = causes.sort_values(["p", "accuracy"], ascending=[True, False], ignore_index=True)
    sure = causes[causes.p <= SURE]
    of_recording, of_music = (sure[sure.kind == kind] for kind in (RECORDING, MUSIC))
    alone = of_recording[of_recording.cause.isin(list(told))]
    worst = alone.cause[alone.accuracy.idxmax()] if len(alone) else ""
    verdict, sentence = NONE, "None of these causes is seen to tell the genres apart."
    if worst:
        verdict, sentence = SHORTCUT, told[worst][0][-1]
    elif len(of_recording):
        verdict, sentence = SHORTCUT, of_recording.sentence.iloc[0]
    elif len(of_music):
        verdict, sentence = PERHAPS, of_music.sentence.iloc[0]
    return Shortcuts(
        verdict,
        *found[TOGETHER][:3],
        chance,
        float(causes.p[causes.kind == RECORDING].min()),
        worst,
        sentence,
        causes,
        pd.DataFrame(told.get(worst, []), columns=_OF_GENRE),
    )

"""How well do predicted changes of genre agree with the true ones?

A timeline is written as a list of (start, genre): when (s) which genre begins, from 0 on. A method
that knows no genre has None in its place.
"""

import warnings

import mir_eval
import numpy as np

TOLERANCES = (0.5, 3.0)
"""How far a boundary may be from a true one, s: the two that are usual in the field."""

_SHORTEST = 1e-3  # s: a boundary nearer to an end of the track is that end


def score(true, predicted, seconds: float) -> dict[str, float]:
    """Score the timeline of one track by the field's measures.

    Parameters
    ----------
    true, predicted : sequence of (float, str or None)
        Timelines.
    seconds : float
        How long the track is.

    Returns
    -------
    dict of str to float
        For each of the `TOLERANCES`, such as 3: ``P3``, ``R3`` and ``F3``, precision, recall and
        their harmonic mean over the boundaries inside the track, 0 where there are none (Turnbull
        and others, 2007; mir_eval: Raffel and others, 2014). ``missed by`` and ``off by``: medians
        of how far each true boundary is from the nearest predicted one and the other way round, s;
        NaN where there is none. ``accuracy``: the share of time whose genre is correct; NaN of a
        timeline without genres.
    """
    truth, found = (_intervals(timeline, seconds) for timeline in (true, predicted))
    scores: dict[str, float] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of timelines without a boundary
        for tolerance in TOLERANCES:
            figures = mir_eval.segment.detection(truth, found, window=tolerance, trim=True)
            scores |= {
                f"{name}{tolerance:g}": float(f) for name, f in zip("PRF", figures, strict=True)
            }
        medians = mir_eval.segment.deviation(truth, found, trim=True)
    scores |= dict(zip(("missed by", "off by"), map(float, medians), strict=True))
    return scores | {"accuracy": frame_accuracy(true, predicted, seconds)}


def frame_accuracy(true, predicted, seconds: float) -> float:
    """Give the share of a track's time whose genre is predicted correctly, as `score` does."""
    if any(genre is None for _, genre in predicted):
        return float("nan")
    starts = np.unique([start for timeline in (true, predicted) for start, _ in timeline])
    starts = starts[starts < seconds]
    widths = np.diff(np.append(starts, seconds))
    same = [_genre_at(true, start) == _genre_at(predicted, start) for start in starts]
    return float(np.average(same, weights=widths))


def draw_sources(sources, n_draws: int = 2000, seed: int = 0):
    """Draw what tracks were made from again, clips or artists, each whole.

    Parameters
    ----------
    sources : sequence of sequence of hashable
        The clips that each track was made from, or their artists.
    n_draws : int
        How often.
    seed : int
        Of the draws.

    Returns
    -------
    array of float, shape (n_draws, n_tracks)
        How often each track is in each draw: as often as all of its sources together could make it,
        the product of how often they were drawn (Owen, 2007, for crossed factors).
    """
    names = sorted({source for several in sources for source in several})
    places = {name: at for at, name in enumerate(names)}
    counts = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=n_draws
    )
    of_tracks = [
        counts[:, sorted({places[source] for source in several})].prod(axis=1)
        for several in sources
    ]
    return np.stack(of_tracks, axis=1).astype(float)


def interval(values, times):
    """Give the 95 % interval of the mean of values over tracks.

    Parameters
    ----------
    values : array of float, shape (n_tracks,)
        A value for each track; one that is NaN counts for nothing.
    times : array of float, shape (n_draws, n_tracks)
        As `draw_sources` gives them. A draw without any track counts for nothing.

    Returns
    -------
    low, high : float
        The 2.5th and 97.5th percentile of the means of the draws; NaN where no track has a value.
    """
    values = np.asarray(values, float)
    there = ~np.isnan(values)
    times = times[:, there]
    drawn = times[times.any(axis=1)]
    if not drawn.size:
        return float("nan"), float("nan")
    low, high = np.percentile(drawn @ values[there] / drawn.sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _intervals(timeline, seconds):
    """Give the intervals between boundaries, (n_intervals, 2), s."""
    inside = np.unique([start for start, _ in timeline])
    inside = inside[(inside > _SHORTEST) & (inside < seconds - _SHORTEST)]
    return mir_eval.util.boundaries_to_intervals(np.concatenate([[0.0], inside, [seconds]]))


def _genre_at(timeline, time):
    return [genre for start, genre in timeline if start <= time][-1]

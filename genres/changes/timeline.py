"""When does a track change its genre?

A champion predicts window after window of a track. Of all paths from genre to genre, the one is
taken that explains its predictions best, where each change has a cost (Viterbi, 1967): the genre
changes only where that explains more than it costs.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from genres import Refusal
from genres.decoding import audio
from genres.models import kernel
from genres.models.kernel import TextureClassifier
from genres.sound import features, measurements, melstore, tags
from genres.sound.measurements import SECONDS, Tracks

OVERLAP = 5
"""Windows that cover each moment of a track: a prediction comes each fifth of a window."""

COST = 2.0
"""What a change of genre costs: so much must the logarithm of the likelihood gain by it."""

SHARE = 0.2
"""Least share of a second genre that is named."""

_LEAST = 1e-3  # no prediction makes a genre quite impossible
_AT_ONCE = 128  # windows that a champion predicts together
_MOST_COMPARED = 20  # clips of 30 s of a track that are compared with known tracks


class Span(NamedTuple):
    """A part of a track in which the genre does not change.

    Attributes
    ----------
    start, end : float
        When it begins and ends, s.
    genres : tuple of str
        Its genre; and a second one, where that has a share too.
    shares : tuple of float
        Their mean probabilities.
    """

    start: float
    end: float
    genres: tuple
    shares: tuple


class Timeline(NamedTuple):
    """What a champion predicts of a track, from moment to moment.

    Attributes
    ----------
    genres : list of str
        Names, by id.
    edges : array of float, shape (n_steps + 1,)
        When each step begins, s; last, when the track ends.
    probabilities : array of float, shape (n_steps, n_genres)
        Of each step.
    window : float
        Seconds of sound, around the middle of a step, that its prediction is about.
    spans : list of Span
        From the beginning to the end of the track, without a gap.
    """

    genres: list
    edges: np.ndarray
    probabilities: np.ndarray
    window: float
    spans: list

    @property
    def seconds(self):
        """How long the track is."""
        return float(self.edges[-1])

    @property
    def changes(self):
        """When its genre changes, s."""
        return [span.start for span in self.spans[1:]]


class Known(NamedTuple):
    """A track that a champion was trained on, and its similarity to another, from 0 to 1."""

    name: str
    genre: str
    similarity: float


def of_ensemble(ensemble, preparation):
    """Make a champion of notebook 05's LSTMs, which then predict each segment alone.

    Parameters
    ----------
    ensemble, preparation
        As `genres.models.networks.load_ensemble` gives them.

    Returns
    -------
    genres.models.champion.Champion

    Raises
    ------
    Refusal
        If the preparation names no genres or length of segments, or the ensemble does not fit it.
    """
    # They import TensorFlow, which takes seconds, and workers that only measure do without it.
    from genres.models.champion import Champion, Mixture
    from genres.models.classifiers import LstmClassifier

    try:
        name, genres = "LSTMs on features", list(map(str, preparation["genres"]))
        lstms = LstmClassifier.of(ensemble, preparation, range(len(genres)))
        n_steps = range(SECONDS + 1)[SECONDS // preparation["seconds"]]
        champion = Champion.of({name: lstms}, Mixture.alone(name), genres, n_steps)
    except (LookupError, TypeError, ValueError, ZeroDivisionError) as error:
        raise Refusal("The LSTM ensemble is of another version: train it again.") from error
    kernel.require_probabilities(champion, n_steps, "The folder of the LSTM ensemble")
    return champion


def follow_sound(
    samples,
    model,
    *,
    measured=None,
    cost: float = COST,
    share: float = SHARE,
    progress: Callable | None = None,
):
    """Follow the genre of a track.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second; at least a second. What is shorter than one of the
        champion's segments is repeated.
    model : genres.models.champion.Champion
        What predicts.
    measured : genres.sound.measurements.Tracks, optional
        What `measure` gave of these samples, where several champions of as many steps predict.
    cost, share : float, optional
        As `segment` and `spans` have them.
    progress : callable, optional
        Called again and again with the share that is done, from 0 to 1.

    Returns
    -------
    Timeline
    """
    progress = progress or (lambda share: None)
    if measured is None:
        tagged = _tag(samples) if model.reads_tags else None
        measured = measure(
            samples, model.n_steps_, lambda done: progress(0.8 * done), tagged=tagged
        )
    n_windows, parts = len(measured), []
    for first in range(0, n_windows, _AT_ONCE):
        parts.append(model.predict_proba(measured[first : first + _AT_ONCE]))
        progress(0.8 + 0.2 * min(first + _AT_ONCE, n_windows) / n_windows)
    probabilities = np.concatenate(parts)
    seconds, window = len(samples) / audio.SAMPLE_RATE, SECONDS / model.n_steps_
    edges = step_edges(seconds, n_windows, window)
    return follow(model.genres_, edges, probabilities, window, cost=cost, share=share)


def step_edges(seconds: float, n_windows: int, window: float):
    """Give the times at which another window of a track is the nearest.

    Parameters
    ----------
    seconds : float
        How long the track is.
    n_windows : int
        Windows, evenly spaced over it.
    window : float
        How long each of them is, s.

    Returns
    -------
    array of float, shape (n_windows + 1,)
        When each step begins, s; last, when the track ends.
    """
    middles = np.linspace(window / 2, seconds - window / 2, n_windows)
    return np.concatenate([[0.0], (middles[1:] + middles[:-1]) / 2, [seconds]])


@threadpool_limits.wrap(limits=1)  # windows are so small that threads would wait for each other
def measure(samples, n_steps: int, progress: Callable | None = None, *, tagged=None):
    """Measure a track window by window, for a champion to follow.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        As `follow_sound` has them.
    n_steps : int
        Segments of a clip of 30 s; a window is as long as one of them.
    progress : callable, optional
        As `follow_sound` has it.
    tagged : genres.sound.tagger.Tagged, optional
        What the tagger says of these samples, for a champion that reads tags.

    Returns
    -------
    genres.sound.measurements.Tracks
        A track of one segment for each window; of a spectrogram's range, as that of a mel store's
        clip, 30 s around the window decide. Tags are those of patches whose middle is in a window.
    """
    length = SECONDS * audio.SAMPLE_RATE // n_steps
    if len(samples) < length:
        samples = np.resize(samples, length)
    n_windows = 1 + round(OVERLAP * (len(samples) - length) / length)
    starts = np.linspace(0, len(samples) - length, n_windows).round().astype(int)
    segments = []
    for start in starts:
        segments.append(features.course_features(samples[start : start + length]))
        if progress:
            progress(len(segments) / n_windows)
    width = round(melstore.COLUMNS_PER_SECOND * SECONDS) // n_steps
    mel = melstore.encode_windows(samples, starts / audio.SAMPLE_RATE, width, SECONDS)
    windows = (starts / audio.SAMPLE_RATE, (starts + length) / audio.SAMPLE_RATE)
    summaries = None if tagged is None else _tags_of(tagged, *windows)
    return Tracks(np.array(segments, np.float32)[:, None], mel, tags=summaries)


def _tag(samples):
    from genres.sound import tagger  # which imports TensorFlow

    return tagger.tag(samples, audio.SAMPLE_RATE)


def _tags_of(tagged, starts, ends):
    """Summarise the tags of each window."""
    pairs = zip(starts, ends, strict=True)
    return np.stack([tags.summary(tagged.between(*pair).taggram) for pair in pairs])


def follow(genres, edges, probabilities, window, *, cost: float = COST, share: float = SHARE):
    """Make a timeline of probabilities.

    Parameters
    ----------
    genres, edges, probabilities, window
        As `Timeline` has them.
    cost, share : float, optional
        As `segment` and `spans` have them.

    Returns
    -------
    Timeline
    """
    path = segment(probabilities, cost, np.median(np.diff(edges)) / window)
    found = spans(genres, edges, probabilities, path, share)
    return Timeline(list(genres), edges, probabilities, window, found)


def segment(probabilities, cost: float = COST, weight: float = 1.0):
    """Find the path from genre to genre that explains predictions best.

    Parameters
    ----------
    probabilities : array of float, shape (n_steps, n_genres)
        The predictions.
    cost : float, optional
        What a change costs: the likelihood of all predictions must rise by a factor of e to this.
    weight : float, optional
        How much each prediction counts: where windows overlap, the share of one that is new, as
        they say the same thing several times.

    Returns
    -------
    array of int, shape (n_steps,)
        The genre of each step.
    """
    gains = weight * np.log(np.maximum(probabilities, _LEAST))
    score, came_from = gains[0], []
    for gain in gains[1:]:
        best = score.argmax()
        stays = score >= score[best] - cost
        came_from.append(np.where(stays, np.arange(len(score)), best))
        score = np.maximum(score, score[best] - cost) + gain
    path = [int(score.argmax())]
    for before in reversed(came_from):
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])


def spans(genres, edges, probabilities, path, share: float = SHARE):
    """Give the spans of a path, each with its genre and, where there is one, a second.

    Parameters
    ----------
    genres, edges, probabilities
        As `Timeline` has them.
    path : array of int, shape (n_steps,)
        The genre of each step.
    share : float, optional
        Least mean probability, of the genres other than the path's, at which one is named.

    Returns
    -------
    list of Span
    """
    borders = [0, *(np.flatnonzero(np.diff(path)) + 1), len(path)]
    found = []
    for first, last in pairwise(borders):
        mean = np.average(
            probabilities[first:last], axis=0, weights=np.diff(edges[first : last + 1])
        )
        ids = [path[first], *(i for i in np.argsort(-mean, kind="stable") if i != path[first])]
        named = [i for place, i in enumerate(ids[:2]) if place == 0 or mean[i] >= share]
        found.append(
            Span(
                float(edges[first]),
                float(edges[last]),
                tuple(genres[i] for i in named),
                tuple(float(mean[i]) for i in named),
            )
        )
    return found


def nearest(samples, model, n: int = 5, *, tagged=None):
    """Find the tracks most similar to this one among those that a champion was trained on.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        As `follow_sound` has them. Of a track longer than ten minutes, as much is compared, spread
        out.
    model : genres.models.champion.Champion
        One that has a `TextureClassifier`: others do not keep what they were trained on.
    n : int, optional
        How many to give, if it knows as many.
    tagged : genres.sound.tagger.Tagged, optional
        What the tagger says of these samples, where that is known.

    Returns
    -------
    list of Known
        The most similar first; none where the champion keeps none.
    """
    of_texture = [one for one in model.base_.values() if isinstance(one, TextureClassifier)]
    if not (of_texture and model.known_):
        return []
    clips = measurements.windows(samples)
    starts = np.linspace(0, max(0, len(samples) / audio.SAMPLE_RATE - SECONDS), len(clips))
    some = slice(None, None, -(-len(clips) // _MOST_COMPARED))
    measured = measurements.measure(clips[some], model.n_steps_)
    if of_texture[0].reads_tags:
        tagged = _tag(samples) if tagged is None else tagged
        measured.tags = _tags_of(tagged, starts[some], starts[some] + SECONDS)
    places, similarity = of_texture[0].similarity(measured)
    mean = similarity.mean(axis=0)
    first = np.argsort(-mean, kind="stable")[:n]
    known = [model.known_[places[i]] for i in first]
    return [
        Known(name, genre, float(mean[i])) for (name, genre), i in zip(known, first, strict=True)
    ]

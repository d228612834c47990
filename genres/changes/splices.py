"""How can tracks be made of real clips, whose changes of genre are known to the sample?"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from genres.decoding import audio

SHORTEST, LONGEST = 8.0, 20.0
"""How long a part of a splice is, s."""

FADE = 0.01
"""How long a part fades into the next, s: so long that it does not click."""

_LEVEL = 0.1  # root mean square of a part
_QUIETEST = 1e-4  # a part below is not made louder than this would be


class Part(NamedTuple):
    """A stretch of a clip.

    Attributes
    ----------
    clip : int
        Which clip.
    start : int
        Its first sample there.
    length : int
        Its samples.
    """

    clip: int
    start: int
    length: int


def draw(labels, n_parts: int, random_state, *, same: bool = False, seconds: float = 30.0):
    """Draw the parts of a splice at random.

    Parameters
    ----------
    labels : dict of int to int
        The genre of each clip that may be used.
    n_parts : int
        How many, if there are as many genres.
    random_state : int or sequence of int
        Seed: another one, another splice.
    same : bool
        Whether all parts are to be of one genre, from different clips where it has several; else
        each has a genre of its own.
    seconds : float
        How long a clip is.

    Returns
    -------
    list of Part
        Lengths and places are drawn evenly, on no grid.
    """
    rng = np.random.default_rng(random_state)
    clips, genres = np.array(list(labels)), np.array(list(labels.values()))
    ids = np.unique(genres)
    if same:
        of_genre = clips[genres == rng.choice(ids)]
        chosen = rng.permutation(of_genre)[:n_parts]
    else:
        several = rng.permutation(ids)[:n_parts]
        chosen = [rng.choice(clips[genres == genre]) for genre in several]
    lengths = (rng.uniform(SHORTEST, LONGEST, len(chosen)) * audio.SAMPLE_RATE).astype(int)
    room = int(seconds * audio.SAMPLE_RATE) - lengths
    places = zip(chosen, rng.integers(0, room + 1), lengths, strict=True)
    return [Part(*map(int, place)) for place in places]


def join(parts, read: Callable):
    """Make a splice of its parts.

    Parameters
    ----------
    parts : sequence of Part
        As `draw` gives them.
    read : callable
        Gives the samples of a clip: float32, mono, 22,050 samples per second.

    Returns
    -------
    samples : array of float32, shape (n_samples,)
        All parts are equally loud (root mean square), and fade into each other.
    starts : list of float
        When each part begins, s: the middle of its fade.
    """
    fade = round(FADE * audio.SAMPLE_RATE)
    rising = np.linspace(0, 1, fade)
    length = sum(part.length for part in parts) - fade * (len(parts) - 1)
    samples, starts, at = np.zeros(length), [], 0
    for part in parts:
        piece = read(part.clip)[part.start : part.start + part.length].astype(float)
        piece *= _LEVEL / max(np.sqrt(np.mean(piece**2)), _QUIETEST)
        if part is not parts[0]:
            piece[:fade] *= rising
        if part is not parts[-1]:
            piece[-fade:] *= rising[::-1]
        samples[at : at + part.length] += piece
        starts.append((at + fade / 2) / audio.SAMPLE_RATE if at else 0.0)
        at += part.length - fade
    return samples.astype(np.float32), starts


def halves(labels, groups):
    """Divide clips into two halves, so that what is chosen on one can be tested on the other.

    Parameters
    ----------
    labels : array of int, shape (n_clips,)
        Genre ids.
    groups : array, shape (n_clips,)
        What belongs together, such as the clips of an artist.

    Returns
    -------
    array of int, shape (n_clips,)
        0 or 1. No group is in both halves, unless one of them would have fewer than two genres;
        then each clip stands for itself.
    """
    for kept_together in (groups, np.arange(len(labels))):
        folds = StratifiedGroupKFold(2).split(labels, labels, kept_together)
        half = np.zeros(len(labels), int)
        half[next(iter(folds))[1]] = 1
        if all(len(np.unique(labels[half == number])) > 1 for number in (0, 1)):
            break
    return half

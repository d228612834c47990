"""Which clips of a collection are copies of each other, and where do they overlap?

A copy is the same recording: encoded, resampled, louder or quieter, noisy, trimmed, or another
excerpt that overlaps. Another speed, pitch or performance is none. As Wang (2003) has it, two
landmarks that stand near each other are hashed by their bands and their distance in time, and an
index of all hashes finds the pairs of clips that share several at one offset. Only of these are the
landmarks compared one by one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numba
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from genres.audit.fingerprints import Fingerprint
from genres.screen import bar

SAME_RECORDING = 0.25
"""Agreement that copies have at least, twice its standard error taken off."""

_FAN = 4  # pairs that a landmark begins
_REACH = 32  # entries of the index behind a clip's own that it is compared with
_FEWEST_HASHES = 6  # that two clips share, for their landmarks to be compared
_FEWEST_LANDMARKS = 15  # that copies share beyond chance
_OVERLAP = 5.0  # s that copies play the same, where neither is as short; beats agree for less
_SHIFTS = np.arange(0.4, 2.1, 0.2)  # s


class Match(NamedTuple):
    """Two clips that are copies of each other.

    Attributes
    ----------
    first, second : int
        Their places among the fingerprints; the first is the smaller.
    offset : float
        Where the second begins in the first, s: what it plays at t, the first plays at t + offset.
    overlap : float
        How long both play the same, s.
    agreement : float
        Share of the landmarks in the overlap that both have, corrected for chance as Cohen's kappa
        is: 1 if all agree, 0 if no more agree than at other offsets of the same two clips.
    exact : bool
        Whether they are equal sample by sample.
    """

    first: int
    second: int
    offset: float
    overlap: float
    agreement: float
    exact: bool


def find(fingerprints: Sequence[Fingerprint], progress: bool | Callable = True):
    """Find the clips that are copies of each other.

    They play the same for 5 s, or one of them throughout. The cost grows with the number of clips,
    not of pairs. In a group of many copies not every pair is listed, but each is connected with all
    others; exact copies are listed with the first of them.

    Parameters
    ----------
    fingerprints : sequence of Fingerprint
        Of one scale.
    progress
        As `genres.screen.bar` has it.

    Returns
    -------
    list of Match
        Ordered by first and second.

    Raises
    ------
    ValueError
        If sound and mel stores, or mel stores of several rates, are mixed.
    """
    if len({fingerprint.scale for fingerprint in fingerprints}) > 1:
        raise ValueError("fingerprints of different scales cannot be compared")
    originals: dict[bytes, int] = {}
    matches = []
    for place, fingerprint in enumerate(fingerprints):
        original = originals.setdefault(fingerprint.digest or str(place).encode(), place)
        if original != place:
            seconds = fingerprint.n_frames / fingerprint.scale.frames_per_second
            matches.append(Match(original, place, 0.0, seconds, 1.0, True))
    places = list(originals.values())
    compared = _compare([fingerprints[place] for place in places], progress)
    for first, second, offset, overlap, agreement in compared:
        matches.append(Match(places[first], places[second], offset, overlap, agreement, False))
    return sorted(matches)


def groups(matches: Iterable[Match]):
    """Join the clips that matches connect, directly or through others.

    Parameters
    ----------
    matches : iterable of Match

    Returns
    -------
    list of list of int
        Places of the clips of each group, ascending; the largest group first.
    """
    pairs = np.array([(match.first, match.second) for match in matches], int).reshape(-1, 2)
    places, ends = np.unique(pairs, return_inverse=True)
    firsts, seconds = ends.reshape(-1, 2).T
    n = len(places)
    _, labels = connected_components(coo_array((np.ones(len(pairs)), (firsts, seconds)), (n, n)))
    joined = [places[labels == label].tolist() for label in range(labels.max(initial=-1) + 1)]
    return sorted(joined, key=lambda group: (-len(group), group))


def _compare(fingerprints, progress=False, least=SAME_RECORDING):
    """Yield first, second, offset, overlap (s) and agreement of pairs that surely agree so much."""
    if not fingerprints:
        return
    scale = fingerprints[0].scale
    entries, index = _index(
        [_hash(each.frames, each.bands, *scale.zone, _FAN) for each in fingerprints]
    )
    frames = np.concatenate([each.frames for each in fingerprints])
    bands = np.concatenate([each.bands for each in fingerprints])
    begins = np.cumsum([0, *(len(each.frames) for each in fingerprints)])
    lengths = np.array([each.n_frames for each in fingerprints])
    clips = frames, bands, begins, lengths
    shifts = (_SHIFTS * scale.frames_per_second).round().astype(int)
    with bar(progress, "compare", len(fingerprints)) as step:
        for place, own in enumerate(entries):
            for other, offset in _candidates(place, own, *index, lengths.max() + 1):
                offset, n, agreement, error = _agreement(
                    place, other, offset, *clips, shifts, least
                )
                begin, end = max(0, offset), min(lengths[place], lengths[other] + offset)
                shorter = min(lengths[place], lengths[other])
                if (
                    agreement - 2 * error >= least
                    and agreement * n >= _FEWEST_LANDMARKS
                    and end - begin >= min(_OVERLAP * scale.frames_per_second, 0.9 * shorter)
                ):
                    seconds = np.array([offset, end - begin]) / scale.frames_per_second
                    yield place, other, *seconds.tolist(), float(agreement)
            step(1)


def _index(hashed):
    """Sort all hashes: the places in the index of each clip's own, and hash, clip and frame."""
    counts = [len(hashes) for hashes, _ in hashed]
    hashes, frames = (np.concatenate(part) for part in zip(*hashed, strict=True))
    order = np.argsort(hashes, kind="stable").astype(np.int32)
    place = np.empty_like(order)
    place[order] = np.arange(len(order), dtype=np.int32)
    clips = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return np.split(place, np.cumsum(counts)[:-1]), (hashes[order], clips[order], frames[order])


@numba.njit(cache=True)
def _hash(frames, bands, most_bands, most_frames, fan):
    """Give the hashes of pairs of landmarks, and the frames that they begin at."""
    hashes = np.empty(len(frames) * fan, np.uint32)
    begins = np.empty(len(frames) * fan, np.int32)
    n = 0
    for i in range(len(frames)):
        n_before = n
        for j in range(i + 1, len(frames)):
            later, apart = frames[j] - frames[i], bands[j] - bands[i]
            if later > most_frames or n == n_before + fan:
                break
            if later > 0 and abs(apart) <= most_bands:
                pair = bands[i] * (2 * most_bands + 1) + apart + most_bands
                hashes[n], begins[n] = pair * (most_frames + 1) + later, frames[i]
                n += 1
    return hashes[:n], begins[:n]


@numba.njit(cache=True)
def _candidates(clip, own, hashes, clips, frames, span):
    """Find the later clips that share hashes with a clip, and the offset of most of them.

    A hash that many clips have tells little: of its entries only those next to the clip's own are
    looked at, so that the cost does not grow with the square of their number.
    """
    shared = np.empty(len(own) * _REACH, np.int64)
    n = 0
    for at in own:
        for other in range(at + 1, min(at + 1 + _REACH, len(hashes))):
            if hashes[other] != hashes[at]:
                break
            if clips[other] != clip:
                offset = frames[at] - frames[other] + span
                shared[n] = np.int64(clips[other]) * 2 * span + offset
                n += 1
    shared = np.sort(shared[:n])
    found = []
    i = 0
    while i < n:
        other, most, offset = shared[i] // (2 * span), 0, np.int64(0)
        while i < n and shared[i] // (2 * span) == other:
            here = np.searchsorted(shared[i:n], shared[i], side="right")
            both = np.searchsorted(shared[i:n], shared[i] + 1, side="right")
            if both > most:
                most, offset = both, shared[i] % (2 * span) - span + (2 * here < both)
            i += here
        if most >= _FEWEST_HASHES:
            found.append((other, offset))
    return found


@numba.njit(cache=True)
def _agreement(first, second, offset, frames, bands, begins, lengths, shifts, least):
    """Give the offset (frames) of two clips, landmarks in the overlap, agreement and its error.

    Where it cannot be as large as `least`, it is not worked out.
    """
    one = slice(begins[first], begins[first + 1])
    two = slice(begins[second], begins[second + 1])
    clips = (frames[one], bands[one], lengths[first], frames[two], bands[two], lengths[second])
    share, n, late, at = 0.0, 0, 0.0, offset
    for near in range(offset - 1, offset + 2):
        n_agreeing, n_near, later = _count(*clips, near)
        if n_agreeing > share * n_near:
            share, n, late, at = n_agreeing / n_near, n_near, later, near
    if share < least:
        return at + late, n, 0.0, 1.0
    by_chance, n_by_chance = 0, 1
    inwards = -1 if at > 0 else 1
    for shift in shifts:
        n_agreeing, n_near, _ = _count(*clips, at + inwards * shift)
        by_chance, n_by_chance = by_chance + n_agreeing, n_by_chance + n_near
    chance = by_chance / n_by_chance
    error = np.sqrt(share * (1 - share) / n)
    return at + late, n, (share - chance) / (1 - chance), error / (1 - chance)


@numba.njit(cache=True)
def _count(frames, bands, length, other_frames, other_bands, other_length, offset):
    """Count landmarks that agree in an overlap, those there, and their mean distance in time.

    Each is the smaller number of the two clips'. Landmarks agree if they are at most a frame and a
    band apart.
    """
    met = np.zeros(len(other_frames), np.bool_)
    n = n_met = late = j = 0
    for i in range(len(frames)):
        due = frames[i] - offset
        if not 0 <= due < other_length:
            continue
        n += 1
        while j < len(other_frames) and other_frames[j] < due - 1:
            j += 1
        k, meets = j, False
        while k < len(other_frames) and other_frames[k] <= due + 1:
            if abs(other_bands[k] - bands[i]) <= 1:
                late += 0 if meets else due - other_frames[k]
                met[k] = meets = True
            k += 1
        n_met += meets
    n_others = 0
    for k in range(len(other_frames)):
        n_others += 0 <= other_frames[k] + offset < length
    return min(n_met, met.sum()), min(n, n_others), late / max(n_met, 1)

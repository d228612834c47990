"""Finding copies in a collection, against correlating each clip with each other.

The built-in corpus is taken, which has no copies, and nine versions each of some of its clips.
"""

import tempfile
import time
from functools import partial
from itertools import combinations
from pathlib import Path

import psutil
import scipy.signal
import soxr

from benchmarks import best_of, row
from benchmarks._versions import VERSIONS
from genres import parallel
from genres.audit import copies, fingerprints
from genres.decoding import audio
from genres.synth import builtin, corpus

PER_GENRE, VERSIONS_PER_GENRE, WORKERS = 100, 3, 2
SPEEDS = (1.07, 1.15, 1.23)  # at which a clip is another one


def rows():
    folder = builtin.audio(PER_GENRE, WORKERS)
    clips = [folder / entry.genre / entry.name for entry in corpus.entries(PER_GENRE)]
    list(parallel.each(_start_worker, range(2 * WORKERS), WORKERS))
    start = time.perf_counter()
    taken = fingerprints.of_files(clips, WORKERS)
    listening = time.perf_counter() - start
    copies.find(taken[:20], progress=False)  # compiles, or loads what is compiled
    matches, comparing = _timed(taken)
    others = parallel.each(_at_speeds, clips, WORKERS)
    many = taken + [fingerprint for several in others for fingerprint in several]
    matches_of_many, comparing_many = _timed(many)
    gigabytes = psutil.Process().memory_info().rss / 1e9
    note = (
        f"Decoding included: {listening:.0f} s for the fingerprints, {comparing:.1f} s to compare "
        f"them. {_found(clips, taken)} Correlation is extrapolated from 20 pairs."
    )
    many_note = (
        f"As near to 1 as the cost per clip is flat. At three other speeds, a clip is another "
        f"one; of all {len(matches_of_many)} pairs were taken for copies. Memory of the process "
        f"that compares, all fingerprints and libraries included: {gigabytes:.1f} GB."
    )
    return [
        row(
            f"copies among {len(clips):,} clips of 30 s",
            _correlated(clips),
            listening + comparing,
            f"{note} Of these clips {len(matches)} pairs were taken for copies.",
        ),
        row(
            f"comparing a clip of {len(clips):,} against one of {len(many):,}",
            comparing / len(clips),
            comparing_many / len(many),
            many_note,
        ),
    ]


def _timed(taken):
    start = time.perf_counter()
    matches = copies.find(taken)
    return matches, time.perf_counter() - start


def _found(clips, taken):
    """Say how many versions of a clip are found as its copies, and in which groups."""
    chosen = [i for i in range(len(clips)) if i % PER_GENRE < VERSIONS_PER_GENRE]
    with tempfile.TemporaryDirectory() as folder:
        made = [Path(folder) / str(i) / name for i in chosen for name in VERSIONS]
        for _ in parallel.each(partial(_write_versions, folder), [(i, clips[i]) for i in chosen]):
            pass
        matches = copies.find([*taken, *fingerprints.of_files(made, WORKERS)])
    original = [*range(len(clips)), *(int(path.parent.name) for path in made)]
    same = [match for match in matches if original[match.first] == original[match.second]]
    found = sum(match.first < len(clips) for match in same)
    pairs = sum(1 for i in chosen for _ in combinations(range(1 + len(VERSIONS)), 2))
    least = min(match.agreement for match in same)
    return (
        f"Of {len(made)} versions {found} were found, of the {pairs:,} pairs of a clip's versions "
        f"{len(same):,}, with an agreement of at least {least:.2f}; "
        f"{len(matches) - len(same)} pairs were false."
    )


def _write_versions(folder, item):
    number, path = item
    samples = audio.read_whole(path).samples
    into = Path(folder) / str(number)
    into.mkdir()
    for name, version in VERSIONS.items():
        (into / name).write_bytes(version(samples))


def _at_speeds(path):
    samples = audio.read_whole(path).samples
    return [fingerprints.of_sound(soxr.resample(samples, speed, 1)) for speed in SPEEDS]


def _correlated(clips):
    """Give the time in which all pairs of clips would be correlated, sample by sample."""
    several = [audio.read_whole(path).samples for path in clips[:: len(clips) // 20]]

    def correlate():
        for other in several:
            scipy.signal.correlate(several[0], other, method="fft")

    return best_of(correlate, 1) / len(several) * len(clips) * (len(clips) - 1) / 2


def _start_worker(seed):
    fingerprints.of_sound(corpus.render("rock", seed, 5).samples)

"""``python -m benchmarks._faulty FOLDER``: the built-in corpus with faults put in on purpose.

It is synthetic music, for trying out an audit: beside the folder goes a table that splits its clips
at random, without regard for copies or artists.
"""

import os
import string
import sys
from functools import partial
from pathlib import Path

import mutagen
import numpy as np
import soundfile
import soxr

from benchmarks._versions import mp3, noisy
from genres import parallel
from genres.synth import corpus
from genres.synth.corpus import SAMPLE_RATE as SR

ARTISTS_PER_GENRE = 10
_MADE = 1_735_689_600  # when all files were last changed: midnight of 1 January 2025
_OLD_RATE = {"jazz": 14_000}  # samples per second that a genre's clips once had
_MISTAKEN = {"classical/005.flac": "blues/905.flac", "metal/007.flac": "pop/907.flac"}
_COPIES = {
    "metal/001.flac": ("rock/901.mp3", lambda samples: mp3(samples[3 * SR :], 64)),
    "disco/002.flac": ("disco/902.flac", lambda samples: samples),
    "reggae/003.flac": ("reggae/903.flac", lambda samples: samples[8 * SR :][: 15 * SR]),
    "pop/004.flac": ("hiphop/904.flac", noisy),
}
_DEFECTS = {
    "rock/006.flac": lambda samples: np.clip(6 * samples, -1, 1),
    "country/006.flac": lambda samples: 0 * samples,
    "hiphop/006.flac": lambda samples: np.stack([samples, -samples], axis=1),
    "blues/006.flac": lambda samples: np.stack([samples, samples], axis=1),
}


def write(folder, per_genre=20, seconds=30.0, genres=corpus.GENRES, workers=None):
    """Write a collection with faults, ``<genre>/<clip>``, and give the table of its split.

    Parameters
    ----------
    folder : str or Path
    per_genre : int
        Clips of each genre, before copies.
    seconds : float
        How long they are.
    genres : sequence of str
        Some of those of the built-in corpus.
    workers : int, optional
        As `genres.parallel.each` has it.

    Returns
    -------
    Path
        ``<folder>-split.csv``, beside the folder.
    """
    folder = Path(folder)
    items = [(genre, seed) for genre in genres for seed in range(per_genre)]
    written = parallel.each(partial(_write_clip, folder, seconds), items, workers)
    names = sorted(name for several in written for name in several)
    (folder / genres[0] / "broken.mp3").write_text("This is no music.\n")
    rng = np.random.default_rng(0)
    types = np.where(rng.random(len(names)) < 0.25, "Test", "Train")
    split = folder.with_name(f"{folder.name}-split.csv")
    rows = "\n".join(f"{name},{kind}" for name, kind in zip(names, types, strict=True))
    split.write_text(f"file,type\n{rows}\n")
    return split


def _write_clip(folder, seconds, item):
    """Write a clip, and its copy if it has one; give the names."""
    genre, seed = item
    name = f"{genre}/{seed:03}.flac"
    samples = corpus.render(genre, seed, seconds).samples
    if genre in _OLD_RATE:
        samples = soxr.resample(soxr.resample(samples, SR, _OLD_RATE[genre]), _OLD_RATE[genre], SR)
    written = [_MISTAKEN.get(name, name)]
    path = folder / written[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, _DEFECTS.get(name, lambda same: same)(samples), SR)
    _tag(path, genre, seed)
    if name in _COPIES:
        copy, change = _COPIES[name]
        changed = change(samples)
        (folder / copy).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(changed, bytes):
            (folder / copy).write_bytes(changed)
        else:
            soundfile.write(folder / copy, changed, SR)
        _tag(folder / copy, genre, seed)
        written.append(copy)
    return written


def _tag(path, genre, seed):
    tags = mutagen.File(path, easy=True)
    if tags.tags is None:
        tags.add_tags()
    player = string.ascii_uppercase[seed % ARTISTS_PER_GENRE]
    tags.tags["artist"] = f"The {genre.title()} Program {player}"
    tags.tags["album"] = f"Seeds of {player}"
    tags.tags["title"] = f"{genre.title()} number {seed}"
    tags.save()
    os.utime(path, (_MADE, _MADE))


if __name__ == "__main__":
    print(write(sys.argv[1]))

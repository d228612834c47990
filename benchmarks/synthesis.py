"""Making the built-in corpus, against the time that playing it takes."""

import time

from benchmarks import row
from genres.synth import corpus

SEED = 7


def rows():
    start = time.perf_counter()
    corpus.render("pop", SEED, seconds=1.0)
    first = time.perf_counter() - start
    compiling = f"The first clip took {first:.1f} s more, to load or compile."
    start = time.process_time()
    clips = [
        corpus.render(genre, seed) for genre in corpus.GENRES for seed in range(SEED, SEED + 3)
    ]
    seconds = time.process_time() - start
    played = sum(len(clip.samples) for clip in clips) / corpus.SAMPLE_RATE
    name = f"{len(clips)} clips of {corpus.SECONDS:.0f} s on one core, against playing them"
    return [row(name, played, seconds, compiling)]

"""The genre of a track's harmonic and percussive parts, against librosa window by window."""

import librosa
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import best_of, row
from benchmarks.extraction import SR, by_librosa
from genres.changes import timeline
from genres.sound import features
from genres.synth import corpus

N_STEPS = 3
MEDLEY = ("rock", "jazz", "classical", "metal", "disco", "blues")


def measure_by_librosa(samples):
    """Measure each window of a track alone: its features, and the spectrogram of its clip."""
    length, clip = 30 * SR // N_STEPS, 30 * SR
    n_windows = 1 + round(timeline.OVERLAP * (len(samples) - length) / length)
    for start in np.linspace(0, len(samples) - length, n_windows).round().astype(int):
        by_librosa(samples[start : start + length])
        first = np.clip(start + length // 2 - clip // 2, 0, len(samples) - clip)
        mel = librosa.feature.melspectrogram(y=samples[first : first + clip])
        librosa.power_to_db(mel, ref=np.max)


def rows():
    samples = np.concatenate([corpus.render(genre, seed=7).samples for genre in MEDLEY])
    with threadpool_limits(1):
        features.separate(samples[: 5 * SR])
        timeline.measure(samples[: 10 * SR], N_STEPS)
        return [_separation(samples), _separation_and_measurement(samples)]


def _separation(samples):
    ours, theirs = features.separate(samples), librosa.effects.hpss(samples, pad_mode="reflect")
    inside = len(samples) // 512 * 512
    apart = max(np.abs(a - b)[:inside].max() for a, b in zip(ours, theirs, strict=True))
    return row(
        "the two parts of 3 min",
        best_of(lambda: librosa.effects.hpss(samples, pad_mode="reflect")),
        best_of(lambda: features.separate(samples)),
        f"One thread. Largest difference of a sample, of 1: {apart:.0e}.",
    )


def _separation_and_measurement(samples):
    def straightforward():
        for part in librosa.effects.hpss(samples, pad_mode="reflect"):
            measure_by_librosa(part)

    def here():
        for part in features.separate(samples):
            timeline.measure(part, N_STEPS)

    seconds = best_of(here)
    note = f"One thread. This is {100 * seconds / (len(samples) / SR):.1f} % of the track's length."
    return row("both measured window by window", best_of(straightforward, 1), seconds, note)

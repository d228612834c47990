"""Tracks made of real clips."""

import numpy as np
import pytest

from genres.changes import splices
from genres.decoding import audio

SR = audio.SAMPLE_RATE
LABELS = {clip: clip % 4 for clip in range(12)}


def tone(clip):
    """A clip of its own pitch and loudness."""
    time = np.arange(30 * SR) / SR
    return ((1 + clip) * 0.01 * np.sin(2 * np.pi * (200 + 100 * clip) * time)).astype(np.float32)


def test_parts_are_of_different_genres_and_begin_anywhere():
    drawn = [splices.draw(LABELS, 3, seed) for seed in range(40)]
    for parts in drawn:
        assert len({LABELS[part.clip] for part in parts}) == len(parts) == 3
        for part in parts:
            assert splices.SHORTEST * SR <= part.length + 1 <= splices.LONGEST * SR + 1
            assert 0 <= part.start <= 30 * SR - part.length
    assert len({part.length % SR for parts in drawn for part in parts}) > 100
    assert splices.draw(LABELS, 3, 7) == drawn[7]


def test_parts_of_one_genre_are_of_different_clips():
    for seed in range(20):
        parts = splices.draw(LABELS, 2, seed, same=True)
        assert len({part.clip for part in parts}) == 2
        assert len({LABELS[part.clip] for part in parts}) == 1


def test_there_are_no_more_parts_than_genres():
    assert len(splices.draw({0: 0, 1: 1}, 3, 0)) == 2


def test_a_splice_is_equally_loud_and_says_when_each_part_begins():
    parts = [splices.Part(1, 5 * SR, 8 * SR), splices.Part(9, 2 * SR + 7, 9 * SR + 100)]
    samples, (first, second) = splices.join(parts, tone)
    assert samples.dtype == np.float32 and first == 0.0
    assert second == pytest.approx(8 - splices.FADE / 2, abs=1e-3)
    assert len(samples) == 17 * SR + 100 - round(splices.FADE * SR)
    cut = round(second * SR)
    for part in (samples[: cut - SR], samples[cut + SR :]):
        assert np.sqrt(np.mean(part**2)) == pytest.approx(0.1, rel=0.01)
    pitch = [np.abs(np.fft.rfft(s)).argmax() for s in (samples[:SR], samples[-SR:])]
    assert pitch == [300, 1100]


def test_silence_stays_silent():
    samples, _ = splices.join([splices.Part(0, 0, 100_000)], lambda clip: np.zeros(30 * SR))
    assert not samples.any()


def test_no_artist_is_in_both_halves():
    labels = np.repeat(np.arange(5), 10)
    artists = np.where(labels < 2, labels, 100 + np.arange(50) // 2)  # two genres of one artist
    half = splices.halves(labels, artists)
    assert not set(artists[half == 0]) & set(artists[half == 1])
    assert abs(np.mean(half) - 0.5) <= 0.2


def test_genres_of_one_artist_each_are_divided_clip_by_clip():
    labels = np.repeat([0, 1], 10)
    half = splices.halves(labels, labels)
    for number in (0, 1):
        assert set(labels[half == number]) == {0, 1}

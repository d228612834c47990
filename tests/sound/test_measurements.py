"""What is measured of a clip, for classifiers to read?"""

from types import SimpleNamespace

import numpy as np
import pytest

from genres.data import tables
from genres.decoding import audio
from genres.sound import measurements, melstore, texture
from genres.sound.measurements import Tracks
from genres.synth import corpus


@pytest.fixture
def tracks():
    """Six tracks that say in every part which they are."""
    number = np.arange(6)
    return Tracks(
        np.zeros((6, 3, 63), np.float32) + number[:, None, None],
        np.zeros((6, 8, 40), np.uint8) + number[:, None, None].astype(np.uint8),
        np.array([f"{n}.wav" for n in number]),
    )


def numbers(tracks):
    """Give which tracks these are, if all parts say the same."""
    by_part = [
        tracks.segments[:, 0, 0].astype(int).tolist(),
        tracks.mel[:, 0, 0].tolist(),
        [int(name.removesuffix(".wav")) for name in tracks.names],
    ]
    assert by_part[0] == by_part[1] == by_part[2]
    return by_part[0]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([4, 1], [4, 1]),
        (np.array([0, 0]), [0, 0]),
        (np.arange(6) > 3, [4, 5]),
        (slice(1, None, 2), [1, 3, 5]),
        ((np.array([2]), ...), [2]),  # as scikit-learn says it
    ],
)
def test_tracks_are_indexed_like_an_array_of_one_axis(tracks, rows, expected):
    some = tracks[rows]
    assert numbers(some) == expected
    assert some.shape == (len(some),) == (len(expected),)


@pytest.mark.parametrize("place", [3, None])
def test_a_single_place_is_no_index_of_tracks(tracks, place):
    with pytest.raises(TypeError, match="array of places, a mask or a slice"):
        tracks[place]


def test_tracks_are_joined_end_to_end(tracks):
    assert numbers(Tracks.concatenate([tracks[4:], tracks[:2]])) == [4, 5, 0, 1]


def test_parts_of_different_lengths_make_no_tracks(tracks):
    with pytest.raises(ValueError, match="different numbers of tracks"):
        Tracks(tracks.segments, tracks.mel[:5])


@pytest.mark.parametrize(
    ("seconds", "n_clips"), [(4, 1), (30, 1), (30.01, 1), (31, 1), (31.5, 2), (75, 3)]
)
def test_sound_of_any_length_is_cut_into_clips_of_thirty_seconds(seconds, n_clips):
    samples = np.arange(seconds * audio.SAMPLE_RATE, dtype=np.float32)
    clips = measurements.windows(samples)
    assert [len(clip) for clip in clips] == [30 * audio.SAMPLE_RATE] * n_clips
    assert clips[0][0] == 0
    if seconds == 4:  # repeated
        np.testing.assert_array_equal(clips[0][4 * audio.SAMPLE_RATE :][: len(samples)], samples)
    elif n_clips > 1:
        assert clips[-1][-1] == samples[-1]


def test_what_is_measured_of_a_clip():
    tracks = measurements.measure(measurements.windows(corpus.render("pop", 0, 4).samples), 3)
    assert tracks.segments.shape == (1, 3, len(tables.FEATURES))
    assert tracks.mel.shape == (1, 128, 387)
    assert np.isfinite(tracks.segments).all()


def test_clips_begin_evenly_and_the_last_ends_with_the_sound():
    samples = np.arange(75 * audio.SAMPLE_RATE, dtype=np.float32)
    starts = [clip[0] / audio.SAMPLE_RATE for clip in measurements.windows(samples)]
    assert starts == [0, 22.5, 45]
    assert len(measurements.windows(samples[: 61 * audio.SAMPLE_RATE])) == 2
    assert len(measurements.windows(samples[: 61 * audio.SAMPLE_RATE + 1])) == 3


def test_pairs_of_bands_are_averaged_time_first_and_an_odd_one_is_left_out():
    mel = np.random.default_rng(0).integers(0, 256, (2, 5, 3)).astype(np.uint8)
    levels = np.minimum(mel + 0.5, 255) / 255 * 80 - 80
    paired = Tracks(np.zeros((2, 1, 63)), mel).paired_bands()
    assert paired.shape == (2, 3, 2)
    for band in (0, 1):
        expected = levels[:, 2 * band : 2 * band + 2].mean(axis=1)
        np.testing.assert_allclose(paired[:, :, band], expected, rtol=1e-5)


def test_textures_are_those_of_each_segments_columns():
    mel = np.random.default_rng(0).integers(0, 256, (2, 8, 101)).astype(np.uint8)
    found = Tracks(np.zeros((2, 3, 63)), mel).textures()
    for step in range(3):
        part = melstore.decibels(mel[:, :, 33 * step : 33 * step + 33])
        for name, values in texture.statistics(part).items():
            np.testing.assert_array_equal(found[name][:, step], values)


def test_clips_are_tagged_only_where_that_is_asked_for(monkeypatch):
    from genres.sound import tagger

    heard = []

    def tag(clip, sr):
        heard.append((len(clip), sr))
        return SimpleNamespace(taggram=np.full((2, 50), 0.2))

    monkeypatch.setattr(tagger, "tag", tag)
    clips = [np.zeros(30 * audio.SAMPLE_RATE, np.float32)]
    assert measurements.measure(clips, 1).tags is None
    assert heard == []
    tracks = measurements.measure(clips, 1, ["a"], tagged=True)
    np.testing.assert_allclose(tracks.tags, np.full((1, 50), np.log(0.25)), rtol=1e-6)
    assert heard == [(30 * audio.SAMPLE_RATE, audio.SAMPLE_RATE)]
    assert tracks.names.tolist() == ["a"]

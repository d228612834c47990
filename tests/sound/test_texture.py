"""What a mel spectrogram says in numbers."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

from genres.sound import features, texture

RNG = np.random.default_rng(0)


def beating(cycles, n_mels=128, n_columns=128):
    """Noise whose loudness rises and falls so many times in the window."""
    loudness = 20 * np.sin(2 * np.pi * cycles * np.arange(n_columns) / n_columns)
    return (RNG.normal(size=(1, n_mels, n_columns)) + loudness).astype(np.float32)


def test_the_rhythm_of_a_beat_is_where_it_beats():
    rates = texture.rates(128, columns_per_second=12.8)
    for cycles in (2, 8, 25):
        rhythm = texture.statistics(beating(cycles))["rhythm"].reshape(len(rates), -1).mean(axis=1)
        assert rhythm.argmax() == np.abs(rates - cycles / 10).argmin()


def test_the_rhythm_of_a_clip_is_the_mean_of_that_of_windows_that_overlap_by_half():
    clip = np.concatenate([beating(3), beating(20)], axis=2)
    windows = [clip[:, :, start : start + 128] for start in (0, 64, 128)]
    parts = [np.exp(texture.statistics(window)["rhythm"]) for window in windows]
    rhythm = np.exp(texture.statistics(clip)["rhythm"])
    np.testing.assert_allclose(rhythm, np.mean(parts, axis=0), rtol=1e-4)
    assert not np.allclose(rhythm, parts[0], rtol=0.1)


def test_level_is_in_the_colour_alone():
    quiet = beating(5)
    first, second = texture.statistics(quiet), texture.statistics(quiet + 10)
    np.testing.assert_allclose(second["rhythm"], first["rhythm"], atol=1e-3)
    for family in ("timbre", "motion", "edges", "contrast rhythm"):
        np.testing.assert_allclose(second[family], first[family], atol=1e-3)
    np.testing.assert_allclose(second["colour"][:, :64], first["colour"][:, :64] + 10, atol=1e-3)
    np.testing.assert_allclose(second["colour"][:, 64:], first["colour"][:, 64:], atol=1e-3)


def test_a_clip_played_backwards_has_the_same_colour():
    clip = RNG.normal(size=(1, 128, 200)).astype(np.float32)
    forward, backward = texture.statistics(clip), texture.statistics(clip[:, :, ::-1])
    np.testing.assert_allclose(backward["colour"], forward["colour"], atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 8, 32), (2, 37, 100), (1, 128, 387)])
def test_stores_of_any_size_have_statistics(shape):
    found = texture.statistics(RNG.normal(size=shape).astype(np.float32))
    assert {len(values) for values in found.values()} == {shape[0]}
    assert all(np.isfinite(values).all() for values in found.values())
    assert all(values.dtype == np.float32 for values in found.values())


def test_contrast_is_the_distance_of_peaks_from_valleys():
    clip = np.zeros((1, 128, 40), np.float32)  # eight groups of sixteen bands, of which
    clip[:, ::16] = 30  # one is a peak; peaks are the mean of the loudest fifth: of three bands
    contrast = texture.statistics(clip)["contrast"][0]
    np.testing.assert_allclose(contrast[:16], 10, atol=1e-4)  # peaks and distances: valleys are 0
    np.testing.assert_allclose(contrast[16:], 0, atol=1e-4)  # which never change


def test_edges_are_the_steps_between_neighbouring_bands():
    stairs = np.repeat(np.arange(128, dtype=np.float32)[None, :, None], 40, axis=2)
    edges = texture.statistics(stairs)["edges"][0]
    np.testing.assert_allclose(edges, np.repeat([1, 0], 16), atol=1e-5)


def test_the_range_of_a_band_is_told_by_five_percentiles():
    swell = np.tile(np.arange(101, dtype=np.float32), (1, 64, 1))  # from 0 to 100 dB
    found = texture.statistics(swell)["range"].reshape(5, 64)
    np.testing.assert_allclose(found, np.repeat([[5], [25], [50], [75], [95]], 64, axis=1))


def test_skewness_is_that_of_the_coefficients():
    clip = RNG.exponential(20, size=(2, 64, 300)).astype(np.float32)
    coefficients = features.mfcc(clip, 20)[:, 1:]
    motion = texture.statistics(clip)["motion"].reshape(2, 4, 19)
    np.testing.assert_allclose(motion[:, 0], coefficients.std(axis=2), rtol=1e-4)
    expected = scipy.stats.skew(coefficients, axis=2)
    np.testing.assert_allclose(motion[:, 1], expected, atol=1e-3)


def test_motion_tells_a_quick_clip_from_a_slow_one():
    slow = texture.statistics(beating(1))["motion"]
    tilted = beating(25) * np.linspace(-1, 1, 128)[:, None].astype(np.float32)
    quick = texture.statistics(tilted)["motion"]
    mean_change = 38  # of the first coefficient after the level
    assert np.all(quick[:, mean_change] > slow[:, mean_change])


def test_families_have_their_numbers():
    found = texture.statistics(RNG.normal(size=(1, 128, 387)).astype(np.float32))
    assert {name: values.shape[1] for name, values in found.items()} == {
        "colour": 3 * 64,
        "range": 5 * 64,
        "rhythm": 11 * 16,  # of twelve rates two are one, as low as they are
        "timbre": 38 + 38 * 39 // 2,  # 19 coefficients and their changes
        "motion": 4 * 19,
        "contrast": 2 * 16,
        "timbre rhythm": 8 * 20,
        "contrast rhythm": 8 * 16,
        "edges": 2 * 16,
    }


def test_timbre_and_motion_are_those_of_the_definition():
    clip = RNG.exponential(20, size=(1, 64, 50)).astype(np.float32)
    found = texture.statistics(clip)
    (mfcc,) = features.mfcc(clip, 20)[:, 1:]
    both = np.vstack([mfcc[:, 1:], mfcc[:, 1:] - mfcc[:, :-1]])
    covariances = np.cov(both)[np.triu_indices(38)]
    logarithms = np.sign(covariances) * np.log(1 + np.abs(covariances))
    expected = np.concatenate([both.mean(axis=1), logarithms])
    np.testing.assert_allclose(found["timbre"][0], expected, rtol=1e-3, atol=1e-3)
    changes = [np.abs(mfcc[:, 1:] - mfcc[:, :-1])]
    changes.append(np.abs(mfcc[:, 2:] - 2 * mfcc[:, 1:-1] + mfcc[:, :-2]))
    logarithms = np.log(np.concatenate([change.mean(axis=1) for change in changes]) + 1e-3)
    np.testing.assert_allclose(found["motion"][0, 38:], logarithms, rtol=1e-3, atol=1e-3)


def test_what_hardly_moves_is_hardly_skewed():
    clip = RNG.exponential(0.2, size=(1, 64, 300)).astype(np.float32)
    (mfcc,) = features.mfcc(clip, 20)[:, 1:]
    motion = texture.statistics(clip)["motion"][0].reshape(4, 19)
    third = ((mfcc - mfcc.mean(axis=1)[:, None]) ** 3).mean(axis=1)
    np.testing.assert_allclose(motion[1], third / (mfcc.std(axis=1) ** 3 + 1e-3), rtol=1e-3)


@pytest.mark.parametrize("n_columns", [40, 128, 200])
def test_beats_are_the_spectrum_of_windows_in_groups_of_rates(n_columns):
    clip = RNG.normal(size=(1, 32, n_columns)).astype(np.float32)
    width = min(n_columns, 128)
    starts = range(0, n_columns - width + 1, width // 2)
    bands = clip[0].reshape(16, 2, n_columns).mean(axis=1)
    time = np.arange(width)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * time / (width - 1))
    magnitudes = []
    for start in starts:
        window = bands[:, start : start + width]
        window = (window - window.mean(axis=1)[:, None]) * hann
        waves = np.exp(-2j * np.pi * np.outer(np.arange(width // 2 + 1), time) / width)
        magnitudes.append(np.abs(window @ waves.T))
    spectrum = np.mean(magnitudes, axis=0)
    edges = sorted({round((width // 2) ** (step / 12)) for step in range(13)})
    groups = list(pairwise(edges))
    expected = [np.log(spectrum[:, low:high].mean(axis=1) + 1e-3) for low, high in groups]
    found = texture.statistics(clip)["rhythm"][0]
    np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-3)
    rates = [np.mean(range(low, high)) * 12.9 / width for low, high in groups]
    np.testing.assert_allclose(texture.rates(n_columns, 12.9), rates)


def test_what_never_changes_beats_at_least_a_little():
    found = texture.statistics(np.zeros((1, 128, 128), np.float32))
    assert found["rhythm"] == pytest.approx(np.log(1e-3))
    for name in ("timbre rhythm", "contrast rhythm"):
        assert found[name] == pytest.approx(np.log(1e-2))


def test_a_group_of_few_bands_has_its_loudest_and_its_quietest():
    clip = np.tile(np.array([1, 2, 3, 4, 5, 6, 7, 9] * 2, np.float32)[None, :, None], (1, 1, 32))
    contrast = texture.statistics(clip)["contrast"][0]  # eight groups of two bands
    np.testing.assert_allclose(contrast[:16], [2, 1, 4, 1, 6, 1, 9, 2] * 2, atol=1e-5)

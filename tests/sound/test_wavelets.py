"""sound.wavelets: the report's wavelet, what it measures of a sound, and how that is summed up."""

import numpy as np
import pytest
import pywt

from genres.sound.wavelets import HALF_OCTAVES, scalogram, shannon, statistics, transform

SR = 22050


def tone(frequency, seconds=1.0, amplitude=0.5):
    """A tone that goes on in its mirror image."""
    time = (np.arange(round(seconds * SR)) + 0.5) / SR
    return amplitude * np.cos(2 * np.pi * frequency * time)


def noise(seconds=1.0):
    """Noise that swells and has a click in it."""
    n = round(seconds * SR)
    samples = np.random.default_rng(0).normal(size=n) * np.linspace(0, 1, n)
    samples[n // 3] += 50
    return samples


# The mother wavelet


def test_the_wavelet_is_the_difference_of_sines_of_the_report():
    t = np.linspace(-8, 8, 1000)
    expected = (np.sin(2 * np.pi * t) - np.sin(np.pi * t)) / (np.pi * t)
    np.testing.assert_allclose(shannon(t), expected, atol=1e-12)
    assert shannon(0.0) == 1


def test_the_wavelet_is_the_real_part_of_pywavelets_times_the_root_of_two():
    values, t = pywt.ContinuousWavelet("shan0.5-0.75").wavefun(level=12)
    assert len(t) > 1000
    np.testing.assert_allclose(shannon(t), np.sqrt(2) * values.real, atol=1e-12)


# Its transform


@pytest.mark.parametrize("frequency", [60, 440, 7680])
def test_a_wavelet_passes_the_tones_of_one_octave_and_no_others(frequency):
    passed = [0.68 * frequency, frequency, 1.32 * frequency]
    stopped = [0.65 * frequency, 1.35 * frequency]
    loud = [np.abs(transform(tone(hz, 3), [frequency]))[0, SR:-SR].mean() for hz in passed]
    quiet = [np.abs(transform(tone(hz, 3), [frequency]))[0, SR:-SR].max() for hz in stopped]
    np.testing.assert_allclose(loud, 0.5, rtol=0.02)
    assert max(quiet) < 0.02


def test_octaves_that_touch_add_up_to_the_sound():
    samples = tone(300) + tone(700) + tone(1500) + tone(4000)
    added = transform(samples, 300 * 2.0 ** np.arange(-1, 5)).real.sum(axis=0)
    np.testing.assert_allclose(added, samples, atol=1e-9)


def test_the_real_part_is_the_sum_over_the_wavelet_itself():
    frequency, samples = 1000, noise()[:1500]
    scale = 0.75 * SR / frequency
    mirrored = np.tile(np.concatenate([samples, samples[::-1]]), 41)
    window = np.hanning(len(mirrored))  # the wavelet fades slowly
    found = transform(samples, [frequency])[0].real
    for at in (0, 100, 500, 1499):
        away = np.arange(len(mirrored)) - 20 * 2 * len(samples) - at
        expected = mirrored @ (window * shannon(away / scale)) / scale
        np.testing.assert_allclose(found[at], expected, atol=0.01 * found.std())


def test_the_transform_is_that_of_pywavelets_up_to_its_scale():
    swelling = 1 + tone(3, 3) + tone(11, 3)
    samples = swelling * (tone(250, 3) + tone(1000, 3))
    frequencies = np.array([250, 1000])
    scales = 0.75 * SR / frequencies
    theirs, _ = pywt.cwt(samples, scales, "shan0.5-0.75", method="fft")
    theirs *= np.sqrt(2 / scales)[:, None]
    ours = transform(samples, frequencies)
    inside = slice(SR // 2, -SR // 2)
    for a, b in zip(np.abs(ours)[:, inside], np.abs(theirs)[:, inside], strict=True):
        assert np.corrcoef(a, b)[0, 1] > 0.99
        np.testing.assert_allclose(b.mean(), a.mean(), rtol=0.05)  # it has a table of ψ


# Statistics of it


@pytest.mark.parametrize("samples", [noise(), noise(2.999), tone(500) + noise()])
def test_statistics_are_mean_and_variance_of_the_magnitude(samples):
    magnitude = np.abs(transform(samples))
    found = statistics(samples)
    assert found.shape == (2 * len(HALF_OCTAVES),)
    means, variances = np.split(found, 2)
    np.testing.assert_allclose(10 ** (means / 20), magnitude.mean(axis=1), rtol=0.01)
    np.testing.assert_allclose(10 ** (variances / 10), magnitude.var(axis=1), rtol=0.01)


def test_twice_the_amplitude_is_six_decibels_more():
    more = statistics(2 * noise()) - statistics(noise())
    np.testing.assert_allclose(more, 20 * np.log10(2))


def test_silence_has_the_lowest_statistics():
    assert (statistics(np.zeros(SR, np.float32)) == -200).all()


@pytest.mark.parametrize("frequency, n", [(60, 100), (9000, SR), (0.1, SR)])
def test_what_a_wavelet_cannot_measure_is_refused(frequency, n):
    for function in (transform, statistics):
        with pytest.raises(ValueError, match="cannot measure"):
            function(np.ones(n), [frequency])


# Its picture


@pytest.mark.parametrize("n_columns", [1, 7, 64])
def test_a_scalogram_is_the_magnitude_of_the_transform_on_average(n_columns):
    samples = noise()[: SR // n_columns * n_columns]
    magnitude = np.abs(transform(samples))
    means = magnitude.reshape(len(HALF_OCTAVES), n_columns, -1).mean(axis=2)
    expected = 20 * np.log10(means / means.max())
    picture = scalogram(samples, n_columns)
    assert picture.max() == 0
    loud = expected > -40
    np.testing.assert_allclose(picture[loud], expected[loud], atol=0.5)


def test_silence_has_a_scalogram():
    assert np.array_equal(scalogram(np.zeros(SR), 8), np.zeros((len(HALF_OCTAVES), 8)))

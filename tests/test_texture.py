"""What a mel spectrogram says in numbers."""

import numpy as np
import pytest

from genres import texture

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


def test_level_is_in_the_colour_alone():
    quiet = beating(5)
    first, second = texture.statistics(quiet), texture.statistics(quiet + 10)
    np.testing.assert_allclose(second["rhythm"], first["rhythm"], atol=1e-3)
    np.testing.assert_allclose(second["timbre"], first["timbre"], atol=1e-3)
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

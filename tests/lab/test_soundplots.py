"""Pictures of sound: what their axes say."""

import librosa
import matplotlib.pyplot as plt
import numpy as np
import pytest

from genres.lab import soundplots


@pytest.mark.parametrize(
    ("scale", "marked", "to_scale"),
    [
        ("mel", (300, 1000, 3000, 10000), librosa.hz_to_mel),
        ("linear", (0, 2000, 4000, 6000, 8000, 10000), np.asarray),
    ],
)
def test_frequencies_are_marked_at_their_bands(scale, marked, to_scale):
    figure = soundplots.spectrograms([np.eye(64)], ["a clip"], 30, [scale])
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [f"{hz:,}" for hz in marked]
    np.testing.assert_allclose(axis.get_yticks(), 64 * to_scale(marked) / to_scale(11025))
    plt.close(figure)


def test_pictures_of_different_meaning_have_colours_of_their_own():
    pictures, scales = [np.eye(64), 100 * np.eye(19)], ["mel", "MFCC"]
    figure = soundplots.spectrograms(
        pictures, ["mel", "MFCC"], 30, scales, label=["dB", "deviations"]
    )
    images = [axis.images[0] for axis in figure.axes[:2]]
    assert [image.get_clim() for image in images] == [(0, 1), (0, 100)]
    assert [axis.get_ylabel() for axis in figure.axes[2:]] == ["dB", "deviations"]
    plt.close(figure)


def test_bands_have_the_middle_and_width_that_their_edges_say():
    figure = soundplots.bands({"linear": np.array([0, 1000, 3000, 7000])}, "Two bands")
    left, right = (axis.lines[0] for axis in figure.axes)
    np.testing.assert_allclose(left.get_xdata(), [1, 3])
    np.testing.assert_allclose(left.get_ydata(), [1, 2])
    np.testing.assert_allclose(right.get_ydata(), [1500, 3000])
    plt.close(figure)

"""Pictures of sound: what their axes say."""

import librosa
import matplotlib.pyplot as plt
import numpy as np
import pytest

from genres.changes import timeline
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


@pytest.mark.parametrize(("n_steps", "outlined"), [(20, True), (400, False)])
def test_genres_of_a_timeline_are_outlined_where_there_is_room(n_steps, outlined):
    shares = np.full((n_steps, 2), 0.5)
    track = timeline.follow(["a", "b"], np.linspace(0, n_steps, n_steps + 1), shares, 5)
    samples = np.zeros(n_steps * soundplots.SAMPLE_RATE, np.float32)
    figure = soundplots.timelines(samples, np.eye(128), {"champion": track}, "a clip")
    bands = figure.axes[2].collections
    assert len(bands) == 2
    assert all((band.get_linewidth()[0] > 0) == outlined for band in bands)
    plt.close(figure)

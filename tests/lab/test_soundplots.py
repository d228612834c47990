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

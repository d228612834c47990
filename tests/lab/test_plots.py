"""What do pictures of odd numbers show?"""

import warnings

import numpy as np
import pandas as pd
import pytest

from genres.lab import plots


@pytest.mark.parametrize("tempi", [[120.0] * 8, [120.0] * 4 + [90.0, 95.0, 100.0, 105.0]])
def test_densities_are_drawn_of_a_genre_that_has_one_tempo(tempi):
    table = pd.DataFrame({"Genre": ["techno"] * 4 + ["folk"] * 4, "tempo": tempi})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plots.densities(table, ["tempo"], ["techno", "folk"])
        figure.canvas.draw()
    bars = figure.axes[0].patches
    assert np.isfinite([bar.get_height() for bar in bars]).all()
    plots.close(figure)

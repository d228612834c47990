"""changes.sketch: a timeline as text."""

import numpy as np
import pytest

from genres.changes import sketch, timeline


def track_of(genres, shares, seconds):
    probabilities = np.repeat(np.array(shares, float), 10, axis=0)
    edges = np.linspace(0, seconds, len(probabilities) + 1)
    return timeline.follow(genres, edges, probabilities, seconds / len(probabilities))


def test_spans_are_named_and_drawn_at_their_time():
    track = track_of(["rock", "jazz", "pop"], [[0.9, 0.1, 0], [0, 0.7, 0.3]], 100)
    assert sketch.draw(track, 46).splitlines() == [
        "0:00 - 0:50  rock 90 %",
        "0:50 - 1:40  jazz 70 %, pop 30 %",
        "rock  " + "▇" * 20,
        "jazz  " + "▁" * 20 + "▆" * 20,
        "pop   " + " " * 20 + "▂" * 20,
        "      0:00                0:50            1:40",
    ]


def test_a_character_is_the_mean_over_its_time():
    track = track_of(["a", "b"], [[0.5, 0.5]] * 3, 1)
    drawn = sketch.draw(track._replace(edges=track.edges**2), 23, sketch.ASCII)
    assert drawn.splitlines()[-2] == "b  " + "=" * 20


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0:00"), (65, "1:05"), (3599.7, "1:00:00"), (3665, "1:01:05")]
)
def test_times_are_written_as_players_do(seconds, said):
    assert sketch.clock(seconds) == said


def test_names_of_genres_are_one_short_line():
    drawn = sketch.draw(track_of(["a\nb\x1b[31m", "x" * 40], [[1, 0], [0, 1]], 4000), width=10)
    assert all(line.isprintable() for line in drawn.splitlines())
    assert f"{'x' * 15}…  " in drawn
    assert "1:06:40" in drawn

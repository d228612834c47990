"""Scoring predicted changes of genre."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genres.changes import boundaries

TRUE = [(0.0, "jazz"), (10.0, "rock"), (20.0, "pop")]


def test_boundaries_inside_a_track_are_matched_once_within_the_tolerance():
    predicted = [(0.0, None), (9.6, None), (12.0, None), (24.0, None)]
    scores = boundaries.score(TRUE, predicted, 30.0)
    assert scores["P0.5"] == pytest.approx(1 / 3)
    assert scores["R0.5"] == pytest.approx(1 / 2)
    assert scores["F0.5"] == pytest.approx(2 / 5)
    assert scores["R3"] == pytest.approx(1 / 2)  # 12.0 has no true boundary of its own
    assert scores["missed by"] == pytest.approx(np.median([0.4, 4.0]))
    assert scores["off by"] == pytest.approx(2.0)
    assert np.isnan(scores["accuracy"])


@pytest.mark.filterwarnings("error")
def test_a_timeline_without_a_boundary_finds_none():
    scores = boundaries.score(TRUE, [(0.0, "jazz"), (30.0, "pop")], 30.0)
    assert (scores["P3"], scores["R3"], scores["F3"]) == (0, 0, 0)
    assert np.isnan(scores["missed by"]) and np.isnan(scores["off by"])
    assert scores["accuracy"] == pytest.approx(1 / 3)


@given(st.lists(st.tuples(st.floats(0.1, 29.9), st.sampled_from("abc")), max_size=6))
def test_accuracy_is_what_fine_frames_would_give(changes):
    predicted = [(0.0, "a"), *sorted(changes)]
    true = [(0.0, "a"), (10.0, "b"), (20.0, "c")]
    frames = np.arange(0.005, 30, 0.01)

    def of_frames(timeline):
        starts, genres = zip(*timeline, strict=True)
        return np.array(genres)[np.searchsorted(starts, frames, side="right") - 1]

    share = np.mean(of_frames(true) == of_frames(predicted))
    assert boundaries.frame_accuracy(true, predicted, 30.0) == pytest.approx(share, abs=0.01)


def test_a_track_is_drawn_as_often_as_its_clips_together():
    times = boundaries.draw_sources([("a", "b"), ("b",), ("c",)], n_draws=4000)
    counts = times[:, 1:]  # of b and of c, as these tracks have one clip each
    assert times.shape == (4000, 3)
    assert np.all(times[:, 0] == (3 - counts.sum(axis=1)) * counts[:, 0])
    assert counts.mean(axis=0) == pytest.approx([1, 1], abs=0.1)


def test_an_interval_is_wide_where_one_clip_is_in_all_tracks():
    rng = np.random.default_rng(0)
    values = rng.random(60)
    alone = boundaries.draw_sources([(i,) for i in range(60)])
    shared = boundaries.draw_sources([(i // 20, 100 + i) for i in range(60)])
    (low, high), (lowest, highest) = (boundaries.interval(values, t) for t in (alone, shared))
    assert lowest < low < values.mean() < high < highest


def test_what_has_no_value_counts_for_nothing():
    times = boundaries.draw_sources([("a",), ("b",), ("c",)])
    assert boundaries.interval([1.0, np.nan, 1.0], times) == (1.0, 1.0)
    assert np.isnan(boundaries.interval([np.nan] * 3, times)).all()

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import multilabel_confusion_matrix

from genres.models import evaluation


def test_wilsons_interval_is_the_textbooks():
    # Newcombe (Statistics in Medicine 17, 1998), table I: 81 of 263 gives .2553 to .3662.
    low, high = evaluation.accuracy_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_a_summary_worked_by_hand():
    labels, predictions = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2])
    summary = evaluation.summarise(labels, predictions, ["a", "b", "c"])
    assert summary["accuracy"] == pytest.approx(4 / 6)
    assert summary["per_genre"]["a"] == {"tp": 2, "tn": 3, "fp": 0, "fn": 1, "f1": 0.8}
    assert summary["per_genre"]["b"] == {"tp": 1, "tn": 3, "fp": 1, "fn": 1, "f1": 0.5}
    assert summary["macro_f1"] == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
def test_counts_are_those_of_scikit_learn(pairs):
    labels, predictions = np.array(pairs).T
    counts = evaluation.count_per_genre(labels, predictions, "abcd")
    for genre, (row, other) in zip(
        "abcd", multilabel_confusion_matrix(labels, predictions, labels=range(4)), strict=True
    ):
        ours = counts[genre]
        assert (ours["tn"], ours["fp"], ours["fn"], ours["tp"]) == (*row, *other)


def voters(*rows):
    return np.array(rows, dtype=float)[:, None]


def test_the_majority_wins_against_the_larger_sum():
    members = voters([0.6, 0.4], [0.6, 0.4], [0.0, 1.0])
    assert evaluation.hard_vote(members) == [0]
    assert evaluation.soft_vote(members) == [1]


def test_a_tied_vote_goes_to_the_larger_summed_probability():
    assert evaluation.hard_vote(voters([0.6, 0.4, 0.0], [0.1, 0.9, 0.0])) == [1]


def test_a_label_without_votes_cannot_win_a_tie():
    members = voters([0.5, 0.0, 0.45, 0.05], [0.0, 0.5, 0.45, 0.05])
    assert evaluation.hard_vote(members) == [0]


def test_a_full_tie_goes_to_the_smaller_id():
    assert evaluation.hard_vote(voters([0.7, 0.3], [0.3, 0.7])) == [0]


def test_segments_vote_for_their_track_in_order_of_first_coming():
    probabilities = np.eye(3)[[2, 0, 2, 1, 0, 0]]
    tracks = np.array(["z", "a", "z", "a", "a", "z"])
    assert evaluation.track_vote(probabilities, tracks).tolist() == [2, 0]


def test_segments_without_a_track_are_refused():
    with pytest.raises(ValueError, match="3 segments, but tracks for 2"):
        evaluation.track_vote(np.eye(3), ["a", "b"])


def test_f1_is_drawn_again_around_its_own_value():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=600)
    predictions = np.where(rng.random(600) < 0.6, labels, rng.integers(3, size=600))
    drawn = evaluation.bootstrap_f1(labels, predictions, 3, n_draws=500)
    assert drawn.shape == (500, 3)
    for genre, counts in enumerate(evaluation.count_per_genre(labels, predictions, "abc").values()):
        assert drawn[:, genre].mean() == pytest.approx(counts["f1"], abs=0.01)
    macro = evaluation.macro_f1(labels, predictions)
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    assert low < macro < high
    assert high - low == pytest.approx(2 * 1.96 * 0.018, rel=0.2)  # √(.73 × .27 / 600)


def test_equal_predictions_are_drawn_alike_and_a_genre_without_tracks_has_no_f1():
    labels, predictions = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    drawn = evaluation.bootstrap_f1(labels, predictions, 3, n_draws=50, seed=7)
    again = evaluation.bootstrap_f1(labels, predictions, 3, n_draws=50, seed=7)
    np.testing.assert_array_equal(drawn, again)
    assert np.isnan(drawn[:, 2]).all()


def test_ranks_correlate_as_in_spearmans_own_formula():
    assert evaluation.rank_correlation([1, 2, 3, 4, 5], [20, 10, 30, 50, 40]) == pytest.approx(0.8)


def test_what_is_all_alike_has_no_rank_correlation():
    assert evaluation.rank_correlation([0.4, 0.4], [0.1, 0.9]) == 0


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    share=st.floats(0.05, 0.5),
    seed=st.integers(0, 99),
)
def test_held_out_items_are_the_same_share_of_each_genre(counts, share, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    held_out = evaluation.hold_out(labels, share, seed)
    for genre, count in enumerate(counts):
        n = held_out[labels == genre].sum()
        assert n < count
        assert n >= min(1, count - 1)
        assert abs(n - share * count) <= 1
    assert (held_out == evaluation.hold_out(labels, share, seed)).all()


def test_mcnemar_counts_only_tracks_on_which_one_is_correct():
    correct = np.array([True] * 9 + [False] * 1 + [True] * 50)
    other = np.array([False] * 9 + [True] * 1 + [True] * 50)
    # Ten tosses, one head or fewer, on either side: 2 × (1 + 10) / 1024.
    assert evaluation.mcnemar(correct, other) == pytest.approx(22 / 1024)
    assert evaluation.mcnemar(correct, correct) == 1


def test_a_bootstrap_of_tracks_is_near_the_interval_of_a_share():
    correct = np.arange(200) < 160
    np.testing.assert_allclose(
        evaluation.bootstrap_interval(correct), evaluation.accuracy_interval(160, 200), atol=0.015
    )


def test_a_bootstrap_of_groups_knows_that_tracks_of_one_artist_say_the_same():
    correct = np.repeat(np.arange(40) < 32, 5)
    artists = np.repeat(np.arange(40), 5)
    low, high = evaluation.bootstrap_interval(correct)
    low_by_artist, high_by_artist = evaluation.bootstrap_interval(correct, artists)
    assert high_by_artist - low_by_artist > 2 * (high - low)


def test_draws_are_the_same_when_they_are_needed_again():
    values, groups = np.random.default_rng(1).integers(0, 30, (2, 60))
    _, of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    n = len(sizes)
    times = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), 10_000)
    ends = np.percentile(times @ np.bincount(of, values) / (times @ sizes), [2.5, 97.5])
    for _ in range(2):
        assert evaluation.bootstrap_interval(values, groups) == tuple(ends)
    assert evaluation.bootstrap_interval(values, groups, seed=1) != tuple(ends)


def test_with_one_seed_the_crossed_bootstrap_draws_tracks():
    correct = np.random.default_rng(1).random(300) < 0.7
    crossed = evaluation.crossed_interval(correct[None])
    np.testing.assert_allclose(crossed, evaluation.bootstrap_interval(correct), atol=0.01)


def test_the_crossed_bootstrap_knows_that_seeds_differ_too():
    correct = np.tile(np.arange(200) < 150, (4, 1)).astype(float)
    same = np.ptp(evaluation.crossed_interval(correct))
    of_seed = np.array([[0.2], [0.1], [-0.1], [-0.2]])
    apart = np.ptp(evaluation.crossed_interval(correct + of_seed))
    assert np.ptp(evaluation.crossed_interval(correct, level=0.998)) > 1.4 * same
    assert apart > 1.5 * same
    # The variance of 200 tracks and that of 4 seeds, added (Owen, 2007).
    assert apart == pytest.approx(2 * 1.96 * np.sqrt(0.1875 / 200 + 0.025 / 4), rel=0.05)


def test_the_calibration_error_of_a_worked_example():
    # Ten tracks at .95 with eight correct, and ten at .65 with seven.
    probabilities = np.array([[0.95, 0.05]] * 10 + [[0.65, 0.35]] * 10)
    labels = np.array([0] * 8 + [1] * 2 + [0] * 7 + [1] * 3)
    bins = evaluation.reliability(probabilities, labels)
    np.testing.assert_allclose(bins["confidence"], [0.65, 0.95])
    np.testing.assert_allclose(bins["accuracy"], [0.7, 0.8])
    assert bins["count"].tolist() == [10, 10]
    assert evaluation.calibration_error(probabilities, labels) == pytest.approx(0.1)


def test_confidence_is_told_in_tenths():
    # Of the two 0.59 and 0.61, on either side of 0.6, one is always correct and one never.
    probabilities = np.array([[0.59, 0.41]] * 10 + [[0.61, 0.39]] * 10)
    labels = np.repeat([0, 1], 10)
    assert evaluation.calibration_error(probabilities, labels) == pytest.approx(0.51)
    assert evaluation.calibration_error(probabilities, labels, n_bins=1) == pytest.approx(0.1)


def test_the_temperature_is_found_at_which_labels_were_drawn():
    rng = np.random.default_rng(0)
    overconfident = rng.dirichlet(np.full(5, 0.3), 3000)
    true = evaluation.scale_temperature(overconfident, 2.5)
    labels = np.array([rng.choice(5, p=row) for row in true])
    found = evaluation.fit_temperature(overconfident, labels)
    assert found == pytest.approx(2.5, rel=0.1)
    before, after = (
        evaluation.calibration_error(rows, labels)
        for rows in (overconfident, evaluation.scale_temperature(overconfident, found))
    )
    assert after < before / 3


def test_a_temperature_stays_within_its_bounds():
    probabilities = np.tile([0.6, 0.4], (20, 1))
    always, never = np.zeros(20, int), np.ones(20, int)
    assert evaluation.fit_temperature(probabilities, always) == pytest.approx(0.05, rel=1e-3)
    assert evaluation.fit_temperature(probabilities, never) == pytest.approx(20, rel=1e-3)


def test_the_most_confident_tracks_come_first():
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.3, 0.7]])
    coverage, accuracy = evaluation.accuracy_by_coverage(probabilities, np.array([1, 0, 1]))
    np.testing.assert_allclose(coverage, [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(accuracy, [1, 1, 2 / 3])


def drawn(n, n_draws, rng):
    """How often each of n things is in each draw."""
    return rng.multinomial(n, np.full(n, 1 / n), n_draws)


def test_f1_of_each_draw_is_that_of_its_tracks():
    labels, predictions = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    found = evaluation.bootstrap_f1(labels, predictions, 4, n_draws=30, seed=5)
    for row, times in zip(found, drawn(5, 30, np.random.default_rng(5)), strict=True):
        counts = evaluation.count_per_genre(
            np.repeat(labels, times), np.repeat(predictions, times), "abcd"
        )
        for value, count in zip(row, counts.values(), strict=True):
            if count["tp"] + count["fp"] + count["fn"]:
                assert value == pytest.approx(count["f1"])
            else:
                assert np.isnan(value)
    assert evaluation.bootstrap_f1(labels, predictions, 4).shape == (10_000, 4)
    np.testing.assert_array_equal(
        evaluation.bootstrap_f1(labels, predictions, 4),
        evaluation.bootstrap_f1(labels, predictions, 4, n_draws=10_000, seed=0),
    )


def test_a_crossed_interval_holds_its_share_of_means_of_drawn_seeds_and_tracks():
    values = np.random.default_rng(3).random((3, 20))
    rng = np.random.default_rng(0)
    seeds, tracks = drawn(3, 10_000, rng), drawn(20, 10_000, rng)
    means = np.einsum("ds,dt,st->d", seeds, tracks, values) / 60
    usual, wide = np.percentile(means, [2.5, 97.5]), np.percentile(means, [0.5, 99.5])
    np.testing.assert_allclose(evaluation.crossed_interval(values), usual)
    np.testing.assert_allclose(evaluation.crossed_interval(values, level=0.99), wide)
    assert evaluation.crossed_interval(values, seed=1) != evaluation.crossed_interval(values)


def test_a_summary_has_the_interval_of_its_accuracy():
    labels = np.arange(40) % 2
    predictions = np.where(np.arange(40) < 30, labels, 1 - labels)
    summary = evaluation.summarise(labels, predictions, "ab")
    assert summary["interval"] == list(evaluation.accuracy_interval(30, 40))


def test_a_genre_that_is_never_hit_counts_as_nothing():
    counts = evaluation.count_per_genre(np.array([0, 1]), np.array([1, 1]), "ab")
    assert counts["a"] == {"tp": 0, "tn": 1, "fp": 0, "fn": 1, "f1": 0.0}
    assert evaluation.macro_f1([0, 1], [1, 1]) == pytest.approx((0 + 2 / 3) / 2)


def test_shares_that_are_held_out_are_rounded():
    labels = np.repeat(np.arange(5), [1, 2, 3, 10, 100])
    held_out = evaluation.hold_out(labels, 0.24)
    assert np.bincount(labels[held_out], minlength=5).tolist() == [0, 1, 1, 2, 24]
    assert np.bincount(labels[evaluation.hold_out(labels, 0.99)]).tolist() == [0, 1, 2, 9, 99]
    assert (held_out != evaluation.hold_out(labels, 0.24, seed=1)).any()
    assert (held_out == evaluation.hold_out(labels, 0.24, seed=0)).all()


def test_a_confidence_between_two_bins_is_in_the_upper_one_and_certainty_in_the_last():
    probabilities = np.array([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0], [0.8, 0.2]])
    bins = evaluation.reliability(probabilities, np.array([0, 0, 1, 1]), n_bins=4)
    np.testing.assert_allclose(bins["confidence"], [0.5, 2.55 / 3])
    np.testing.assert_allclose(bins["accuracy"], [1, 1 / 3])
    assert bins["count"].tolist() == [1, 3]


def test_impossible_labels_count_as_hardly_possible():
    scaled = evaluation.scale_temperature(np.array([[1.0, 0.0]]), 6)
    np.testing.assert_allclose(scaled, [[100 / 101, 1 / 101]])  # the sixth root of 1e-12
    np.testing.assert_allclose(
        evaluation.scale_temperature(np.array([0.9, 0.1]), 0.5), [0.81 / 0.82, 0.01 / 0.82]
    )


def test_tracks_of_equal_confidence_stay_in_order():
    probabilities = np.tile([0.6, 0.4], (20, 1))
    labels = np.arange(20) % 2
    _, accuracy = evaluation.accuracy_by_coverage(probabilities, labels)
    np.testing.assert_allclose(accuracy[:4], [1, 1 / 2, 2 / 3, 1 / 2])


def test_ranks_go_down_as_well():
    assert evaluation.rank_correlation([1, 2, 3], [9, 5, 1]) == pytest.approx(-1)
    assert evaluation.rank_correlation([1, 2], [3, 3]) == 0

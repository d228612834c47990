"""When a track changes its genre, and what that looks like."""

import subprocess
import sys
from itertools import pairwise, product

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genres import Refusal
from genres.changes import timeline
from genres.decoding import audio
from genres.lab import scoreplots, soundplots
from genres.models.champion import Champion, Mixture
from genres.models.classifiers import LstmClassifier
from genres.models.kernel import TextureClassifier
from genres.sound import features, measurements, melstore, tagger, tags
from genres.sound.measurements import Tracks
from genres.synth import corpus

GENRES = ["a", "b", "c"]
N_STEPS = 6
SR = audio.SAMPLE_RATE


def confident_in(path, share=0.8):
    """Probabilities that give each step's genre such a share, and the others the rest."""
    rest = (1 - share) / (len(GENRES) - 1)
    return np.where(np.arange(len(GENRES)) == np.array(path)[:, None], share, rest)


def followed(path, **settings):
    return timeline.follow(GENRES, np.arange(len(path) + 1.0), confident_in(path), 1.0, **settings)


steps = arrays(float, st.tuples(st.integers(1, 30), st.just(3)), elements=st.floats(0.01, 1)).map(
    lambda values: values / values.sum(axis=1, keepdims=True)
)


@given(steps.filter(lambda values: len(values) <= 5), st.floats(0, 5), st.floats(0.1, 1))
@settings(max_examples=30, deadline=None)
def test_no_other_path_explains_the_predictions_better(probabilities, cost, weight):
    def score(path):
        likelihood = np.log(probabilities[np.arange(len(path)), path]).sum()
        return weight * likelihood - cost * np.count_nonzero(np.diff(path))

    best = max(score(path) for path in product(range(3), repeat=len(probabilities)))
    assert score(timeline.segment(probabilities, cost, weight)) == pytest.approx(best, abs=1e-9)


@given(steps, st.floats(0, 3), st.floats(0, 0.5))
@settings(max_examples=50, deadline=None)
def test_spans_cover_the_track_and_their_genres_change(probabilities, cost, share):
    edges = np.cumsum(np.linspace(1, 2, len(probabilities) + 1)) - 1
    track = timeline.follow(GENRES, edges, probabilities, 5.0, cost=cost, share=share)
    assert track.spans[0].start == 0
    assert track.spans[-1].end == track.seconds == edges[-1]
    for before, after in pairwise(track.spans):
        assert before.end == after.start
        assert before.genres[0] != after.genres[0]
    assert set(track.changes) <= set(edges)
    for span in track.spans:
        assert 1 <= len(span.genres) == len(span.shares) == len(set(span.genres)) <= 2
        assert all(part >= share for part in span.shares[1:])
        assert sum(span.shares) <= 1 + 1e-9


@given(steps, st.floats(0, 3), st.floats(0.1, 3))
@settings(max_examples=50, deadline=None)
def test_the_dearer_the_fewer_changes(probabilities, cost, more):
    cheap, dear = (timeline.segment(probabilities, of) for of in (cost, cost + more))
    assert np.count_nonzero(np.diff(dear)) <= np.count_nonzero(np.diff(cheap))


def test_what_stays_the_same_has_no_change():
    track = followed([1] * 20)
    assert track.changes == []
    assert track.spans == [timeline.Span(0.0, 20.0, ("b",), (pytest.approx(0.8),))]


def test_every_change_that_lasts_is_found():
    track = followed([0] * 6 + [2] * 9 + [1] * 5 + [0] * 10)
    assert track.changes == [6, 15, 20]
    assert [span.genres for span in track.spans] == [("a",), ("c",), ("b",), ("a",)]


def test_a_single_odd_prediction_is_no_change():
    assert followed([0] * 6 + [2] + [0] * 6, cost=2.0).changes == []
    assert followed([0] * 6 + [2] + [0] * 6, cost=0.1).changes == [6, 7]


def test_a_second_genre_is_named_from_its_share_on():
    probabilities = np.tile([0.55, 0.05, 0.4], (10, 1))
    edges = np.arange(11.0)
    for share, genres in ((0.3, ("a", "c")), (0.39, ("a", "c")), (0.45, ("a",))):
        (span,) = timeline.follow(GENRES, edges, probabilities, 1.0, share=share).spans
        assert span.genres == genres


def test_the_shares_of_a_span_are_by_time():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.5, 0.1, 0.4]])
    (span,) = timeline.spans(GENRES, np.array([0.0, 1.0, 4.0]), probabilities, [0, 0], share=0.3)
    assert span.genres == ("a", "c")
    assert span.shares == pytest.approx(((0.8 + 3 * 0.5) / 4, (0.1 + 3 * 0.4) / 4))


def test_steps_meet_halfway_between_the_middles_of_windows():
    assert timeline.step_edges(30.0, 5, 10.0).tolist() == [0, 7.5, 12.5, 17.5, 22.5, 30]
    assert timeline.step_edges(7.0, 2, 5.0).tolist() == [0, 3.5, 7]
    assert timeline.step_edges(4.0, 1, 5.0).tolist() == [0, 4]


@given(st.floats(5, 500), st.integers(2, 40), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_each_moment_is_in_the_step_of_the_nearest_window(seconds, n_windows, moment):
    begins = np.linspace(0, seconds - 5, n_windows)
    far = np.abs(begins + 5 / 2 - moment * seconds)
    edges = timeline.step_edges(seconds, n_windows, 5.0)
    step = min(np.searchsorted(edges, moment * seconds, side="right"), n_windows) - 1
    assert far[step] == pytest.approx(far.min(), abs=1e-9)


def test_overlapping_windows_count_by_what_is_new_in_them():
    path = [0] * 5 + [1] * 5
    track = timeline.follow(GENRES, np.arange(11.0), confident_in(path), 5.0, cost=3.0)
    assert track.changes == []  # five windows say once what one says
    assert followed(path, cost=3.0).changes == [5]


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(0, 0.1, 50 * SR).astype(np.float32)


def test_windows_of_a_clip_are_what_the_course_and_a_mel_store_have_of_it(noise):
    clip = noise[: 30 * SR] * np.linspace(0.1, 1, 30 * SR, dtype=np.float32)
    measured, whole = timeline.measure(clip, N_STEPS), melstore.encode(clip, SR)
    assert measured.segments.shape == (26, 1, 63)
    assert measured.mel.shape == (26, 128, 64)
    for at in (0, 7, 25):
        segment = features.course_features(clip[at * SR : (at + 5) * SR], SR)
        np.testing.assert_allclose(measured.segments[at, 0], segment, rtol=1e-6)
        first = min(round(12.9 * at), whole.shape[1] - 64)
        np.testing.assert_array_equal(measured.mel[at], whole[:, first : first + 64])


def test_what_is_loud_far_away_changes_nothing(noise):
    quiet = noise[: 40 * SR] * np.float32(0.01)
    alone = timeline.measure(quiet, 3).mel
    beside = timeline.measure(np.concatenate([quiet, noise[: 5 * SR]]), 3).mel
    assert abs(beside[:10].mean() - alone[:10].mean()) < 3  # it would be 40 dB, 128 steps, lower


@pytest.mark.parametrize(("seconds", "n_windows"), [(1, 1), (4.99, 1), (5, 1), (7.3, 3), (12, 8)])
def test_short_tracks_are_measured_too(noise, seconds, n_windows):
    measured = timeline.measure(noise[: round(seconds * SR)], N_STEPS)
    assert measured.segments.shape == (n_windows, 1, 63)
    assert measured.mel.shape == (n_windows, 128, 64)


def test_silence_is_measured_without_a_fuss():
    measured = timeline.measure(np.zeros(8 * SR, np.float32), N_STEPS)
    assert np.isfinite(measured.segments).all()


@pytest.fixture(scope="module")
def model():
    """A champion that knows three genres of the built-in corpus, six clips of each."""
    genres = ["classical", "metal", "hiphop"]
    clips = [(genre, 100 + seed) for genre in genres for seed in range(6)]
    names = [f"{genre} {seed}" for genre, seed in clips]
    tracks = measurements.measure([corpus.render(*clip).samples for clip in clips], N_STEPS, names)
    base = {"kernel machine on texture": TextureClassifier()}
    return Champion(base, Mixture.alone(*base), genres).fit(tracks, np.repeat(range(3), 6))


@pytest.fixture(scope="module")
def medley():
    genres = ("classical", "hiphop", "metal")
    return np.concatenate([corpus.render(genre, 7, 14).samples for genre in genres])


def test_a_medley_changes_where_its_pieces_meet(model, medley):
    shares = []
    track = timeline.follow_sound(medley, model, progress=shares.append)
    assert [span.genres[0] for span in track.spans] == ["classical", "hiphop", "metal"]
    np.testing.assert_allclose(track.changes, [14, 28], atol=2.5)
    assert track.seconds == 42
    assert track.window == 5
    assert track.probabilities.shape == (len(track.edges) - 1, 3)
    np.testing.assert_allclose(track.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_what_was_measured_serves_several_champions(model, medley):
    measured = timeline.measure(medley, N_STEPS)
    first = timeline.follow_sound(medley, model)
    second = timeline.follow_sound(medley, model, measured=measured)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    assert first.spans == second.spans


def test_a_second_of_sound_gets_one_span(model, medley):
    track = timeline.follow_sound(medley[:SR], model)
    assert [(span.start, span.end) for span in track.spans] == [(0.0, 1.0)]


def test_the_clips_of_one_genre_mostly_do_not_change(model):
    tracks = [
        timeline.follow_sound(corpus.render("metal", seed).samples, model) for seed in range(3)
    ]
    assert sum(bool(track.changes) for track in tracks) <= 1


def test_a_known_track_is_the_nearest_to_itself(model):
    nearest = timeline.nearest(corpus.render("hiphop", 103).samples, model, n=4)
    assert nearest[0][:2] == ("hiphop 103", "hiphop")
    assert nearest[0].similarity == pytest.approx(1, abs=1e-4)
    similarities = [known.similarity for known in nearest]
    assert len(nearest) == 4
    assert similarities == sorted(similarities, reverse=True)


def test_a_champion_that_keeps_no_tracks_knows_no_nearest(model, medley):
    parts = model.base_, model.mixture_, model.genres_, model.n_steps_
    assert timeline.nearest(medley, Champion.of(*parts)) == []


def test_an_ensemble_of_lstms_is_a_champion_of_its_own(medley):
    rng = np.random.default_rng(0)
    labels = np.arange(20) % 2
    segments = (rng.normal(size=(20, 3, 63)) + labels[:, None, None]).astype(np.float32)
    lstms = LstmClassifier(n_members=2, epochs=2, random_state=0).fit(Tracks(segments), labels)
    preparation = lstms.preparation_ | {"genres": ["a", "b"], "seconds": 10}
    model = timeline.of_ensemble(lstms.ensemble_, preparation)
    for changes in ({"seconds": 0}, {"seconds": "ten"}, {"genres": 5}, {"genres": ["a"]}):
        with pytest.raises(Refusal, match="LSTM ensemble"):
            timeline.of_ensemble(lstms.ensemble_, preparation | changes)
    track = timeline.follow_sound(medley, model)
    assert track.window == 10
    assert track.genres == ["a", "b"]
    np.testing.assert_allclose(track.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert timeline.nearest(medley, model) == []


def test_parts_and_what_is_predicted_of_them_are_librosas(model, medley):
    sound = medley[: 40 * SR]
    ours, theirs = features.separate(sound), librosa.effects.hpss(sound, pad_mode="reflect")
    for our_part, their_part in zip(ours, theirs, strict=True):
        inside = len(sound) // 512 * 512  # after its last frame librosa mirrors what is there
        np.testing.assert_allclose(our_part[:inside], their_part[:inside], atol=1e-4)
        predicted = [timeline.follow_sound(part, model) for part in (our_part, their_part)]
        np.testing.assert_allclose(*(track.probabilities for track in predicted), atol=0.01)
        assert predicted[0].changes == predicted[1].changes


def test_a_timeline_is_drawn_under_sound_and_spectrogram():
    tracks = {"one": followed([0] * 6 + [1] * 4), "two": followed([2] * 10)}
    samples = np.sin(np.arange(10 * SR)).astype(np.float32)
    truth = [(0.0, "a"), (6.0, "b")]
    figure = soundplots.timelines(samples, np.zeros((64, 50)), tracks, "Both", truth)
    waveform, _, one, two = figure.axes
    assert [axis.get_ylabel() for axis in (one, two)] == [
        "one\n(probability)",
        "two\n(probability)",
    ]
    assert [text.get_text() for text in waveform.texts] == [" a", " b"]
    assert [text.get_text() for text in one.texts] == ["a", "b"]
    assert len(one.lines) == 1
    assert len(two.lines) == 0
    assert two.get_xlabel() == "time (s)"
    soundplots.plt.close(figure)


def test_the_evaluation_is_drawn():
    costs = np.linspace(0, 1, 5)
    figure = soundplots.trade_off(costs[::-1], costs, 2, 0.3, "Trade-off")
    assert figure.axes[0].lines[1].get_xydata().tolist() == [[0.5, 0.5]]
    soundplots.plt.close(figure)
    figure = scoreplots.errors(np.array([-1.0, 0.2, 7.4]), 2.5, "Errors")
    _, *bars = figure.axes[0].patches  # after what counts as found
    assert sum(bar.get_height() for bar in bars) == 3
    soundplots.plt.close(figure)


def test_a_changes_corner_lies_above_the_curve_of_novelty():
    matrix, curve = np.kron(np.eye(2), np.ones((5, 5))), np.arange(10.0)
    figure = soundplots.similarity(matrix, curve, 20.0, [10.0], "Similar", "novelty")
    above, below, _ = figure.axes
    assert above.images[0].get_extent() == [0, 20, 0, 20]
    assert below.lines[0].get_xdata().tolist() == list(range(0, 20, 2))
    assert [segment[0][0] for segment in below.collections[0].get_segments()] == [10.0]
    soundplots.plt.close(figure)


def test_windows_have_the_tags_of_their_moments(noise):
    taggram = np.tile(np.linspace(0.1, 0.9, 18)[:, None], (1, 50)).astype(np.float32)
    tagged = tagger.Tagged(taggram, np.zeros((18, 200), np.float32))
    measured = timeline.measure(np.resize(noise, 20 * SR), 3, tagged=tagged)
    assert measured.tags.shape == (len(measured), 50)
    # Windows of 10 s every 2 s: the first has the patches whose middles are at 1.5 to 9.5 s.
    np.testing.assert_allclose(measured.tags[0], tags.log_odds(taggram[:9]).mean(axis=0), rtol=1e-5)
    assert (np.diff(measured.tags[:, 0]) > 0).all()
    tiny = timeline.measure(np.resize(noise, 2 * SR), 30, tagged=tagged.between(0, 2))
    np.testing.assert_allclose(tiny.tags, tags.log_odds(taggram[:1]).repeat(len(tiny), axis=0))


def test_to_measure_a_track_takes_no_tensorflow():
    code = "import sys, genres.changes.timeline; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

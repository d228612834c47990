"""What is the best answer for one clip?"""

import numpy as np
import pytest

from genres import Refusal
from genres.data import tables
from genres.models import champion, experts
from genres.models.champion import Champion, Mixture
from genres.models.experts import Effort, Tracks
from genres.sound import audio
from genres.synth import corpus

LITTLE = Effort(lstms=2, lstm_epochs=2, cnns=1, cnn_epochs=1)


@pytest.fixture(scope="module")
def tracks():
    """Forty tracks of two genres that differ in every feature and every band."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    shift = labels[:, None, None]
    segments = (rng.normal(size=(40, 3, len(tables.FEATURES))) + shift).astype(np.float32)
    mel = rng.integers(60, 120, size=(40, 128, 387)) + 60 * shift
    return Tracks(segments, mel.astype(np.uint8)), labels


@pytest.fixture(scope="module")
def trained(tracks):
    calls = []
    fitted = champion.fit_experts(*tracks, 2, seed=3, effort=LITTLE, step=calls.append)
    assert sum(calls) == champion.n_steps(LITTLE)
    answers = champion.ask(fitted, tracks[0])
    known = [[f"{number}.wav", "ab"[label]] for number, label in enumerate(tracks[1])]
    return Champion(["a", "b"], 3, fitted, champion.mix(answers, tracks[1]), known)


def test_genres_that_differ_in_everything_are_told_apart(trained, tracks):
    probabilities = trained.probabilities(tracks[0])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert np.mean(probabilities.argmax(axis=1) == tracks[1]) > 0.9


def test_a_champion_is_the_same_after_it_was_kept(trained, tracks, tmp_path):
    champion.save(trained, tmp_path)
    loaded = champion.load(tmp_path)
    assert loaded.genres == ["a", "b"]
    np.testing.assert_allclose(
        loaded.probabilities(tracks[0]), trained.probabilities(tracks[0]), atol=1e-6
    )


def test_a_champion_whose_genres_are_not_its_experts_is_refused(trained, tmp_path):
    champion.save(trained._replace(genres=["a", "b", "c"]), tmp_path)
    with pytest.raises(Refusal, match="no champion"):
        champion.load(tmp_path)


def test_a_track_that_is_known_is_likest_to_itself(trained, tracks):
    machine = trained.fitted["kernel machine on texture"]
    places, likeness = machine.likeness(tracks[0])
    np.testing.assert_array_equal(places, range(40))
    np.testing.assert_array_equal(likeness.argmax(axis=1), places)
    np.testing.assert_allclose(np.diag(likeness), 1, atol=1e-4)
    assert likeness.min() >= 0


def test_one_segment_alone_is_answered_too(trained, tracks):
    for name, expert in trained.fitted.items():
        short = Tracks(tracks[0].segments[:5, :1], tracks[0].mel[:5, :, :129])
        answers = expert.answer(short)
        assert answers.shape == (5, 2), name
        np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("content", [None, "{}", '{"experts": ["unheard of"]}', "no JSON"])
def test_a_folder_without_a_sound_champion_is_refused(tmp_path, content):
    if content:
        (tmp_path / "champion.json").write_text(content)
    with pytest.raises(Refusal):
        champion.load(tmp_path)


def test_the_mixture_trusts_the_kind_that_is_right():
    labels = np.arange(30) % 3
    right = 0.7 * np.eye(3)[labels] + 0.1
    guessed = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    mixture = champion.mix({"right": right, "guessed": guessed}, labels)
    assert mixture.weights["right"] > 0.9
    assert sum(mixture.weights.values()) == pytest.approx(1)
    assert mixture.temperature < 1  # what is always right may be surer than it is


def test_a_mixture_worked_by_hand():
    answers = {"a": np.array([[0.8, 0.2]]), "b": np.array([[0.4, 0.6]])}
    as_they_are = {"a": 1.0, "b": 1.0}
    mixed = Mixture({"a": 0.5, "b": 0.5}, as_they_are, 1.0)(answers)
    np.testing.assert_allclose(mixed, [[0.6, 0.4]])
    # At temperature 1/2, probabilities are squared.
    mixed = Mixture({"a": 0.5, "b": 0.5}, as_they_are, 0.5)(answers)
    np.testing.assert_allclose(mixed, [[0.36 / 0.52, 0.16 / 0.52]])
    mixed = Mixture({"a": 1.0}, {"a": 0.5}, 1.0)(answers)
    np.testing.assert_allclose(mixed, [[0.64 / 0.68, 0.04 / 0.68]])


@pytest.mark.parametrize(
    ("seconds", "n_clips"), [(4, 1), (30, 1), (30.01, 1), (31, 1), (31.5, 2), (75, 3)]
)
def test_sound_of_any_length_is_cut_into_clips_of_thirty_seconds(seconds, n_clips):
    samples = np.arange(seconds * audio.SAMPLE_RATE, dtype=np.float32)
    clips = champion.windows(samples)
    assert [len(clip) for clip in clips] == [30 * audio.SAMPLE_RATE] * n_clips
    assert clips[0][0] == 0
    if seconds == 4:  # repeated
        np.testing.assert_array_equal(clips[0][4 * audio.SAMPLE_RATE :][: len(samples)], samples)
    elif n_clips > 1:
        assert clips[-1][-1] == samples[-1]


def test_what_is_heard_of_a_clip():
    tracks = champion.listen(champion.windows(corpus.render("pop", 0, 4).samples), 3)
    assert tracks.segments.shape == (1, 3, len(tables.FEATURES))
    assert tracks.mel.shape == (1, 128, 387)
    assert np.isfinite(tracks.segments).all()


def test_a_kernel_machine_knows_no_more_segments_than_it_can(tracks, monkeypatch):
    monkeypatch.setattr(experts, "MOST_SUPPORT", 50)
    fit = {"seed": 0, "effort": LITTLE, "step": lambda n: None}
    machine = experts.KernelMachine.fit(*tracks, 2, **fit)
    assert machine.support.shape[0] == 50
    assert np.mean(machine.answer(tracks[0]).argmax(axis=1) == tracks[1]) > 0.9


HALVES = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]


def test_held_out_answers_are_of_experts_that_did_not_learn_from_what_is_asked(tracks):
    heard, labels = tracks
    # What can be learnt from one half does not hold in the other.
    upset = np.where(np.arange(40) < 20, labels, 1 - labels)
    answers = champion.held_out_answers(heard, upset, HALVES, 2, effort=LITTLE)
    assert set(answers) == set(champion.EXPERTS)
    for given in answers.values():
        assert np.mean(given.argmax(axis=1) == upset) < 0.2


def test_held_out_answers_are_kept_for_the_same_question(tracks, tmp_path, monkeypatch):
    calls = []
    ask = {"effort": LITTLE, "folder": tmp_path, "step": calls.append}
    answers = champion.held_out_answers(*tracks, HALVES[:1], 2, **ask)
    assert sum(calls) == champion.n_steps(LITTLE)
    monkeypatch.setattr(champion, "fit_experts", lambda *_, **__: pytest.fail("trained again"))
    again = champion.held_out_answers(*tracks, HALVES[:1], 2, **ask)
    assert sum(calls) == 2 * champion.n_steps(LITTLE)
    for name, given in answers.items():
        np.testing.assert_array_equal(given, again[name])
        assert np.isnan(given[:20]).all()
        assert np.isfinite(given[20:]).all()
    with pytest.raises(BaseException, match="trained again"):
        champion.held_out_answers(*tracks, HALVES[:1], 2, seed=1, **ask)

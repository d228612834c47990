"""What is the best answer for one clip?"""

import numpy as np
import pytest

from genres import Refusal, audio, champion, synth, tables
from genres.champion import Champion, Effort, Mixture, Tracks

LITTLE = Effort(lstms=2, lstm_epochs=2, cnns=1, cnn_epochs=1)


@pytest.fixture(scope="module")
def tracks():
    """Forty tracks of two genres that differ in every feature and every band."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    shift = labels[:, None, None]
    segments = rng.normal(size=(40, 3, len(tables.FEATURES))) + shift
    mel = rng.integers(60, 120, size=(40, 128, 387)) + 60 * shift
    return Tracks(segments.astype(np.float32), mel.astype(np.uint8)), labels


@pytest.fixture(scope="module")
def trained(tracks):
    calls = []
    fitted = champion.fit_kinds(*tracks, 2, seed=3, effort=LITTLE, step=calls.append)
    assert sum(calls) == champion.n_steps(LITTLE)
    answers = champion.ask(fitted, tracks[0])
    return Champion(["a", "b"], 3, fitted, champion.mix(answers, tracks[1]))


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


@pytest.mark.parametrize("content", [None, "{}", '{"kinds": ["unheard of"]}', "no JSON"])
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
    mixed = Mixture({"a": 0.5, "b": 0.5}, 1.0)(answers)
    np.testing.assert_allclose(mixed, [[0.6, 0.4]])
    # At temperature 1/2, probabilities are squared.
    mixed = Mixture({"a": 0.5, "b": 0.5}, 0.5)(answers)
    np.testing.assert_allclose(mixed, [[0.36 / 0.52, 0.16 / 0.52]])


@pytest.mark.parametrize(("seconds", "n_clips"), [(4, 1), (30, 1), (31, 2), (75, 3)])
def test_sound_of_any_length_is_heard_in_clips_of_thirty_seconds(seconds, n_clips):
    samples = synth.render("pop", 0, 30).samples
    samples = np.resize(samples, seconds * audio.SAMPLE_RATE)
    tracks = champion.listen(samples, 3)
    assert tracks.segments.shape == (n_clips, 3, len(tables.FEATURES))
    assert tracks.mel.shape == (n_clips, 128, 387)
    assert np.isfinite(tracks.segments).all()

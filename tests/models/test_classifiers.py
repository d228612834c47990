"""What do the champion's base classifiers read, and what are they trained with?"""

import json

import numpy as np
import pandas as pd
import pytest
from mrmr import mrmr_classif
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError

from genres import Refusal
from genres.data import tables
from genres.models import classifiers, networks
from genres.models.classifiers import CnnClassifier, LstmClassifier, TagClassifier
from genres.models.networks import Ensemble, Fit
from genres.sound.measurements import Tracks


@pytest.fixture
def tracks():
    """Twelve tracks of three genres; their mel bands have decibels of 8 steps each."""
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 3
    segments = (rng.normal(size=(12, 3, 63)) + labels[:, None, None]).astype(np.float32)
    mel = rng.integers(0, 256, (12, 16, 150)).astype(np.uint8)
    mel[:, 4:6] = 255  # a pair of bands that never changes
    return Tracks(segments, mel), labels


@pytest.fixture
def trained(monkeypatch):
    """Notes with what networks were to be trained; none is."""
    notes = []

    def fit_ensemble(build, values, labels, **settings):
        notes.append((build, values, labels, settings))
        return Ensemble([], {}, {})

    def fit(build, values, labels, **settings):
        notes.append((build, values, labels, settings))
        return Fit(len(notes), {}, 1, 0.0)

    monkeypatch.setattr(classifiers.training, "fit_ensemble", fit_ensemble)
    monkeypatch.setattr(classifiers.training, "fit", fit)
    return notes


SEEDS = [(5, 5), (np.int64(6), 6)]
SEEDS += [(np.random.RandomState(1), np.random.RandomState(1).randint(2**31))]


@pytest.mark.parametrize(("random_state", "seed"), SEEDS, ids=["int", "NumPy's", "state"])
def test_lstms_read_standardised_features_that_were_selected(
    tracks, trained, capfd, random_state, seed
):
    X, y = tracks
    model = LstmClassifier(2, 7, n_selected=4, random_state=random_state).fit(X, y, progress=print)
    assert capfd.readouterr() == ("", "")
    ((build, values, labels, settings),) = trained
    rows = pd.DataFrame(X.segments.reshape(-1, 63), columns=list(tables.FEATURES))
    names = mrmr_classif(rows, pd.Series(np.repeat(y, 3)), 4, show_progress=False, n_jobs=1)
    assert model.preparation_["features"] == names
    selected = rows[names].to_numpy(float)
    wanted = (selected - selected.mean(axis=0)) / selected.std(axis=0)
    np.testing.assert_allclose(values.reshape(-1, 4), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(labels, y)
    assert settings == {"n_members": 2, "epochs": 7, "seed": seed, "progress": print}
    network = build()
    assert (network.input_shape, network.output_shape) == ((None, 3, 4), (None, 3, 3))


def test_a_feature_that_never_changes_is_not_divided_by_nothing(tracks, trained, monkeypatch):
    X, y = tracks
    X.segments[..., 7] = 2
    first = [tables.FEATURES[7], tables.FEATURES[0]]
    monkeypatch.setattr(classifiers, "mrmr_classif", lambda *_, **__: first)
    model = LstmClassifier(random_state=0).fit(X, y)
    assert model.preparation_["deviation"][0] == pytest.approx(1e-9)
    assert (trained[0][1][..., 0] == 0).all()


def test_lstms_count_their_last_step_on_average():
    steps = np.array([[[[1, 0], [0.8, 0.2]]], [[[1, 0], [0.4, 0.6]]]])  # of two, for one track

    class Spoken(Ensemble):
        def predict(self, values):
            assert values.tolist() == [[[2.0], [4.0]]]
            return steps

    preparation = {"features": [tables.FEATURES[1]], "mean": [1.0], "deviation": [0.5]}
    model = LstmClassifier.of(Spoken([], {}, {}), preparation, [0, 1])
    segments = np.zeros((1, 2, 63), np.float32)
    segments[0, :, 1] = 2, 3
    np.testing.assert_allclose(model.predict_proba(Tracks(segments)), [[0.6, 0.4]])


def test_networks_on_mel_are_trained_on_windows_of_standardised_pairs_of_bands(tracks, trained):
    X, y = tracks
    model = CnnClassifier(n_members=2, epochs=9, random_state=5).fit(X, y, progress=print)
    assert model.ensemble_.members == [1, 2]
    bands = X.paired_bands()
    deviation = bands.reshape(-1, 8).std(axis=0)
    assert deviation[2] < 1e-3
    deviation[2] = 1e-3
    assert model.preparation_["width"] == 128
    assert model.n_fit_steps == 18
    for number, (build, values, labels, settings) in enumerate(trained):
        wanted = (bands - bands.reshape(-1, 8).mean(axis=0)) / deviation
        np.testing.assert_allclose(values, wanted, atol=1e-4)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(labels, y)
        optimizer, augment = settings.pop("optimizer")(100), settings.pop("augment")
        assert settings == {"batch_size": 16, "epochs": 9, "progress": print, "seed": 5 + number}
        optimizer.iterations.assign(10)
        assert float(optimizer.learning_rate) == pytest.approx(2e-3)
        windows, targets = augment(np.random.default_rng(0), values, labels)
        assert (windows.shape, targets.shape) == ((12, 128, 8), (12, 3))
        network = build()
        assert (network.input_shape, network.output_shape) == ((None, 128, 8), (None, 3))


def test_a_short_clip_is_one_window(tracks, trained):
    X, y = tracks
    short = Tracks(X.segments, X.mel[..., :50])
    assert CnnClassifier(random_state=0).fit(short, y).preparation_["width"] == 50


class Listening:
    """A network that notes where in the clip its windows begin, and answers with that."""

    def __init__(self, factor):
        self.factor, self.heard = factor, []

    def predict_on_batch(self, windows):
        self.heard.append(windows[0, :, 0])
        share = self.factor * windows[:, 0, 0] / 1000
        return np.column_stack([share, 1 - share])


@pytest.mark.parametrize(
    ("n_columns", "starts"),
    [(387, [0, 51, 103, 155, 207, 259]), (130, [0, 1, 2]), (128, [0]), (50, [0])],
)
def test_six_windows_from_the_first_column_to_the_last_cover_a_clip(monkeypatch, n_columns, starts):
    clip = np.arange(n_columns, dtype=np.float32)[None, :, None]
    monkeypatch.setattr(Tracks, "paired_bands", lambda _: clip)
    members = [Listening(1), Listening(2)]
    preparation = {"mean": [0.0], "deviation": [1.0], "width": 128}
    model = CnnClassifier.of(Ensemble(members, {}, {}), preparation, [0, 1])
    given = model.predict_proba(Tracks(np.zeros((1, 1, 63))))
    for member in members:
        wanted = [(at + np.arange(128)) % n_columns for at in starts]
        np.testing.assert_array_equal(member.heard, wanted)
    share = 1.5 * np.mean(starts) / 1000
    np.testing.assert_allclose(given, [[share, 1 - share]], atol=1e-6)


def test_discriminants_are_kept_with_their_classes(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.array(["rock", "blues", "jazz"] * 8)
    tags = (rng.normal(size=(24, 50)) + np.unique(labels, return_inverse=True)[1][:, None]).astype(
        np.float32
    )
    X = Tracks(np.zeros((24, 1, 1)), tags=tags)
    fitted = TagClassifier().fit(X, labels)
    fitted.save(tmp_path)
    loaded = TagClassifier.load(tmp_path)
    assert loaded.classes_.tolist() == ["blues", "jazz", "rock"]
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    wanted = softmax(tags @ fitted.coef_.T + fitted.intercept_, axis=1)
    np.testing.assert_allclose(loaded.predict_proba(X), wanted, rtol=1e-6)
    (tmp_path / "discriminants.json").write_text('{"classes_": [0, 1]}')
    with pytest.raises(Refusal, match="of another version"):
        TagClassifier.load(tmp_path)


# What is kept


@pytest.fixture
def kept(tmp_path):
    """Two small networks of two classes, and what is written beside them."""
    network = networks.sequential((3, 2), [networks.layers.Dense(4)], 2)
    features = [tables.FEATURES[5], tables.FEATURES[2]]
    preparation = {"features": features, "mean": [0.5, 1.0], "deviation": [2.0, 1.0]}
    ensemble = Ensemble([network] * 2, {}, {})
    model = LstmClassifier.of(ensemble, preparation, ["a", "b"], n_members=2, random_state=9)
    model.save(tmp_path)
    return model, tmp_path / "ensemble.json"


def test_networks_are_kept_with_classes_and_parameters(kept):
    model, path = kept
    described = json.loads(path.read_text())
    assert described == {
        "members": ["member-01.keras", "member-02.keras"],
        **model.preparation_,
        "classes": ["a", "b"],
        "parameters": model.get_params(),
    }
    loaded = LstmClassifier.load(path.parent)
    assert loaded.get_params() == model.get_params()
    assert loaded.preparation_ == model.preparation_
    assert loaded.classes_.tolist() == ["a", "b"]
    X = Tracks(np.random.default_rng(0).normal(size=(4, 3, 63)).astype(np.float32))
    np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"classes": None}, "is of another version"),
        ({"parameters": None}, "is of another version"),
        ({"parameters": {"layers": 5}}, "is of another version"),
        ({"classes": [["a"], ["b", "c"]]}, "is of another version"),
        ({"classes": ["b", "a"]}, "gives no probabilities"),
        ({"features": ["loudness", tables.FEATURES[0]]}, "does not work"),
    ],
)
def test_networks_whose_description_does_not_fit_are_refused(kept, change, told):
    _, path = kept
    described = json.loads(path.read_text()) | change
    path.write_text(json.dumps({name: v for name, v in described.items() if v is not None}))
    with pytest.raises(Refusal, match=told):
        LstmClassifier.load(path.parent)


@pytest.mark.parametrize("model", [LstmClassifier(), CnnClassifier(), TagClassifier()])
def test_what_is_not_trained_cannot_be_kept(model, tmp_path):
    with pytest.raises(NotFittedError):
        model.save(tmp_path)
    assert model.reads_tags == isinstance(model, TagClassifier)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_discriminants_are_those_of_scikit_learn(n_classes):
    rng = np.random.default_rng(2)
    labels = np.arange(60) % n_classes
    tags = (rng.normal(size=(60, 50)) + labels[:, None]).astype(np.float32)
    expected = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(tags, labels)
    calls = []
    X = Tracks(np.zeros((60, 1, 1), np.float32), tags=tags)
    ours = TagClassifier().fit(X, labels, progress=calls.append)
    np.testing.assert_allclose(ours.predict_proba(X), expected.predict_proba(tags), atol=1e-6)
    assert calls == [1] == [ours.n_fit_steps]

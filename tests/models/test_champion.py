"""What is the best prediction for one clip?"""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from genres import Refusal
from genres.data import folders, tables
from genres.models import champion
from genres.models.champion import Champion, Effort, Mixture
from genres.models.classifiers import (
    BASE_CLASSIFIERS,
    ON_TAGS,
    CnnClassifier,
    LstmClassifier,
    TagClassifier,
)
from genres.models.kernel import TextureClassifier
from genres.sound.measurements import Tracks

pytestmark = pytest.mark.usefixtures("untraced")

LITTLE = Effort(lstms=2, lstm_epochs=2, cnns=1, cnn_epochs=1)


@pytest.fixture(scope="module")
def tracks():
    """Forty tracks of two genres that differ in every feature and every band."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    shift = labels[:, None, None]
    segments = (rng.normal(size=(40, 3, len(tables.FEATURES))) + shift).astype(np.float32)
    mel = rng.integers(60, 120, size=(40, 128, 387)) + 60 * shift
    names = np.array([f"{number}.wav" for number in range(40)])
    return Tracks(segments, mel.astype(np.uint8), names), labels


@pytest.fixture(scope="module")
def trained(tracks):
    calls = []
    base = champion.base_classifiers(LITTLE, random_state=3)
    model = Champion(base, genres=["a", "b"], cv=2, random_state=3)
    model.fit(*tracks, progress=calls.append)
    assert sum(calls) == model.n_fit_steps == 3 * champion.n_fit_steps(base)
    return model


def test_genres_that_differ_in_everything_are_told_apart(trained, tracks):
    probabilities = trained.predict_proba(tracks[0])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert trained.score(*tracks) > 0.9


def test_a_champion_is_the_same_after_it_was_kept(trained, tracks, tmp_path):
    champion.save(trained, tmp_path)
    loaded = champion.load(tmp_path)
    assert loaded.genres_ == ["a", "b"]
    assert loaded.known_ == trained.known_
    assert loaded.known_[1] == ["1.wav", "b"]
    np.testing.assert_array_equal(loaded.classes_, trained.classes_)
    np.testing.assert_allclose(
        loaded.predict_proba(tracks[0]), trained.predict_proba(tracks[0]), atol=1e-6
    )
    for name, classifier in loaded.base_.items():
        assert classifier.get_params() == trained.base_[name].get_params()


def test_a_champion_of_other_genres_than_its_base_classifiers_is_refused(trained, tmp_path):
    parts = trained.base_, trained.mixture_
    champion.save(Champion.of(*parts, ["a", "b", "c"], 3), tmp_path)
    with pytest.raises(Refusal, match="no champion"):
        champion.load(tmp_path)


def test_a_champion_of_an_older_version_is_refused(tmp_path):
    (tmp_path / "champion.json").write_text('{"genres": ["a"], "n_steps": 3, "experts": []}')
    with pytest.raises(Refusal, match="no champion that this version knows: make it again"):
        champion.load(tmp_path)


def test_a_known_track_is_most_similar_to_itself(trained, tracks):
    places, similarity = trained.base_["kernel machine on texture"].similarity(tracks[0])
    np.testing.assert_array_equal(places, range(40))
    np.testing.assert_array_equal(similarity.argmax(axis=1), places)
    np.testing.assert_allclose(np.diag(similarity), 1, atol=1e-4)
    assert similarity.min() >= 0


def test_one_segment_alone_is_predicted_too(trained, tracks):
    short = Tracks(tracks[0].segments[:5, :1], tracks[0].mel[:5, :, :129])
    for name, classifier in trained.base_.items():
        probabilities = classifier.predict_proba(short)
        assert probabilities.shape == (5, 2), name
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_only_base_classifiers_with_a_weight_are_trained(tracks):
    base = champion.base_classifiers(LITTLE)
    model = Champion(base, Mixture.alone("kernel machine on texture")).fit(*tracks)
    assert list(model.base_) == ["kernel machine on texture"]
    assert model.n_fit_steps == 1


@pytest.mark.parametrize("content", [None, "{}", '{"classifiers": ["unheard of"]}', "no JSON"])
def test_a_folder_without_a_sound_champion_is_refused(tmp_path, content):
    if content:
        (tmp_path / "champion.json").write_text(content)
    with pytest.raises(Refusal):
        champion.load(tmp_path)


def test_the_mixture_trusts_the_classifier_that_is_correct():
    labels = np.arange(30) % 3
    correct = 0.7 * np.eye(3)[labels] + 0.1
    guessed = np.random.default_rng(0).dirichlet(np.ones(3), 30)
    mixture = champion.mix({"correct": correct, "guessed": guessed}, labels)
    assert mixture.weights["correct"] > 0.9
    assert sum(mixture.weights.values()) == pytest.approx(1)
    assert mixture.temperature < 1  # what is always correct is underconfident


def test_a_mixture_is_as_confident_as_its_labels_bear_out():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 400)
    evidence = 1.5 * np.eye(3)[labels] + rng.normal(size=(2, 1200, 3))  # of two who err apart
    given = dict(zip("ab", softmax([evidence[0], 3 * evidence[1]], axis=-1), strict=True))
    mixture = champion.mix(given, labels)
    assert mixture.temperatures["b"] == pytest.approx(3 * mixture.temperatures["a"], rel=0.15)
    mean = Mixture(mixture.weights, mixture.temperatures, 1.0)(given)
    assert mixture.temperature < 0.95  # a mean is underconfident, though its parts are calibrated
    # Least cross-entropy: the logarithm of the labels' own probability is what is expected of it.
    logs, mixed = np.log(mean), mixture(given)
    expected = np.sum(mixed * logs, axis=1).mean()
    assert logs[np.arange(1200), labels].mean() == pytest.approx(expected, abs=1e-3)


def test_a_mixture_worked_by_hand():
    probabilities = {"a": np.array([[0.8, 0.2]]), "b": np.array([[0.4, 0.6]])}
    as_they_are = {"a": 1.0, "b": 1.0}
    mixed = Mixture({"a": 0.5, "b": 0.5}, as_they_are, 1.0)(probabilities)
    np.testing.assert_allclose(mixed, [[0.6, 0.4]])
    # At temperature 1/2, probabilities are squared.
    mixed = Mixture({"a": 0.5, "b": 0.5}, as_they_are, 0.5)(probabilities)
    np.testing.assert_allclose(mixed, [[0.36 / 0.52, 0.16 / 0.52]])
    mixed = Mixture({"a": 1.0}, {"a": 0.5}, 1.0)(probabilities)
    np.testing.assert_allclose(mixed, [[0.64 / 0.68, 0.04 / 0.68]])


def test_no_more_segments_are_trained_on_than_allowed(tracks):
    few = TextureClassifier(max_support=50, random_state=0).fit(*tracks)
    assert few.kernel_ridge_.support_vectors_.shape[0] == 50
    assert few.score(*tracks) > 0.9


def test_chosen_families_and_parameters_are_kept_with_a_champion(tracks, tmp_path):
    chosen = TextureClassifier(["rhythm", "features"], alpha=0.1, sharpness=8.0, clip=2.0)
    name = "kernel machine on texture"
    model = Champion({name: chosen}, Mixture.alone(name)).fit(*tracks)
    champion.save(model, tmp_path)
    loaded = champion.load(tmp_path)
    assert loaded.base_[name].get_params() == chosen.get_params()
    np.testing.assert_allclose(loaded.predict_proba(tracks[0]), model.predict_proba(tracks[0]))


HALVES = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]


def test_held_out_predictions_are_of_classifiers_that_were_not_trained_on_them(tracks):
    X, labels = tracks
    # What holds in one half does not hold in the other.
    upset = np.where(np.arange(40) < 20, labels, 1 - labels)
    base = champion.base_classifiers(LITTLE, random_state=0)
    held_out = champion.cross_val_predict_proba(base, X, upset, HALVES)
    assert set(held_out) == set(base)
    for probabilities in held_out.values():
        assert np.mean(probabilities.argmax(axis=1) == upset) < 0.2


def test_held_out_predictions_are_kept_for_the_same_question(tracks, tmp_path, monkeypatch):
    calls = {True: 0, False: 0}

    def progress(n, kept=False):
        calls[kept] += n

    base = champion.base_classifiers(LITTLE, random_state=0)
    options = {"folder": tmp_path, "progress": progress}
    held_out = champion.cross_val_predict_proba(base, *tracks, HALVES[:1], **options)
    assert calls == {True: 0, False: champion.n_fit_steps(base)}
    monkeypatch.setattr(champion, "clone", lambda *_: pytest.fail("trained again"))
    again = champion.cross_val_predict_proba(base, *tracks, HALVES[:1], **options)
    assert calls == {kept: champion.n_fit_steps(base) for kept in (True, False)}
    for name, probabilities in held_out.items():
        np.testing.assert_array_equal(probabilities, again[name])
        assert np.isnan(probabilities[:20]).all()
        assert np.isfinite(probabilities[20:]).all()
    for other in (champion.base_classifiers(LITTLE, 1), champion.base_classifiers(Effort(), 0)):
        with pytest.raises(BaseException, match="trained again"):
            champion.cross_val_predict_proba(other, *tracks, HALVES[:1], **options)
    code = []
    monkeypatch.setattr(champion.imports, "fingerprint", lambda paths, _: code.extend(paths))
    with pytest.raises(BaseException, match="trained again"):
        champion.cross_val_predict_proba(base, *tracks, HALVES[:1], **options)
    names = {path.stem for path in code}
    assert {"classifiers", "kernel", "training", "stacked", "texture", "measurements"} <= names
    assert not {"champion", "timeline", "folders", "plots", "runs"} & names


def test_a_class_that_a_split_does_not_train_on_gets_no_probability(tracks):
    base = {"kernel machine on texture": TextureClassifier()}
    three = np.arange(40) % 3
    only_two = [(np.flatnonzero(three < 2), np.flatnonzero(three == 2))]
    held_out = champion.cross_val_predict_proba(base, tracks[0], three, only_two)
    probabilities = held_out["kernel machine on texture"][three == 2]
    assert (probabilities[:, 2] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def _rewrite(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def _set(*places_and_value):
    *places, last, value = places_and_value

    def change(content):
        for place in places:
            content = content[place]
        content[last] = value

    return change


DESCRIPTIONS = {
    "not a number": _set("temperature", float("nan")),
    "a temperature below 0": _set("temperature", -1.0),
    "text for a weight": _set("weights", "LSTMs on features", "much"),
    "infinite weight": _set("weights", "LSTMs on features", float("inf")),
    "weights above 1": _set("weights", "LSTMs on features", 1.5),
    "no segments": _set("n_steps", 0),
    "half a segment": _set("n_steps", 2.5),
    "many segments": _set("n_steps", 10**9),
    "other segments": _set("n_steps", 5),
    "a genre twice": _set("genres", ["a", "a"]),
    "genres that are numbers": _set("genres", [1, 2]),
    "a genre too many": _set("genres", ["a", "b", "c"]),
    "fewer tracks": _set("known", [["0.wav", "a"]]),
    "tracks of another genre": _set("known", 0, ["0.wav", "c"]),
    "tracks that are none": _set("known", 5),
    "no classifiers": _set("classifiers", []),
    "classifiers that are numbers": _set("classifiers", [1, 2, 3]),
    "a classifier twice": _set("classifiers", 2 * ["LSTMs on features"]),
}


@pytest.fixture(scope="module")
def kept(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    champion.save(trained, folder)
    return folder


@pytest.fixture
def copied(kept, tmp_path):
    return Path(shutil.copytree(kept, tmp_path / "champion"))


@pytest.mark.parametrize("change", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_a_description_that_does_not_fit_is_refused(copied, change):
    _rewrite(copied / "champion.json", change)
    with pytest.raises(Refusal, match="champion"):
        champion.load(copied)


ENSEMBLES = {
    "no member": _set("members", []),
    "a member elsewhere": _set("members", ["../member-01.keras"]),
    "a member twice": _set("members", 2 * ["member-01.keras"]),
    "members that are numbers": _set("members", [1]),
    "a mean that is no number": _set("mean", 0, float("nan")),
    "a deviation of 0": _set("deviation", 0, 0.0),
    "deviations too many": _set("deviation", [1.0] * 99),
    "a class too many": _set("classes", [0, 1, 2]),
    "classes in disorder": _set("classes", [1, 0]),
    "parameters that are none": _set("parameters", {"layers": 5}),
}


@pytest.mark.parametrize("change", ENSEMBLES.values(), ids=ENSEMBLES)
@pytest.mark.parametrize("number", [2, 3])
def test_an_ensemble_that_does_not_fit_is_refused(copied, change, number):
    name, classifier = list(BASE_CLASSIFIERS.items())[number - 1]
    assert name in ("LSTMs on features", "CNNs on mel")
    _rewrite(copied / f"classifier-{number}" / "ensemble.json", change)
    with pytest.raises(Refusal):
        classifier.load(copied / f"classifier-{number}")


def test_features_and_windows_that_are_none_are_refused(copied):
    _rewrite(copied / "classifier-2" / "ensemble.json", _set("features", 0, "loudness"))
    _rewrite(copied / "classifier-3" / "ensemble.json", _set("width", 10**12))
    for number, classifier in ((2, LstmClassifier), (3, CnnClassifier)):
        with pytest.raises(Refusal):
            classifier.load(copied / f"classifier-{number}")


ARRAYS = {
    "mean_": lambda mean: mean[:1],
    "deviation_": lambda deviation: -deviation,
    "weight_": lambda weight: np.full_like(weight, np.nan),
    "dual_coef_": lambda dual: dual[:, :1],
    "support_": lambda rows: rows[::-1],
    "support_vectors_": lambda vectors: vectors[0],
    "classes": lambda classes: classes[::-1],
    "n_steps": lambda _: np.array(10**9),
    "parameters": lambda _: np.array('{"sharpness": -1}'),
    "read": lambda _: np.array('["volume"]'),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_do_not_fit_are_refused(copied, name):
    path = copied / "classifier-1" / "kernel-ridge.npz"
    arrays = dict(np.load(path))
    arrays[name] = ARRAYS[name](arrays[name])
    np.savez_compressed(path, **arrays)
    with pytest.raises(Refusal, match=r"kernel-ridge\.npz"):
        TextureClassifier.load(copied / "classifier-1")


@pytest.mark.parametrize("name", ["classifier-1/kernel-ridge.npz", "classifier-2/member-01.keras"])
def test_a_damaged_byte_in_a_file_is_told(copied, name):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (copied / name).write_bytes(content)
    with pytest.raises(Refusal, match=f"{name} is damaged: make it again"):
        champion.load(copied)


@pytest.mark.parametrize(
    "name",
    [
        "champion.json",
        "classifier-1/kernel-ridge.npz",
        "classifier-2/ensemble.json",
        "classifier-3/member-01.keras",
    ],
)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_regular_file_is_not_read(copied, name, kind):
    (copied / name).unlink()
    if kind == "pipe":
        os.mkfifo(copied / name)
    else:
        (copied / name).symlink_to("/dev/zero")
    with pytest.raises(Refusal, match=f"{name} cannot be read: it is not a regular file"):
        champion.load(copied)


def test_a_champion_reads_tags_where_tracks_have_them(tracks, tmp_path):
    X, labels = tracks
    tags = np.random.default_rng(1).normal(size=(len(X), 50)) + 2 * labels[:, None]
    X = Tracks(X.segments, X.mel, X.names, tags.astype(np.float32))
    base = champion.base_classifiers(LITTLE, random_state=0, tagged=True)
    base = {name: one for name, one in base.items() if "networks" not in name}
    model = Champion(base, cv=2, random_state=0).fit(X, labels)
    assert model.reads_tags
    assert model.base_["kernel machine on texture"].families_[-1] == "tags"
    assert model.score(X, labels) == 1
    champion.save(model, tmp_path)
    loaded = champion.load(tmp_path)
    assert loaded.reads_tags
    np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), atol=1e-6)


def test_a_champion_without_tags_predicts_tagged_tracks_too(trained, tracks):
    X = tracks[0]
    tagged = Tracks(X.segments, X.mel, X.names, np.zeros((len(X), 50), np.float32))
    assert not trained.reads_tags
    np.testing.assert_array_equal(trained.predict_proba(tagged), trained.predict_proba(X))


@pytest.mark.parametrize("kept", [{}, {"classes_": [0, 1], "coef_": [[1]], "intercept_": [0, 0]}])
def test_discriminants_that_do_not_fit_are_refused(tmp_path, kept):
    (tmp_path / "discriminants.json").write_text(json.dumps(kept))
    with pytest.raises(Refusal, match=r"discriminants\.json"):
        TagClassifier.load(tmp_path)


# What is trained and mixed


def test_the_default_effort_is_ten_lstms_and_one_network_on_mel():
    base = champion.base_classifiers()
    assert champion.n_fit_steps(base) == 1 + 15 + 40
    lstms, networks = base["LSTMs on features"], base["CNNs on mel"]
    assert (lstms.n_members, lstms.epochs, lstms.n_selected) == (10, 15, 40)
    assert (networks.n_members, networks.epochs) == (1, 40)
    for classifier in base.values():
        assert classifier.get_params() == type(classifier)().get_params()


class OfTags(TagClassifier):
    """Discriminants that count how often they are fitted."""

    fits = 0

    def fit(self, X, y, progress=None):
        OfTags.fits += 1
        return super().fit(X, y, progress)


@pytest.fixture
def tagged():
    """Twelve tracks of two genres, told apart by their tags, with names."""
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 2
    tags = (rng.normal(size=(12, 50)) + 3 * labels[:, None]).astype(np.float32)
    segments = rng.normal(size=(12, 3, 63)).astype(np.float32)
    mel = rng.integers(0, 255, (12, 8, 36)).astype(np.uint8)
    return Tracks(segments, mel, [f"{n}.wav" for n in range(12)], tags), labels


THIRDS = [(np.arange(6), np.arange(6, 12)), (np.arange(6, 12), np.arange(6))]


def changed(X, **parts):
    """Give tracks with other parts."""
    own = {"segments": X.segments, "mel": X.mel, "names": X.names, "tags": X.tags}
    return Tracks(**(own | parts))


@pytest.mark.parametrize(
    "question",
    [
        lambda X, y: {"X": changed(X, segments=X.segments + 1)},
        lambda X, y: {"X": changed(X, mel=X.mel[::-1])},
        lambda X, y: {"X": changed(X, mel=None)},
        lambda X, y: {"X": changed(X, tags=X.tags * 2)},
        lambda X, y: {"X": changed(X, tags=X.tags.astype(np.float64))},
        lambda X, y: {"y": 1 - y},
        lambda X, y: {"classes": [0, 1, 2]},
        lambda X, y: {"splits": THIRDS[::-1]},
        lambda X, y: {"splits": [(train, test[:5]) for train, test in THIRDS]},
        lambda X, y: {"base": {"another name": OfTags()}},
        lambda X, y: {"base": {"tags": OfTags(random_state=1)}},
    ],
)
def test_held_out_predictions_of_another_question_are_not_taken(
    tagged, tmp_path, question, monkeypatch
):
    monkeypatch.setattr(champion.imports, "fingerprint", lambda *_: "the same code")
    X, y = tagged
    asked = {"base": {"tags": OfTags()}, "X": X, "y": y, "splits": THIRDS, "folder": tmp_path}
    first = champion.cross_val_predict_proba(**asked)["tags"]
    OfTags.fits = 0
    named = changed(X, names=X.names[::-1])  # names are not read by classifiers
    np.testing.assert_array_equal(
        champion.cross_val_predict_proba(**asked | {"X": named})["tags"], first
    )
    assert OfTags.fits == 0
    champion.cross_val_predict_proba(**asked | question(X, y))
    assert OfTags.fits == 2


class Trap:
    """What unpickling would spring."""

    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


def test_nothing_is_unpickled_of_predictions_that_were_kept(tagged, tmp_path):
    asked = {"base": {"tags": OfTags()}, "splits": THIRDS, "folder": tmp_path}
    first = champion.cross_val_predict_proba(X=tagged[0], y=tagged[1], **asked)
    (kept,) = tmp_path.iterdir()
    np.savez(kept, tags=np.array([Trap()], object))
    again = champion.cross_val_predict_proba(X=tagged[0], y=tagged[1], **asked)
    np.testing.assert_array_equal(again["tags"], first["tags"])


def test_a_mixture_of_one_gives_its_probabilities_as_they_are(tagged):
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    given = {"one": probabilities, "other": probabilities[:, ::-1]}
    np.testing.assert_allclose(Mixture.alone("one")(given), probabilities)


def test_genres_have_to_be_as_many_as_classes(tagged):
    for genres in (["a"], ["a", "b", "c"]):
        model = Champion({ON_TAGS: TagClassifier()}, Mixture.alone(ON_TAGS), genres)
        with pytest.raises(ValueError, match=f"{len(genres)} genres, but y has 2 classes"):
            model.fit(*tagged)


def test_tracks_are_known_by_name_and_genre_where_they_have_names(tagged):
    X, y = tagged
    model = Champion({ON_TAGS: TagClassifier()}, Mixture.alone(ON_TAGS), ["a", "b"])
    assert model.fit(X, y).known_[:3] == [["0.wav", "a"], ["1.wav", "b"], ["2.wav", "a"]]
    assert len(model.known_) == 12
    assert model.fit(changed(X, names=None), y).known_ == []
    assert model.n_steps_ == 3
    assert model.genres_ == ["a", "b"]


def test_every_fold_of_the_cross_validation_is_fitted_once(tagged):
    OfTags.fits = 0
    calls = []
    model = Champion({"tags": OfTags()}, cv=3, random_state=0).fit(*tagged, progress=calls.append)
    assert OfTags.fits == len(calls) == model.n_fit_steps == 4
    assert Champion().cv == 5


@pytest.fixture
def of_tags(tagged, tmp_path):
    """A small champion of one classifier that reads tags, and the folder in which it is kept."""
    model = Champion({ON_TAGS: TagClassifier()}, Mixture.alone(ON_TAGS), ["a", "b"]).fit(*tagged)
    folder = tmp_path / "models" / "kept"
    for _ in range(2):  # what is kept again takes the place of what was
        champion.save(model, folder)
    return model, folder


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept,
        _set("n_steps", 1),
        _set("n_steps", 30),
        _set("known", []),
        _set("temperature", 1e-3),
        _set("weights", ON_TAGS, 1 + 1e-9),
    ],
)
def test_what_is_kept_may_lie_at_the_ends_of_what_is_sound(of_tags, tagged, change):
    model, folder = of_tags
    _rewrite(folder / "champion.json", change)
    loaded = champion.load(folder)
    np.testing.assert_array_equal(loaded.predict(tagged[0]), model.predict(tagged[0]))


@pytest.mark.parametrize(
    "change",
    [
        _set("n_steps", 0),
        _set("n_steps", 31),
        _set("n_steps", True),
        _set("temperature", 0.0),
        _set("temperature", float("inf")),
        _set("temperatures", ON_TAGS, 0.0),
        _set("temperatures", ON_TAGS, float("inf")),
        _set("temperatures", {}),
        _set("temperatures", "other", 1.0),
        _set("weights", ON_TAGS, 1 + 1e-5),
        _set("weights", ON_TAGS, 1 - 1e-5),
        _set("weights", "other", 0.0),
        _set("known", 0, [0, "a"]),
        _set("known", 0, ["0.wav", "c"]),
        _set("genres", ["a", 2]),
    ],
)
def test_what_is_kept_is_refused_beyond_them(of_tags, change):
    _, folder = of_tags
    _rewrite(folder / "champion.json", change)
    with pytest.raises(Refusal, match="no champion that this version knows"):
        champion.load(folder)


def test_shares_are_not_negative_though_they_sum_to_one(tagged, tmp_path):
    one = TagClassifier().fit(*tagged)
    texture = TextureClassifier(["features"]).fit(*tagged)
    base = {ON_TAGS: one, "kernel machine on texture": texture}
    as_it_is = dict.fromkeys(base, 1.0)
    for shares, sound in (((1.0, 0.0), True), ((1.5, -0.5), False)):
        mixture = Mixture(dict(zip(base, shares, strict=True)), as_it_is, 1.0)
        champion.save(Champion.of(base, mixture, ["a", "b"], 3), tmp_path)
        if sound:
            champion.load(tmp_path)
        else:
            with pytest.raises(Refusal, match="no champion"):
                champion.load(tmp_path)


@pytest.mark.parametrize(("n_known", "sound"), [(0, True), (12, True), (11, False), (1, False)])
def test_all_tracks_of_a_kernel_machine_are_known_or_none(tagged, tmp_path, n_known, sound):
    name = "kernel machine on texture"
    model = Champion({name: TextureClassifier(["features"])}, Mixture.alone(name)).fit(*tagged)
    model.known_ = model.known_[:n_known]
    champion.save(model, tmp_path)
    if sound:
        assert len(champion.load(tmp_path).known_) == n_known
    else:
        with pytest.raises(Refusal, match="no champion"):
            champion.load(tmp_path)


# Which features belong to which spectrograms


class Table:
    """Data of three clips in segments, whose features say which they are."""

    names = ("c.wav", "a.wav", "b.wav")

    def finest(self):
        return 10, self.table(10)

    def table(self, seconds):
        n_steps = 30 // seconds
        table = pd.DataFrame({"File": np.tile(self.names, n_steps)})  # tracks are mixed
        for column, name in enumerate(tables.FEATURES):
            table[name] = np.arange(len(table)) * 100.0 + column
        return table


def spectrograms_of(names, synthetic):
    mel = np.arange(len(names) * 8, dtype=np.uint8).reshape(len(names), 8, 1)
    clips = SimpleNamespace(names=names, synthetic=synthetic)
    return SimpleNamespace(clips=clips, store=SimpleNamespace(mel=mel))


def test_features_stand_in_the_order_of_their_spectrograms():
    spectrograms = spectrograms_of(["a.wav", "b.wav", "c.wav"], synthetic=False)
    gathered = champion.gather(Table(), spectrograms)
    assert gathered.segments[:, :, 0].tolist() == [[100, 400, 700], [200, 500, 800], [0, 300, 600]]
    assert gathered.segments[0, 0].tolist() == list(range(100, 163))
    assert gathered.segments.dtype == np.float32
    np.testing.assert_array_equal(gathered.mel, spectrograms.store.mel)
    assert gathered.names.tolist() == ["a.wav", "b.wav", "c.wav"]
    whole = champion.whole_features(Table(), spectrograms.clips)
    assert whole[:, 0].tolist() == [100, 200, 0]
    assert whole.shape == (3, 63)


def test_spectrograms_of_the_built_in_corpus_get_its_features_whatever_the_data_are():
    table = folders.find(folders.SYNTHETIC).table(30)
    names = table["File"].tolist()[4:2:-1]
    spectrograms = spectrograms_of(names, synthetic=True)
    whole = champion.whole_features(Table(), spectrograms.clips)
    np.testing.assert_array_equal(whole, table[list(tables.FEATURES)].to_numpy()[4:2:-1])
    assert champion.gather(Table(), spectrograms).names.tolist() == names

"""Live cells: what they compute, what they show in a run, and what follows a control."""

import re
from types import SimpleNamespace

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics.pairwise import euclidean_distances

from genres.data import folders, tables
from genres.lab import live, plots, recordings
from genres.models import evaluation, neighbours
from genres.screen import spaced
from genres.sound import melstore
from genres.synth import builtin

GENRES = ["blues", "jazz", "pop"]
SOME_FEATURES = [tables.BASE_FEATURES, ("rmse_var", "tempo", "mfcc_4_mean", "chroma_stft_1_mean")]


@pytest.fixture(scope="module")
def table():
    """Every fourth track of the built-in corpus."""
    return folders.find(folders.SYNTHETIC).table(folders.WHOLE)[::4].reset_index(drop=True)


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """A bench that only notes which pictures it was to show; no run is going on."""
    monkeypatch.setattr(builtin, "FOLDER", tmp_path)
    pictures = {}

    def show(figure, picture, synthetic=None):
        pictures[picture] = synthetic
        plt.close(figure)

    data = folders.find(folders.SYNTHETIC)
    return SimpleNamespace(data=data, show=show, pictures=pictures, interactive=True)


@pytest.fixture
def displayed(monkeypatch):
    """What cells put below themselves."""
    found = []
    monkeypatch.setattr(live, "display", found.append)
    return found


@pytest.fixture
def classified():
    """Probabilities of two models for clips that have spectrograms, and the clips."""
    rng = np.random.default_rng(1)
    labels = np.arange(30) % len(GENRES)
    names = np.array([f"clip <{n}>.wav" for n in range(40)])
    every = np.resize(labels, 40)
    clips = recordings.Labelled(names, every, np.ones(40, bool), GENRES, "made here", True)
    store = melstore.MelStore(rng.integers(0, 256, (40, 16, 64), dtype=np.uint8), names)
    rows = np.arange(5, 35)
    probabilities = {name: rng.dirichlet(np.ones(3), 30) for name in ("first", "second")}
    return probabilities, every[rows], recordings.Spectrograms(clips, store), rows


def split(table, features):
    train, labels = tables.is_train(table), table["GenreID"].to_numpy()
    x = tables.standardise(table[list(features)].to_numpy(), train)
    return x[train], labels[train], x[~train], labels[~train]


def library_accuracy(table, features, n_neighbors):
    columns = np.arange(len(features))[None]
    return neighbours.score_subsets(*split(table, features), columns, n_neighbors).accuracy[0]


def controls_of(cell):
    """Give the controls of a live cell by their descriptions."""
    return {control.description: control for control in cell.children[0].children}


def sentence(cell):
    return re.match('<p role="status">(.*?)</p>', cell.children[1].value)[1]


@pytest.mark.parametrize("features", SOME_FEATURES)
@pytest.mark.parametrize("n_neighbors", [1, 5, 12])
def test_predictions_are_those_of_the_librarys_search(table, features, n_neighbors):
    x_train, y_train, x_test, _ = split(table, features)
    predicted, _ = live.find_nearest(x_train, y_train, x_test, n_neighbors)
    columns = np.arange(len(features))[None]
    expected = neighbours.predict_subsets(x_train, y_train, x_test, columns, n_neighbors)
    np.testing.assert_array_equal(predicted, expected[0])


def test_the_nearest_are_named_in_order_and_more_than_vote(table):
    x_train, y_train, x_test, _ = split(table, tables.BASE_FEATURES)
    _, rows = live.find_nearest(x_train, y_train, x_test, n_neighbors=2, n_rows=5)
    assert rows.shape == (len(x_test), 5)
    distances = euclidean_distances(x_test, x_train)
    np.testing.assert_allclose(
        np.take_along_axis(distances, rows, axis=1), np.sort(distances, axis=1)[:, :5]
    )
    _, rows = live.find_nearest(x_train[:3], y_train[:3], x_test, 2, n_rows=5)
    assert rows.shape[1] == 3


def test_parts_of_distances_sum_to_their_squares():
    rng = np.random.default_rng(2)
    track, others = rng.normal(size=4), rng.normal(size=(6, 4))
    parts = live.distance_parts(track, others)
    assert parts.shape == others.shape
    squares = euclidean_distances(track[None], others, squared=True)[0]
    np.testing.assert_allclose(parts.sum(axis=1), squares)


def test_the_first_members_vote_as_the_library_has_it():
    rng = np.random.default_rng(3)
    probabilities, labels = rng.dirichlet(np.ones(3), (5, 40)), rng.integers(0, 3, 40)
    shares = live.accuracies_by_size(probabilities, labels)
    alone = np.mean(probabilities[0].argmax(axis=1) == labels)
    assert shares["hard vote"][0] == shares["soft vote"][0] == alone
    all_of_them = evaluation.hard_vote(probabilities), evaluation.soft_vote(probabilities)
    for name, votes in zip(("hard vote", "soft vote"), all_of_them, strict=True):
        assert shares[name].shape == (5,)
        assert shares[name][-1] == np.mean(votes == labels)


def test_the_most_confident_mistakes_come_first():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    assert live.find_mistakes(probabilities, np.array([1, 0, 0, 0, 1])).tolist() == [0, 2, 3]
    equal = np.array([[0.2, 0.8], [0.8, 0.2]])
    assert live.find_mistakes(equal, np.array([0, 1])).tolist() == [0, 1]
    assert live.find_mistakes(equal, np.array([1, 0])).tolist() == []


def test_sound_is_found_but_never_made(bench, tmp_path):
    assert recordings.find_sound(bench.data, synthetic=True) == {}
    assert list(tmp_path.iterdir()) == []
    there = tmp_path / "audio" / "pop" / "pop.00000.wav"
    there.parent.mkdir(parents=True)
    there.touch()
    assert recordings.find_sound(bench.data, synthetic=True) == {there.name: str(there)}
    assert recordings.find_sound(bench.data, synthetic=False) == {}


def test_in_a_run_there_are_still_pictures_only(bench, displayed, table, classified):
    bench.interactive = False
    probabilities, labels, spectrograms, rows = classified
    live.explore_neighbours(bench, table)
    live.explore_votes(bench, np.stack(list(probabilities.values())), labels, GENRES)
    live.explore_mistakes(bench, probabilities, labels, spectrograms, rows)
    assert bench.pictures == {"explorer": True, "votes": False, "mistakes": True}
    assert not any(isinstance(shown, widgets.Widget) for shown in displayed)
    accuracy = library_accuracy(table, tables.BASE_FEATURES, 5)
    assert spaced(f"Accuracy {accuracy:.1%} of") in displayed[0].data
    assert plt.get_fignums() == []


def test_accuracy_follows_features_and_k(bench, displayed, table):
    live.explore_neighbours(bench, table)
    (cell,) = displayed
    controls = controls_of(cell)
    assert list(controls) == [f"Feature {n}" for n in range(1, 5)] + ["Neighbours k", "Test track"]
    assert bench.pictures == {}
    assert plt.get_fignums() == []
    features = list(tables.BASE_FEATURES)
    before = cell.children[1].value
    for n_neighbors, fourth in ((1, "tempo"), (9, "tempo"), (9, "rmse_var"), (9, features[0])):
        controls["Neighbours k"].value = n_neighbors
        controls["Feature 4"].value = features[3] = fourth
        accuracy = library_accuracy(table, features, n_neighbors)
        assert sentence(cell).startswith(spaced(f"Accuracy {accuracy:.1%} of "))
        assert f"k = {n_neighbors}." in sentence(cell)
    assert cell.children[1].value != before
    assert f'alt="{sentence(cell)}"' in cell.children[1].value


def test_the_track_at_the_start_is_misclassified(bench, displayed, table):
    live.explore_neighbours(bench, table)
    true, predicted = re.search(
        r" is (\w+); its neighbours predict (\w+)\.", sentence(displayed[0])
    ).groups()
    assert true != predicted


def test_what_has_sound_is_played_on_demand(bench, displayed, table, tmp_path):
    x_train, y_train, x_test, y_test = split(table, tables.BASE_FEATURES)
    predicted, rows = live.find_nearest(x_train, y_train, x_test, 5)
    track = int((predicted != y_test).argmax())
    files = table["File"].to_numpy()
    names = [files[~tables.is_train(table)][track]]
    names += list(files[tables.is_train(table)][rows[track]])
    folder = tmp_path / "audio" / "some"
    folder.mkdir(parents=True)
    soundfile.write(folder / names[0], np.linspace(-0.5, 0.5, 44100), 22050)
    (folder / names[1]).write_text("no sound at all")
    live.explore_neighbours(bench, table)
    _, _, button, players = displayed[0].children
    assert players.children == ()
    button.click()
    kinds = [type(part).__name__ for part in players.children]
    assert kinds == ["HTML", "Audio", *["HTML"] * 5]
    assert players.children[1].value[:4] == b"RIFF"
    assert "there is no sound of it here" in players.children[-1].value
    controls_of(displayed[0])["Neighbours k"].value += 1
    assert players.children == ()


def test_votes_follow_the_number_of_members(bench, displayed):
    rng = np.random.default_rng(4)
    probabilities, labels = rng.dirichlet(np.ones(3), (6, 50)), rng.integers(0, 3, 50)
    live.explore_votes(bench, probabilities, labels, GENRES)
    slider = controls_of(displayed[0])["Networks"]
    assert (slider.min, slider.value, slider.max) == (1, 6, 6)
    slider.value = 3
    hard = np.mean(evaluation.hard_vote(probabilities[:3]) == labels)
    soft = np.mean(evaluation.soft_vote(probabilities[:3]) == labels)
    assert spaced(f"{hard:.1%} by hard vote, {soft:.1%} by soft vote") in sentence(displayed[0])


def test_mistakes_follow_the_model_and_keep_to_what_there_is(bench, displayed, classified):
    probabilities, labels, spectrograms, rows = classified
    wrong = {name: live.find_mistakes(given, labels) for name, given in probabilities.items()}
    live.explore_mistakes(bench, probabilities, labels, spectrograms, rows)
    controls = controls_of(displayed[0])
    assert controls["Model"].value == "second"
    for model, places in wrong.items():
        controls["Model"].value = model
        assert controls["Mistake"].max == len(places)
        controls["Mistake"].value = len(places)
        shown = sentence(displayed[0])
        clip = spectrograms.clips.names[rows[places[-1]]]
        assert clip.replace("<", "&lt;").replace(">", "&gt;") in shown
        assert f"is {GENRES[labels[places[-1]]]}, " in shown
        assert spaced(f"with {probabilities[model][places[-1]].max():.0%}") in shown
    assert "There is no sound of these clips here." in displayed[0].children[-1].value


def test_models_without_a_mistake_are_not_offered(bench, displayed, classified):
    _, labels, spectrograms, rows = classified
    live.explore_mistakes(bench, {"perfect": np.eye(3)[labels]}, labels, spectrograms, rows)
    assert "No model here makes a mistake" in displayed[0].data


def test_two_genres_and_few_tracks_will_do(bench, displayed, table):
    few = table[table["GenreID"] < 2].groupby(["Genre", "Type"]).head(2)
    few = pd.concat([few], ignore_index=True)
    live.explore_neighbours(bench, few, n_neighbors=3)
    assert controls_of(displayed[0])["Neighbours k"].max == tables.is_train(few).sum()


def test_neighbours_too_near_each_other_share_a_number_and_genres_have_a_legend():
    from genres.lab.liveplots import NeighbourPicture

    picture = NeighbourPicture(GENRES, np.array([0, 1, 1, 0]), np.array([2]), 2, 3, "1 track")
    points = np.array([[1.0, 1], [5, 5], [5.1, 5], [0, 0]])
    parts = np.ones((3, 2))
    setting = {"name": "a", "features": ["tempo", "rmse_mean"], "names": list("abc")}
    picture.update(
        np.array([0]), track=[0.0, 0], points=points, near=[0, 1, 2], parts=parts, **setting
    )
    assert [text.get_text() for text in picture.numbers] == ["1", "2, 3", ""]
    named = [text.get_text() for text in picture.plane.get_legend().get_texts()]
    assert named == list(GENRES)
    picture.update(np.array([0]), track=[0.0, 0], points=points, near=[0], parts=parts, **setting)
    assert [text.get_text() for text in picture.numbers] == ["1", "", ""]
    plt.close(picture.figure)


def test_no_picture_needs_a_layout_anew(tmp_path):
    plots.set_style()
    from genres.lab.liveplots import NeighbourPicture

    picture = NeighbourPicture(GENRES, np.array([0, 1]), np.array([2]), 4, 2, "1 track")
    places = []
    for n in range(3):  # a run saves a picture as a file, and then in the notebook
        assert not picture.figure.get_constrained_layout()
        picture.figure.savefig(tmp_path / f"{n}.png", bbox_inches="tight")
        places.append([axis.get_position().bounds for axis in picture.figure.axes])
    assert places[0] == places[1] == places[2]
    plt.close(picture.figure)

"""Live cells: what they compute, what they show in a run, and what follows a control."""

import re
from dataclasses import replace
from types import SimpleNamespace

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import soundfile
from traitlets import TraitError

from genres.data import catalogue, folders, tables
from genres.lab import live, recordings
from genres.models import evaluation, neighbours
from genres.screen import spaced
from genres.sound import melstore
from genres.synth import builtin

GENRES = ["blues", "jazz", "pop"]


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


def picture_of(cell):
    return cell.children[2].value


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


def test_sound_of_the_built_in_corpus_is_made_when_it_is_wanted(bench, tmp_path):
    sound = recordings.find_sound(bench.data, synthetic=True)
    assert len(sound) == 1000
    assert list(tmp_path.iterdir()) == []
    there = tmp_path / "audio" / "pop" / "synthetic_pop_00000.wav"
    there.parent.mkdir(parents=True)
    there.write_text("kept")
    assert sound[there.name]() == str(there)
    assert there.read_text() == "kept"
    made = sound["synthetic_jazz_00099.wav"]()
    assert soundfile.info(made).duration == 30
    assert made == str(tmp_path / "audio" / "jazz" / "synthetic_jazz_00099.wav")
    assert recordings.find_sound(bench.data, synthetic=False) == {}


def test_sound_of_other_data_is_what_is_there(tmp_path):
    folder = tmp_path / "music" / "jazz"
    folder.mkdir(parents=True)
    soundfile.write(folder / "a.wav", np.zeros(100), 22050)
    sound = recordings.find_sound(SimpleNamespace(audio=folder.parent), synthetic=False)
    assert {name: give() for name, give in sound.items()} == {"jazz/a.wav": str(folder / "a.wav")}


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
    before = picture_of(cell)
    for n_neighbors, fourth in ((1, "tempo"), (9, "tempo"), (9, "rmse_var"), (9, "rmse_mean")):
        controls["Neighbours k"].value = n_neighbors
        controls["Feature 4"].value = features[3] = fourth
        accuracy = library_accuracy(table, features, n_neighbors)
        assert sentence(cell).startswith(spaced(f"Accuracy {accuracy:.1%} of "))
        assert f"k = {n_neighbors}." in sentence(cell)
    assert picture_of(cell) != before
    assert f'alt="{sentence(cell)}"' in picture_of(cell)


def test_no_feature_can_be_chosen_twice(bench, displayed, table, monkeypatch):
    live.explore_neighbours(bench, table)
    controls = controls_of(displayed[0])
    lists = [controls[f"Feature {n}"] for n in range(1, 5)]
    drawn = []
    draw = live._Neighbourhood.draw
    monkeypatch.setattr(
        live._Neighbourhood, "draw", lambda *a, **k: drawn.append(k) or draw(*a, **k)
    )
    live.explore_neighbours(bench, table)
    lists = [controls_of(displayed[1])[f"Feature {n}"] for n in range(1, 5)]
    for number, feature in ((3, "rmse_var"), (0, "tempo"), (1, tables.FEATURES[0])):
        before = len(drawn)
        lists[number].value = feature
        chosen = [control.value for control in lists]
        assert chosen[number] == feature
        assert len(set(chosen)) == 4
        assert len(drawn) == before + 1  # not once more for each list that is renewed
        for control in lists:
            assert set(control.options) == {*tables.FEATURES} - {*chosen} | {control.value}
    with pytest.raises(TraitError):
        lists[2].value = lists[0].value


def test_the_votes_of_all_neighbours_are_counted(bench, displayed, table):
    live.explore_neighbours(bench, table, n_neighbors=11)
    counts = re.search(r"its neighbours \((.+?)\), weighted", sentence(displayed[0]))[1]
    votes = [int(count) for count in re.findall(r" (\d+)", counts)]
    assert sum(votes) == 11
    assert votes == sorted(votes, reverse=True)


def test_the_track_at_the_start_is_misclassified(bench, displayed, table):
    live.explore_neighbours(bench, table)
    true, predicted = re.search(
        r" is (\w+); its neighbours .+ predict (\w+)\.", sentence(displayed[0])
    ).groups()
    assert true != predicted


def test_what_has_sound_is_played_on_demand(bench, displayed, table, tmp_path, monkeypatch):
    x_train, y_train, x_test, y_test = split(table, tables.BASE_FEATURES)
    predicted, rows = neighbours.find_nearest(x_train, y_train, x_test, 5, 5)
    track = int((predicted != y_test).argmax())
    files = table["File"].to_numpy()
    names = [files[~tables.is_train(table)][track]]
    names += list(files[tables.is_train(table)][rows[track]])
    soundfile.write(tmp_path / "a.wav", np.linspace(-0.5, 0.5, 44100), 22050)
    (tmp_path / "b.wav").write_text("no sound at all")
    monkeypatch.setattr(
        recordings,
        "find_sound",
        lambda *_: {
            names[0]: lambda: str(tmp_path / "a.wav"),
            names[1]: lambda: str(tmp_path / "b.wav"),
        },
    )
    live.explore_neighbours(bench, table)
    *_, button, players = displayed[0].children
    labels = [label for label, _ in controls_of(displayed[0])["Test track"].options]
    assert [label.endswith(", with sound") for label in labels].count(True) == 1
    assert players.children == ()
    button.click()
    kinds = [type(part).__name__ for part in players.children]
    assert kinds == ["HTML", "Audio", "HTML", "HTML"]
    assert players.children[1].value[:4] == b"RIFF"
    said = "The sound of the others of these clips is not on this machine."
    assert players.children[-1].value == said
    assert (button.description, button.disabled) == (live.LOAD, False)
    controls_of(displayed[0])["Neighbours k"].value += 1
    assert players.children == ()


def test_one_line_says_where_the_sound_of_the_courses_tracks_is_from(
    bench, displayed, table, monkeypatch, tmp_path
):
    monkeypatch.setattr(catalogue, "_data_folders", lambda: [tmp_path])
    monkeypatch.setattr(recordings, "find_sound", lambda *_: {"another": str})
    bench.data = replace(bench.data, name=folders.COURSE, synthetic=False)
    live.explore_neighbours(bench, table)
    *_, button, players = displayed[0].children
    button.click()
    (said,) = [part.value for part in players.children]
    assert said.startswith("The sound of these clips is not on this machine; gtzan is not here: ")
    assert "genres data fetch gtzan downloads it" in said


def test_a_clip_of_the_built_in_corpus_is_made_to_be_played(bench, displayed, table, tmp_path):
    live.explore_neighbours(bench, table, n_neighbors=1)
    *_, button, players = displayed[0].children
    seen = []
    button.observe(lambda change: seen.append(change.new), "description")
    button.click()
    kinds = [type(part).__name__ for part in players.children]
    assert kinds == ["HTML", "Audio"] * 6
    assert len(list(tmp_path.glob("audio/*/*.wav"))) == 6
    assert seen == [f"Loading {n} of 6" for n in range(1, 7)] + [live.LOAD]
    button.click()
    assert len(players.children) == 12


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
    others = spectrograms.clips._replace(synthetic=False)
    live.explore_mistakes(bench, probabilities, labels, spectrograms._replace(clips=others), rows)
    said = "The sound of these clips is not on this machine."
    assert displayed[1].children[-1].value == said


def test_models_without_a_mistake_are_not_offered(bench, displayed, classified):
    _, labels, spectrograms, rows = classified
    live.explore_mistakes(bench, {"perfect": np.eye(3)[labels]}, labels, spectrograms, rows)
    assert "No model here makes a mistake" in displayed[0].data


def test_two_genres_and_few_tracks_will_do(bench, displayed, table):
    few = table[table["GenreID"] < 2].groupby(["Genre", "Type"]).head(2)
    few = pd.concat([few], ignore_index=True)
    live.explore_neighbours(bench, few, n_neighbors=3)
    assert controls_of(displayed[0])["Neighbours k"].max == tables.is_train(few).sum()

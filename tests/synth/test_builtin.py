"""synth.builtin: the built-in corpus is what its seeds make, and shows what the report tells."""

from itertools import cycle

import numpy as np
import pandas as pd
import pytest
import soundfile
from mrmr import mrmr_classif
from sklearn.metrics import confusion_matrix
from sklearn.neighbors import KNeighborsClassifier

from genres import Refusal
from genres.data import folders, tables, taggrams
from genres.extraction import extract
from genres.models import evaluation, neighbours
from genres.synth import builtin, corpus

RATE = corpus.SAMPLE_RATE
FEATURES = list(tables.FEATURES)
BASE = [FEATURES.index(feature) for feature in tables.BASE_FEATURES]

UNSTEADY = [
    name
    for name in FEATURES
    if name.startswith(("zero_cross_rate", "spectral_rolloff", "spectral_contrast", "tempo"))
]
"""Features made of counts, of choices, or of logarithms of next to nothing: a last bit turns a
frame's value over."""


# What the repository has of it


@pytest.mark.parametrize("seconds", builtin.SEGMENTS)
def test_a_table_has_a_hundred_clips_of_each_genre_a_fifth_of_them_for_testing(seconds):
    table = folders.find(folders.SYNTHETIC).table(seconds)
    assert tuple(tables.genre_names(table)) == corpus.GENRES
    clips = table.groupby(["Genre", "Type"])["File"].nunique().unstack()
    assert (clips["Train"] == 80).all()
    assert (clips["Test"] == 20).all()
    assert tables.n_segments(table) == 30 // seconds


def test_tables_taggrams_and_manifest_take_seven_megabytes_at_most():
    kept = [path for path in builtin.FOLDER.iterdir() if path.is_file()]
    kept += folders.find(folders.SYNTHETIC).taggrams.iterdir()
    assert sum(path.stat().st_size for path in kept) <= 7e6


def test_there_is_a_taggram_of_each_clip():
    said = taggrams.load(folders.find(folders.SYNTHETIC).taggrams)
    assert said.names == builtin.manifest()["name"].tolist()
    assert {taggram.shape for taggram in said.taggrams} == {(28, 50)}
    assert (said.embeddings, said.published) == (None, False)


def test_the_manifest_is_that_of_the_corpus():
    path = builtin.FOLDER / "manifest.csv"
    assert path.read_text() == builtin.manifest().to_csv(index=False)
    kept = pd.read_csv(path)
    table = folders.find(folders.SYNTHETIC).table(30)
    assert kept["name"].tolist() == table["File"].tolist()
    assert kept["split"].tolist() == table["Type"].tolist()


def a_clip_of_each_genre_and_two_more():
    """Choose four clips of each kind."""
    genres = [*corpus.GENRES, *corpus.GENRES[:2]]
    wanted = zip(genres, cycle(corpus.SHARES), strict=False)
    entries = corpus.entries(100)
    return [
        next(entry for entry in reversed(entries) if (entry.genre, entry.kind) == this)
        for this in wanted
    ]


def test_the_tables_are_made_again_from_sound(tmp_path, monkeypatch):
    sample = a_clip_of_each_genre_and_two_more()
    monkeypatch.setattr(corpus, "entries", lambda n_per_genre: sample)
    written = builtin.write_tables(tmp_path, workers=1, progress=False)
    assert sorted(written) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    for seconds in builtin.SEGMENTS:
        made = tables.load(tmp_path / f"GenreClassData_{seconds}s.parquet")
        kept = folders.find(folders.SYNTHETIC).table(seconds)
        same = kept[kept["File"].isin(made["File"])]
        assert made["File"].nunique() == len(sample) == 12
        made, same = (table.sort_values("File", kind="stable") for table in (made, same))
        for column in ("File", "GenreID", "Genre", "Type"):
            assert made[column].tolist() == same[column].tolist()
        # The last bit of the sound is another one on another machine.
        differences = np.abs(made[FEATURES].to_numpy() - same[FEATURES].to_numpy())
        differences = pd.DataFrame(differences / kept[FEATURES].std().to_numpy(), columns=FEATURES)
        assert (differences.drop(columns=UNSTEADY) <= 1e-4).all(axis=None)
        assert (differences["tempo"] <= 1e-4).mean() >= 0.95
        unsteady = differences[UNSTEADY].drop(columns="tempo")
        assert (unsteady <= 0.1).all(axis=None)
        assert (unsteady <= 0.01).mean(axis=None) >= 0.99
    kept, made = (taggrams.load(folder / "musicnn") for folder in (builtin.FOLDER, tmp_path))
    same = [kept.taggrams[kept.names.index(name)] for name in made.names]
    np.testing.assert_allclose(made.taggrams, same, rtol=0, atol=1e-3)


# The story that the tables tell


class Whole:
    """The 30 s table, ready for k-NN."""

    def __init__(self):
        table = folders.find(folders.SYNTHETIC).table(30)
        train = tables.is_train(table)
        values = tables.standardise(table[FEATURES].to_numpy(), train)
        labels = table["GenreID"].to_numpy()
        self.train, self.test = values[train], values[~train]
        self.train_labels, self.test_labels = labels[train], labels[~train]

    def score(self, subsets):
        rows = self.train, self.train_labels, self.test, self.test_labels
        return neighbours.score_subsets(*rows, subsets)


@pytest.fixture(scope="module")
def whole():
    return Whole()


@pytest.fixture(scope="module")
def four_features(whole):
    """Accuracy and macro F1 of the report's first k-NN."""
    scores = whole.score([BASE])
    return scores.accuracy[0], scores.macro_f1[0]


def test_four_features_are_better_than_chance_and_not_enough(four_features):
    assert 0.30 <= four_features[0] <= 0.60


def test_another_combination_is_better(whole, four_features):
    combinations = neighbours.report_combinations(tables.FEATURES, tables.BASE_FEATURES)
    scores = whole.score([[FEATURES.index(name) for name in names] for names in combinations])
    assert len(combinations) == 236
    assert scores.accuracy.max() >= four_features[0] + 0.05
    assert scores.macro_f1.max() >= four_features[1] + 0.05


def test_loudness_alone_says_little(whole):
    scores = whole.score([[FEATURES.index("rmse_mean"), FEATURES.index("rmse_var")]])
    assert scores.accuracy[0] <= 0.25


def test_every_genre_is_taken_for_two_others_at_least(whole):
    knn = KNeighborsClassifier(5, weights="distance").fit(whole.train[:, BASE], whole.train_labels)
    confusion = confusion_matrix(whole.test_labels, knn.predict(whole.test[:, BASE]))
    np.fill_diagonal(confusion, 0)
    assert ((confusion > 0).sum(axis=1) >= 2).all()


def test_ten_lstms_that_vote_are_far_better(four_features):
    from genres.models import networks, training
    from genres.models.networks import layers

    table = folders.find(folders.SYNTHETIC).table(5)
    train = tables.is_train(table)
    labels = table.loc[train, "GenreID"]
    chosen = mrmr_classif(table.loc[train, FEATURES], labels, K=40, show_progress=False, n_jobs=1)
    tracks = tables.sequences(table, chosen)

    def lstm():
        blocks = [
            layers.LSTM(128, return_sequences=True),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.3),
        ]
        return networks.sequential(tracks.values.shape[1:], blocks, len(corpus.GENRES))

    known, test = (tracks.values[rows] for rows in (tracks.train, ~tracks.train))
    ensemble = training.fit_ensemble(
        lstm, known, tracks.labels[tracks.train], n_members=10, epochs=15
    )
    predicted = evaluation.hard_vote(ensemble.predict(test)[:, :, -1])
    accuracy = np.mean(predicted == tracks.labels[~tracks.train])
    assert 0.70 <= accuracy <= 0.95
    assert accuracy >= four_features[0] + 0.15


# What is made of it when it is needed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for what is made, of a corpus of two genres."""
    monkeypatch.setattr(builtin, "FOLDER", tmp_path / "synthetic")
    monkeypatch.setattr(corpus, "GENRES", corpus.GENRES[:2])
    return tmp_path / "synthetic"


@pytest.fixture
def rendered(folder, monkeypatch):
    """A list of what is rendered: tones, that take less time than music."""
    clips = []

    def tone(genre, seed, seconds, kind, second_genre):
        clips.append((genre, seed))
        cycles = (200 + 100 * len(clips)) * np.arange(round(seconds * RATE)) / RATE
        samples = 0.3 * np.sin(2 * np.pi * cycles).astype(np.float32)
        return corpus.Rendered(samples, genre, second_genre, kind, ((0.0, genre),), (100.0,))

    monkeypatch.setattr(corpus, "render", tone)
    return clips


def quietly(make, n_per_genre, workers=1):
    return make(n_per_genre, workers=workers, progress=False)


def test_sound_is_what_the_seeds_make_in_other_processes_too(folder):
    quietly(builtin.audio, 1, workers=2)
    for entry in corpus.entries(1):
        samples, rate = soundfile.read(folder / "audio" / entry.genre / entry.name, dtype="float32")
        assert rate == RATE
        assert len(samples) == 30 * RATE
        assert np.abs(samples - entry.render().samples).max() < 2**-15


def test_only_sound_that_is_missing_is_rendered(rendered):
    audio = quietly(builtin.audio, 2)
    assert len(rendered) == 4
    quietly(builtin.audio, 2)
    assert len(rendered) == 4
    entry = corpus.entries(2)[3]
    (audio / entry.genre / entry.name).unlink()
    quietly(builtin.audio, 2)
    assert rendered[4:] == [(entry.genre, entry.seed)]
    quietly(builtin.audio, 3)
    assert rendered[5:] == [(entry.genre, entry.seed) for entry in corpus.entries(3)[2::3]]


def test_the_folder_lists_all_that_is_in_it(folder, rendered):
    for n_per_genre, n_there in ((1, 1), (3, 3), (2, 3)):
        audio = quietly(builtin.audio, n_per_genre)
        listed = builtin.manifest(n_there)
        assert (audio / "manifest.csv").read_text() == listed.to_csv(index=False)
        there = {path.relative_to(audio).as_posix() for path in audio.glob("*/*")}
        assert there == set(listed["genre"] + "/" + listed["name"])


def test_the_mel_store_has_the_names_the_order_and_the_split_of_the_tables(rendered):
    path = quietly(builtin.mel_store, 3)
    with np.load(path) as store:
        assert (store["mel"].dtype, store["mel"].shape) == (np.uint8, (6, 128, 387))
        assert len({spectrogram.tobytes() for spectrogram in store["mel"]}) == 6
        assert store["track"].tolist() == builtin.manifest(3)["name"].tolist()
    table = tables.load(path.with_name("GenreClassData_30s.parquet"))
    kept = folders.find(folders.SYNTHETIC).table(30).set_index("File")
    assert table["Type"].tolist() == kept.loc[table["File"], "Type"].tolist()
    assert set(table["Type"]) == {"Train", "Test"}


def test_a_mel_store_of_fewer_leaves_out_the_other_sound_that_is_there(rendered):
    quietly(builtin.audio, 3)
    with np.load(quietly(builtin.mel_store, 2)) as store:
        assert store["track"].tolist() == builtin.manifest(2)["name"].tolist()


def test_a_mel_store_that_is_there_is_not_measured_again(rendered, monkeypatch):
    before = quietly(builtin.mel_store, 2).read_bytes()
    monkeypatch.setattr(extract.melstore, "encode", None)
    assert quietly(builtin.mel_store, 2).read_bytes() == before
    assert len(rendered) == 4


def test_a_damaged_clip_is_named_and_made_again_once_it_is_deleted(folder, rendered):
    entry = corpus.entries(2)[0]
    path = folder / "audio" / entry.genre / entry.name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no sound")
    with pytest.raises(Refusal, match=rf"{entry.name} is no longer sound .*: delete it"):
        quietly(builtin.mel_store, 2)
    path.unlink()
    with np.load(quietly(builtin.mel_store, 2)) as store:
        assert len(store["track"]) == 4


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_made(folder, rendered):
    folder.write_text("a file")
    with pytest.raises(Refusal, match="audio cannot be written to: Not a directory"):
        quietly(builtin.audio, 2)
    with pytest.raises(Refusal, match="tables cannot be written to: Not a directory"):
        builtin.write_tables(folder / "tables", 2, workers=1, progress=False)
    assert not rendered

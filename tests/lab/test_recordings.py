"""lab.recordings: spectrograms and sound go with the tables, or are the built-in corpus's own."""

import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import run_report

from genres import Refusal
from genres.data import folders, tables
from genres.data.clips import CLIPS_AT_LEAST
from genres.lab import recordings
from genres.sound import melstore
from genres.synth import builtin, corpus

RATE = 22050
TRACKS = {"a.wav": "ska", "b.wav": "dub", "c.wav": "ska", "d.wav": "dub"}


def write_table(folder, tracks):
    """Write a 30 s table of some tracks, of which the last one is for testing."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = {genre: number for number, genre in enumerate(sorted(set(tracks.values())))}
    table = pd.DataFrame({"Track ID": range(len(tracks)), "File": list(tracks)})
    table[list(tables.FEATURES)] = 1.0
    table["GenreID"] = [ids[genre] for genre in tracks.values()]
    table["Genre"] = list(tracks.values())
    table["Type"] = ["Train"] * (len(tracks) - 1) + ["Test"]
    table.to_csv(folder / "GenreClassData_30s.txt", sep="\t", index=False)
    return folder


def write_store(folder, names):
    """Write a mel store in which every step of a clip is the clip's place, counted from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    mel = np.ones((len(names), 8, 32), np.uint8) * np.arange(1, len(names) + 1)[:, None, None]
    np.savez(folder / "store.npz", mel=mel.astype(np.uint8), track=names, range_db=51)


def write_tones(folder, tracks, seconds=30.0):
    """Write a clip for each track, <genre>/<name>, each of another pitch."""
    time = np.arange(round(seconds * RATE)) / RATE
    for number, (name, genre) in enumerate(tracks.items()):
        (folder / genre).mkdir(parents=True, exist_ok=True)
        samples = 0.3 * np.sin(2 * np.pi * (300 + 100 * number) * time)
        soundfile.write(folder / genre / name, samples.astype(np.float32), RATE)
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder for what is made of a built-in corpus of two genres."""
    monkeypatch.setattr(builtin, "FOLDER", tmp_path / "built-in")
    monkeypatch.setattr(corpus, "GENRES", corpus.GENRES[:2])


@pytest.fixture
def project_data(tmp_path, monkeypatch):
    """An empty data folder of the project."""
    monkeypatch.setattr("genres.project.DATA", tmp_path / "project")
    return tmp_path / "project"


# The data's own


def test_of_the_real_stores_999_clips_990_are_in_the_course_table(real_data):
    data = folders.find(real_data)
    found = recordings.find_spectrograms(data, progress=False)
    assert found.clips.source == "mel store mel128.npz: 990 of its 999 clips"
    assert found.store.mel.shape == (990, 128, 387)
    assert_as_in_the_table(found.clips, data)
    whole = melstore.load(data.mel)
    for row in (0, 500, 989):
        (place,) = np.flatnonzero(whole.track == found.clips.names[row])
        np.testing.assert_array_equal(found.store.mel[row], whole.mel[place])


def test_of_the_100_real_clips_97_are_in_the_course_table(real_data):
    data = folders.find(real_data)
    found = recordings.find_recordings(data, progress=False)
    assert found.clips.source == "audio in gtzan-mini: 97 of its 100 clips"
    assert len(found.paths) == 97
    assert_as_in_the_table(found.clips, data)
    row = list(found.clips.names).index("pop_00003.wav")
    assert found.paths[row].endswith("pop/pop.00003.flac")
    assert (found.samples(row).shape, found.samples(row).dtype) == ((661_500,), np.float32)


def assert_as_in_the_table(clips, data):
    """Check names, genres and split of clips against the 30 s table."""
    table = data.table(30).set_index("File").loc[clips.names]
    assert len(table) == len(clips.names) == len(set(clips.names))
    assert [clips.genres[label] for label in clips.labels] == table["Genre"].tolist()
    assert (clips.labels == table["GenreID"]).all()
    assert (clips.train == (table["Type"] == "Train")).all()
    assert not clips.synthetic


def test_clips_keep_the_order_of_their_store_and_the_others_are_left_out(tmp_path):
    write_table(tmp_path, TRACKS)
    write_store(tmp_path / "mel", ["x.wav", "d.wav", "y.wav", "a.wav"])
    clips, store = found = recordings.find_spectrograms(folders.find(tmp_path), progress=False)
    assert clips.names.tolist() == store.track.tolist() == ["d.wav", "a.wav"]
    assert clips.genres == ["dub", "ska"]
    assert clips.labels.tolist() == [0, 1]
    assert clips.train.tolist() == [False, True]
    assert clips.source == "mel store store.npz: 2 of its 4 clips"
    assert store.mel[:, 0, 0].tolist() == [2, 4]
    np.testing.assert_allclose(found.decibels()[:, 0, 0], [0.2 * 2.5 - 51, 0.2 * 4.5 - 51])


def test_of_a_folder_of_audio_the_runner_keeps_spectrograms_too(
    make_toy_project, tmp_path, project_data, monkeypatch
):
    project = make_toy_project(tmp_path / "toy").write("02-knn-baseline", 'keep("02-knn-baseline")')
    tracks = {f"{genre}{n}.wav": genre for genre in ("dub", "ska") for n in range(CLIPS_AT_LEAST)}
    folder = write_tones(tmp_path / "music", tracks)
    assert run_report(str(folder), project=project.folder) == 0
    data = folders.find(folder)
    assert data.mel.is_relative_to(project_data)
    assert data.audio == folder
    monkeypatch.setattr(recordings.extract, "extract", None)

    spectrograms = recordings.find_spectrograms(data, progress=False)
    assert_as_in_the_table(spectrograms.clips, data)
    assert spectrograms.clips.source == f"mel store mel.npz: {len(tracks)} clips"
    sounding = recordings.find_recordings(data, progress=False)
    assert_as_in_the_table(sounding.clips, data)
    assert sounding.clips.source == f"audio in music: {len(tracks)} clips"
    for row, path in enumerate(sounding.paths):
        (place,) = np.flatnonzero(spectrograms.clips.names == sounding.clips.names[row])
        samples = sounding.samples(row)
        np.testing.assert_array_equal(samples, soundfile.read(path, dtype="float32")[0])
        expected = melstore.encode(samples)
        np.testing.assert_array_equal(spectrograms.store.mel[place], expected)


def test_spectrograms_are_made_of_sound_where_there_is_no_store(tmp_path, project_data):
    names = {"blues.00000.wav": "blues", "blues.00001.wav": "blues", "rock.00002.wav": "rock"}
    audio = write_tones(tmp_path / "mine" / "gtzan-mini", names)
    listed = {name.replace(".", "_", 1): genre for name, genre in names.items()}
    write_table(tmp_path / "mine" / "course", {**listed, "rock_00099.wav": "rock"})
    data = folders.find(tmp_path / "mine")
    assert (data.mel, data.audio) == (None, audio)
    found = recordings.find_spectrograms(data, progress=False)
    assert found.clips.names.tolist() == list(listed)
    assert not found.clips.synthetic
    assert folders.extraction_of(audio).is_relative_to(project_data)
    assert (folders.extraction_of(audio) / "mel.npz").exists()


def test_clips_that_a_collection_has_shorter_end_in_silence(tmp_path):
    folder = write_tones(tmp_path, {"a.wav": "ska"}, seconds=29.5)
    clips = recordings.Labelled(
        np.array(["a.wav"]), np.zeros(1), np.ones(1, bool), ["ska"], "", False
    )
    short = recordings.Recordings(clips, [str(folder / "ska" / "a.wav")], missing=1.0)
    assert short.samples(0).shape == (661_500,)
    assert not short.samples(0)[-RATE // 2 :].any()
    with pytest.raises(Refusal, match=r"a\.wav"):
        short._replace(missing=0.0).samples(0)


# Excerpts


def write_mine(folder, excerpts, seconds=2.5):
    """Write a table of four clips of blues, sound of the first, and excerpts of some."""
    names = [f"blues.{number:05d}.wav" for number in range(4)]
    genres = dict.fromkeys((name.replace(".", "_", 1) for name in names), "blues")
    write_table(folder, {"rock_00001.wav": "rock", **genres})
    write_tones(folder / "gtzan-mini", {names[0]: "blues"})
    tones = {name: "blues" for name in excerpts}
    write_tones(folder / "gtzan-excerpts", {"blues.00001.wav": "blues"} | tones, seconds)
    return folders.find(folder)


def test_of_real_excerpts_404_add_a_clip_of_the_course_table_and_93_of_all_are_for_testing(
    real_data,
):
    found = recordings.find_recordings(folders.find(real_data), progress=False, excerpts=True)
    assert (len(found.paths), found.n_excerpts) == (501, 404)
    assert_as_in_the_table(found.clips, folders.find(real_data))
    assert np.sum(~found.clips.train) == 93
    assert "; excerpts in gtzan-excerpts: 404 of its 412 clips" in found.clips.source
    assert 44_100 <= len(found.samples(500)) <= 66_150
    assert len(found.samples(96)) == 661_500


def test_excerpts_are_taken_when_asked_for_and_of_clips_without_other_sound(tmp_path):
    data = write_mine(tmp_path, ["blues.00000.wav", "blues.00003.wav", "blues.00099.wav"])
    without = recordings.find_recordings(data, progress=False)
    assert (without.clips.names.tolist(), without.n_excerpts) == (["blues_00000.wav"], 0)
    found = recordings.find_recordings(data, progress=False, excerpts=True)
    assert found.clips.names.tolist() == [f"blues_{n:05d}.wav" for n in (0, 1, 3)]
    assert found.clips.train.tolist() == [True, True, False]
    assert found.n_excerpts == 2
    assert [len(found.samples(row)) for row in range(3)] == [661_500, 55_125, 55_125]


def test_excerpts_alone_are_sound_too(tmp_path):
    data = write_mine(tmp_path, [])
    shutil.rmtree(data.audio)
    found = recordings.find_recordings(folders.find(tmp_path), progress=False, excerpts=True)
    assert (found.clips.names.tolist(), found.n_excerpts) == (["blues_00001.wav"], 1)
    assert found.clips.source == "excerpts in gtzan-excerpts: 1 clips"


def test_an_excerpt_that_is_too_short_or_broken_is_refused_by_its_name(tmp_path):
    data = write_mine(tmp_path, [], seconds=1.5)
    found = recordings.find_recordings(data, progress=False, excerpts=True)
    with pytest.raises(Refusal, match=r"blues\.00001\.wav lasts 1\.500 s, shorter than the 2 s"):
        found.samples(1)
    (data.excerpts / "blues" / "blues.00001.wav").write_bytes(b"no sound")
    with pytest.raises(Refusal, match=r"blues\.00001\.wav"):
        found.samples(1)


# The built-in corpus's


def assert_built_in(clips, why):
    """Check that clips are those of the built-in corpus of two genres, two of each."""
    assert clips.synthetic
    assert clips.names.tolist() == builtin.manifest(2)["name"].tolist()
    assert_as_in_the_table(clips._replace(synthetic=False), folders.find(folders.SYNTHETIC))
    assert clips.source == f"built-in corpus of synthetic music{why}: 4 clips"


def test_the_built_in_corpus_has_its_own_spectrograms_and_sound():
    data = folders.find(folders.SYNTHETIC)
    spectrograms = recordings.find_spectrograms(data, n_per_genre=2, progress=False)
    assert_built_in(spectrograms.clips, why="")
    sounding = recordings.find_recordings(data, n_per_genre=2, progress=False)
    assert_built_in(sounding.clips, why="")
    for row in range(4):
        expected = melstore.encode(sounding.samples(row))
        np.testing.assert_array_equal(spectrograms.store.mel[row], expected)


def test_data_without_media_get_the_built_in_corpuss_and_the_reason_is_said(tmp_path):
    data = folders.find(write_table(tmp_path / "mine", TRACKS))
    spectrograms = recordings.find_spectrograms(data, n_per_genre=2, progress=False)
    assert_built_in(spectrograms.clips, ", as mine has no spectrograms of its clips")
    sounding = recordings.find_recordings(data, n_per_genre=2, progress=False)
    assert_built_in(sounding.clips, ", as mine has no sound of its clips")


def test_spectrograms_and_sound_of_other_tracks_than_the_tables_are_not_taken(tmp_path):
    folder = write_table(tmp_path / "mine", TRACKS)
    write_store(folder, ["x.wav", "y.wav"])
    write_tones(folder / "gtzan-mini", {"blues.00000.wav": "blues"}, seconds=0.1)
    data = folders.find(folder)
    spectrograms = recordings.find_spectrograms(data, n_per_genre=2, progress=False)
    assert_built_in(spectrograms.clips, ", as mine has no spectrograms of its clips")
    sounding = recordings.find_recordings(data, n_per_genre=2, progress=False)
    assert_built_in(sounding.clips, ", as mine has no sound of its clips")


def test_the_built_in_corpuss_sound_is_to_be_had_whatever_the_data_are():
    sounding = recordings.built_in_recordings(2, progress=False)
    assert_built_in(sounding.clips, why="")
    assert len(sounding.paths) == 4


# What is refused


def test_an_unsound_store_is_refused_and_not_replaced(tmp_path):
    folder = write_table(tmp_path / "mine", TRACKS)
    (folder / "store.npz").write_bytes(b"no store")
    with pytest.raises(Refusal, match=r"store\.npz is no mel store"):
        recordings.find_spectrograms(folders.find(folder), progress=False)
